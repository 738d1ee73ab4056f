//! The grammar of RDF/XML, as the parsers of the field enforce it
//! (<https://www.w3.org/TR/rdf-syntax-grammar/> §6.1, §7.2).
//!
//! Stricter in one thing: a property of the metadata must be an element. As an
//! attribute it would mean the same to a SPARQL query, and be overlooked by
//! whoever reads elements.

use std::collections::BTreeSet;

use super::namespace::Namespace;
use super::rdf::{BrokenRule, broken, shown};
use super::xml::{Attribute, Document, Element, NodeId, is_name};

/// Names of the syntax, which name neither a node nor a property.
const SYNTAX: [&str; 7] = ["RDF", "ID", "about", "parseType", "resource", "nodeID", "datatype"];

/// Names that earlier versions of RDF had.
const OLD: [&str; 3] = ["aboutEach", "aboutEachPrefix", "bagID"];

/// Checks everything below the root but the signature.
pub(super) fn check(document: &Document<'_>) -> Result<(), BrokenRule> {
    let root = document.root();
    if let Some(element) = document.element(root) {
        let mut attributes = document.attributes(element).iter();
        if let Some(other) = attributes.find(|attribute| attribute.namespace != Namespace::Xml) {
            return Err(broken("rdf:RDF", format!("the attribute {} on it", other.local)));
        }
    }
    let mut grammar = Grammar { document, ids: BTreeSet::new() };
    for (id, element) in document.child_elements(root) {
        if !element.is(Namespace::Dsig, "Signature") {
            grammar.node(id, element)?;
        }
    }
    Ok(())
}

struct Grammar<'d, 'a> {
    document: &'d Document<'a>,
    /// Values of `rdf:ID`; they share one base.
    ids: BTreeSet<&'d str>,
}

impl<'d, 'a> Grammar<'d, 'a> {
    /// A node element (§7.2.11).
    fn node(&mut self, id: NodeId, element: &'d Element<'a>) -> Result<(), BrokenRule> {
        let name = element.written_name();
        named(element, &["li"])?;
        let mut subjects = 0;
        for attribute in self.document.attributes(element) {
            match (attribute.namespace, attribute.local) {
                (Namespace::Xml, _) => {}
                (Namespace::Rdf, "about") => subjects += 1,
                (Namespace::Rdf, "ID" | "nodeID") => {
                    subjects += 1;
                    self.identify(&name, attribute)?;
                }
                _ => property_attribute(&name, attribute)?,
            }
        }
        if subjects > 1 {
            return Err(broken(&name, "only one of rdf:about, rdf:ID and rdf:nodeID may be on it"));
        }
        if self.document.has_text(id) {
            return Err(broken(&name, "it contains text"));
        }
        for (child, element) in self.document.child_elements(id) {
            self.property(child, element)?;
        }
        Ok(())
    }

    /// A property element (§7.2.14).
    fn property(&mut self, id: NodeId, element: &'d Element<'a>) -> Result<(), BrokenRule> {
        let document = self.document;
        // Most have no attributes and hold text: nothing more to see.
        named(element, &["Description"])?;
        let has_children = document.child_elements(id).next().is_some();
        let attributes = document.attributes(element);
        if attributes.is_empty() && !has_children {
            return Ok(());
        }
        let name = element.written_name();
        let mut others = 0;
        for attribute in attributes {
            match (attribute.namespace, attribute.local) {
                (Namespace::Xml, _) | (Namespace::Rdf, "parseType" | "datatype" | "resource") => {}
                (Namespace::Rdf, "ID" | "nodeID") => self.identify(&name, attribute)?,
                _ => {
                    property_attribute(&name, attribute)?;
                    others += 1;
                }
            }
        }
        let rdf = |local| document.attribute(id, Namespace::Rdf, local);
        let is_empty = !has_children && !document.has_text(id);
        let refers = rdf("resource").is_some() || rdf("nodeID").is_some();
        let fault = if rdf("resource").is_some() && rdf("nodeID").is_some() {
            "rdf:resource and rdf:nodeID together"
        } else if (refers || others > 0) && !is_empty {
            "rdf:resource, rdf:nodeID and attributes of other names need an empty element"
        } else if rdf("parseType").is_some() && (refers || others > 0 || rdf("datatype").is_some())
        {
            "rdf:parseType excludes other attributes than rdf:ID"
        } else if rdf("datatype").is_some() && (has_children || refers || others > 0) {
            "rdf:datatype is only for text"
        } else {
            return self.content(id, &name, rdf("parseType"), has_children);
        };
        Err(broken(&name, fault))
    }

    /// What stands in a property element (§7.2.15–7.2.21).
    fn content(
        &mut self,
        id: NodeId,
        name: &str,
        parse_type: Option<&str>,
        has_children: bool,
    ) -> Result<(), BrokenRule> {
        let document = self.document;
        let has_text = document.has_text(id);
        match parse_type {
            Some("Resource" | "Collection") if has_text => {
                return Err(broken(name, "text beside its elements"));
            }
            Some("Resource") => {
                for (child, element) in document.child_elements(id) {
                    self.property(child, element)?;
                }
            }
            Some("Collection") => {
                for (child, element) in document.child_elements(id) {
                    self.node(child, element)?;
                }
            }
            // A literal of XML may hold anything.
            Some(_) => {}
            None if has_children && has_text => {
                return Err(broken(name, "text beside its elements"));
            }
            None => {
                for (number, (child, element)) in document.child_elements(id).enumerate() {
                    if number > 0 {
                        let fault = "it holds several elements without rdf:parseType=\"Resource\"";
                        return Err(broken(name, fault));
                    }
                    self.node(child, element)?;
                }
            }
        }
        Ok(())
    }

    /// `rdf:ID` and `rdf:nodeID` are names; the first names one thing only (§7.2.34).
    fn identify(&mut self, name: &str, attribute: &'d Attribute<'a>) -> Result<(), BrokenRule> {
        let value = attribute.value.as_ref();
        if !is_name(value) {
            let fault = format!("rdf:{} `{}` is not a name", attribute.local, shown(value));
            return Err(broken(name, fault));
        }
        if attribute.local == "ID" && !self.ids.insert(value) {
            return Err(broken(name, format!("rdf:ID `{}` is repeated", shown(value))));
        }
        Ok(())
    }
}

/// Refuses elements that RDF/XML has other uses for.
fn named(element: &Element<'_>, also: &[&str]) -> Result<(), BrokenRule> {
    if element.namespace == Namespace::None {
        return Err(broken(&element.written_name(), "it has no namespace"));
    }
    let mut reserved = SYNTAX.iter().chain(&OLD).chain(also);
    if element.namespace == Namespace::Rdf && reserved.any(|name| *name == element.local) {
        return Err(broken(&element.written_name(), "it must not stand here"));
    }
    Ok(())
}

/// An attribute that states a property (§7.2.25).
fn property_attribute(name: &str, attribute: &Attribute<'_>) -> Result<(), BrokenRule> {
    let local = attribute.local;
    let namespace = attribute.namespace;
    let reserved = ["Description", "li"];
    let fault = if namespace == Namespace::None {
        format!("the attribute {local} without a namespace")
    } else if namespace.is_metadata() {
        format!("{}:{local} must be an element, not an attribute", attribute.prefix)
    } else if namespace == Namespace::Rdf
        && SYNTAX.iter().chain(&OLD).chain(&reserved).any(|reserved| *reserved == local)
    {
        format!("rdf:{local} is not allowed here")
    } else {
        return Ok(());
    };
    Err(broken(name, fault))
}
