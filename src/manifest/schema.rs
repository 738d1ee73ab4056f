//! The StratusLab schema (`image-metadata.xsd`, `slreq.xsd`, `slterms.xsd`): order
//! of elements and forms of their values. The Marketplace never applied it, and
//! entries of the field break it; `suq metadata validate --strict` does.

use super::namespace::Namespace;
use super::rdf::{BrokenRule, broken, shown};
use super::xml::{Document, Element, NodeId};

/// Characters of an identifier.
const IDENTIFIER_LENGTH: usize = 27;

/// Checks a document that [`super::rdf::read`] has read.
pub(super) fn check(document: &Document<'_>) -> Result<(), BrokenRule> {
    let mut top = document.child_elements(document.root());
    let Some((description, _)) = top.next().filter(|(_, e)| e.is(Namespace::Rdf, "Description"))
    else {
        return Err(broken("rdf:RDF", "rdf:Description must be its first element"));
    };
    if let Some((_, other)) = top.find(|(_, element)| !element.is(Namespace::Dsig, "Signature")) {
        return Err(broken("rdf:RDF", format!("<{}> is out of place", other.written_name())));
    }
    Schema { document }.description(description)
}

/// What the order of the schema asks for: namespace, name, whether it may be
/// left out, and whether it may be repeated.
type Place = (Namespace, &'static str, bool, bool);

struct Schema<'d, 'a> {
    document: &'d Document<'a>,
}

impl<'d, 'a> Schema<'d, 'a> {
    fn description(&self, id: NodeId) -> Result<(), BrokenRule> {
        let about = self.document.attribute(id, Namespace::Rdf, "about").unwrap_or("");
        let name = about.strip_prefix('#').unwrap_or("");
        let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if name.len() != IDENTIFIER_LENGTH || !letters {
            let fault = format!("rdf:about `{}` is not # and 27 characters", shown(about));
            return Err(broken("rdf:Description", fault));
        }
        self.attributes(id, "rdf:Description", &["about"])?;
        let order: [Place; 5] = [
            (Namespace::Rdf, "type", true, false),
            (Namespace::DcTerms, "identifier", false, false),
            (Namespace::SlReq, "bytes", false, false),
            (Namespace::SlReq, "checksum", false, true),
            (Namespace::SlReq, "endorsement", false, false),
        ];
        // Whatever follows may be of any name.
        self.ordered(id, "rdf:Description", &order)?;
        let mut children = self.document.child_elements(id);
        children.try_for_each(|(child, element)| self.value(child, element))
    }

    /// Checks that the children begin in this order; gives back those that follow.
    fn ordered(
        &self,
        id: NodeId,
        parent: &str,
        order: &[Place],
    ) -> Result<Vec<&'d Element<'a>>, BrokenRule> {
        let mut children = self.document.child_elements(id).peekable();
        for (namespace, local, optional, repeated) in order {
            let mut count = 0;
            while (count == 0 || *repeated)
                && children.next_if(|(_, e)| e.is(*namespace, local)).is_some()
            {
                count += 1;
            }
            if count == 0 && !optional {
                let found = children.peek().map(|(_, element)| element.written_name());
                let found = found.map_or("nothing".to_owned(), |name| format!("<{name}>"));
                let fault = format!("{found} where the schema has {local}");
                return Err(broken(parent, fault));
            }
        }
        Ok(children.map(|(_, element)| element).collect())
    }

    fn exactly(&self, id: NodeId, parent: &str, order: &[Place]) -> Result<(), BrokenRule> {
        match self.ordered(id, parent, order)?.first() {
            None => Ok(()),
            Some(other) => {
                let fault = format!("<{}> is not in the schema here", other.written_name());
                Err(broken(parent, fault))
            }
        }
    }

    /// The form of an element that the schema declares; others are free.
    fn value(&self, id: NodeId, element: &Element<'_>) -> Result<(), BrokenRule> {
        let name = element.written_name();
        match (element.namespace, element.local) {
            (Namespace::SlReq, "bytes") => self.integer(id, &name, u64::MAX),
            (Namespace::SlReq, "checksum") => {
                let order = [
                    (Namespace::SlReq, "algorithm", false, false),
                    (Namespace::SlReq, "value", false, false),
                ];
                self.resource(id, &name)?;
                self.exactly(id, &name, &order)?;
                self.simple_children(id)
            }
            (Namespace::SlReq, "endorsement") => {
                self.resource(id, &name)?;
                let order = [
                    (Namespace::DcTerms, "created", false, false),
                    (Namespace::SlReq, "endorser", false, false),
                ];
                self.exactly(id, &name, &order)?;
                let endorser = self.document.child_elements(id).nth(1);
                endorser.map_or(Ok(()), |(id, _)| self.endorser(id))
            }
            (Namespace::SlTerms, "serial-number") => self.integer(id, &name, u64::MAX),
            (Namespace::SlTerms, "inbound-port" | "outbound-port") => {
                self.integer(id, &name, u64::from(u16::MAX))
            }
            (Namespace::SlTerms, "icmp") => self.integer(id, &name, u64::from(u8::MAX)),
            (
                Namespace::SlTerms,
                "version" | "hypervisor" | "location" | "deprecated" | "os" | "os-arch"
                | "os-version",
            ) => self.simple(id, &name),
            _ => Ok(()),
        }
    }

    fn endorser(&self, id: NodeId) -> Result<(), BrokenRule> {
        self.resource(id, "slreq:endorser")?;
        let order = [
            (Namespace::SlReq, "email", false, false),
            (Namespace::SlReq, "subject", false, false),
            (Namespace::SlReq, "issuer", false, true),
        ];
        self.exactly(id, "slreq:endorser", &order)?;
        self.simple_children(id)
    }

    /// Only attributes of Namespace::Rdf, and no other `rdf:parseType` than Resource.
    fn resource(&self, id: NodeId, name: &str) -> Result<(), BrokenRule> {
        let Some(element) = self.document.element(id) else { return Ok(()) };
        for attribute in self.document.attributes(element) {
            let resource = attribute.local != "parseType" || attribute.value == "Resource";
            if attribute.namespace != Namespace::Rdf || !resource {
                let fault = format!("{} `{}`", attribute.local, shown(&attribute.value));
                return Err(broken(name, fault));
            }
        }
        Ok(())
    }

    fn simple_children(&self, id: NodeId) -> Result<(), BrokenRule> {
        let mut children = self.document.child_elements(id);
        children.try_for_each(|(child, element)| self.simple(child, &element.written_name()))
    }

    /// Text and nothing else.
    fn simple(&self, id: NodeId, name: &str) -> Result<(), BrokenRule> {
        if self.document.child_elements(id).next().is_some() {
            return Err(broken(name, "it has children"));
        }
        self.attributes(id, name, &[])
    }

    fn integer(&self, id: NodeId, name: &str, max: u64) -> Result<(), BrokenRule> {
        self.simple(id, name)?;
        let text = self.document.text(id);
        let value = text.trim().parse::<u64>().ok().filter(|value| *value <= max);
        let fault = || format!("`{}` is not a number from 0 to {max}", shown(&text));
        value.map(|_| ()).ok_or_else(|| broken(name, fault()))
    }

    fn attributes(&self, id: NodeId, name: &str, allowed: &[&str]) -> Result<(), BrokenRule> {
        let Some(element) = self.document.element(id) else { return Ok(()) };
        let other = self.document.attributes(element).iter().find(|attribute| {
            let listed =
                attribute.namespace == Namespace::Rdf && allowed.contains(&attribute.local);
            !listed && attribute.namespace != Namespace::Xml
        });
        match other {
            None => Ok(()),
            Some(other) => Err(broken(name, format!("the attribute {} on it", other.local))),
        }
    }
}
