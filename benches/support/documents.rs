//! Many signed manifests, in a store and in a file.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use suq::manifest::pki::SigningKey;
use suq::manifest::pki::authority::{Authority, KeyKind};
use suq::manifest::{Details, Draft, SigningStyle, Verifier};
use suq::model::{Algorithm, Checksum, Identifier, Sha1, Sha256, Timestamp};
use suq::store::{Store, Write};
use suq::wire::{EntryRecord, Fate};

use super::now;

/// Endorsers that share the manifests out among themselves.
pub const ENDORSERS: usize = 8;

/// What the images are of, in turn.
const SYSTEMS: [&str; 5] = ["debian", "ubuntu", "CentOS", "ScientificLinux", "fedora"];

/// What the images are for, in turn.
const USES: [&str; 5] = ["physics", "geant4", "web", "database", "biology"];

/// Size of the manifests, in bytes.
const SIZE: usize = 5000;

/// The manifests' dates: within what the endorsers' new certificates cover.
const SPAN: Duration = Duration::from_secs(20 * 3600);

pub fn endorsers(authority: &Authority, kind: KeyKind) -> Vec<SigningKey> {
    let endorser = |number: usize| {
        let email = format!("endorser-{number}@site-{number}.example.org");
        authority.endorser(&format!("Endorser {number}"), Some(&email), kind, now()).unwrap()
    };
    (0..ENDORSERS).map(endorser).collect()
}

/// A manifest of about 5 kB about an image of its own, signed.
pub fn document(key: &SigningKey, number: usize, created: Timestamp) -> Vec<u8> {
    let digest = Sha256::of(&number.to_be_bytes());
    let mut sha1 = [0; 20];
    sha1.copy_from_slice(&digest.as_bytes()[..20]);
    let sha1 = Sha1::from_bytes(sha1);
    let checksums = [
        Checksum::new(Algorithm::Sha1, &sha1.to_string()).unwrap(),
        Checksum::new(Algorithm::Sha256, &digest.to_string()).unwrap(),
    ];
    let mut details = Details {
        image_type: "base".into(),
        kind: Some("machine".into()),
        os: Some(SYSTEMS[number % SYSTEMS.len()].into()),
        os_version: Some("12".into()),
        os_arch: Some(if number.is_multiple_of(5) { "aarch64" } else { "x86_64" }.into()),
        version: Some(format!("1.{number}")),
        hypervisor: Some("kvm".into()),
        format: Some("raw".into()),
        title: Some(format!("{} node, build {number}", USES[number / 7 % USES.len()])),
        creator: Some("Jane Tester".into()),
        publisher: Some("Example".into()),
        ..Details::default()
    };
    // What the rest takes, with an RSA certificate, is about 3 kB.
    details.description = Some("what it is for. ".repeat((SIZE - 3400) / 16));
    let identifier = Identifier::from_sha1(sha1);
    let checksums = checksums.into_iter().collect();
    let draft = Draft { identifier, bytes: 1 << 30, checksums, details, pieces: None };
    draft.sign(key, None, created, SigningStyle::Modern).unwrap().octets().to_vec()
}

/// Signs manifests on all cores and puts them into a new store; gives their bytes.
pub fn fill(store: &Path, keys: &[SigningKey], count: usize, file: &Path) -> u64 {
    let store = Store::open(store).unwrap();
    let mut file = BufWriter::new(File::create(file).unwrap());
    let next = AtomicUsize::new(0);
    let oldest = now().minus(SPAN);
    let (documents, signed) = std::sync::mpsc::sync_channel(1000);
    let mut bytes = 0;
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            let (documents, next) = (documents.clone(), &next);
            scope.spawn(move || {
                let verifier = Verifier::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let created = oldest.plus(SPAN.mul_f64(number as f64 / count as f64));
                    let octets = document(&keys[number % keys.len()], number, created);
                    let verified = verifier.verify(&octets).unwrap();
                    let record = EntryRecord {
                        key: verified.manifest().key(),
                        first_seen: created,
                        from: None,
                        deprecated: false,
                        fate: Fate::Admitted,
                        rules: Sha256::of(b"none yet"),
                    };
                    documents.send((verified.content_id(), record, octets)).unwrap();
                }
            });
        }
        drop(documents);
        let mut batch = Vec::new();
        for (id, record, octets) in signed {
            bytes += octets.len() as u64;
            file.write_all(&u32::try_from(octets.len()).unwrap().to_be_bytes()).unwrap();
            file.write_all(&octets).unwrap();
            batch.push(Write::Entry(id, record, octets.into()));
            if batch.len() == 1000 {
                store.write(&std::mem::take(&mut batch)).unwrap();
            }
        }
        store.write(&batch).unwrap();
    });
    file.flush().unwrap();
    bytes
}

/// Every manifest of a file that [`fill`] wrote.
pub fn read(file: &Path) -> Vec<Vec<u8>> {
    let mut file = BufReader::new(File::open(file).unwrap());
    let mut documents = Vec::new();
    let mut length = [0; 4];
    while file.read_exact(&mut length).is_ok() {
        let mut octets = vec![0; u32::from_be_bytes(length) as usize];
        file.read_exact(&mut octets).unwrap();
        documents.push(octets);
    }
    documents
}
