//! Endorsing a document: a new endorsement, then a new signature over it.

use std::fmt::Write;
use std::ops::Range;

use data_encoding::BASE64;
use openssl::ecdsa::EcdsaSig;
use openssl::pkey::{Id, PKeyRef, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;

use super::algorithms::{DigestMethod, ENVELOPED, Method, form_uri, method_for};
use super::draft::{Draft, IllegalText};
use super::namespace::{DCTERMS, DSIG, Namespace, RDF, SLREQ, SLTERMS};
use super::pki::SigningKey;
use super::xml::c14n::{self, Form};
use super::xml::{self, Document, Element, Malformed, NodeId, escape_text, is_plain};
use super::{Signed, Unverified, Verifier};
use crate::model::{Email, Timestamp};

/// Which rules to sign by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningStyle {
    /// RSA or ECDSA with SHA-256, SHA-256 digest, exclusive C14N.
    Modern,
    /// RSA-SHA1, SHA-1 digest, inclusive C14N with comments: what verifiers of
    /// the StratusLab time read.
    Legacy,
}

/// Characters of base64 on one line.
const LINE: usize = 76;

/// Why a document could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The document cannot be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It is no image description that can be endorsed.
    #[error("the document cannot be endorsed: {0}")]
    Document(String),
    /// A value cannot be written.
    #[error(transparent)]
    Text(#[from] IllegalText),
    /// The certificate names no address and none was given.
    #[error("the certificate names no email address: give the endorser's with --email")]
    NoEmail,
    /// The certificate's address is not one that documents can hold.
    #[error("the certificate's email address cannot be used: {0}")]
    BadEmail(String),
    /// The kind of key has no signature method in this style.
    #[error("a key of this kind cannot sign in this style: use an RSA or P-256 key")]
    Key,
    /// OpenSSL failed.
    #[error("OpenSSL: {0}")]
    Openssl(#[from] openssl::error::ErrorStack),
    /// What was signed does not verify.
    #[error("the signed document does not verify: {0}")]
    Unverified(#[from] Unverified),
}

impl Draft {
    /// Endorses and signs the draft.
    pub fn sign(
        &self,
        key: &SigningKey,
        email: Option<&Email>,
        created: Timestamp,
        style: SigningStyle,
    ) -> Result<Signed, SignError> {
        sign_document(self.to_xml()?.as_bytes(), key, email, created, style)
    }
}

/// Endorses and signs a document, signed or not: earlier signatures go, the
/// endorsement is filled anew, everything else stays as it is written.
///
/// The address in the certificate wins over `email`.
pub fn sign_document(
    octets: &[u8],
    key: &SigningKey,
    email: Option<&Email>,
    created: Timestamp,
    style: SigningStyle,
) -> Result<Signed, SignError> {
    let text = xml::decode(octets)?;
    let endorsed = endorse(&text, &endorsement(key, email, created)?, None)?;
    sign_endorsed(&endorsed, key, style)
}

/// Endorses a document anew as deprecated, for this reason.
pub fn deprecate(
    octets: &[u8],
    reason: &str,
    key: &SigningKey,
    email: Option<&Email>,
    created: Timestamp,
    style: SigningStyle,
) -> Result<Signed, SignError> {
    if !is_plain(reason) {
        return Err(SignError::Document("the reason holds characters XML cannot".to_owned()));
    }
    let text = xml::decode(octets)?;
    let endorsed = endorse(&text, &endorsement(key, email, created)?, Some(reason))?;
    sign_endorsed(&endorsed, key, style)
}

/// The endorsement element; its prefixes are its own.
fn endorsement(
    key: &SigningKey,
    email: Option<&Email>,
    created: Timestamp,
) -> Result<String, SignError> {
    let certificate = key.certificate();
    let email = match certificate.emails() {
        [] => email.cloned().ok_or(SignError::NoEmail)?,
        listed => match email.filter(|email| listed.iter().any(|other| other == email.as_str())) {
            Some(email) => email.clone(),
            None => listed[0].parse().map_err(|error| SignError::BadEmail(format!("{error}")))?,
        },
    };
    let created = created.whole_seconds();
    let subject = escape_text(certificate.subject());
    let issuer = escape_text(certificate.issuer());
    Ok(format!(
        "<slreq:endorsement xmlns:slreq=\"{SLREQ}\" xmlns:rdf=\"{RDF}\" \
         xmlns:dcterms=\"{DCTERMS}\" rdf:parseType=\"Resource\">\
         <dcterms:created>{created}</dcterms:created>\
         <slreq:endorser rdf:parseType=\"Resource\"><slreq:email>{email}</slreq:email>\
         <slreq:subject>{subject}</slreq:subject><slreq:issuer>{issuer}</slreq:issuer>\
         </slreq:endorser></slreq:endorsement>"
    ))
}

/// Replaces parts of the text: signatures, endorsement, deprecation.
fn endorse(text: &str, endorsement: &str, reason: Option<&str>) -> Result<String, SignError> {
    let document = xml::parse(text)?;
    let missing = |what: &str| SignError::Document(format!("it has no {what}"));
    let root = document.root();
    let mut cuts: Vec<(Range<usize>, String)> =
        spans(&document, root, Namespace::Dsig, "Signature")
            .map(|span| (span, String::new()))
            .collect();
    let description = document
        .child_elements(root)
        .find(|(_, element)| element.is(Namespace::Rdf, "Description"))
        .map(|(id, _)| id)
        .ok_or_else(|| missing("rdf:Description"))?;
    let mut endorsements = spans(&document, description, Namespace::SlReq, "endorsement");
    match endorsements.next() {
        Some(span) => cuts.push((span, endorsement.to_owned())),
        None => {
            let last = spans(&document, description, Namespace::SlReq, "checksum").last();
            let end = last.ok_or_else(|| missing("slreq:checksum"))?.end;
            cuts.push((end..end, format!("\n{endorsement}")));
        }
    }
    cuts.extend(endorsements.map(|span| (span, String::new())));
    if let Some(reason) = reason {
        let earlier = spans(&document, description, Namespace::SlTerms, "deprecated");
        cuts.extend(earlier.map(|span| (span, String::new())));
        let end = document.element(description).map_or(0, Element::content_end);
        let reason = escape_text(reason);
        let element = format!(
            "<slterms:deprecated xmlns:slterms=\"{SLTERMS}\">{reason}</slterms:deprecated>\n"
        );
        cuts.push((end..end, element));
    }
    Ok(replace(text, cuts))
}

fn spans<'d>(
    document: &'d Document<'_>,
    parent: NodeId,
    namespace: Namespace,
    local: &'static str,
) -> impl Iterator<Item = Range<usize>> + 'd {
    let children = document.child_elements(parent);
    children.filter(move |(_, e)| e.is(namespace, local)).map(|(_, e)| e.span())
}

fn replace(text: &str, mut cuts: Vec<(Range<usize>, String)>) -> String {
    cuts.sort_by_key(|(range, _)| range.start);
    let mut replaced = String::with_capacity(text.len() + 2048);
    let mut done = 0;
    for (range, with) in cuts {
        replaced.push_str(&text[done..range.start]);
        replaced.push_str(&with);
        done = range.end;
    }
    replaced.push_str(&text[done..]);
    replaced
}

/// Appends the signature to a document that has none, and verifies the result.
fn sign_endorsed(text: &str, key: &SigningKey, style: SigningStyle) -> Result<Signed, SignError> {
    let (digest_method, info_form, document_form) = match style {
        SigningStyle::Modern => {
            let exclusive = Form { exclusive: true, comments: false };
            (DigestMethod::Sha256, exclusive, Some(exclusive))
        }
        SigningStyle::Legacy => {
            (DigestMethod::Sha1, Form { exclusive: false, comments: true }, None)
        }
    };
    let method = method_for(key.private().id(), digest_method).ok_or(SignError::Key)?;
    let document = xml::parse(text)?;
    let form = document_form.unwrap_or(Form::INCLUSIVE);
    let covered = c14n::document_without(&document, None, form)?;
    let digest = BASE64.encode(&digest_method.of(covered.as_bytes()));
    let end = document.element(document.root()).map_or(0, Element::content_end);

    // The value is taken over SignedInfo in its place, because inclusive C14N
    // looks at its ancestors.
    let info = signed_info(method, digest_method, &digest, info_form, document_form);
    let unsigned = insert(text, end, &signature(&info, "", key));
    let in_place = xml::parse(&unsigned)?;
    let info_element = info_of(&in_place)
        .ok_or_else(|| SignError::Document("its root holds no signature".to_owned()))?;
    let octets = c14n::element(&in_place, info_element, info_form)?;
    let value = BASE64.encode(&sign_octets(key.private(), method, octets.as_bytes())?);
    let signed = insert(text, end, &signature(&info, &lines(&value), key));
    Ok(Signed { verified: Verifier::new().verify(signed.as_bytes())? })
}

fn insert(text: &str, at: usize, what: &str) -> String {
    [&text[..at], what, &text[at..]].concat()
}

/// The `ds:SignedInfo` of a document whose last element is its signature.
fn info_of(document: &Document<'_>) -> Option<NodeId> {
    let (signature, _) = document.child_elements(document.root()).last()?;
    document.child_elements(signature).next().map(|(info, _)| info)
}

fn signed_info(
    method: &Method,
    digest_method: DigestMethod,
    digest: &str,
    info_form: Form,
    document_form: Option<Form>,
) -> String {
    let mut transforms = format!("<ds:Transform Algorithm=\"{ENVELOPED}\"/>");
    if let Some(form) = document_form {
        let _ = write!(transforms, "<ds:Transform Algorithm=\"{}\"/>", form_uri(form));
    }
    format!(
        "<ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{}\"/>\
         <ds:SignatureMethod Algorithm=\"{}\"/><ds:Reference URI=\"\">\
         <ds:Transforms>{transforms}</ds:Transforms><ds:DigestMethod Algorithm=\"{}\"/>\
         <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>",
        form_uri(info_form),
        method.uri,
        digest_method.uri(),
    )
}

fn signature(info: &str, value: &str, key: &SigningKey) -> String {
    let others = key.chain().iter().map(AsRef::as_ref);
    let certificates: String = std::iter::once(key.certificate().der().as_ref())
        .chain(others)
        .map(|der| {
            let text = lines(&BASE64.encode(der));
            format!("<ds:X509Certificate>{text}</ds:X509Certificate>")
        })
        .collect();
    format!(
        "<ds:Signature xmlns:ds=\"{DSIG}\">{info}<ds:SignatureValue>{value}</ds:SignatureValue>\
         <ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo></ds:Signature>"
    )
}

fn lines(base64: &str) -> String {
    let mut text = String::with_capacity(base64.len() + base64.len() / LINE + 2);
    for (position, c) in base64.chars().enumerate() {
        if position > 0 && position % LINE == 0 {
            text.push('\n');
        }
        text.push(c);
    }
    text
}

fn sign_octets(
    key: &PKeyRef<Private>,
    method: &Method,
    octets: &[u8],
) -> Result<Vec<u8>, SignError> {
    let mut context = PkeyCtx::new(key)?;
    context.sign_init()?;
    if method.key == Id::RSA {
        context.set_rsa_padding(Padding::PKCS1)?;
    }
    context.set_signature_md(method.digest.openssl())?;
    let mut value = Vec::new();
    context.sign_to_vec(&method.digest.of(octets), &mut value)?;
    if method.key != Id::EC {
        return Ok(value);
    }
    // XML Signature 1.1 §6.4.3: r and s, each as long as the order of the curve.
    let ec = key.ec_key()?;
    let half = i32::try_from(ec.group().order_bits().div_ceil(8)).map_err(|_| SignError::Key)?;
    let der = EcdsaSig::from_der(&value)?;
    let mut pair = der.r().to_vec_padded(half)?;
    pair.extend(der.s().to_vec_padded(half)?);
    Ok(pair)
}
