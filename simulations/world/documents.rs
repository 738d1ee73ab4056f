//! Real signed documents for simulated sites, the same in every process: RSA
//! signatures are deterministic, and the keys are files beside this one.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use suq::manifest::pki::{AnchorFile, Anchors, SigningKey};
use suq::manifest::{Details, Draft, SigningStyle, Trust, Verified, Verifier, deprecate};
use suq::model::{Algorithm, Checksum, Identifier, Sha1, Sha256, Timestamp};
use suq::policy::Policy;

/// When every simulation begins.
pub const EPOCH: Timestamp = Timestamp::from_seconds(1_800_000_000);

const AUTHORITY: &[u8] = include_bytes!("../endorsers/authority.pem");
/// Keys and certificates of the endorsers.
pub const ENDORSERS: [(&[u8], &[u8]); 3] = [
    (include_bytes!("../endorsers/alice.key"), include_bytes!("../endorsers/alice.pem")),
    (include_bytes!("../endorsers/bruno.key"), include_bytes!("../endorsers/bruno.pem")),
    (include_bytes!("../endorsers/chloe.key"), include_bytes!("../endorsers/chloe.pem")),
];

/// The endorser that some sites blacklist.
pub const BLACKLISTED: &str = "bruno@example.org";

/// Documents and judgements that all simulations of a process share.
pub struct Library {
    /// Signed documents, in the order of their endorsement; every third one
    /// deprecates the one before.
    pub documents: Vec<Arc<[u8]>>,
    /// Documents dated ahead, each half an hour further than the one before.
    pub ahead: Vec<Arc<[u8]>>,
    /// Documents whose signature does not hold.
    pub forgeries: Vec<Arc<[u8]>>,
    anchors: Anchors,
    verifier: Verifier,
    /// Verification is a pure function of the document: done once.
    verified: Mutex<BTreeMap<Sha256, Outcome>>,
}

type Outcome = Result<(Box<Verified>, Trust), String>;

/// More documents than any scenario publishes.
const DOCUMENTS: usize = 60;

/// Documents dated ahead.
const AHEAD: usize = 6;

/// The time between two of them.
pub const AHEAD_STEP: Duration = Duration::from_secs(1800);

pub static LIBRARY: LazyLock<Library> = LazyLock::new(Library::new);

impl Library {
    fn new() -> Library {
        let keys: Vec<SigningKey> = (0..ENDORSERS.len()).map(endorser).collect();
        let documents: Vec<Arc<[u8]>> = (0..DOCUMENTS).map(|n| document(n, &keys)).collect();
        let ahead = (0..AHEAD).map(|n| ahead(n, &keys)).collect();
        let forgeries = documents.iter().map(|document| forge(document)).collect();
        let anchor = AnchorFile { name: "authority.pem".to_owned(), bytes: AUTHORITY.to_vec() };
        Library {
            documents,
            ahead,
            forgeries,
            anchors: Anchors::new([anchor], &[]).unwrap(),
            verifier: Verifier::new(),
            verified: Mutex::new(BTreeMap::new()),
        }
    }

    pub fn anchors_digest(&self) -> Sha256 {
        self.anchors.digest()
    }

    pub fn verify(&self, document: &Arc<[u8]>) -> Outcome {
        let mut verified = self.verified.lock().unwrap();
        verified
            .entry(Sha256::of(document))
            .or_insert_with(|| match self.verifier.verify(document) {
                Ok(verified) => {
                    let trust = self.anchors.check(&verified);
                    Ok((Box::new(verified), trust))
                }
                Err(error) => Err(error.to_string()),
            })
            .clone()
    }
}

/// A policy that allows everyone but one endorser, or everyone.
pub fn policy(blacklisting: bool) -> Policy {
    let text = format!("[blacklistendorsers]\none={BLACKLISTED}\n");
    Policy::parse("policy.cfg", if blacklisting { &text } else { "" }).unwrap()
}

/// The key of one endorser.
pub fn endorser(number: usize) -> SigningKey {
    let (key, certificate) = ENDORSERS[number];
    SigningKey::from_pem(key, certificate, None).unwrap()
}

fn document(number: usize, keys: &[SigningKey]) -> Arc<[u8]> {
    let title = format!("image {number}");
    // Now and then an endorser signs other words under the same key.
    let number = if number % 12 == 10 { number - 1 } else { number };
    let key = &keys[(number / 3) % keys.len()];
    let created = EPOCH.minus(Duration::from_secs(86_400 - 60 * number as u64));
    if number % 3 == 2 {
        let earlier = document(number - 1, keys);
        let reason = format!("fault number {number}");
        return deprecate(&earlier, &reason, key, None, created, SigningStyle::Modern)
            .unwrap()
            .into_octets();
    }
    signed(number, &title, key, created)
}

fn ahead(number: usize, keys: &[SigningKey]) -> Arc<[u8]> {
    let created = EPOCH.plus(AHEAD_STEP * (number as u32 + 1));
    signed(200 + number, &format!("image {number} of the future"), &keys[0], created)
}

/// A document about the image of this number.
pub fn signed(number: usize, title: &str, key: &SigningKey, created: Timestamp) -> Arc<[u8]> {
    let mut sha1 = [0; 20];
    sha1[..8].copy_from_slice(&(number as u64 + 1).to_be_bytes());
    let sha1 = Sha1::from_bytes(sha1);
    let draft = Draft {
        identifier: Identifier::from_sha1(sha1),
        bytes: 1000 + number as u64,
        checksums: [Checksum::new(Algorithm::Sha1, &sha1.to_string()).unwrap()]
            .into_iter()
            .collect(),
        details: Details {
            image_type: "base".to_owned(),
            title: Some(title.to_owned()),
            ..Details::default()
        },
        pieces: None,
    };
    draft.sign(key, None, created, SigningStyle::Modern).unwrap().into_octets()
}

/// The same document with another size of the image.
pub fn forge(document: &[u8]) -> Arc<[u8]> {
    let text = std::str::from_utf8(document).unwrap();
    Arc::from(text.replacen("bytes>1", "bytes>2", 1).into_bytes())
}

/// A forgery like no other.
pub fn forge_anew(document: &[u8], number: u64) -> Arc<[u8]> {
    let text = std::str::from_utf8(document).unwrap();
    Arc::from(text.replacen(">image ", &format!(">image {number} "), 1).into_bytes())
}
