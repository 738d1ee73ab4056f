//! The closed grammar of `ds:Signature`: what a manifest's signature may be.
//!
//! Everything that is not listed here is refused: what a signature cannot say
//! cannot be misunderstood. Names: <https://www.w3.org/TR/xmldsig-core1/>.

use data_encoding::BASE64;

use super::algorithms::{DigestMethod, ENVELOPED, Method, form_named, method_named};
use super::namespace::Namespace;
use super::xml::c14n::Form;
use super::xml::{Document, NodeId};

/// Certificates in one signature: a leaf and its chain.
const MAX_CERTIFICATES: usize = 8;

/// A signature that is not of the accepted form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// There is none.
    #[error("the document is not signed: it has no ds:Signature as last child of the root")]
    Missing,
    /// It breaks the grammar.
    #[error("the signature is not of the accepted form: {0}")]
    Form(String),
    /// It names an algorithm that is not accepted.
    #[error("the {what} `{algorithm}` is not accepted")]
    Algorithm {
        /// Its place in the signature.
        what: &'static str,
        /// What is written there.
        algorithm: String,
    },
    /// The document was changed after it was signed.
    #[error("the document was changed after it was signed: its digest differs")]
    Digest,
    /// The signature was not made with the certificate's key.
    #[error("the signature does not belong to the certificate's key")]
    Signature,
    /// The certificate cannot be used.
    #[error("the signer's certificate cannot be used: {0}")]
    Certificate(String),
    /// The document names another signer than its certificate.
    #[error("the document's {field} is `{document}`, but the certificate says `{certificate}`")]
    Identity {
        /// The field that differs.
        field: &'static str,
        /// What the document says.
        document: String,
        /// What the certificate says.
        certificate: String,
    },
}

/// A signature as it is written, of the accepted form and not yet checked.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) element: NodeId,
    pub(super) signed_info: NodeId,
    pub(super) signed_info_form: Form,
    pub(super) method: &'static Method,
    /// The form in which the document was digested.
    pub(super) document_form: Form,
    pub(super) digest_method: DigestMethod,
    pub(super) digest: Vec<u8>,
    pub(super) value: Vec<u8>,
    /// Certificates in DER, the signer's first.
    pub(super) certificates: Vec<Vec<u8>>,
}

/// Finds the one signature of a document and reads it.
pub(super) fn read(document: &Document<'_>) -> Result<Signature, BadSignature> {
    let root = document.root();
    let (element, _) = document
        .child_elements(root)
        .last()
        .filter(|(_, element)| element.is(Namespace::Dsig, "Signature"))
        .ok_or(BadSignature::Missing)?;
    if document.elements().filter(|element| element.is(Namespace::Dsig, "Signature")).count() > 1 {
        return Err(form("there is more than one ds:Signature"));
    }
    Reader { document }.signature(element)
}

fn unaccepted(what: &'static str, algorithm: &str) -> BadSignature {
    BadSignature::Algorithm { what, algorithm: algorithm.to_owned() }
}

fn form(fault: impl Into<String>) -> BadSignature {
    BadSignature::Form(fault.into())
}

struct Reader<'d, 'a> {
    document: &'d Document<'a>,
}

impl Reader<'_, '_> {
    fn signature(&self, element: NodeId) -> Result<Signature, BadSignature> {
        let [signed_info, value, key_info] =
            self.children(element, ["SignedInfo", "SignatureValue", "KeyInfo"])?;
        let [canonicalization, method, reference] =
            self.children(signed_info, ["CanonicalizationMethod", "SignatureMethod", "Reference"])?;
        let algorithm = self.algorithm(canonicalization)?;
        let signed_info_form = form_of(algorithm, "canonicalisation")?;
        let algorithm = self.algorithm(method)?;
        let method =
            method_named(algorithm).ok_or_else(|| unaccepted("signature method", algorithm))?;
        let (document_form, digest_method, digest) = self.reference(reference)?;
        Ok(Signature {
            element,
            signed_info,
            signed_info_form,
            method,
            document_form,
            digest_method,
            digest,
            value: self.base64(value)?,
            certificates: self.certificates(key_info)?,
        })
    }

    fn reference(&self, id: NodeId) -> Result<(Form, DigestMethod, Vec<u8>), BadSignature> {
        let uri = self.document.attribute(id, Namespace::None, "URI");
        if uri != Some("") {
            return Err(form("the reference must cover the whole document (URI=\"\")"));
        }
        self.only_attributes(id, &["URI"])?;
        let [transforms, method, value] =
            self.children(id, ["Transforms", "DigestMethod", "DigestValue"])?;
        let document_form = self.transforms(transforms)?;
        let algorithm = self.algorithm(method)?;
        let digest_method = DigestMethod::from_uri(algorithm)
            .ok_or_else(|| unaccepted("digest method", algorithm))?;
        Ok((document_form, digest_method, self.base64(value)?))
    }

    /// The enveloped-signature transform, then at most one canonicalisation.
    fn transforms(&self, id: NodeId) -> Result<Form, BadSignature> {
        self.only_attributes(id, &[])?;
        self.no_text(id)?;
        let mut transforms = self.document.child_elements(id);
        let mut next = || transforms.next().filter(|(_, e)| e.is(Namespace::Dsig, "Transform"));
        let Some((first, _)) = next() else {
            return Err(form("the reference has no transforms"));
        };
        let algorithm = self.algorithm(first)?;
        if algorithm != ENVELOPED {
            return Err(unaccepted("first transform", algorithm));
        }
        let document_form = match next() {
            Some((second, _)) => form_of(self.algorithm(second)?, "transform")?,
            None => Form::INCLUSIVE,
        };
        // URI="" means the document without its comments (§4.4.3.3), whatever the
        // form would keep.
        let document_form = Form { comments: false, ..document_form };
        if transforms.next().is_some() {
            return Err(form("the reference has more than two transforms, or others than those"));
        }
        let all = self.document.child_elements(id);
        if all.filter(|(_, element)| !element.is(Namespace::Dsig, "Transform")).count() > 0 {
            return Err(form("a foreign element among the transforms"));
        }
        Ok(document_form)
    }

    fn certificates(&self, key_info: NodeId) -> Result<Vec<Vec<u8>>, BadSignature> {
        let [data] = self.children(key_info, ["X509Data"])?;
        self.only_attributes(data, &[])?;
        self.no_text(data)?;
        let mut certificates = Vec::new();
        for (id, element) in self.document.child_elements(data) {
            if !element.is(Namespace::Dsig, "X509Certificate") {
                return Err(form(format!("<{}> in X509Data", element.written_name())));
            }
            if certificates.len() >= MAX_CERTIFICATES {
                return Err(form(format!("more than {MAX_CERTIFICATES} certificates")));
            }
            certificates.push(self.base64(id)?);
        }
        if certificates.is_empty() {
            return Err(form("X509Data has no X509Certificate"));
        }
        Ok(certificates)
    }

    /// The children of an element, which must be exactly these, in order.
    fn children<const N: usize>(
        &self,
        id: NodeId,
        names: [&str; N],
    ) -> Result<[NodeId; N], BadSignature> {
        let parent = self.name(id);
        self.no_text(id)?;
        if parent != "Reference" {
            // Tools write an Id here; nothing refers to it.
            self.only_attributes(id, &["Id"])?;
        }
        let mut found = [0; N];
        let mut children = self.document.child_elements(id);
        for (place, name) in found.iter_mut().zip(names) {
            match children.next() {
                Some((child, element)) if element.is(Namespace::Dsig, name) => *place = child,
                Some((_, element)) => {
                    let other = element.written_name();
                    return Err(form(format!("<{other}> instead of {name} in {parent}")));
                }
                None => return Err(form(format!("{parent} has no {name}"))),
            }
        }
        match children.next() {
            None => Ok(found),
            Some((_, element)) => {
                Err(form(format!("<{}> does not belong in {parent}", element.written_name())))
            }
        }
    }

    /// The `Algorithm` of an element that has nothing else.
    fn algorithm(&self, id: NodeId) -> Result<&str, BadSignature> {
        self.only_attributes(id, &["Algorithm"])?;
        self.no_text(id)?;
        let name = self.name(id);
        if self.document.child_elements(id).next().is_some() {
            return Err(form(format!("{name} has parameters, which are not accepted")));
        }
        let algorithm = self.document.attribute(id, Namespace::None, "Algorithm");
        algorithm.ok_or_else(|| form(format!("{name} has no Algorithm")))
    }

    /// The octets of an element that holds base64 and nothing else. White space
    /// is dropped after character references are resolved.
    fn base64(&self, id: NodeId) -> Result<Vec<u8>, BadSignature> {
        let name = self.name(id);
        self.only_attributes(id, &["Id"])?;
        if self.document.children(id).nth(1).is_some() {
            return Err(form(format!("{name} holds something besides base64")));
        }
        let text = self.document.text(id);
        let mut joined = Vec::with_capacity(text.len());
        for line in text.as_bytes().split(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
            joined.extend_from_slice(line);
        }
        BASE64.decode(&joined).map_err(|error| form(format!("{name} is not base64: {error}")))
    }

    fn only_attributes(&self, id: NodeId, allowed: &[&str]) -> Result<(), BadSignature> {
        let Some(element) = self.document.element(id) else { return Ok(()) };
        let other = self
            .document
            .attributes(element)
            .iter()
            .find(|a| a.namespace != Namespace::None || !allowed.contains(&a.local));
        match other {
            None => Ok(()),
            Some(other) => Err(form(format!("the attribute {} on {}", other.local, self.name(id)))),
        }
    }

    fn no_text(&self, id: NodeId) -> Result<(), BadSignature> {
        if self.document.has_text(id) {
            Err(form(format!("text in {}", self.name(id))))
        } else {
            Ok(())
        }
    }

    fn name(&self, id: NodeId) -> &str {
        self.document.element(id).map_or("", |element| element.local)
    }
}

fn form_of(uri: &str, what: &'static str) -> Result<Form, BadSignature> {
    form_named(uri).ok_or_else(|| unaccepted(what, uri))
}
