//! What a document says, under the name of its entry.

use oxrdf::{NamedNode, NamedOrBlankNode, Triple};
use oxrdfxml::RdfXmlParser;

use super::terms::TermId;
use crate::manifest::{BASE, unsigned};
use crate::model::EntryKey;

/// Three terms by their numbers.
pub(super) type Fact = [TermId; 3];

/// The name of an entry, of its graph, and of what its document describes: the original
/// put endorser and date behind the image's own.
pub(super) fn name(key: &EntryKey) -> NamedNode {
    NamedNode::new_unchecked(format!("{BASE}#{key}"))
}

/// The triples of a signed document, without the signature.
///
/// # Errors
/// What is wrong with the document.
pub(super) fn triples(key: &EntryKey, document: &[u8]) -> Result<Vec<Triple>, String> {
    let document = unsigned(document).map_err(|error| error.to_string())?;
    let image = format!("{BASE}#{}", key.identifier);
    let entry = name(key);
    let parsed = RdfXmlParser::new().for_slice(document.as_bytes());
    let named = parsed.map(|triple| {
        let mut triple = triple.map_err(|error| error.to_string())?;
        let is_image = |node: &NamedNode| node.as_str() == image;
        if matches!(&triple.subject, NamedOrBlankNode::NamedNode(node) if is_image(node)) {
            triple.subject = entry.clone().into();
        }
        Ok(triple)
    });
    named.collect()
}
