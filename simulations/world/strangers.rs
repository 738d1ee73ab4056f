//! Documents that hostile sites make: validly signed by strangers, shown to some
//! and not to others, or dated far ahead.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509NameBuilder};
use suq::manifest::pki::SigningKey;
use suq::model::Timestamp;

use super::documents::{ENDORSERS, EPOCH, endorser, signed};

/// Certificates that strangers made for themselves, each with a name of its own.
const STRANGERS: usize = 12;

/// What all strangers sign together.
const STRANGE_DOCUMENTS: usize = 240;

/// More than a site holds of what is dated ahead.
const AHEAD_OF_TIME: usize = 320;

/// Documents of strangers; every fourth one is dated ahead.
pub static STRANGE: LazyLock<Vec<Arc<[u8]>>> = LazyLock::new(|| {
    let keys: Vec<SigningKey> = (0..STRANGERS).map(stranger).collect();
    let document = |n: usize| {
        let ahead = if n % 4 == 3 { 2_000_000 } else { 0 };
        let created = EPOCH.minus(Duration::from_secs(80_000 - n as u64));
        signed(
            n,
            &format!("strange image {n}"),
            &keys[n % STRANGERS],
            created.plus(Duration::from_secs(ahead)),
        )
    };
    (0..STRANGE_DOCUMENTS).map(document).collect()
});

/// Documents of a trusted endorser, dated a month ahead.
pub static AHEAD: LazyLock<Vec<Arc<[u8]>>> = LazyLock::new(|| {
    let key = endorser(2);
    let month = EPOCH.plus(Duration::from_secs(30 * 86_400));
    let created = |n: usize| month.plus(Duration::from_secs(n as u64));
    (0..AHEAD_OF_TIME).map(|n| signed(n, &format!("future {n}"), &key, created(n))).collect()
});

/// Pairs of documents under one key.
pub static EQUIVOCATIONS: LazyLock<Vec<[Arc<[u8]>; 2]>> = LazyLock::new(|| {
    let key = endorser(0);
    let pair = |n: usize| {
        let created = EPOCH.minus(Duration::from_secs(70_000 - n as u64));
        ["one", "other"].map(|word| signed(100 + n, &format!("{word} face {n}"), &key, created))
    };
    (0..8).map(pair).collect()
});

/// A certificate that a stranger signed with its own key: the key is that of an
/// endorser, for keys are slow to make and a signature of nobody's proves nothing.
fn stranger(number: usize) -> SigningKey {
    let key = PKey::private_key_from_pem(ENDORSERS[number % ENDORSERS.len()].0).unwrap();
    let certificate = self_signed(number, &key);
    let pem = key.private_key_to_pem_pkcs8().unwrap();
    SigningKey::from_pem(&pem, &certificate.to_pem().unwrap(), None).unwrap()
}

fn self_signed(number: usize, key: &PKey<Private>) -> X509 {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("O", "Strangers").unwrap();
    name.append_entry_by_text("CN", &format!("Stranger {number}")).unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_u32(number as u32 + 1).unwrap();
    builder.set_serial_number(&Asn1Integer::from_bn(&serial).unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    let time = |at: Timestamp| Asn1Time::from_unix(at.seconds()).unwrap();
    let (years_ago, years_ahead) = (Duration::from_secs(1 << 26), Duration::from_secs(1 << 28));
    builder.set_not_before(&time(EPOCH.minus(years_ago))).unwrap();
    builder.set_not_after(&time(EPOCH.plus(years_ahead))).unwrap();
    builder.set_pubkey(key).unwrap();
    let email = format!("stranger{number}@example.net");
    let mut names = SubjectAlternativeName::new();
    let names = names.email(&email).build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build()
}
