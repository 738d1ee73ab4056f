//! What the demonstration is about: endorsers, their documents, an image.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::Exit;
use crate::blobs::Hashed;
use crate::manifest::pki::SigningKey;
use crate::manifest::pki::authority::{Authority, KeyKind};
use crate::manifest::{Details, Draft, Signed, SigningStyle, deprecate};
use crate::model::{Algorithm, Checksum, Checksums, Identifier, Sha1, Sha256, Timestamp};

/// Size of the disk that is made when none is given: 64 MiB.
const DISK_CHUNKS: usize = 64;
const CHUNK_BYTES: usize = 1024 * 1024;

/// Images that other endorsers have published, as the field had them:
/// title, system, version, architecture.
const CATALOGUE: [(&str, &str, &str, &str); 12] = [
    ("CentOS 6.5 with Geant4", "CentOS", "6.5", "x86_64"),
    ("CentOS 6.5 with PSPA", "CentOS", "6.5", "x86_64"),
    ("Ubuntu 14.04 with Geant4", "Ubuntu", "14.04", "x86_64"),
    ("CentOS 7 base with cloud-init", "CentOS", "7", "x86_64"),
    ("ttylinux for tests", "ttylinux", "9.7", "i486"),
    ("Scientific Linux worker node", "ScientificLinux", "6.4", "x86_64"),
    ("Debian 12 base", "Debian", "12", "x86_64"),
    ("Debian 12 for ARM", "Debian", "12", "aarch64"),
    ("Fedora 14 desktop", "Fedora", "14", "i386"),
    ("Bioinformatics workbench", "Ubuntu", "10.04", "x86_64"),
    ("OpenSuSE with ROOT", "OpenSuSE", "12.1", "x86_64"),
    ("Data disk with reference genomes", "none", "1", "x86_64"),
];

/// Someone who signs manifests.
pub(super) struct Endorser {
    key: SigningKey,
    email: &'static str,
}

fn failed(error: impl std::fmt::Display) -> Exit {
    Exit::failed(error.to_string())
}

impl Endorser {
    /// Two endorsers of one new authority, and its certificate.
    pub(super) fn pair(now: Timestamp) -> Result<(Endorser, Endorser, Vec<u8>), Exit> {
        let authority = Authority::new("Demonstration CA", now).map_err(failed)?;
        let make = |name, email| {
            let key = authority.endorser(name, Some(email), KeyKind::Rsa2048, now);
            key.map(|key| Endorser { key, email }).map_err(failed)
        };
        let jane = make("Jane Tester", "jane.tester@example.org")?;
        let others = make("Image Factory", "images@example.org")?;
        let certificate = authority.certificate_pem().map_err(failed)?;
        Ok((jane, others, certificate))
    }

    pub(super) fn email(&self) -> &'static str {
        self.email
    }

    /// Signs the description of an image.
    pub(super) fn sign(
        &self,
        title: &str,
        image: Hashed,
        created: Timestamp,
    ) -> Result<Signed, Exit> {
        let pieces = Some(image.piece_list());
        let Hashed { checksums, bytes, .. } = image;
        let sha1 = checksums.sha1().ok_or_else(|| failed("no SHA-1"))?;
        let details = Details {
            image_type: "base".to_owned(),
            kind: Some("machine".to_owned()),
            format: Some("raw".to_owned()),
            hypervisor: Some("kvm".to_owned()),
            title: Some(title.to_owned()),
            created: Some(created.to_string()),
            valid: Some(created.plus(Duration::from_secs(178 * 86_400)).whole_seconds()),
            ..Details::default()
        };
        let identifier = Identifier::from_sha1(sha1);
        let draft = Draft { identifier, bytes, checksums, details, pieces };
        draft.sign(&self.key, None, created, SigningStyle::Modern).map_err(failed)
    }

    /// Takes an image back.
    pub(super) fn deprecate(
        &self,
        document: &[u8],
        reason: &str,
        created: Timestamp,
    ) -> Result<Signed, Exit> {
        deprecate(document, reason, &self.key, None, created, SigningStyle::Modern).map_err(failed)
    }

    /// What else stands in a catalogue: documents about images of other sites.
    pub(super) fn catalogue(&self, now: Timestamp) -> Result<Vec<Signed>, Exit> {
        let mut documents = Vec::new();
        for (age, (title, os, version, arch)) in (1u64..).zip(CATALOGUE) {
            let sha256 = Sha256::of(title.as_bytes());
            let mut sha1 = [0; 20];
            sha1.copy_from_slice(&sha256.as_bytes()[..20]);
            let sha1 = Sha1::from_bytes(sha1);
            let listed = [
                Checksum::new(Algorithm::Sha1, &sha1.to_string()),
                Checksum::new(Algorithm::Sha256, &sha256.to_string()),
            ];
            let checksums = listed.into_iter().collect::<Result<Checksums, _>>().map_err(failed)?;
            let details = Details {
                image_type: "base".to_owned(),
                os: Some(os.to_owned()),
                os_version: Some(version.to_owned()),
                os_arch: Some(arch.to_owned()),
                title: Some(title.to_owned()),
                ..Details::default()
            };
            let (identifier, bytes) = (Identifier::from_sha1(sha1), age << 30);
            let draft = Draft { identifier, bytes, checksums, details, pieces: None };
            let created = now.minus(Duration::from_secs(3600 * age));
            let signed = draft.sign(&self.key, None, created, SigningStyle::Modern);
            documents.push(signed.map_err(failed)?);
        }
        Ok(documents)
    }
}

/// A raw disk whose bytes do not compress away.
pub(super) fn make_disk(path: &Path) -> Result<PathBuf, Exit> {
    let mut file = File::create(path).map_err(Exit::io(path))?;
    let mut chunk = vec![0; CHUNK_BYTES];
    for number in 0..DISK_CHUNKS {
        fastrand::fill(&mut chunk);
        if number == 0 {
            // The mark of a boot sector.
            chunk[510..512].copy_from_slice(&[0x55, 0xAA]);
        }
        file.write_all(&chunk).map_err(Exit::io(path))?;
    }
    file.sync_all().map_err(Exit::io(path))?;
    Ok(path.to_owned())
}
