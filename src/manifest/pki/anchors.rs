//! This site's trust: anchors, revocation lists and pins.

use std::collections::BTreeSet;

use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::X509VerifyParam;
use openssl::x509::{CrlStatus, X509, X509Crl, X509PurposeId, X509Ref, X509StoreContext};

use super::Certificate;
use crate::manifest::{Profile, Trust, Verified};
use crate::model::{Sha256, Timestamp};

/// End of the archive profile: documents endorsed earlier may rest on SHA-1 and
/// short keys, because nothing better was in use.
const ARCHIVE_END: Timestamp = Timestamp::from_seconds(1_483_228_800);

/// OpenSSL's level 2: keys of 112 bits of strength (RSA-2048), no SHA-1.
const MODERN_LEVEL: i32 = 2;

/// Longest chain between leaf and anchor.
const MAX_DEPTH: i32 = 8;

/// A file of the anchors folder, read by the caller.
#[derive(Debug, Clone)]
pub struct AnchorFile {
    /// Its name, for messages and for its kind: `.r0` and the like are CRLs.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// An anchor file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("trust anchor {file}: {fault}; repair or remove the file")]
pub struct BadAnchor {
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub fault: String,
}

/// What this site trusts.
pub struct Anchors {
    certificates: Vec<X509>,
    subjects: Vec<String>,
    revocations: Vec<X509Crl>,
    pins: BTreeSet<Sha256>,
    digest: Sha256,
}

impl std::fmt::Debug for Anchors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Anchors({} certificates, {} pins)", self.certificates.len(), self.pins.len())
    }
}

impl Anchors {
    /// Reads certificates (`<hash>.0`, `.pem`, `.crt`), revocation lists
    /// (`<hash>.r0`, `.crl`) and pins; files of other kinds are left alone.
    pub fn new(
        files: impl IntoIterator<Item = AnchorFile>,
        pins: &[Sha256],
    ) -> Result<Anchors, BadAnchor> {
        let mut anchors = Anchors {
            certificates: Vec::new(),
            subjects: Vec::new(),
            revocations: Vec::new(),
            pins: pins.iter().copied().collect(),
            digest: Sha256::of(b""),
        };
        let mut digests = BTreeSet::new();
        for AnchorFile { name, bytes } in files {
            let bad = |fault: String| BadAnchor { file: name.clone(), fault };
            match kind(&name) {
                Kind::Certificates => {
                    let found = X509::stack_from_pem(&bytes);
                    let found = found.ok().filter(|found| !found.is_empty());
                    let found = found.ok_or_else(|| bad("no PEM certificate in it".to_owned()))?;
                    for x509 in found {
                        let certificate = Certificate::from_x509(x509.clone());
                        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
                        anchors.subjects.push(certificate.subject().to_owned());
                        digests.insert(certificate.sha256());
                        anchors.certificates.push(x509);
                    }
                }
                Kind::Revocations => {
                    let crl = X509Crl::from_pem(&bytes).or_else(|_| X509Crl::from_der(&bytes));
                    anchors.revocations.push(crl.map_err(|error| bad(error.to_string()))?);
                    digests.insert(Sha256::of(&bytes));
                }
                Kind::Other => {}
            }
        }
        digests.extend(pins.iter().map(|pin| Sha256::of(pin.as_bytes())));
        let all: Vec<u8> = digests.iter().flat_map(|digest| *digest.as_bytes()).collect();
        anchors.digest = Sha256::of(&all);
        Ok(anchors)
    }

    /// True when nothing is trusted.
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.pins.is_empty()
    }

    /// Subjects of the anchors, in the order they were read.
    pub fn subjects(&self) -> &[String] {
        &self.subjects
    }

    /// Changes whenever a judgement could change.
    pub fn digest(&self) -> Sha256 {
        self.digest
    }

    /// What this site thinks of a document's signer: pinned, or chained to an
    /// anchor when it was endorsed and not revoked by the lists at hand.
    pub fn check(&self, document: &Verified) -> Trust {
        if self.pins.contains(&document.signer().certificate) {
            return Trust::Pinned;
        }
        let created = document.manifest().endorsement.created;
        let archive = created < ARCHIVE_END && document.signer().profile == Profile::Legacy;
        let mut certificates = document.certificates().iter();
        let leaf = certificates.next().and_then(|der| Certificate::parse(der).ok());
        let Some(leaf) = leaf else {
            return untrusted("its certificate cannot be read".to_owned());
        };
        let others: Vec<X509> = certificates.filter_map(|der| X509::from_der(der).ok()).collect();
        self.check_leaf(&leaf, others, created, archive)
    }

    fn check_leaf(
        &self,
        leaf: &Certificate,
        others: Vec<X509>,
        created: Timestamp,
        archive: bool,
    ) -> Trust {
        let subject = leaf.subject();
        if leaf.is_proxy() {
            return untrusted(format!("`{subject}` is a proxy certificate, which cannot endorse"));
        }
        if self.certificates.is_empty() {
            return untrusted(
                "this site trusts no certificate authority: put one into its trust folder"
                    .to_owned(),
            );
        }
        match self.chain(leaf, others, created, archive) {
            Err(error) => untrusted(format!("OpenSSL could not check `{subject}`: {error}")),
            Ok(Err(reason)) => untrusted(format!("`{subject}` (at {created}): {reason}")),
            Ok(Ok(chain)) => match self.revoked(&chain) {
                Some(reason) => untrusted(reason),
                None => {
                    let anchor = chain.last().map(|x509| Certificate::from_x509(x509.clone()));
                    let anchor = anchor.and_then(Result::ok);
                    let anchor = anchor.map_or_else(String::new, |a| a.subject().to_owned());
                    Trust::Anchored { anchor }
                }
            },
        }
    }

    /// The chain from leaf to anchor at a time, or why there is none.
    fn chain(
        &self,
        leaf: &Certificate,
        others: Vec<X509>,
        at: Timestamp,
        archive: bool,
    ) -> Result<Result<Vec<X509>, String>, openssl::error::ErrorStack> {
        let store = self.store(at, archive)?;
        let mut untrusted = Stack::new()?;
        for other in others {
            untrusted.push(other)?;
        }
        let mut context = X509StoreContext::new()?;
        context.init(&store, leaf.x509(), &untrusted, |context| {
            if context.verify_cert()? {
                let chain = context.chain().map(|chain| chain.iter().map(X509Ref::to_owned));
                Ok(Ok(chain.map_or_else(Vec::new, Iterator::collect)))
            } else {
                Ok(Err(context.error().error_string().to_owned()))
            }
        })
    }

    fn store(&self, at: Timestamp, archive: bool) -> Result<X509Store, openssl::error::ErrorStack> {
        let mut builder = X509StoreBuilder::new()?;
        for certificate in &self.certificates {
            builder.add_cert(certificate.clone())?;
        }
        let mut parameters = X509VerifyParam::new()?;
        parameters.set_time(at.seconds());
        parameters.set_depth(MAX_DEPTH);
        parameters.set_auth_level(if archive { 0 } else { MODERN_LEVEL });
        // Endorsers have certificates for people, whatever they list.
        parameters.set_purpose(X509PurposeId::ANY)?;
        builder.set_param(&parameters)?;
        Ok(builder.build())
    }

    /// The first certificate of a chain that its issuer has revoked by now.
    fn revoked(&self, chain: &[X509]) -> Option<String> {
        chain.windows(2).find_map(|pair| {
            let (certificate, issuer) = (&pair[0], &pair[1]);
            let name = certificate.issuer_name().to_der().ok()?;
            let key = issuer.public_key().ok()?;
            let mut lists = self.revocations.iter().filter(|list| {
                list.issuer_name().to_der().is_ok_and(|issuer| issuer == name)
                    && list.verify(&key).unwrap_or(false)
            });
            lists.any(|list| matches!(list.get_by_cert(certificate), CrlStatus::Revoked(_))).then(
                || {
                    let certificate = Certificate::from_x509(certificate.clone());
                    let subject =
                        certificate.map_or_else(|_| String::new(), |c| c.subject().into());
                    format!("`{subject}` was revoked by its issuer")
                },
            )
        })
    }
}

fn untrusted(reason: String) -> Trust {
    Trust::Untrusted { reason }
}

enum Kind {
    Certificates,
    Revocations,
    Other,
}

/// By the ending: `.0`, `.pem`, `.crt`; `.r0`, `.crl`.
fn kind(name: &str) -> Kind {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match ending {
        "pem" | "crt" => Kind::Certificates,
        "crl" => Kind::Revocations,
        number if digits(number) => Kind::Certificates,
        other if other.strip_prefix('r').is_some_and(digits) => Kind::Revocations,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::authority::{Authority, KeyKind};
    use super::*;
    use crate::manifest::{Draft, SigningStyle};
    use crate::model::{Algorithm, Checksum, Identifier, Sha1};

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn document(authority: &Authority, made: Timestamp, created: Timestamp) -> Verified {
        let key = authority.endorser("Jane", Some("j@x.org"), KeyKind::EcP256, made).unwrap();
        let sha1 = Sha1::from_bytes([7; 20]);
        let checksum = Checksum::new(Algorithm::Sha1, &sha1.to_string()).unwrap();
        let draft = Draft {
            identifier: Identifier::from_sha1(sha1),
            bytes: 1,
            checksums: [checksum].into_iter().collect(),
            details: crate::manifest::Details { image_type: "base".into(), ..Default::default() },
            pieces: None,
        };
        draft.sign(&key, None, created, SigningStyle::Modern).unwrap().verified().clone()
    }

    fn anchors(authority: &Authority, pins: &[Sha256]) -> Anchors {
        let bytes = authority.certificate_pem().unwrap();
        Anchors::new([AnchorFile { name: "ca.pem".into(), bytes }], pins).unwrap()
    }

    #[test]
    fn a_chain_is_judged_at_the_time_of_endorsement() {
        let authority = Authority::new("One", NOW).unwrap();
        let trusted = anchors(&authority, &[]);
        let good = document(&authority, NOW, NOW);
        assert!(matches!(trusted.check(&good), Trust::Anchored { .. }));
        let much_later = NOW.plus(AFTER_EXPIRY);
        let late = document(&authority, NOW, much_later);
        let Trust::Untrusted { reason } = trusted.check(&late) else { panic!() };
        assert!(reason.contains("expired"), "{reason}");
    }

    const AFTER_EXPIRY: std::time::Duration = std::time::Duration::from_secs(500 * 86_400);

    #[test]
    fn another_authority_is_not_trusted_unless_the_certificate_is_pinned() {
        let (one, two) = (Authority::new("One", NOW).unwrap(), Authority::new("Two", NOW).unwrap());
        let document = document(&two, NOW, NOW);
        let check = |pins: &[Sha256]| anchors(&one, pins).check(&document);
        assert!(matches!(check(&[]), Trust::Untrusted { .. }));
        assert_eq!(check(&[document.signer().certificate]), Trust::Pinned);
    }

    #[test]
    fn the_digest_follows_what_is_trusted_and_nothing_else() {
        let (one, two) = (Authority::new("One", NOW).unwrap(), Authority::new("Two", NOW).unwrap());
        let file = |name: &str, authority: &Authority| AnchorFile {
            name: name.into(),
            bytes: authority.certificate_pem().unwrap(),
        };
        let digest = |files: Vec<AnchorFile>| Anchors::new(files, &[]).unwrap().digest();
        let both = digest(vec![file("1.0", &one), file("2.0", &two)]);
        assert_eq!(both, digest(vec![file("b.pem", &two), file("a.pem", &one)]));
        assert_ne!(both, digest(vec![file("1.0", &one)]));
        let broken = AnchorFile { name: "x.0".into(), bytes: b"nothing".to_vec() };
        assert_eq!(Anchors::new([broken], &[]).unwrap_err().file, "x.0");
    }
}
