//! A throw-away certificate authority, for `suq demo` and for tests.

use std::time::Duration;

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, CrlNumber, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{
    X509, X509Builder, X509CrlBuilder, X509Name, X509NameBuilder, X509RevokedBuilder,
};

use super::{Certificate, KeyError, SigningKey};
use crate::model::Timestamp;

/// Certificates hold from a day before they are made ...
const BEFORE: Duration = Duration::from_secs(86_400);
/// ... for 400 days, as grid certificates do.
const AFTER: Duration = Duration::from_secs(400 * 86_400);

/// What kind of key an endorser gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA of 2048 bits.
    Rsa2048,
    /// ECDSA on P-256.
    EcP256,
}

/// An authority whose key lives as long as this value.
#[derive(Debug)]
pub struct Authority {
    key: PKey<Private>,
    certificate: X509,
    /// Those that certify it, the nearest first.
    above: Vec<X509>,
}

impl Authority {
    /// A new authority of this name, certified by itself.
    pub fn new(common_name: &str, now: Timestamp) -> Result<Authority, KeyError> {
        Authority::certified_by(None, common_name, now)
    }

    /// A new authority of this name, certified by this one.
    pub fn subordinate(&self, common_name: &str, now: Timestamp) -> Result<Authority, KeyError> {
        Authority::certified_by(Some(self), common_name, now)
    }

    fn certified_by(
        issuer: Option<&Authority>,
        common_name: &str,
        now: Timestamp,
    ) -> Result<Authority, KeyError> {
        let key = make_key(KeyKind::EcP256)?;
        let name = name(common_name)?;
        let issuer_name = issuer.map_or(&*name, |issuer| issuer.certificate.subject_name());
        let mut builder = builder(&name, issuer_name, &key, now)?;
        builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        let usage = KeyUsage::new().critical().key_cert_sign().crl_sign().build()?;
        builder.append_extension(usage)?;
        let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(identifier)?;
        builder.sign(issuer.map_or(&key, |issuer| &issuer.key), MessageDigest::sha256())?;
        let mut above = Vec::new();
        if let Some(issuer) = issuer {
            above.push(issuer.certificate.clone());
            above.extend(issuer.above.iter().cloned());
        }
        Ok(Authority { key, certificate: builder.build(), above })
    }

    /// A new endorser with a certificate of this authority.
    pub fn endorser(
        &self,
        common_name: &str,
        email: Option<&str>,
        kind: KeyKind,
        now: Timestamp,
    ) -> Result<SigningKey, KeyError> {
        let key = make_key(kind)?;
        let subject = name(common_name)?;
        let mut builder = builder(&subject, self.certificate.subject_name(), &key, now)?;
        builder.append_extension(BasicConstraints::new().build()?)?;
        let usage = KeyUsage::new().critical().digital_signature().non_repudiation().build()?;
        builder.append_extension(usage)?;
        if let Some(email) = email {
            let context = builder.x509v3_context(Some(&self.certificate), None);
            let names = SubjectAlternativeName::new().email(email).build(&context)?;
            builder.append_extension(names)?;
        }
        builder.sign(&self.key, MessageDigest::sha256())?;
        // Everything up to the anchor, which sites have.
        let mut chain = vec![self.certificate.clone()];
        chain.extend(self.above.iter().cloned());
        chain.pop();
        SigningKey::new(key, builder.build(), chain)
    }

    /// A revocation list in PEM with these certificates.
    pub fn revocation_list(
        &self,
        revoked: &[&Certificate],
        now: Timestamp,
        next_update: Timestamp,
    ) -> Result<Vec<u8>, KeyError> {
        let date = |time: Timestamp| Asn1Time::from_unix(time.seconds());
        let mut list = X509CrlBuilder::new()?;
        list.set_issuer_name(self.certificate.subject_name())?;
        list.set_last_update(date(now)?.as_ref())?;
        list.set_next_update(date(next_update)?.as_ref())?;
        for certificate in revoked {
            let mut entry = X509RevokedBuilder::new()?;
            entry.set_serial_number(certificate.x509().serial_number())?;
            entry.set_revocation_date(date(now)?.as_ref())?;
            list.add_revoked(entry.build())?;
        }
        let template = X509::builder()?;
        let context = template.x509v3_context(Some(&self.certificate), None);
        list.append_extension(AuthorityKeyIdentifier::new().keyid(true).build(&context)?)?;
        list.append_extension(CrlNumber::new(BigNum::from_u32(1)?)?.build()?)?;
        list.sort()?;
        list.sign(&self.key, MessageDigest::sha256())?;
        Ok(list.build()?.to_pem()?)
    }

    /// The authority's own certificate in PEM, to be trusted by sites.
    pub fn certificate_pem(&self) -> Result<Vec<u8>, KeyError> {
        Ok(self.certificate.to_pem()?)
    }
}

fn make_key(kind: KeyKind) -> Result<PKey<Private>, KeyError> {
    Ok(match kind {
        KeyKind::Rsa2048 => PKey::from_rsa(Rsa::generate(2048)?)?,
        KeyKind::EcP256 => {
            let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
            PKey::from_ec_key(EcKey::generate(&group)?)?
        }
    })
}

fn name(common_name: &str) -> Result<X509Name, KeyError> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_nid(Nid::COUNTRYNAME, "EU")?;
    name.append_entry_by_nid(Nid::ORGANIZATIONNAME, "suq demonstration")?;
    name.append_entry_by_nid(Nid::COMMONNAME, common_name)?;
    Ok(name.build())
}

fn builder(
    subject: &X509Name,
    issuer: &openssl::x509::X509NameRef,
    key: &PKey<Private>,
    now: Timestamp,
) -> Result<X509Builder, KeyError> {
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    builder.set_serial_number(serial.to_asn1_integer()?.as_ref())?;
    builder.set_subject_name(subject)?;
    builder.set_issuer_name(issuer)?;
    builder.set_pubkey(key)?;
    builder.set_not_before(Asn1Time::from_unix(now.minus(BEFORE).seconds())?.as_ref())?;
    builder.set_not_after(Asn1Time::from_unix(now.plus(AFTER).seconds())?.as_ref())?;
    Ok(builder)
}
