//! The namespaces of the metadata, by name and by number.

pub(super) const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
pub(super) const DCTERMS: &str = "http://purl.org/dc/terms/";
pub(super) const SLREQ: &str = "http://mp.stratuslab.eu/slreq#";
/// What images are described by.
pub const SLTERMS: &str = "http://mp.stratuslab.eu/slterms#";
pub(super) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// Our own terms.
pub const SUQ: &str = "urn:suq:terms:1#";
/// `xml:base` of every document.
pub const BASE: &str = "http://mp.stratuslab.eu/";
/// What the prefix `xml` is bound to, always.
pub(super) const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// That of namespace declarations; nothing may be bound to it.
pub(super) const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// A namespace of one document. Readers ask each element for its namespace many
/// times, so names are compared once, where they are declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Namespace {
    /// No namespace.
    None,
    Xml,
    Rdf,
    DcTerms,
    SlReq,
    SlTerms,
    Dsig,
    Suq,
    /// Its place among the others of the document.
    Other(u16),
}

/// Names of the namespaces that have a number of their own.
const KNOWN: [(Namespace, &str); 8] = [
    (Namespace::None, ""),
    (Namespace::Xml, XML),
    (Namespace::Rdf, RDF),
    (Namespace::DcTerms, DCTERMS),
    (Namespace::SlReq, SLREQ),
    (Namespace::SlTerms, SLTERMS),
    (Namespace::Dsig, DSIG),
    (Namespace::Suq, SUQ),
];

impl Namespace {
    /// The namespace of this name, when it has a number of its own.
    pub(super) fn known(name: &str) -> Option<Namespace> {
        KNOWN.iter().find(|(_, known)| *known == name).map(|(namespace, _)| *namespace)
    }

    /// The name of a namespace that has a number of its own; empty for others.
    pub(super) fn name(self) -> &'static str {
        KNOWN.iter().find(|(namespace, _)| *namespace == self).map_or("", |(_, name)| name)
    }

    /// A name with the usual prefix of its namespace, for messages.
    pub(super) fn qualify(self, local: &str) -> String {
        let prefix = match self {
            Namespace::None | Namespace::Other(_) => return local.to_owned(),
            Namespace::Xml => "xml",
            Namespace::Rdf => "rdf",
            Namespace::DcTerms => "dcterms",
            Namespace::SlReq => "slreq",
            Namespace::SlTerms => "slterms",
            Namespace::Dsig => "ds",
            Namespace::Suq => "suq",
        };
        format!("{prefix}:{local}")
    }

    /// True for the namespaces of StratusLab's metadata and ours.
    pub(super) fn is_metadata(self) -> bool {
        matches!(self, Namespace::DcTerms | Namespace::SlReq | Namespace::SlTerms | Namespace::Suq)
    }
}
