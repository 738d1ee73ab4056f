//! Namespaces in XML 1.0: which name a prefix stands for.

use std::borrow::Cow;

use super::attributes::Written;
use super::tree::{Attribute, Declaration};
use super::{XML_NAMESPACE, XMLNS_NAMESPACE};

/// What the elements read so far declare, and which of it is in scope.
#[derive(Default)]
pub(super) struct Scope<'a> {
    pub(super) declarations: Vec<Declaration<'a>>,
    /// Places of those in scope, innermost last.
    open: Vec<usize>,
}

impl<'a> Scope<'a> {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.open.truncate(len);
    }

    /// The namespace of a prefix; empty for none, no value for one that is not bound.
    pub(super) fn resolve(&self, prefix: &str) -> Option<Cow<'a, str>> {
        if prefix == "xml" {
            return Some(Cow::Borrowed(XML_NAMESPACE));
        }
        let mut innermost_first = self.open.iter().rev().map(|place| &self.declarations[*place]);
        match innermost_first.find(|declaration| declaration.prefix == prefix) {
            Some(declaration) => Some(declaration.name.clone()),
            None if prefix.is_empty() => Some(Cow::Borrowed("")),
            None => None,
        }
    }

    /// Takes what an element declares out of its attributes and brings it into
    /// scope; appends the other attributes with their names resolved.
    pub(super) fn enter(
        &mut self,
        written: &mut Vec<Written<'a>>,
        attributes: &mut Vec<Attribute<'a>>,
    ) -> Result<(), String> {
        for attribute in written.extract_if(.., |attribute| declares(attribute).is_some()) {
            let prefix = declares(&attribute).unwrap_or("");
            check(prefix, &attribute.value)?;
            if prefix != "xml" {
                self.open.push(self.declarations.len());
            }
            self.declarations.push(Declaration { prefix, name: attribute.value });
        }
        let first = attributes.len();
        for Written { prefix, local, value } in written.drain(..) {
            // The default namespace does not apply to attributes.
            let namespace = match prefix {
                "" => Cow::Borrowed(""),
                prefix => self
                    .resolve(prefix)
                    .ok_or_else(|| format!("the prefix `{prefix}` is not bound"))?,
            };
            let same = |other: &Attribute<'_>| other.local == local && other.namespace == namespace;
            if attributes[first..].iter().any(same) {
                return Err(format!("the attribute `{local}` of {namespace} is repeated"));
            }
            attributes.push(Attribute { prefix, local, namespace, value });
        }
        Ok(())
    }
}

/// The prefix that an attribute declares, empty for the default.
fn declares<'a>(attribute: &Written<'a>) -> Option<&'a str> {
    match (attribute.prefix, attribute.local) {
        ("xmlns", prefix) => Some(prefix),
        ("", "xmlns") => Some(""),
        _ => None,
    }
}

/// Refuses declarations that Namespaces §3 forbids, and names that C14N cannot
/// treat alike everywhere: relative ones and such with odd characters.
fn check(prefix: &str, name: &str) -> Result<(), String> {
    let fault = match (prefix, name) {
        ("xmlns", _) => "the prefix `xmlns` must not be declared",
        ("xml", XML_NAMESPACE) => return Ok(()),
        ("xml", _) | (_, XML_NAMESPACE) => "the prefix `xml` is bound once and for all",
        (_, XMLNS_NAMESPACE) => "nothing may be bound to the namespace of declarations",
        ("", "") => return Ok(()),
        (_, "") => "a prefix must not be bound to nothing",
        (_, name) if !is_absolute(name) => {
            "a namespace name must be an absolute URI without odd characters"
        }
        _ => return Ok(()),
    };
    Err(format!("{fault}: xmlns:{prefix}=\"{name}\""))
}

fn is_absolute(name: &str) -> bool {
    let Some((scheme, rest)) = name.split_once(':') else { return false };
    // libxml2 writes a `&` as it is where the specification has `&amp;`.
    let odd = |c: char| !c.is_ascii_graphic() || "<>\"{}|\\^`&".contains(c);
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && !rest.is_empty()
        && !name.contains(odd)
}
