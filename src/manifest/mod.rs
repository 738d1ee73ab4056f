//! Manifests: from signed octets to proven values, and from values to signed octets.
//!
//! Pure: nothing here reads a clock or a file. Architecture invariant: the only
//! place that names quick-xml and openssl, apart from bulk hashing of images.

mod document;
mod draft;
pub mod pki;
mod proof;
mod rdf;
mod rdf_xml;
mod schema;
mod sign;
mod signature;
mod verify;
pub mod xml;

#[cfg(test)]
mod tests;

pub use document::{Details, Endorsement, Extension, Manifest, PieceList};
pub use draft::{Draft, IllegalText};
pub use proof::{Profile, Signed, Signer, Trust, Verified};
pub use rdf::BrokenRule;
pub use sign::{SignError, SigningStyle, deprecate, sign_document};
pub use signature::BadSignature;
pub use verify::{Unverified, Verifier, check_schema, parse_unsigned};
pub use xml::Malformed;

/// Namespaces of the metadata.
mod namespace {
    pub(super) const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
    pub(super) const DCTERMS: &str = "http://purl.org/dc/terms/";
    pub(super) const SLREQ: &str = "http://mp.stratuslab.eu/slreq#";
    pub(super) const SLTERMS: &str = "http://mp.stratuslab.eu/slterms#";
    pub(super) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
    /// Our own terms.
    pub(super) const SUQ: &str = "urn:suq:terms:1#";
    /// `xml:base` of every document.
    pub(super) const BASE: &str = "http://mp.stratuslab.eu/";
}
