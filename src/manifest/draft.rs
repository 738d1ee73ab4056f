//! A description that is not endorsed yet, and its document.

use std::fmt::Write;

use super::document::{Details, PieceList};
use super::namespace::{BASE, DCTERMS, RDF, SLREQ, SLTERMS, SUQ};
use super::xml::{escape_text, is_plain};
use crate::model::{Checksums, Identifier};

/// What is known of an image before anyone endorses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Names the image.
    pub identifier: Identifier,
    /// Size of the uncompressed image in bytes.
    pub bytes: u64,
    /// Checksums of the uncompressed image.
    pub checksums: Checksums,
    /// What it is for and how it runs.
    pub details: Details,
    /// The piece list.
    pub pieces: Option<PieceList>,
}

/// A value that XML cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{element}: the value contains a character that XML cannot hold")]
pub struct IllegalText {
    element: String,
}

impl Draft {
    /// The unsigned document, in the order of the schema.
    pub fn to_xml(&self) -> Result<String, IllegalText> {
        let mut page = Page(String::with_capacity(4096));
        let identifier = self.identifier.to_string();
        page.0.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let _ = write!(
            page.0,
            "<rdf:RDF xmlns:rdf=\"{RDF}\" xmlns:dcterms=\"{DCTERMS}\" xmlns:slreq=\"{SLREQ}\" \
             xmlns:slterms=\"{SLTERMS}\" xmlns:suq=\"{SUQ}\" xml:base=\"{BASE}\">\n\
             <rdf:Description rdf:about=\"#{identifier}\">\n"
        );
        page.element("dcterms:identifier", &identifier)?;
        page.element("slreq:bytes", &self.bytes.to_string())?;
        for (algorithm, value) in self.checksums.iter() {
            let _ = writeln!(
                page.0,
                "<slreq:checksum rdf:parseType=\"Resource\"><slreq:algorithm>{algorithm}\
                 </slreq:algorithm><slreq:value>{value}</slreq:value></slreq:checksum>"
            );
        }
        page.details(&self.details)?;
        if let Some(pieces) = &self.pieces {
            page.element("suq:piece-bytes", &pieces.piece_bytes.to_string())?;
            page.element("suq:piece-list", &pieces.digest.to_string())?;
        }
        page.0.push_str("</rdf:Description>\n</rdf:RDF>\n");
        Ok(page.0)
    }
}

/// A document being written.
struct Page(String);

impl Page {
    fn element(&mut self, name: &str, text: &str) -> Result<(), IllegalText> {
        if !is_plain(text) {
            return Err(IllegalText { element: name.to_owned() });
        }
        let _ = writeln!(self.0, "<{name}>{}</{name}>", escape_text(text));
        Ok(())
    }

    fn details(&mut self, details: &Details) -> Result<(), IllegalText> {
        let valid = details.valid.map(|valid| valid.to_string());
        let serial = details.serial_number.map(|serial| serial.to_string());
        let single = [
            ("dcterms:type", Some(&details.image_type)),
            ("slterms:kind", details.kind.as_ref()),
            ("slterms:os", details.os.as_ref()),
            ("slterms:os-version", details.os_version.as_ref()),
            ("slterms:os-arch", details.os_arch.as_ref()),
            ("slterms:version", details.version.as_ref()),
            ("slterms:serial-number", serial.as_ref()),
            ("slterms:hypervisor", details.hypervisor.as_ref()),
            ("slterms:disks-bus", details.disks_bus.as_ref()),
            ("dcterms:format", details.format.as_ref()),
            ("dcterms:compression", details.compression.as_ref()),
            ("slterms:deprecated", details.deprecated.as_ref()),
            ("dcterms:created", details.created.as_ref()),
            ("dcterms:valid", valid.as_ref()),
            ("dcterms:title", details.title.as_ref()),
            ("dcterms:alternative", details.tag.as_ref()),
            ("dcterms:description", details.description.as_ref()),
            ("dcterms:creator", details.creator.as_ref()),
            ("dcterms:publisher", details.publisher.as_ref()),
        ];
        for (name, value) in single {
            if let Some(value) = value {
                self.element(name, value)?;
            }
        }
        let number = |port: &u16| port.to_string();
        let repeated = [
            ("slterms:location", details.locations.clone()),
            ("slterms:inbound-port", details.inbound_ports.iter().map(number).collect()),
            ("slterms:outbound-port", details.outbound_ports.iter().map(number).collect()),
            ("slterms:icmp", details.icmp.iter().map(u8::to_string).collect()),
            ("dcterms:replaces", details.replaces.clone()),
            ("dcterms:isReplacedBy", details.is_replaced_by.clone()),
            ("dcterms:isVersionOf", details.is_version_of.clone()),
        ];
        for (name, values) in repeated {
            for value in values {
                self.element(name, &value)?;
            }
        }
        Ok(())
    }
}
