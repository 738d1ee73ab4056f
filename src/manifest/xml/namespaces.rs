//! Namespaces in XML 1.0: which name a prefix stands for.

use std::borrow::Cow;

use super::MAX_NAMESPACES;
use super::attributes::Written;
use super::tree::{Attribute, Declaration};
use crate::manifest::namespace::{Namespace, XMLNS};

/// What the elements read so far declare, and which of it is in scope.
#[derive(Default)]
pub(super) struct Scope<'a> {
    pub(super) declarations: Vec<Declaration<'a>>,
    /// Names of the namespaces without a number of their own.
    pub(super) others: Vec<Cow<'a, str>>,
    /// Those in scope, innermost last.
    open: Vec<(&'a str, Namespace)>,
}

impl<'a> Scope<'a> {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.open.truncate(len);
    }

    /// The namespace of a prefix; no value for one that is not bound.
    pub(super) fn resolve(&self, prefix: &str) -> Option<Namespace> {
        match self.open.iter().rev().find(|(declared, _)| *declared == prefix) {
            Some((_, namespace)) => Some(*namespace),
            None if prefix.is_empty() => Some(Namespace::None),
            None if prefix == "xml" => Some(Namespace::Xml),
            None => None,
        }
    }

    /// Brings a declaration into scope, on an element whose declarations begin at
    /// `first`.
    pub(super) fn declare(
        &mut self,
        first: usize,
        prefix: &'a str,
        name: Cow<'a, str>,
    ) -> Result<(), String> {
        if self.declarations[first..].iter().any(|other| other.prefix == prefix) {
            return Err(format!("the declaration of `{prefix}` is repeated"));
        }
        let known = Namespace::known(&name);
        check(prefix, &name, known)?;
        let namespace = match known {
            Some(known) => known,
            None => self.number(name)?,
        };
        self.declarations.push(Declaration { prefix, namespace });
        if prefix != "xml" {
            self.open.push((prefix, namespace));
        }
        if self.open.len() > MAX_NAMESPACES {
            return Err(format!("more than {MAX_NAMESPACES} namespaces are declared at once"));
        }
        Ok(())
    }

    /// Finds the namespaces of an element's attributes once all its declarations
    /// are in scope. The default namespace does not apply to attributes.
    pub(super) fn resolve_all(&self, attributes: &mut [Attribute<'a>]) -> Result<(), String> {
        for place in 0..attributes.len() {
            let (before, rest) = attributes.split_at_mut(place);
            let Some(Attribute { prefix, local, namespace, .. }) = rest.first_mut() else { break };
            if !prefix.is_empty() {
                let unbound = || format!("the prefix `{prefix}` is not bound");
                *namespace = self.resolve(prefix).ok_or_else(unbound)?;
            }
            if before.iter().any(|other| other.namespace == *namespace && other.local == *local) {
                return Err(format!("the attribute `{local}` is repeated"));
            }
        }
        Ok(())
    }

    fn number(&mut self, name: Cow<'a, str>) -> Result<Namespace, String> {
        let place = self.others.iter().position(|other| *other == name);
        let place = place.unwrap_or_else(|| {
            self.others.push(name);
            self.others.len() - 1
        });
        match u16::try_from(place) {
            Ok(number) if place < MAX_NAMESPACES => Ok(Namespace::Other(number)),
            _ => Err(format!("more than {MAX_NAMESPACES} namespaces")),
        }
    }
}

/// The prefix that an attribute declares, empty for the default.
pub(super) fn declares<'a>(attribute: &Written<'a>) -> Option<&'a str> {
    match (attribute.prefix, attribute.local) {
        ("xmlns", prefix) => Some(prefix),
        ("", "xmlns") => Some(""),
        _ => None,
    }
}

/// Refuses declarations that Namespaces §3 forbids, and names that C14N cannot
/// treat alike everywhere: relative ones and such with odd characters.
fn check(prefix: &str, name: &str, known: Option<Namespace>) -> Result<(), String> {
    let fault = match (prefix, known) {
        ("xmlns", _) => "the prefix `xmlns` must not be declared",
        ("xml", Some(Namespace::Xml)) | ("", Some(Namespace::None)) => return Ok(()),
        ("xml", _) | (_, Some(Namespace::Xml)) => "the prefix `xml` is bound once and for all",
        (_, Some(Namespace::None)) => "a prefix must not be bound to nothing",
        (_, None) if name == XMLNS => "nothing may be bound to the namespace of declarations",
        (_, None) if !is_absolute(name) => {
            "a namespace name must be an absolute URI without odd characters"
        }
        _ => return Ok(()),
    };
    Err(format!("{fault}: xmlns:{prefix}=\"{name}\""))
}

fn is_absolute(name: &str) -> bool {
    let Some((scheme, rest)) = name.split_once(':') else { return false };
    // libxml2 writes a `&` as it is where the specification has `&amp;`.
    let odd = |byte: u8| !byte.is_ascii_graphic() || b"<>\"{}|\\^`&".contains(&byte);
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !rest.is_empty()
        && !rest.bytes().any(odd)
}
