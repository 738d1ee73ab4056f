//! This site's trust: anchors, revocation lists, signing policies and pins.

use std::collections::BTreeSet;

use openssl::x509::X509;
use serde::Serialize;

use super::Certificate;
use super::cache::ChainCache;
use super::revocation::{RevocationList, RevocationView};
use super::signing_policy::{self, Permission};
use crate::model::{Sha256, Timestamp};

/// A file of the anchors folder, read by the caller.
#[derive(Debug, Clone)]
pub struct AnchorFile {
    /// Its name, for messages and for its kind: `.r0` and the like are CRLs.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// An anchor file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{file}: {fault}; repair or remove it: until then its authority is not trusted")]
pub struct BadAnchor {
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub fault: String,
}

/// What this site trusts.
#[derive(Default)]
pub struct Anchors {
    pub(super) certificates: Vec<Anchor>,
    pub(super) revocations: Vec<RevocationList>,
    /// What `.namespaces` files permit; an issuer that has one needs no signing policy.
    pub(super) namespaces: Vec<Permitted>,
    /// What `.signing_policy` files permit.
    pub(super) policies: Vec<Permitted>,
    pub(super) pins: BTreeSet<Sha256>,
    /// What was decided with all this about the chains of signers.
    pub(super) checked: ChainCache,
    faults: Vec<BadAnchor>,
    /// Of everything above.
    digests: BTreeSet<Sha256>,
}

pub(super) struct Anchor {
    pub(super) x509: X509,
    pub(super) certificate: Certificate,
    /// Every file that holds it: the grid has each under two hashes of its name.
    pub(super) files: Vec<String>,
}

pub(super) struct Permitted {
    pub(super) permission: Permission,
    pub(super) file: String,
}

/// An anchor, for a site administrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnchorView {
    /// Subject in the form of RFC 2253.
    pub subject: String,
    /// The file it was read from.
    pub file: String,
    /// SHA-256 of its DER.
    pub sha256: Sha256,
    /// End of its validity.
    pub not_after: Timestamp,
    /// Its revocation list.
    pub revocations: Option<RevocationView>,
    /// The file that says which subjects it may certify; none permits all.
    pub signing_policy: Option<String>,
}

impl std::fmt::Debug for Anchors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Anchors({} certificates, {} pins)", self.certificates.len(), self.pins.len())
    }
}

impl Anchors {
    /// Reads certificates (`<hash>.0`, `.pem`, `.crt`), revocation lists
    /// (`<hash>.r0`, `.crl`), `.signing_policy` and `.namespaces` files, and pins;
    /// files of other kinds are left alone.
    ///
    /// A file that cannot be read is one of the [`Anchors::faults`]. When it limits
    /// an anchor (the same name up to the last dot), that anchor is not trusted: the
    /// file may revoke or forbid what is at hand. The others are.
    ///
    /// # Errors
    /// When such a file has no anchor's name: nobody can tell whom it limits.
    pub fn new(
        files: impl IntoIterator<Item = AnchorFile>,
        pins: &[Sha256],
    ) -> Result<Anchors, BadAnchor> {
        let mut anchors = Anchors { pins: pins.iter().copied().collect(), ..Anchors::default() };
        anchors.digests = pins.iter().map(|pin| Sha256::of(pin.as_bytes())).collect();
        for AnchorFile { name, bytes } in files {
            if let Err(fault) = anchors.read(&name, &bytes) {
                anchors.faults.push(BadAnchor { file: name, fault });
            }
        }
        if let Some(bad) = anchors.faults.iter().find(|bad| !anchors.can_tell_whose(&bad.file)) {
            return Err(bad.clone());
        }
        let faults: BTreeSet<&str> = anchors.faults.iter().map(|bad| stem(&bad.file)).collect();
        let is_limited = |anchor: &Anchor| anchor.files.iter().any(|f| faults.contains(stem(f)));
        anchors.certificates.retain(|anchor| !is_limited(anchor));
        let used = anchors.certificates.iter().map(|anchor| anchor.certificate.sha256());
        anchors.digests.extend(used);
        for list in &mut anchors.revocations {
            list.find_makers(&anchors.certificates);
        }
        Ok(anchors)
    }

    /// True for a file of certificates, and for one with the name of such a file.
    fn can_tell_whose(&self, file: &str) -> bool {
        let is_certificates = |file: &str| matches!(kind(file), Kind::Certificates);
        let used = self.certificates.iter().flat_map(|anchor| anchor.files.iter());
        let unused = self.faults.iter().map(|bad| &bad.file).filter(|file| is_certificates(file));
        is_certificates(file) || used.chain(unused).any(|other| stem(other) == stem(file))
    }

    fn read(&mut self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let file = name.to_owned();
        match kind(name) {
            Kind::Certificates => return self.read_certificates(name, bytes),
            Kind::Revocations => self.revocations.push(RevocationList::read(name, bytes)?),
            Kind::SigningPolicy => {
                let read = signing_policy::signing_policy(utf8(bytes)?)?.into_iter();
                self.policies.extend(read.map(|p| Permitted { permission: p, file: file.clone() }));
            }
            Kind::Namespaces => {
                let read = signing_policy::namespaces(utf8(bytes)?)?.into_iter();
                let read = read.map(|p| Permitted { permission: p, file: file.clone() });
                self.namespaces.extend(read);
            }
            Kind::Other => return Ok(()),
        }
        self.digests.insert(Sha256::of(bytes));
        Ok(())
    }

    fn read_certificates(&mut self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let found = X509::stack_from_pem(bytes).ok().filter(|found| !found.is_empty());
        for x509 in found.ok_or("no PEM certificate in it")? {
            let certificate = Certificate::from_x509(x509.clone());
            let certificate = certificate.map_err(|error| error.to_string())?;
            let sha256 = certificate.sha256();
            let mut known = self.certificates.iter_mut();
            match known.find(|anchor| anchor.certificate.sha256() == sha256) {
                Some(anchor) => anchor.files.push(name.to_owned()),
                None => {
                    self.certificates.push(Anchor {
                        x509,
                        certificate,
                        files: vec![name.to_owned()],
                    });
                }
            }
        }
        Ok(())
    }

    /// The files that could not be read, and so the anchors that are not trusted.
    pub fn faults(&self) -> &[BadAnchor] {
        &self.faults
    }

    /// True when nothing is trusted.
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.pins.is_empty()
    }

    /// Subjects of the anchors, in the order they were read.
    pub fn subjects(&self) -> impl Iterator<Item = &str> {
        self.certificates.iter().map(|anchor| anchor.certificate.subject())
    }

    /// The certificates that are trusted by themselves.
    pub fn pins(&self) -> impl Iterator<Item = &Sha256> {
        self.pins.iter()
    }

    /// Changes whenever a judgement could change.
    pub fn digest(&self) -> Sha256 {
        let all: Vec<u8> = self.digests.iter().flat_map(|digest| *digest.as_bytes()).collect();
        Sha256::of(&all)
    }

    /// Every anchor with what limits it.
    pub fn list(&self) -> Vec<AnchorView> {
        self.certificates
            .iter()
            .map(|Anchor { x509, certificate, files }| AnchorView {
                subject: certificate.subject().to_owned(),
                file: files.first().cloned().unwrap_or_default(),
                sha256: certificate.sha256(),
                not_after: certificate.not_after(),
                revocations: self.revocations_of(x509).map(RevocationList::view),
                signing_policy: self
                    .permissions_of(x509)
                    .first()
                    .map(|permitted| permitted.file.clone()),
            })
            .collect()
    }
}

enum Kind {
    Certificates,
    Revocations,
    SigningPolicy,
    Namespaces,
    Other,
}

fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())
}

/// The name of a file up to the last dot.
fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// By the ending.
fn kind(name: &str) -> Kind {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match ending {
        "pem" | "crt" => Kind::Certificates,
        "crl" => Kind::Revocations,
        "signing_policy" => Kind::SigningPolicy,
        "namespaces" => Kind::Namespaces,
        number if digits(number) => Kind::Certificates,
        other if other.strip_prefix('r').is_some_and(digits) => Kind::Revocations,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::authority::{Authority, KeyKind};
    use super::*;
    use crate::manifest::pki::SigningKey;
    use crate::manifest::{Draft, SigningStyle, Trust, Verified};
    use crate::model::{Algorithm, Checksum, Identifier, Sha1};

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn document(authority: &Authority, made: Timestamp, created: Timestamp) -> Verified {
        let key = authority.endorser("Jane", Some("j@x.org"), KeyKind::EcP256, made).unwrap();
        signed(&key, created)
    }

    fn signed(key: &SigningKey, created: Timestamp) -> Verified {
        let sha1 = Sha1::from_bytes([7; 20]);
        let checksum = Checksum::new(Algorithm::Sha1, &sha1.to_string()).unwrap();
        let draft = Draft {
            identifier: Identifier::from_sha1(sha1),
            bytes: 1,
            checksums: [checksum].into_iter().collect(),
            details: crate::manifest::Details { image_type: "base".into(), ..Default::default() },
            pieces: None,
        };
        draft.sign(key, None, created, SigningStyle::Modern).unwrap().verified().clone()
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

    #[test]
    fn a_remembered_chain_counts_only_while_all_its_certificates_are_valid() {
        let authority = Authority::new("One", NOW).unwrap();
        let trusted = anchors(&authority, &[]);
        let key = authority.endorser("Jane", Some("j@x.org"), KeyKind::EcP256, NOW).unwrap();
        let of = |created| signed(&key, created);
        let soon = NOW.plus(Duration::from_secs(86_400));
        let first = trusted.check(&of(NOW));
        assert!(matches!(first, Trust::Anchored { .. }));
        assert_eq!(trusted.check(&of(soon)), first);
        let long_before = Timestamp::from_seconds(NOW.seconds() - AFTER_EXPIRY.as_secs() as i64);
        for other in [NOW.plus(AFTER_EXPIRY), long_before] {
            assert!(matches!(trusted.check(&of(other)), Trust::Untrusted { .. }));
        }
        // What was decided elsewhere decides nothing here.
        let other = Authority::new("Two", NOW).unwrap();
        assert!(matches!(anchors(&other, &[]).check(&of(soon)), Trust::Untrusted { .. }));
    }

    const AFTER_EXPIRY: Duration = Duration::from_secs(500 * 86_400);

    #[test]
    fn another_authority_is_not_trusted_unless_the_certificate_is_pinned() {
        let (one, two) = (Authority::new("One", NOW).unwrap(), Authority::new("Two", NOW).unwrap());
        let document = document(&two, NOW, NOW);
        let check = |pins: &[Sha256]| anchors(&one, pins).check(&document);
        assert!(matches!(check(&[]), Trust::Untrusted { .. }));
        assert_eq!(check(&[document.signer().certificate]), Trust::Pinned);
    }

    #[test]
    fn a_signing_policy_limits_whom_an_anchor_certifies() {
        let authority = Authority::new("One", NOW).unwrap();
        let good = document(&authority, NOW, NOW);
        let check = |name: &str, text: &str| {
            let files = [
                AnchorFile { name: "1.0".into(), bytes: authority.certificate_pem().unwrap() },
                AnchorFile { name: name.into(), bytes: text.into() },
            ];
            let anchors = Anchors::new(files, &[]).unwrap();
            let explained = anchors.explain(&good);
            assert_eq!(explained.chain[0].signing_policy.as_deref(), Some(name));
            assert_eq!(anchors.list()[0].signing_policy.as_deref(), Some(name));
            explained.trust
        };
        let subject = good.signer().subject.clone();
        let own: Vec<String> = subject.rsplit(',').map(|part| format!("/{part}")).collect();
        let issuer: Vec<String> =
            good.signer().issuer.rsplit(',').map(|part| format!("/{part}")).collect();
        let (own, issuer) = (own.concat(), issuer.concat());
        let eacl = |subjects: &str| {
            format!(
                "access_id_CA X509 '{issuer}'\npos_rights globus CA:sign\n\
                 cond_subjects globus '\"{subjects}\"'\n"
            )
        };
        let allowed = check("1.signing_policy", &eacl(&own));
        assert!(matches!(allowed, Trust::Anchored { .. }), "{allowed:?}");
        let Trust::Untrusted { reason } = check("1.signing_policy", &eacl("/O=Other/*")) else {
            panic!()
        };
        assert!(reason.contains("1.signing_policy does not let"), "{reason}");
        let rule = format!("TO Issuer \"{issuer}\" PERMIT Subject \"/O=Other/.*\"\n");
        assert!(matches!(check("1.namespaces", &rule), Trust::Untrusted { .. }));
    }

    #[test]
    fn who_is_revoked_now_is_not_trusted_whenever_the_document_was_made() {
        let (one, two) = (Authority::new("One", NOW).unwrap(), Authority::new("Two", NOW).unwrap());
        let key = one.endorser("Jane", Some("j@x.org"), KeyKind::EcP256, NOW).unwrap();
        let good = document(&one, NOW, NOW);
        let signer = Certificate::parse(&good.certificates()[0]).unwrap();
        let later = NOW.plus(AFTER_EXPIRY);
        let check = |list: Vec<u8>| {
            let files = [
                AnchorFile { name: "1.0".into(), bytes: one.certificate_pem().unwrap() },
                AnchorFile { name: "1.r0".into(), bytes: list },
            ];
            Anchors::new(files, &[]).unwrap().check(&good)
        };
        let Trust::Untrusted { reason } =
            check(one.revocation_list(&[&signer], NOW, later).unwrap())
        else {
            panic!()
        };
        assert!(reason.contains("revoked by its issuer (1.r0)"), "{reason}");
        let other = check(one.revocation_list(&[key.certificate()], NOW, later).unwrap());
        let Trust::Anchored { revocations_until, .. } = other else { panic!("{other:?}") };
        assert_eq!(revocations_until, Some(later));
        // A list that another authority made says nothing.
        let foreign = check(two.revocation_list(&[&signer], NOW, later).unwrap());
        assert!(matches!(foreign, Trust::Anchored { revocations_until: None, .. }), "{foreign:?}");
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
        assert_ne!(both, digest(vec![file("1.0", &one), file("2.0", &two), junk("2.r0")]));
    }

    fn junk(name: &str) -> AnchorFile {
        AnchorFile { name: name.into(), bytes: b"nothing".to_vec() }
    }

    #[test]
    fn a_file_that_cannot_be_read_costs_its_own_authority_and_no_other() {
        let (one, two) = (Authority::new("One", NOW).unwrap(), Authority::new("Two", NOW).unwrap());
        let file = |name: &str, authority: &Authority| AnchorFile {
            name: name.into(),
            bytes: authority.certificate_pem().unwrap(),
        };
        for bad in ["1.r0", "1.signing_policy", "1.namespaces", "hash.crl"] {
            // The same authority under two names, as the grid has it.
            let files = [file("1.0", &one), file("hash.0", &one), file("2.0", &two), junk(bad)];
            let anchors = Anchors::new(files, &[]).unwrap();
            assert_eq!(anchors.faults().len(), 1);
            assert_eq!(anchors.faults()[0].file, bad);
            let is_trusted = |authority: &Authority| {
                matches!(anchors.check(&document(authority, NOW, NOW)), Trust::Anchored { .. })
            };
            assert_eq!((is_trusted(&one), is_trusted(&two)), (false, true), "{bad}");
        }
        let anchors = Anchors::new([junk("3.0"), file("2.0", &two)], &[]).unwrap();
        assert_eq!((anchors.faults().len(), anchors.subjects().count()), (1, 1));
        // Whom a damaged list of another name revokes, nobody can tell.
        for bad in ["lists.crl", "3.signing_policy"] {
            let error = Anchors::new([file("2.0", &two), junk(bad)], &[]).unwrap_err();
            assert_eq!(error.file, bad);
        }
    }

    #[test]
    fn an_authority_between_anchor_and_signer_has_its_own_list() {
        let root = Authority::new("Root", NOW).unwrap();
        let middle = root.subordinate("Middle", NOW).unwrap();
        let good = document(&middle, NOW, NOW);
        let signer = Certificate::parse(&good.certificates()[0]).unwrap();
        let middle_certificate = Certificate::parse(&good.certificates()[1]).unwrap();
        let later = NOW.plus(AFTER_EXPIRY);
        let check = |list: Option<Vec<u8>>| {
            let root = root.certificate_pem().unwrap();
            let mut files = vec![AnchorFile { name: "root.0".into(), bytes: root }];
            files.extend(list.map(|bytes| AnchorFile { name: "list.r0".into(), bytes }));
            Anchors::new(files, &[]).unwrap().check(&good)
        };
        assert!(matches!(check(None), Trust::Anchored { .. }));
        let by_middle = middle.revocation_list(&[&signer], NOW, later).unwrap();
        let by_root = root.revocation_list(&[&middle_certificate], NOW, later).unwrap();
        for (list, revoked) in [(by_middle, &signer), (by_root, &middle_certificate)] {
            let Trust::Untrusted { reason } = check(Some(list)) else { panic!() };
            let expected = format!("`{}` was revoked by its issuer", revoked.subject());
            assert!(reason.contains(&expected), "{reason}");
        }
        // The signer is none of the root's: its number on the root's list is another's.
        let foreign = check(Some(root.revocation_list(&[&signer], NOW, later).unwrap()));
        assert!(matches!(foreign, Trust::Anchored { .. }), "{foreign:?}");
    }
}
