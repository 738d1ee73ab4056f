//! Manifests: from signed octets to proven values, and from values to signed octets.
//!
//! Pure: nothing here reads a clock or a file. Architecture invariant: the only
//! place that names quick-xml and openssl, apart from bulk hashing of images.

mod algorithms;
mod answer;
mod document;
mod draft;
mod namespace;
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

pub use answer::{error_text, listed};
pub use document::{Details, Endorsement, Extension, Manifest, PieceList, without_declaration};
pub use draft::{Draft, IllegalText};
pub use namespace::{BASE, SLTERMS, SUQ};
pub use proof::{Profile, Signed, Signer, Trust, Verified};
pub use rdf::BrokenRule;
pub use sign::{SignError, SigningStyle, deprecate, sign_document};
pub use signature::BadSignature;
pub use verify::{Unverified, Verifier, check_schema, parse_unsigned, unsigned};
pub use xml::Malformed;
