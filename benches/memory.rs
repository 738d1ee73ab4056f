//! Memory of an idle node with 1 000 entries, without and after a restart.
//!
//! `cargo bench --bench memory`

#![allow(missing_docs, unreachable_pub, clippy::print_stdout, clippy::unwrap_used, clippy::panic)]

mod support;

use support::{Endorser, Site};
use suq::home::Home;
use suq::model::{Algorithm, Checksum, Sha1};
use suq::node::{Answer, Call, ask};

const ENTRIES: u32 = 1000;

/// What the node may hold, in MiB.
const LIMIT: f64 = 60.0;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new();
    let mut site = Site::new(folder.path(), "site", &endorser);
    site.start();
    let home = Home::open(&site.home).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for number in 0..ENTRIES {
        let mut sha1 = [0; 20];
        sha1[..4].copy_from_slice(&number.to_be_bytes());
        let sha1 = Sha1::from_bytes(sha1).to_string();
        let checksums = [Checksum::new(Algorithm::Sha1, &sha1).unwrap()].into_iter().collect();
        let signed = endorser.sign(checksums, u64::from(number));
        let call = Call::Publish(String::from_utf8(signed.octets().to_vec()).unwrap());
        let answer = runtime.block_on(ask(&home, &call, |_| {})).unwrap();
        assert!(matches!(answer, Answer::Published { .. }), "{answer:?}");
    }
    println!("resident with {ENTRIES} entries just published  {:6.1} MiB", site.memory("VmRSS"));
    site.stop();
    site.start();
    let resident = site.memory("VmRSS");
    println!("resident with {ENTRIES} entries after a restart {resident:6.1} MiB");
    println!("limit                                        {LIMIT:6.1} MiB");
}
