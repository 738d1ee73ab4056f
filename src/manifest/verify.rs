//! Verification: the only way to a [`Verified`].

use std::sync::Arc;

use openssl::bn::BigNum;
use openssl::dsa::DsaSig;
use openssl::ecdsa::EcdsaSig;
use openssl::pkey::Id;

use super::algorithms::DigestMethod;
use super::pki::{Certificate, CertificateCache, VerifyingKey};
use super::rdf::{self, BrokenRule};
use super::schema;
use super::signature::{self, BadSignature, Signature};
use super::xml::{self, Malformed, c14n};
use super::{Manifest, Profile, Signer, Verified};
use crate::model::{ContentId, Sha256};

/// Certificates kept decoded. A site sees a few hundred endorsers.
const CACHED_CERTIFICATES: usize = 1024;

/// Smallest RSA and DSA keys accepted at all, in bits. The field's documents
/// of 2012 have 1024.
const MIN_RSA_BITS: u32 = 1024;

/// Why a document is not verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// Not XML of the strict profile.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Not signed, or the signature does not hold.
    #[error(transparent)]
    Signature(#[from] BadSignature),
    /// What it says breaks a rule of the metadata.
    #[error(transparent)]
    Rule(#[from] BrokenRule),
}

/// Verifies documents; keeps the certificates it has decoded.
#[derive(Debug)]
pub struct Verifier {
    certificates: CertificateCache,
}

impl Default for Verifier {
    fn default() -> Verifier {
        Verifier::new()
    }
}

impl Verifier {
    /// A verifier that knows no certificate.
    pub fn new() -> Verifier {
        Verifier { certificates: CertificateCache::new(CACHED_CERTIFICATES) }
    }

    /// Verifies one document: form, digest, signature, identity, rules.
    pub fn verify(&self, octets: &[u8]) -> Result<Verified, Unverified> {
        let text = xml::decode(octets)?;
        let document = xml::parse(&text)?;
        let signature = signature::read(&document)?;
        let certificate = self.leaf(&signature)?;
        let form = signature.document_form;
        let covered = c14n::document_without(&document, Some(signature.element), form)?;
        if signature.digest_method.of(covered.as_bytes()) != signature.digest {
            return Err(BadSignature::Digest.into());
        }
        let signed_info =
            c14n::element(&document, signature.signed_info, signature.signed_info_form)?;
        if !holds(&signature, certificate.public_key(), signed_info.as_bytes()) {
            return Err(BadSignature::Signature.into());
        }
        // Only what was digested is read: the canonical octets, not the file.
        let manifest = rdf::read(&xml::parse(&covered)?)?;
        check_identity(&manifest, &certificate)?;
        let covered = match (signature.digest_method, signature.digest.as_slice().try_into()) {
            (DigestMethod::Sha256, Ok(digest)) => Sha256::from_bytes(digest),
            _ => Sha256::of(covered.as_bytes()),
        };
        let content_id = ContentId::of(&covered, &certificate.sha256());
        Ok(Verified {
            content_id,
            signer: signer(&signature, &certificate),
            octets: Arc::from(octets),
            certificates: signature.certificates.into_iter().map(Arc::from).collect(),
            manifest,
        })
    }

    fn leaf(&self, signature: &Signature) -> Result<Arc<Certificate>, BadSignature> {
        // The first certificate is the key and the identity; the others are only
        // material for the chain.
        let first = signature.certificates.first().ok_or(BadSignature::Missing)?;
        self.certificates.parse(first).map_err(|error| BadSignature::Certificate(error.to_string()))
    }
}

/// Reads a document without looking at its signature: for validation before
/// signing. What it gives proves nothing.
pub fn parse_unsigned(octets: &[u8]) -> Result<Manifest, Unverified> {
    let text = xml::decode(octets)?;
    let document = xml::parse(&text)?;
    Ok(rdf::read(&document)?)
}

/// What the signature of a document covers, in its canonical form: the document without the
/// signature. Proves nothing.
pub fn unsigned(octets: &[u8]) -> Result<String, Unverified> {
    let text = xml::decode(octets)?;
    let document = xml::parse(&text)?;
    let signature = signature::read(&document)?;
    let (element, form) = (signature.element, signature.document_form);
    Ok(c14n::document_without(&document, Some(element), form)?)
}

/// Checks the order and the forms of the StratusLab schema as well.
pub fn check_schema(octets: &[u8]) -> Result<(), Unverified> {
    let text = xml::decode(octets)?;
    Ok(schema::check(&xml::parse(&text)?)?)
}

/// True when the value was made with the key over the octets.
fn holds(signature: &Signature, key: &VerifyingKey, octets: &[u8]) -> bool {
    let method = signature.method;
    let is_long_enough = method.key == Id::EC || key.bits() >= MIN_RSA_BITS;
    if key.id() != method.key || !is_long_enough {
        return false;
    }
    let der = match method.key {
        Id::EC => halves(&signature.value)
            .and_then(|(r, s)| EcdsaSig::from_private_components(r, s).ok()?.to_der().ok()),
        Id::DSA => halves(&signature.value)
            .and_then(|(r, s)| DsaSig::from_private_components(r, s).ok()?.to_der().ok()),
        _ => None,
    };
    let value = match (method.key, &der) {
        (Id::RSA, _) => &signature.value,
        (_, Some(der)) => der,
        (_, None) => return false,
    };
    key.holds(method.digest, &method.digest.of(octets), value)
}

/// XML Signature writes ECDSA and DSA values as r and s, each of half the length.
fn halves(value: &[u8]) -> Option<(BigNum, BigNum)> {
    if value.is_empty() || !value.len().is_multiple_of(2) || value.len() > 256 {
        return None;
    }
    let (r, s) = value.split_at(value.len() / 2);
    Some((BigNum::from_slice(r).ok()?, BigNum::from_slice(s).ok()?))
}

fn check_identity(manifest: &Manifest, certificate: &Certificate) -> Result<(), BadSignature> {
    let differs = |field, document: &str, certificate: &str| BadSignature::Identity {
        field,
        document: document.to_owned(),
        certificate: certificate.to_owned(),
    };
    let endorsement = &manifest.endorsement;
    if endorsement.subject != certificate.subject() {
        return Err(differs("subject", &endorsement.subject, certificate.subject()));
    }
    let issuer = endorsement.issuers.first().map_or("", String::as_str);
    if issuer != certificate.issuer() {
        return Err(differs("issuer", issuer, certificate.issuer()));
    }
    let emails = certificate.emails();
    let email = endorsement.email.as_str();
    if !emails.is_empty() && !emails.iter().any(|listed| listed == email) {
        return Err(differs("email", email, &emails.join(", ")));
    }
    Ok(())
}

fn signer(signature: &Signature, certificate: &Certificate) -> Signer {
    let weak = signature.method.digest == DigestMethod::Sha1
        || signature.digest_method == DigestMethod::Sha1
        || certificate.is_weakly_signed();
    Signer {
        certificate: certificate.sha256(),
        subject: certificate.subject().to_owned(),
        issuer: certificate.issuer().to_owned(),
        email_in_certificate: !certificate.emails().is_empty(),
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
        algorithms: format!("{}, {}", signature.method.name, signature.digest_method.name()),
        profile: if weak { Profile::Legacy } else { Profile::Modern },
    }
}
