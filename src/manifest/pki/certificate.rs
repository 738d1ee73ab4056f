//! A certificate with everything that verification asks of it, decoded once.

use std::sync::Arc;

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::nid::Nid;
use openssl::x509::{X509, X509NameRef};

use super::{VerifyingKey, names};
use crate::model::{Sha256, Timestamp};

/// Octets that are not a certificate we can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an X.509 certificate: {0}")]
pub struct BadCertificate(pub(super) String);

/// Largest certificate accepted, in bytes. Real ones have 1 to 3 kB.
const MAX_BYTES: usize = 32 * 1024;

/// The DER of the object identifier of the proxyCertInfo extension (RFC 3820 §3.8).
const PROXY_CERT_INFO: [u8; 10] = [0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x0E];

/// A decoded certificate.
#[derive(Debug)]
pub struct Certificate {
    der: Arc<[u8]>,
    sha256: Sha256,
    x509: X509,
    public_key: VerifyingKey,
    subject: String,
    issuer: String,
    emails: Vec<String>,
    not_before: Timestamp,
    not_after: Timestamp,
    weakly_signed: bool,
    proxy: bool,
}

impl Certificate {
    /// Decodes a certificate in DER.
    pub fn parse(der: &[u8]) -> Result<Certificate, BadCertificate> {
        if der.len() > MAX_BYTES {
            return Err(BadCertificate(format!("{} bytes", der.len())));
        }
        let x509 = X509::from_der(der).map_err(|error| BadCertificate(error.to_string()))?;
        Certificate::from_x509(x509)
    }

    pub(super) fn from_x509(x509: X509) -> Result<Certificate, BadCertificate> {
        let openssl = |error: openssl::error::ErrorStack| BadCertificate(error.to_string());
        let der = x509.to_der().map_err(openssl)?;
        let subject = name(x509.subject_name())?;
        let issuer = name(x509.issuer_name())?;
        let legacy_proxy = ["CN=proxy,", "CN=limited proxy,"]
            .iter()
            .any(|proxy| subject.strip_prefix(proxy) == Some(issuer.as_str()));
        let proxy = der.windows(PROXY_CERT_INFO.len()).any(|window| window == PROXY_CERT_INFO);
        Ok(Certificate {
            sha256: Sha256::of(&der),
            public_key: VerifyingKey::new(x509.public_key().map_err(openssl)?),
            emails: emails(&x509),
            not_before: time(x509.not_before())?,
            not_after: time(x509.not_after())?,
            weakly_signed: is_weak(x509.signature_algorithm().object().nid()),
            proxy: proxy || legacy_proxy,
            der: Arc::from(der),
            subject,
            issuer,
            x509,
        })
    }

    /// The certificate in DER.
    pub fn der(&self) -> &Arc<[u8]> {
        &self.der
    }

    /// SHA-256 of the DER.
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// Subject in the form of RFC 2253.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Issuer in the form of RFC 2253.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The rfc822Names of subjectAltName.
    pub fn emails(&self) -> &[String] {
        &self.emails
    }

    /// Start of validity.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// End of validity.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// True when its issuer signed it with MD5 or SHA-1.
    pub fn is_weakly_signed(&self) -> bool {
        self.weakly_signed
    }

    /// True for an RFC 3820 or Globus proxy certificate.
    pub fn is_proxy(&self) -> bool {
        self.proxy
    }

    /// The key it certifies.
    pub fn public_key(&self) -> &VerifyingKey {
        &self.public_key
    }

    pub(super) fn x509(&self) -> &X509 {
        &self.x509
    }
}

fn name(name: &X509NameRef) -> Result<String, BadCertificate> {
    let der = name.to_der().map_err(|error| BadCertificate(error.to_string()))?;
    names::rfc2253(&der).ok_or_else(|| BadCertificate("a malformed name".to_owned()))
}

fn emails(x509: &X509) -> Vec<String> {
    let names = x509.subject_alt_names().into_iter().flatten();
    names.filter_map(|name| name.email().map(str::to_owned)).collect()
}

pub(super) fn time(time: &Asn1TimeRef) -> Result<Timestamp, BadCertificate> {
    let since_1970 = Asn1Time::from_unix(0).and_then(|epoch| epoch.diff(time));
    let diff = since_1970.map_err(|_| BadCertificate("a malformed date".to_owned()))?;
    Ok(Timestamp::from_seconds(i64::from(diff.days) * 86_400 + i64::from(diff.secs)))
}

fn is_weak(algorithm: Nid) -> bool {
    [
        Nid::MD5WITHRSAENCRYPTION,
        Nid::MD2WITHRSAENCRYPTION,
        Nid::SHA1WITHRSAENCRYPTION,
        Nid::SHA1WITHRSA,
        Nid::DSAWITHSHA1,
        Nid::ECDSA_WITH_SHA1,
    ]
    .contains(&algorithm)
}
