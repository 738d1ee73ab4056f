//! What is fed with arbitrary octets, and what must hold. Used by the fuzzer
//! (`fuzz_targets/`) and by `tests/fuzz.rs`, which replays the corpus.

#![allow(dead_code, reason = "each target uses a part of it")]

use suq::manifest::pki::{Password, SigningKey};
use suq::manifest::xml::{self, Form};
use suq::manifest::{Verifier, parse_unsigned};
use suq::policy::Policy;
use suq::wire::{
    BlobReply, BlobRequest, BundleFrame, EntryRecord, Gossip, RefusalRecord, Request, Response,
    Ticket, decode, encode,
};

/// A target and the name of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 5] =
    [("xml", xml), ("manifest", manifest), ("policy", policy), ("pkcs12", pkcs12), ("wire", wire)];

/// The strict XML front: a canonical form is well-formed and canonical.
pub fn xml(octets: &[u8]) {
    for exclusive in [false, true] {
        for comments in [false, true] {
            let form = Form { exclusive, comments };
            if let Ok(canonical) = xml::canonicalise(octets, form) {
                // Escaping can make a document larger than the limit.
                if let Ok(again) = xml::canonicalise(&canonical, form) {
                    assert_eq!(again, canonical);
                }
            }
        }
    }
}

/// The reader and the verifier: what the canonical octets say is what was read.
pub fn manifest(octets: &[u8]) {
    let _ = Verifier::new().verify(octets);
    if let Ok(manifest) = parse_unsigned(octets) {
        let form = Form { exclusive: true, comments: false };
        // The canonical form can be larger than the limit.
        if let Ok(canonical) = xml::canonicalise(octets, form)
            && let Ok(again) = parse_unsigned(&canonical)
        {
            assert_eq!(again, manifest);
        }
    }
}

/// The policy parser.
pub fn policy(octets: &[u8]) {
    if let Ok(text) = std::str::from_utf8(octets)
        && let Ok(policy) = Policy::parse("policy.cfg", text)
    {
        let again = Policy::parse("policy.cfg", text).expect("it was read");
        assert_eq!(again.digest(), policy.digest());
    }
}

/// PKCS#12 import.
pub fn pkcs12(octets: &[u8]) {
    let _ = SigningKey::from_pkcs12(octets, &Password::new("secret".to_owned()));
}

/// Every message: what is read can be written, and reads the same.
pub fn wire(octets: &[u8]) {
    macro_rules! each {
        ($($kind:ty),*) => { $(
            if let Ok(message) = decode::<$kind>(octets) {
                let written = encode(&message);
                let again = decode::<$kind>(&written).expect("what was written is read");
                assert_eq!(encode(&again), written);
            }
        )* };
    }
    each!(Gossip, Request, Response, BlobRequest, BlobReply, BundleFrame, EntryRecord);
    each!(RefusalRecord);
    if let Ok(text) = std::str::from_utf8(octets) {
        let _ = text.parse::<Ticket>();
    }
}
