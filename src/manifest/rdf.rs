//! From the elements of a document to the values they hold, by the rules of
//! the StratusLab metadata library.

use std::borrow::Cow;

use super::document::{Details, Endorsement, Extension, Manifest, PieceList};
use super::namespace::{BASE, Namespace};
use super::rdf_xml;
use super::xml::{Document, Element, NodeId};
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
    fields.one(Namespace::DcTerms, "type")?;
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
    if !document.element(root).is_some_and(|element| element.is(Namespace::Rdf, "RDF")) {
        return Err(broken("rdf:RDF", "it is not the root element"));
    }
    match document.attribute(root, Namespace::Xml, "base") {
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
        if child.is(Namespace::Rdf, "Description") && found.is_none() {
            found = Some(id);
        } else if child.is(Namespace::Rdf, "Description") {
            return Err(broken("rdf:Description", "there is more than one"));
        } else if !child.is(Namespace::Dsig, "Signature") {
            let fault = format!("<{}> does not belong in it", child.written_name());
            return Err(broken("rdf:RDF", fault));
        }
    }
    found.ok_or_else(|| broken("rdf:Description", "there is none"))
}

/// The properties of the description.
struct Fields<'d, 'a> {
    document: &'d Document<'a>,
    properties: Vec<Property<'d>>,
}

struct Property<'d> {
    namespace: Namespace,
    local: &'d str,
    id: NodeId,
}

impl<'d, 'a> Fields<'d, 'a> {
    fn collect(document: &'d Document<'a>, id: NodeId) -> Result<Self, BrokenRule> {
        let mut properties = Vec::with_capacity(TYPICAL_PROPERTIES);
        for (id, element) in document.child_elements(id) {
            plain(document, id, element)?;
            properties.push(Property { namespace: element.namespace, local: element.local, id });
        }
        Ok(Fields { document, properties })
    }

    fn all(&self, namespace: Namespace, local: &str) -> impl Iterator<Item = NodeId> {
        let is_it = move |p: &&Property<'_>| p.namespace == namespace && p.local == local;
        self.properties.iter().filter(is_it).map(|property| property.id)
    }

    /// The texts of this name that are not empty.
    fn texts(&self, namespace: Namespace, local: &str) -> impl Iterator<Item = Cow<'_, str>> {
        self.all(namespace, local).map(|id| self.text(id)).filter(|text| !text.is_empty())
    }

    /// The trimmed text of a property, or what its `rdf:resource` refers to.
    fn text(&self, id: NodeId) -> Cow<'_, str> {
        if let Some(resource) = self.document.attribute(id, Namespace::Rdf, "resource") {
            return Cow::Borrowed(resource);
        }
        match self.document.text(id) {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        }
    }

    /// The only element of this name; it must be there.
    fn one(&self, namespace: Namespace, local: &str) -> Result<Cow<'_, str>, BrokenRule> {
        let text = self.at_most_one(namespace, local)?;
        text.ok_or_else(|| broken(&namespace.qualify(local), "there is none"))
    }

    /// The only element of this name, if it is there.
    fn at_most_one(
        &self,
        namespace: Namespace,
        local: &str,
    ) -> Result<Option<Cow<'_, str>>, BrokenRule> {
        let mut found = self.all(namespace, local);
        let Some(first) = found.next() else { return Ok(None) };
        if found.next().is_some() {
            return Err(broken(&namespace.qualify(local), "there is more than one"));
        }
        if self.document.child_elements(first).next().is_some() {
            return Err(broken(&namespace.qualify(local), "it has children"));
        }
        Ok(Some(self.text(first)))
    }

    /// The earliest `dcterms:valid`: the field takes the first of several.
    fn expiry(&self) -> Result<Option<Timestamp>, BrokenRule> {
        let mut earliest: Option<Timestamp> = None;
        for text in self.texts(Namespace::DcTerms, "valid") {
            let valid = text.parse().map_err(|e| broken("dcterms:valid", format!("{e}")))?;
            earliest = Some(earliest.map_or(valid, |earlier| earlier.min(valid)));
        }
        Ok(earliest)
    }

    fn bytes(&self) -> Result<u64, BrokenRule> {
        number(&self.one(Namespace::SlReq, "bytes")?, "slreq:bytes", u64::MAX)
    }

    fn checksums(&self) -> Result<Checksums, BrokenRule> {
        const NAME: &str = "slreq:checksum";
        let mut checksums = Checksums::default();
        for id in self.all(Namespace::SlReq, "checksum") {
            let algorithm = self.part(id, Namespace::SlReq, "algorithm", NAME)?;
            let value = self.part(id, Namespace::SlReq, "value", NAME)?;
            let algorithm: Algorithm = algorithm
                .parse()
                .map_err(|()| broken(NAME, format!("`{}` is unknown", shown(&algorithm))))?;
            let value = match algorithm {
                Algorithm::Sha1 if !value.is_empty() => as_integer(value),
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
        namespace: Namespace,
        local: &str,
        name: &str,
    ) -> Result<Cow<'_, str>, BrokenRule> {
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
        self.one(Namespace::DcTerms, "identifier")?;
        // As it is written: the field compares it so.
        let element = self.all(Namespace::DcTerms, "identifier").next();
        let text = element.map_or(Cow::Borrowed(""), |id| self.document.text(id));
        let about = self.document.attribute(description, Namespace::Rdf, "about").unwrap_or("");
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
        let mut found = self.all(Namespace::SlReq, "endorsement");
        let id = found.next().ok_or_else(|| broken(NAME, "there is none: sign the document"))?;
        if found.next().is_some() {
            return Err(broken(NAME, "there is more than one"));
        }
        let created = self.part(id, Namespace::DcTerms, "created", NAME)?;
        let created = created.parse().map_err(|error| broken(NAME, format!("{error}")))?;
        let parts_of = |id, local| {
            let parts = self.document.child_elements(id);
            parts.filter(move |(_, e)| e.is(Namespace::SlReq, local)).map(|(id, _)| id)
        };
        let endorser = parts_of(id, "endorser").next();
        let endorser = endorser.ok_or_else(|| broken(NAME, "it has no endorser"))?;
        let part = |local| self.part(endorser, Namespace::SlReq, local, "slreq:endorser");
        let email = part("email")?;
        let email = email.parse().map_err(|error| broken("slreq:email", format!("{error}")))?;
        let subject = part("subject")?.into_owned();
        let issuers: Vec<String> =
            parts_of(endorser, "issuer").map(|id| self.text(id).into_owned()).collect();
        if issuers.is_empty() {
            return Err(broken("slreq:endorser", "it has no issuer"));
        }
        Ok(Endorsement { created, email, subject, issuers })
    }

    fn details(&self) -> Result<Details, BrokenRule> {
        let single = |local| {
            let text = self.at_most_one(Namespace::SlTerms, local)?;
            Ok(text.filter(|text| !text.is_empty()).map(Cow::into_owned))
        };
        let serial = self.at_most_one(Namespace::SlTerms, "serial-number")?;
        let serial_number =
            serial.map(|text| number(&text, "slterms:serial-number", u64::MAX)).transpose()?;
        let deprecated = self.at_most_one(Namespace::SlTerms, "deprecated")?;
        let first = |namespace, local| self.texts(namespace, local).next().map(Cow::into_owned);
        let dc = |local| first(Namespace::DcTerms, local);
        let sl = |local| first(Namespace::SlTerms, local);
        let list = |namespace, local| self.texts(namespace, local).map(Cow::into_owned).collect();
        Ok(Details {
            image_type: dc("type").unwrap_or_default(),
            serial_number,
            version: single("version")?,
            // An empty element deprecates as well as one with a reason.
            deprecated: deprecated.map(Cow::into_owned),
            os: single("os")?,
            os_arch: single("os-arch")?,
            os_version: single("os-version")?,
            kind: sl("kind"),
            hypervisor: sl("hypervisor"),
            disks_bus: sl("disks-bus"),
            format: dc("format"),
            compression: dc("compression").or_else(|| sl("compression")),
            locations: list(Namespace::SlTerms, "location"),
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
            replaces: list(Namespace::DcTerms, "replaces"),
            is_replaced_by: list(Namespace::DcTerms, "isReplacedBy"),
            is_version_of: list(Namespace::DcTerms, "isVersionOf"),
        })
    }

    fn numbers<T: TryFrom<u64>>(&self, local: &str, max: u64) -> Result<Vec<T>, BrokenRule> {
        let mut numbers = Vec::new();
        for text in self.texts(Namespace::SlTerms, local) {
            let value = number(&text, &format!("slterms:{local}"), max)?;
            numbers.extend(T::try_from(value).ok());
        }
        Ok(numbers)
    }

    fn extensions(&self) -> Vec<Extension> {
        let is_ours = |namespace: Namespace| namespace.is_metadata() || namespace == Namespace::Rdf;
        self.properties
            .iter()
            .filter(|property| !is_ours(property.namespace))
            .map(|property| Extension {
                namespace: self.document.namespace_name(property.namespace).to_owned(),
                name: property.local.to_owned(),
                text: deep_text(self.document, property.id).trim().to_owned(),
            })
            .collect()
    }

    /// `suq:piece-bytes` and `suq:piece-list`, both or none.
    fn pieces(&self) -> Result<Option<PieceList>, BrokenRule> {
        let bytes = self.at_most_one(Namespace::Suq, "piece-bytes")?;
        let digest = self.at_most_one(Namespace::Suq, "piece-list")?;
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
fn as_integer(value: Cow<'_, str>) -> Cow<'_, str> {
    if value.len() == SHA1_DIGITS {
        return value;
    }
    Cow::Owned(format!("{:0>SHA1_DIGITS$}", value.trim_start_matches('0')))
}

/// A property of the metadata with parts says that it has them.
fn plain(document: &Document<'_>, id: NodeId, element: &Element<'_>) -> Result<(), BrokenRule> {
    let is_ours = element.namespace.is_metadata();
    let has_children = document.child_elements(id).next().is_some();
    if is_ours
        && has_children
        && document.attribute(id, Namespace::Rdf, "parseType") != Some("Resource")
    {
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
