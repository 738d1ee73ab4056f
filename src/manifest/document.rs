//! What a manifest says: the values of the RDF document, without its proof.

use serde::{Deserialize, Serialize};

use crate::model::{Checksums, Email, EntryKey, Identifier, Sha256, Timestamp};

/// The values of one image description. Sources: the StratusLab metadata schema
/// (`slreq`, `slterms`) and Dublin Core terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Names the image; equals the SHA-1 among the checksums.
    pub identifier: Identifier,
    /// Size of the uncompressed image in bytes.
    pub bytes: u64,
    /// Checksums of the uncompressed image; always has a SHA-1.
    pub checksums: Checksums,
    /// Who vouches for it, and since when.
    pub endorsement: Endorsement,
    /// What it is for and how it runs.
    pub details: Details,
    /// Elements of other namespaces, in document order.
    pub extensions: Vec<Extension>,
    /// The signed piece list, when the document carries one.
    pub pieces: Option<PieceList>,
}

impl Manifest {
    /// The key of the entry this manifest makes.
    pub fn key(&self) -> EntryKey {
        EntryKey {
            identifier: self.identifier,
            email: self.endorsement.email.clone(),
            created: self.endorsement.created,
        }
    }

    /// True when the endorser has taken the image back.
    pub fn is_deprecated(&self) -> bool {
        self.details.deprecated.is_some()
    }

    /// True when `dcterms:valid` has passed.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.details.valid.is_some_and(|valid| valid < now)
    }
}

/// A document without its byte order mark and XML declaration, so that it can be a part of
/// another.
pub fn without_declaration(document: &[u8]) -> &[u8] {
    let document = document.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(document);
    if !document.starts_with(b"<?xml ") {
        return document;
    }
    let end = document.windows(2).position(|two| two == b"?>");
    end.map_or(document, |end| &document[end + 2..])
}

/// `slreq:endorsement`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endorsement {
    /// When it was endorsed, in whole seconds.
    pub created: Timestamp,
    /// The endorser's address.
    pub email: Email,
    /// Subject of the endorser's certificate (RFC 2253).
    pub subject: String,
    /// Issuers of the certificate (RFC 2253), the direct one first.
    pub issuers: Vec<String>,
}

/// The optional `dcterms` and `slterms` elements. Texts are as written, trimmed;
/// an empty element is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// `dcterms:type`: base or grid in practice. Required in documents.
    #[serde(rename = "type")]
    pub image_type: String,
    /// `slterms:kind`: machine or disk.
    pub kind: Option<String>,
    /// `slterms:os`.
    pub os: Option<String>,
    /// `slterms:os-version`.
    pub os_version: Option<String>,
    /// `slterms:os-arch`.
    pub os_arch: Option<String>,
    /// `slterms:version` of the image.
    pub version: Option<String>,
    /// `slterms:serial-number`.
    pub serial_number: Option<u64>,
    /// `slterms:hypervisor`.
    pub hypervisor: Option<String>,
    /// `slterms:disks-bus`: ide, scsi or virtio.
    pub disks_bus: Option<String>,
    /// `dcterms:format`: raw or qcow2.
    pub format: Option<String>,
    /// `dcterms:compression` or `slterms:compression` of the bytes at the locations.
    pub compression: Option<String>,
    /// `slterms:location`: where the bytes are said to be.
    pub locations: Vec<String>,
    /// `slterms:inbound-port`; 0 means all.
    pub inbound_ports: Vec<u16>,
    /// `slterms:outbound-port`; 0 means all.
    pub outbound_ports: Vec<u16>,
    /// `slterms:icmp` types.
    pub icmp: Vec<u8>,
    /// `slterms:deprecated`: why the image must not be used any more. May be an
    /// empty text; its presence deprecates.
    pub deprecated: Option<String>,
    /// `dcterms:valid`: not to be used after this.
    pub valid: Option<Timestamp>,
    /// `dcterms:created` of the record, as written.
    pub created: Option<String>,
    /// `dcterms:title`.
    pub title: Option<String>,
    /// `dcterms:alternative`: the tag.
    pub tag: Option<String>,
    /// `dcterms:description`.
    pub description: Option<String>,
    /// `dcterms:creator`.
    pub creator: Option<String>,
    /// `dcterms:publisher`.
    pub publisher: Option<String>,
    /// `dcterms:replaces`.
    pub replaces: Vec<String>,
    /// `dcterms:isReplacedBy`.
    pub is_replaced_by: Vec<String>,
    /// `dcterms:isVersionOf`.
    pub is_version_of: Vec<String>,
}

/// An element of another namespace, flattened for display; the document itself
/// keeps it unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// Namespace name.
    pub namespace: String,
    /// Local name.
    pub name: String,
    /// Its text and that of its children, trimmed.
    pub text: String,
}

/// Pieces of the image, in suq's namespace `urn:suq:terms:1#` (`suq:piece-bytes`
/// and `suq:piece-list`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceList {
    /// Size of each piece but the last, in bytes.
    pub piece_bytes: u32,
    /// SHA-256 over the concatenated SHA-256 digests of the pieces.
    pub digest: Sha256,
}

#[cfg(test)]
mod tests {
    use super::without_declaration;

    #[test]
    fn only_the_declaration_is_left_out() {
        for (document, rest) in [
            ("<?xml version=\"1.0\"?>\n<a/>", "\n<a/>"),
            ("\u{FEFF}<?xml version='1.0'?><a/>", "<a/>"),
            ("<?xml-stylesheet href='x'?><a/>", "<?xml-stylesheet href='x'?><a/>"),
            ("<a>?></a>", "<a>?></a>"),
        ] {
            assert_eq!(without_declaration(document.as_bytes()), rest.as_bytes());
        }
    }
}
