//! A strict front for XML 1.0 with namespaces, small enough to trust.
//!
//! quick-xml only cuts the text into tokens; everything that makes a document
//! well-formed is checked here, because a verifier and a reader that disagree
//! about a document are how signatures get forged.

mod attributes;
pub(super) mod c14n;
mod characters;
mod namespaces;
mod parser;
mod tree;

pub use c14n::Form;
pub use characters::{escape, legal};
pub(super) use characters::{escape_text, is_name, is_plain};
pub use parser::Malformed;
pub(super) use parser::{decode, parse};
pub(super) use tree::{Attribute, Document, Element, NodeId};

/// Deepest nesting of elements. Manifests have five levels; canonicalisation
/// is recursive.
const MAX_DEPTH: usize = 64;

/// Elements in one document. Manifests have about forty.
const MAX_ELEMENTS: usize = 4096;

/// Attributes and namespace declarations on one element.
const MAX_ATTRIBUTES: usize = 64;

/// Namespace declarations in scope at one place, and different namespaces in
/// one document: each use of a prefix looks through them.
const MAX_NAMESPACES: usize = 128;

/// Checks that octets are a document of the strict profile.
pub fn check(octets: &[u8]) -> Result<(), Malformed> {
    parse(&decode(octets)?).map(|_| ())
}

/// The canonical octets of a whole document of the strict profile.
pub fn canonicalise(octets: &[u8], form: Form) -> Result<Vec<u8>, Malformed> {
    let text = decode(octets)?;
    Ok(c14n::document_without(&parse(&text)?, None, form)?.into_bytes())
}
