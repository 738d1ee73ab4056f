//! Namespaces in XML 1.0: which name a prefix stands for.

use std::borrow::Cow;

use super::attributes::Written;
use super::tree::Attribute;
use super::{XML_NAMESPACE, XMLNS_NAMESPACE};

/// The declarations in scope, innermost last.
#[derive(Default)]
pub(super) struct Scope<'a>(Vec<(&'a str, Cow<'a, str>)>);

impl<'a> Scope<'a> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// The namespace of a prefix; empty for none, no value for one that is not bound.
    pub(super) fn resolve(&self, prefix: &str) -> Option<Cow<'a, str>> {
        if prefix == "xml" {
            return Some(Cow::Borrowed(XML_NAMESPACE));
        }
        let bound = self.0.iter().rev().find(|(declared, _)| *declared == prefix);
        match bound {
            Some((_, name)) => Some(name.clone()),
            None if prefix.is_empty() => Some(Cow::Borrowed("")),
            None => None,
        }
    }

    /// Takes the declarations out of the attributes of an element and brings
    /// them into scope; gives them back with the other attributes.
    #[expect(clippy::type_complexity)]
    pub(super) fn enter(
        &mut self,
        written: Vec<Written<'a>>,
    ) -> Result<(Vec<(&'a str, Cow<'a, str>)>, Vec<Attribute<'a>>), String> {
        let mut declarations = Vec::new();
        let mut others = Vec::with_capacity(written.len());
        for attribute in written {
            let declared = match (attribute.prefix, attribute.local) {
                ("xmlns", prefix) => Some(prefix),
                ("", "xmlns") => Some(""),
                _ => None,
            };
            match declared {
                Some(prefix) => {
                    check(prefix, &attribute.value)?;
                    declarations.push((prefix, attribute.value));
                }
                None => others.push(attribute),
            }
        }
        self.0.extend(declarations.iter().filter(|&(prefix, _)| *prefix != "xml").cloned());
        let attributes = self.resolve_all(others)?;
        Ok((declarations, attributes))
    }

    fn resolve_all(&self, written: Vec<Written<'a>>) -> Result<Vec<Attribute<'a>>, String> {
        let mut attributes: Vec<Attribute<'a>> = Vec::with_capacity(written.len());
        for Written { prefix, local, value } in written {
            // The default namespace does not apply to attributes.
            let namespace = match prefix {
                "" => Cow::Borrowed(""),
                prefix => self
                    .resolve(prefix)
                    .ok_or_else(|| format!("the prefix `{prefix}` is not bound"))?,
            };
            let same = |other: &Attribute<'_>| other.local == local && other.namespace == namespace;
            if attributes.iter().any(same) {
                return Err(format!("the attribute `{local}` of {namespace} is repeated"));
            }
            attributes.push(Attribute { prefix, local, namespace, value });
        }
        Ok(attributes)
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
        (_, name) if !is_absolute(name) => "a namespace name must be an absolute URI",
        _ => return Ok(()),
    };
    Err(format!("{fault}: xmlns:{prefix}=\"{name}\""))
}

fn is_absolute(name: &str) -> bool {
    let Some((scheme, rest)) = name.split_once(':') else { return false };
    let odd = |c: char| !c.is_ascii_graphic() || "<>\"{}|\\^`".contains(c);
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && !rest.is_empty()
        && !name.contains(odd)
}
