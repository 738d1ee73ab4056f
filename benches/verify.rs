//! Manifests verified per second on one core, beside xmlsec1 and beside the RSA
//! operation alone, and where the time goes.
//!
//! `cargo bench --bench verify`; xmlsec1 is left out where it is not installed.

#![allow(missing_docs, unreachable_pub, clippy::print_stdout, clippy::unwrap_used, clippy::panic)]

mod support;

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use support::now;
use suq::manifest::pki::authority::{Authority, KeyKind};
use suq::manifest::pki::{Certificate, SigningKey};
use suq::manifest::xml::{self, Form};
use suq::manifest::{Details, Draft, SigningStyle, Verifier, parse_unsigned};
use suq::model::{Algorithm, Checksum, Identifier, Sha1};

/// How long each line measures.
const TURN: Duration = Duration::from_millis(400);

/// Turns of each line; the median counts.
const TURNS: usize = 7;

/// Size of the manifests, in bytes.
const SIZE: usize = 5000;

/// What verification with a known certificate must reach of the RSA operation alone.
const WANTED_OF_RSA: f64 = 0.45;

/// What it must reach of libxmlsec1.
const WANTED_OF_XMLSEC: f64 = 8.0;

fn main() {
    let authority = Authority::new("Bench CA", now()).unwrap();
    let key = authority.endorser("Bench", Some("b@example.org"), KeyKind::Rsa2048, now()).unwrap();
    let bare = bare_rsa(&key);
    println!("{:48} {bare:9.0} /s", "openssl: RSA-2048 verification alone");
    for (name, style) in [("modern", SigningStyle::Modern), ("legacy", SigningStyle::Legacy)] {
        let document = manifest(&key, style);
        println!("\n{name} manifest of {} bytes, one core", document.len());
        let cold = rate(|| {
            black_box(Verifier::new().verify(&document).unwrap());
        });
        show("verified, certificate new", cold);
        let verifier = Verifier::new();
        let known = rate(|| {
            black_box(verifier.verify(&document).unwrap());
        });
        show("verified, certificate known", known);
        parts(&document, &key, bare);
        println!("  of RSA alone: {:.2} (wanted {WANTED_OF_RSA:.2})", known / bare);
        match xmlsec(&document, &authority) {
            Some(rate) => {
                show("xmlsec1 --verify --repeat", rate);
                println!("  of xmlsec1: {:.1} (wanted {WANTED_OF_XMLSEC:.0})", known / rate);
            }
            None => println!("  xmlsec1 is not installed: not compared"),
        }
    }
}

fn show(what: &str, rate: f64) {
    println!("  {what:46} {rate:9.0} /s  {:7.1} us", 1e6 / rate);
}

/// Where the time of one verification goes.
fn parts(document: &[u8], key: &SigningKey, bare: f64) {
    let canonical = xml::canonicalise(document, Form { exclusive: false, comments: false });
    let canonical = canonical.unwrap();
    let parse = 1e6 / rate(|| xml::check(black_box(document)).unwrap());
    let form = Form { exclusive: false, comments: false };
    let both = 1e6 / rate(|| drop(black_box(xml::canonicalise(document, form).unwrap())));
    let hash = 1e6
        / rate(|| {
            black_box(openssl::hash::hash(MessageDigest::sha256(), &canonical).unwrap());
        });
    let values = 1e6 / rate(|| drop(black_box(parse_unsigned(document).unwrap())));
    let certificate = 1e6
        / rate(|| {
            black_box(Certificate::parse(key.certificate().der()).unwrap());
        });
    println!(
        "  parts: parse {parse:.1} us, canonicalise {:.1} us, hash {hash:.1} us, RSA {:.1} us,",
        both - parse,
        1e6 / bare
    );
    println!(
        "         parse again and read the values {values:.1} us; a new certificate {certificate:.1} us"
    );
}

fn manifest(key: &SigningKey, style: SigningStyle) -> Vec<u8> {
    let sha1 = Sha1::from_bytes([7; 20]);
    let mut words = 0;
    loop {
        let draft = Draft {
            identifier: Identifier::from_sha1(sha1),
            bytes: 1 << 30,
            checksums: [
                Checksum::new(Algorithm::Md5, &"0".repeat(32)).unwrap(),
                Checksum::new(Algorithm::Sha1, &sha1.to_string()).unwrap(),
                Checksum::new(Algorithm::Sha256, &"0".repeat(64)).unwrap(),
                Checksum::new(Algorithm::Sha512, &"0".repeat(128)).unwrap(),
            ]
            .into_iter()
            .collect(),
            details: Details {
                image_type: "base".into(),
                kind: Some("machine".into()),
                os: Some("debian".into()),
                os_version: Some("12".into()),
                os_arch: Some("x86_64".into()),
                version: Some("1.0".into()),
                hypervisor: Some("kvm".into()),
                format: Some("raw".into()),
                valid: Some(now()),
                locations: vec!["https://images.example.org/debian-12.raw.gz".into()],
                title: Some("Debian 12 & friends".into()),
                description: Some("what it is for. ".repeat(words)),
                creator: Some("Jane Tester".into()),
                publisher: Some("Example".into()),
                ..Details::default()
            },
            pieces: None,
        };
        let signed = draft.sign(key, None, now(), style).unwrap();
        if signed.octets().len() >= SIZE {
            return signed.octets().to_vec();
        }
        words += 1;
    }
}

/// The median rate of some turns.
fn rate(mut work: impl FnMut()) -> f64 {
    let mut rates: Vec<f64> = (0..TURNS)
        .map(|_| {
            let start = Instant::now();
            let mut count = 0_u32;
            while start.elapsed() < TURN {
                for _ in 0..16 {
                    work();
                }
                count += 16;
            }
            f64::from(count) / start.elapsed().as_secs_f64()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    rates[TURNS / 2]
}

/// What `openssl speed rsa2048` measures: the public operation on one key, with
/// its padding, in one context.
fn bare_rsa(key: &SigningKey) -> f64 {
    let digest = openssl::hash::hash(MessageDigest::sha256(), b"what is signed").unwrap();
    let mut signer = openssl::pkey_ctx::PkeyCtx::new(key.private()).unwrap();
    signer.sign_init().unwrap();
    signer.set_rsa_padding(openssl::rsa::Padding::PKCS1).unwrap();
    signer.set_signature_md(openssl::md::Md::sha256()).unwrap();
    let mut value = Vec::new();
    signer.sign_to_vec(&digest, &mut value).unwrap();
    let public = key.certificate().public_key().as_openssl();
    let public = PKey::public_key_from_der(&public.public_key_to_der().unwrap()).unwrap();
    let mut context = openssl::pkey_ctx::PkeyCtx::new(&public).unwrap();
    context.verify_init().unwrap();
    context.set_rsa_padding(openssl::rsa::Padding::PKCS1).unwrap();
    context.set_signature_md(openssl::md::Md::sha256()).unwrap();
    rate(|| assert!(context.verify(black_box(&digest), black_box(&value)).unwrap()))
}

/// Verifications per second of the xmlsec1 program, without its start.
fn xmlsec(document: &[u8], authority: &Authority) -> Option<f64> {
    let folder = tempfile::tempdir().unwrap();
    let (file, anchor) = (folder.path().join("m.xml"), folder.path().join("ca.pem"));
    std::fs::write(&file, document).unwrap();
    std::fs::write(&anchor, authority.certificate_pem().unwrap()).unwrap();
    let run = |repeat: u32| {
        let start = Instant::now();
        let done = Command::new("xmlsec1")
            .args(["--verify", "--enabled-key-data", "x509", "--trusted-pem"])
            .arg(&anchor)
            .args(["--repeat", &repeat.to_string()])
            .arg(&file)
            .output();
        match done {
            Ok(done) => {
                assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
                Some(start.elapsed().as_secs_f64())
            }
            Err(_) => None,
        }
    };
    const FEW: u32 = 100;
    const MANY: u32 = 2100;
    let rates = (0..3).map(|_| Some(f64::from(MANY - FEW) / (run(MANY)? - run(FEW)?)));
    let mut rates: Vec<f64> = rates.collect::<Option<_>>()?;
    rates.sort_by(f64::total_cmp);
    Some(rates[1])
}
