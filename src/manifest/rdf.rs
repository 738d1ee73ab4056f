//! From the elements of a document to the values they hold, by the rules of
//! the StratusLab metadata library.

use std::borrow::Cow;

use super::document::{Details, Endorsement, Extension, Manifest, PieceList};
use super::namespace::{BASE, DCTERMS, DSIG, RDF, SLREQ, SLTERMS, SUQ};
use super::rdf_xml;
use super::xml::{Document, Element, NodeId, XML_NAMESPACE};
use crate::model::{Algorithm, Checksum, Checksums, Identifier, Timestamp};

/// A rule of the metadata that a document breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{element}: {fault}")]
pub struct BrokenRule {
    /// The element at fault, such as `slterms:icmp`.
    pub element: String,
    /// What is wrong, with the value.
    pub fault: String,
}

pub(super) fn broken(element: &str, fault: impl Into<String>) -> BrokenRule {
    BrokenRule { element: element.to_owned(), fault: fault.into() }
}

/// Longest value shown in a message, in characters.
const SHOWN: usize = 120;

/// Room made for properties at the start; manifests have about thirty.
const TYPICAL_PROPERTIES: usize = 40;

pub(super) fn shown(value: &str) -> String {
    value.chars().take(SHOWN).collect()
}

/// Reads the description of a well-formed document.
pub(super) fn read(document: &Document<'_>) -> Result<Manifest, BrokenRule> {
    let description = description(document)?;
    rdf_xml::check(document)?;
    let fields = Fields::collect(document, description)?;
    let (bytes, checksums) = (fields.bytes()?, fields.checksums()?);
    let details = fields.details()?;
    fields.one(DCTERMS, "type", "dcterms:type")?;
    let identifier = fields.identifier(description, &checksums)?;
    let details = Details { valid: fields.expiry()?, ..details };
    let endorsement = fields.endorsement()?;
    let extensions = fields.extensions();
    let pieces = fields.pieces()?;
    Ok(Manifest { identifier, bytes, checksums, endorsement, details, extensions, pieces })
}

/// The one `rdf:Description` of the root.
fn description(document: &Document<'_>) -> Result<NodeId, BrokenRule> {
    let root = document.root();
    if !document.element(root).is_some_and(|element| element.is(RDF, "RDF")) {
        return Err(broken("rdf:RDF", "it is not the root element"));
    }
    match document.attribute(root, XML_NAMESPACE, "base") {
        Some(BASE) => {}
        Some(other) => {
            let fault = format!("xml:base is `{}` instead of `{BASE}`", shown(other));
            return Err(broken("rdf:RDF", fault));
        }
        None => return Err(broken("rdf:RDF", format!("xml:base=\"{BASE}\" is missing"))),
    }
    if document.has_text(root) {
        return Err(broken("rdf:RDF", "it contains text"));
    }
    let mut found = None;
    for (id, child) in document.child_elements(root) {
        if child.is(RDF, "Description") && found.is_none() {
            found = Some(id);
        } else if child.is(RDF, "Description") {
            return Err(broken("rdf:Description", "there is more than one"));
        } else if !child.is(DSIG, "Signature") {
            let fault = format!("<{}> does not belong in it", child.written_name());
            return Err(broken("rdf:RDF", fault));
        }
    }
    found.ok_or_else(|| broken("rdf:Description", "there is none"))
}

/// The properties of the description.
struct Fields<'d, 'a> {
    document: &'d Document<'a>,
    properties: Vec<(NodeId, &'d Element<'a>)>,
}

impl<'d, 'a> Fields<'d, 'a> {
    fn collect(document: &'d Document<'a>, id: NodeId) -> Result<Self, BrokenRule> {
        let mut properties = Vec::with_capacity(TYPICAL_PROPERTIES);
        for (id, element) in document.child_elements(id) {
            plain(document, id, element)?;
            properties.push((id, element));
        }
        Ok(Fields { document, properties })
    }

    fn all(&self, namespace: &str, local: &str) -> impl Iterator<Item = NodeId> {
        self.properties.iter().filter(move |(_, e)| e.is(namespace, local)).map(|(id, _)| *id)
    }

    fn texts(&self, namespace: &str, local: &str) -> Vec<String> {
        let texts = self.all(namespace, local).map(|id| self.text(id));
        texts.filter(|text| !text.is_empty()).collect()
    }

    /// The trimmed text of a property, or what its `rdf:resource` refers to.
    fn text(&self, id: NodeId) -> String {
        match self.document.attribute(id, RDF, "resource") {
            Some(resource) => resource.to_owned(),
            None => self.document.text(id).trim().to_owned(),
        }
    }

    /// The only element of this name; it must be there.
    fn one(&self, namespace: &str, local: &str, name: &str) -> Result<String, BrokenRule> {
        let mut found = self.all(namespace, local);
        let first = found.next().ok_or_else(|| broken(name, "there is none"))?;
        if found.next().is_some() {
            return Err(broken(name, "there is more than one"));
        }
        if self.document.child_elements(first).next().is_some() {
            return Err(broken(name, "it has children"));
        }
        Ok(self.text(first))
    }

    /// The only element of this name, if it is there.
    fn at_most_one(
        &self,
        namespace: &str,
        local: &str,
        name: &str,
    ) -> Result<Option<String>, BrokenRule> {
        match self.all(namespace, local).count() {
            0 => Ok(None),
            1 => self.one(namespace, local, name).map(Some),
            _ => Err(broken(name, "there is more than one")),
        }
    }

    /// The first element of this name with a text.
    fn first(&self, namespace: &str, local: &str) -> Option<String> {
        self.texts(namespace, local).into_iter().next()
    }

    /// The earliest `dcterms:valid`: the field takes the first of several.
    fn expiry(&self) -> Result<Option<Timestamp>, BrokenRule> {
        let mut earliest: Option<Timestamp> = None;
        for text in self.texts(DCTERMS, "valid") {
            let valid = text.parse().map_err(|e| broken("dcterms:valid", format!("{e}")))?;
            earliest = Some(earliest.map_or(valid, |earlier| earlier.min(valid)));
        }
        Ok(earliest)
    }

    fn bytes(&self) -> Result<u64, BrokenRule> {
        let text = self.one(SLREQ, "bytes", "slreq:bytes")?;
        number(&text, "slreq:bytes", u64::MAX)
    }

    fn checksums(&self) -> Result<Checksums, BrokenRule> {
        const NAME: &str = "slreq:checksum";
        let mut checksums = Checksums::default();
        for id in self.all(SLREQ, "checksum") {
            let algorithm = self.part(id, SLREQ, "algorithm", NAME)?;
            let value = self.part(id, SLREQ, "value", NAME)?;
            let algorithm: Algorithm = algorithm
                .parse()
                .map_err(|()| broken(NAME, format!("`{}` is unknown", shown(&algorithm))))?;
            let value = match algorithm {
                Algorithm::Sha1 if !value.is_empty() => as_integer(&value),
                _ => value,
            };
            let checksum =
                Checksum::new(algorithm, &value).map_err(|e| broken(NAME, e.to_string()))?;
            if checksums.insert(checksum).is_some() {
                return Err(broken(NAME, format!("there is more than one {algorithm}")));
            }
        }
        if checksums.sha1().is_none() {
            return Err(broken(NAME, "there is no SHA-1, which every manifest needs"));
        }
        Ok(checksums)
    }

    /// A part of a property with `rdf:parseType="Resource"`.
    fn part(
        &self,
        id: NodeId,
        namespace: &str,
        local: &str,
        name: &str,
    ) -> Result<String, BrokenRule> {
        let mut found =
            self.document.child_elements(id).filter(|(_, element)| element.is(namespace, local));
        let (first, _) = found.next().ok_or_else(|| broken(name, format!("it has no {local}")))?;
        if found.next().is_some() {
            return Err(broken(name, format!("it has more than one {local}")));
        }
        Ok(self.text(first))
    }

    fn identifier(
        &self,
        description: NodeId,
        checksums: &Checksums,
    ) -> Result<Identifier, BrokenRule> {
        const NAME: &str = "dcterms:identifier";
        self.one(DCTERMS, "identifier", NAME)?;
        // As it is written: the field compares it so.
        let element = self.all(DCTERMS, "identifier").next();
        let text = element.map_or(Cow::Borrowed(""), |id| self.document.text(id));
        let about = self.document.attribute(description, RDF, "about").unwrap_or("");
        if about.strip_prefix('#') != Some(text.as_ref()) {
            let fault = format!("rdf:about is `{}` instead of `#{}`", shown(about), shown(&text));
            return Err(broken("rdf:Description", fault));
        }
        let identifier: Identifier =
            text.parse().map_err(|error| broken(NAME, format!("{error}")))?;
        match checksums.sha1() {
            Some(sha1) if sha1 == identifier.sha1() => Ok(identifier),
            _ => {
                let sha1 = identifier.sha1();
                Err(broken(NAME, format!("it stands for the SHA-1 {sha1}, not for the one listed")))
            }
        }
    }

    fn endorsement(&self) -> Result<Endorsement, BrokenRule> {
        const NAME: &str = "slreq:endorsement";
        let mut found = self.all(SLREQ, "endorsement");
        let id = found.next().ok_or_else(|| broken(NAME, "there is none: sign the document"))?;
        if found.next().is_some() {
            return Err(broken(NAME, "there is more than one"));
        }
        let created = self.part(id, DCTERMS, "created", NAME)?;
        let created = created.parse().map_err(|error| broken(NAME, format!("{error}")))?;
        let endorser = self.document.child_elements(id).find(|(_, e)| e.is(SLREQ, "endorser"));
        let (endorser, _) = endorser.ok_or_else(|| broken(NAME, "it has no endorser"))?;
        let email = self.part(endorser, SLREQ, "email", "slreq:endorser")?;
        let email = email.parse().map_err(|error| broken("slreq:email", format!("{error}")))?;
        let subject = self.part(endorser, SLREQ, "subject", "slreq:endorser")?;
        let issuers = self.document.child_elements(endorser).filter(|(_, e)| e.is(SLREQ, "issuer"));
        let issuers: Vec<String> = issuers.map(|(id, _)| self.text(id)).collect();
        if issuers.is_empty() {
            return Err(broken("slreq:endorser", "it has no issuer"));
        }
        Ok(Endorsement { created, email, subject, issuers })
    }

    fn details(&self) -> Result<Details, BrokenRule> {
        let single = |local: &'static str| {
            let name = format!("slterms:{local}");
            let text = self.at_most_one(SLTERMS, local, &name)?;
            Ok(text.filter(|text| !text.is_empty()))
        };
        let serial = self.at_most_one(SLTERMS, "serial-number", "slterms:serial-number")?;
        let serial_number =
            serial.map(|text| number(&text, "slterms:serial-number", u64::MAX)).transpose()?;
        let dc = |local| self.first(DCTERMS, local);
        let sl = |local| self.first(SLTERMS, local);
        Ok(Details {
            image_type: self.first(DCTERMS, "type").unwrap_or_default(),
            serial_number,
            version: single("version")?,
            // An empty element deprecates as well as one with a reason.
            deprecated: self.at_most_one(SLTERMS, "deprecated", "slterms:deprecated")?,
            os: single("os")?,
            os_arch: single("os-arch")?,
            os_version: single("os-version")?,
            kind: sl("kind"),
            hypervisor: sl("hypervisor"),
            disks_bus: sl("disks-bus"),
            format: dc("format"),
            compression: dc("compression").or_else(|| sl("compression")),
            locations: self.texts(SLTERMS, "location"),
            inbound_ports: self.numbers("inbound-port", u64::from(u16::MAX))?,
            outbound_ports: self.numbers("outbound-port", u64::from(u16::MAX))?,
            icmp: self.numbers("icmp", u64::from(u8::MAX))?,
            valid: None,
            created: dc("created"),
            title: dc("title"),
            tag: dc("alternative"),
            description: dc("description"),
            creator: dc("creator"),
            publisher: dc("publisher"),
            replaces: self.texts(DCTERMS, "replaces"),
            is_replaced_by: self.texts(DCTERMS, "isReplacedBy"),
            is_version_of: self.texts(DCTERMS, "isVersionOf"),
        })
    }

    fn numbers<T: TryFrom<u64>>(&self, local: &str, max: u64) -> Result<Vec<T>, BrokenRule> {
        let name = format!("slterms:{local}");
        let mut numbers = Vec::new();
        for text in self.texts(SLTERMS, local) {
            let value = number(&text, &name, max)?;
            numbers.extend(T::try_from(value).ok());
        }
        Ok(numbers)
    }

    fn extensions(&self) -> Vec<Extension> {
        let ours = [RDF, DCTERMS, SLREQ, SLTERMS, SUQ];
        self.properties
            .iter()
            .filter(|(_, element)| !ours.contains(&element.namespace.as_ref()))
            .map(|(id, element)| Extension {
                namespace: element.namespace.clone().into_owned(),
                name: element.local.to_owned(),
                text: deep_text(self.document, *id).trim().to_owned(),
            })
            .collect()
    }

    /// `suq:piece-bytes` and `suq:piece-list`, both or none.
    fn pieces(&self) -> Result<Option<PieceList>, BrokenRule> {
        let bytes = self.at_most_one(SUQ, "piece-bytes", "suq:piece-bytes")?;
        let digest = self.at_most_one(SUQ, "piece-list", "suq:piece-list")?;
        match (bytes, digest) {
            (None, None) => Ok(None),
            (Some(bytes), Some(digest)) => {
                let bytes = number(&bytes, "suq:piece-bytes", u64::from(u32::MAX))?;
                let piece_bytes = u32::try_from(bytes).ok().filter(|bytes| *bytes > 0);
                let digest = digest.parse();
                let digest = digest.map_err(|e| broken("suq:piece-list", format!("{e}")))?;
                let piece_bytes =
                    piece_bytes.ok_or_else(|| broken("suq:piece-bytes", "it must not be 0"))?;
                Ok(Some(PieceList { piece_bytes, digest }))
            }
            _ => Err(broken("suq:piece-list", "suq:piece-bytes and suq:piece-list go together")),
        }
    }
}

/// Digits of a SHA-1 in hexadecimal.
const SHA1_DIGITS: usize = 40;

/// A SHA-1 with the zeros it should begin with: the field compares numbers, and
/// some of its tools lose or add zeros.
fn as_integer(value: &str) -> String {
    format!("{:0>SHA1_DIGITS$}", value.trim_start_matches('0'))
}

/// A property of the metadata with parts says that it has them.
fn plain(document: &Document<'_>, id: NodeId, element: &Element<'_>) -> Result<(), BrokenRule> {
    let is_ours = [DCTERMS, SLREQ, SLTERMS, SUQ].contains(&element.namespace.as_ref());
    let has_children = document.child_elements(id).next().is_some();
    if is_ours && has_children && document.attribute(id, RDF, "parseType") != Some("Resource") {
        let fault = "it has children but no rdf:parseType=\"Resource\"";
        return Err(broken(&element.written_name(), fault));
    }
    Ok(())
}

fn number(text: &str, name: &str, max: u64) -> Result<u64, BrokenRule> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let value = text.parse::<u64>().ok().filter(|value| digits && *value <= max);
    value.ok_or_else(|| broken(name, format!("`{}` is not a number from 0 to {max}", shown(text))))
}

fn deep_text(document: &Document<'_>, id: NodeId) -> String {
    let mut text = document.text(id).into_owned();
    for (child, _) in document.child_elements(id) {
        text.push(' ');
        text.push_str(deep_text(document, child).trim());
    }
    text
}
