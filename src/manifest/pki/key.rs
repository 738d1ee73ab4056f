//! An endorser's key and certificate, from PEM or PKCS#12.

use std::fmt;
use std::sync::Arc;

use openssl::pkcs12::{ParsedPkcs12_2, Pkcs12};
use openssl::pkey::{PKey, PKeyRef, Private};
use openssl::provider::Provider;
use openssl::x509::X509;
use zeroize::Zeroizing;

use super::{BadCertificate, Certificate};

/// A password; zeroed when dropped, never shown.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// A password.
    pub fn new(text: String) -> Password {
        Password(Zeroizing::new(text))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The password does not open it.
    #[error("the password is wrong")]
    WrongPassword,
    /// It is encrypted and no password was given.
    #[error("the key is encrypted: a password is needed")]
    NeedsPassword,
    /// It holds no certificate.
    #[error("there is no certificate in it")]
    NoCertificate,
    /// It holds no private key.
    #[error("there is no private key in it")]
    NoKey,
    /// Key and certificate are not a pair.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Malformed(String),
    /// The certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] BadCertificate),
    /// OpenSSL failed.
    #[error("OpenSSL: {0}")]
    Openssl(#[from] openssl::error::ErrorStack),
}

/// A private key with its certificate and chain.
#[derive(Debug)]
pub struct SigningKey {
    private: PKey<Private>,
    certificate: Certificate,
    chain: Vec<Arc<[u8]>>,
}

impl SigningKey {
    pub(super) fn new(
        private: PKey<Private>,
        certificate: X509,
        chain: Vec<X509>,
    ) -> Result<SigningKey, KeyError> {
        let certificate = Certificate::from_x509(certificate)?;
        if !certificate.public_key().as_openssl().public_eq(&private) {
            return Err(KeyError::Mismatch);
        }
        let mut others = Vec::new();
        for x509 in chain {
            let der = x509.to_der()?;
            if der.as_slice() != certificate.der().as_ref() {
                others.push(Arc::from(der));
            }
        }
        Ok(SigningKey { private, certificate, chain: others })
    }

    /// A key in PEM and its certificate (with its chain, if any) in PEM.
    pub fn from_pem(
        key: &[u8],
        certificates: &[u8],
        password: Option<&Password>,
    ) -> Result<SigningKey, KeyError> {
        let encrypted = key.windows(9).any(|window| window == b"ENCRYPTED");
        let private = match password {
            Some(password) => {
                PKey::private_key_from_pem_passphrase(key, password.text().as_bytes())
            }
            None if encrypted => return Err(KeyError::NeedsPassword),
            // An empty passphrase keeps OpenSSL from asking on the terminal.
            None => PKey::private_key_from_pem_passphrase(key, b""),
        };
        let private = private.map_err(|error| match encrypted {
            true => KeyError::WrongPassword,
            false => KeyError::Malformed(format!("no PEM private key: {error}")),
        })?;
        let mut certificates = X509::stack_from_pem(certificates)
            .map_err(|error| KeyError::Malformed(format!("no PEM certificate: {error}")))?;
        if certificates.is_empty() {
            return Err(KeyError::NoCertificate);
        }
        let certificate = certificates.remove(0);
        SigningKey::new(private, certificate, certificates)
    }

    /// A PKCS#12 file, also of the old kinds (RC2-40, 3DES), for which it loads
    /// OpenSSL's legacy provider into this process.
    pub fn from_pkcs12(octets: &[u8], password: &Password) -> Result<SigningKey, KeyError> {
        let file = Pkcs12::from_der(octets)
            .map_err(|_| KeyError::Malformed("it is not a PKCS#12 file".to_owned()))?;
        let parsed = match file.parse2(password.text()) {
            Ok(parsed) => parsed,
            Err(error) if is_wrong_password(&error) => return Err(KeyError::WrongPassword),
            Err(_) => parse_with_legacy(&file, password)?,
        };
        let private = parsed.pkey.ok_or(KeyError::NoKey)?;
        let certificate = parsed.cert.ok_or(KeyError::NoCertificate)?;
        let chain = parsed.ca.map_or_else(Vec::new, |chain| chain.into_iter().collect());
        SigningKey::new(private, certificate, chain)
    }

    /// The same as a PKCS#12 file.
    pub fn to_pkcs12(&self, password: &Password) -> Result<Vec<u8>, KeyError> {
        let mut builder = Pkcs12::builder();
        builder.name("suq").pkey(&self.private).cert(self.certificate.x509());
        Ok(builder.build2(password.text())?.to_der()?)
    }

    /// The private key, and the certificate, in PEM.
    pub fn to_pem(&self) -> Result<(Zeroizing<Vec<u8>>, Vec<u8>), KeyError> {
        let key = Zeroizing::new(self.private.private_key_to_pem_pkcs8()?);
        Ok((key, self.certificate.x509().to_pem()?))
    }

    /// The private key.
    pub fn private(&self) -> &PKeyRef<Private> {
        &self.private
    }

    /// The certificate of the key.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The other certificates that came with it, in DER.
    pub fn chain(&self) -> &[Arc<[u8]>] {
        &self.chain
    }
}

fn parse_with_legacy(file: &Pkcs12, password: &Password) -> Result<ParsedPkcs12_2, KeyError> {
    // Kept loaded: unloading while OpenSSL still holds its algorithms is not safe.
    let provider = Provider::try_load(None, "legacy", true).map_err(|error| {
        KeyError::Malformed(format!(
            "it is encrypted in an old way, and OpenSSL's legacy provider cannot be loaded: {error}"
        ))
    })?;
    std::mem::forget(provider);
    file.parse2(password.text()).map_err(|error| match is_wrong_password(&error) {
        true => KeyError::WrongPassword,
        false => KeyError::Malformed(error.to_string()),
    })
}

/// OpenSSL says so by a failed check of the file's MAC.
fn is_wrong_password(error: &openssl::error::ErrorStack) -> bool {
    error
        .errors()
        .iter()
        .any(|error| error.reason().is_some_and(|reason| reason.contains("mac verify failure")))
}

#[cfg(test)]
mod tests {
    use super::super::authority::{Authority, KeyKind};
    use super::*;
    use crate::model::Timestamp;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn endorser() -> SigningKey {
        let authority = Authority::new("Test", NOW).unwrap();
        authority.endorser("Jane", Some("jane@example.org"), KeyKind::EcP256, NOW).unwrap()
    }

    #[test]
    fn pkcs12_survives_the_round_trip_and_tells_a_wrong_password() {
        let key = endorser();
        let file = key.to_pkcs12(&Password::new("secret".into())).unwrap();
        let read = SigningKey::from_pkcs12(&file, &Password::new("secret".into())).unwrap();
        assert_eq!(read.certificate().sha256(), key.certificate().sha256());
        let wrong = SigningKey::from_pkcs12(&file, &Password::new("guess".into()));
        assert!(matches!(wrong, Err(KeyError::WrongPassword)), "{wrong:?}");
        let cut = SigningKey::from_pkcs12(&file[..50], &Password::new("secret".into()));
        assert!(matches!(cut, Err(KeyError::Malformed(_))), "{cut:?}");
    }

    #[test]
    fn a_key_of_another_certificate_is_noticed() {
        let (key, _) = endorser().to_pem().unwrap();
        let (_, certificate) = endorser().to_pem().unwrap();
        let pair = SigningKey::from_pem(&key, &certificate, None);
        assert!(matches!(pair, Err(KeyError::Mismatch)), "{pair:?}");
    }

    #[test]
    fn a_password_is_never_shown() {
        assert!(!format!("{:?}", Password::new("secret".into())).contains("secret"));
    }
}
