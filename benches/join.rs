//! A cold node joins and receives a large catalogue over libp2p on the loopback: how
//! fast it admits entries, against how fast the same core verifies them and does
//! nothing else. The receiving node has one core for itself, the sending one another.
//! By the clock that says something only where nothing else runs; processor time is
//! the better measure elsewhere.
//!
//! A node checks the chain of a signer once and remembers it (eight signers made all
//! these documents), which is most of a verification: both are printed, what a
//! verification costs with a chain that is known and with one that is not.
//!
//! `cargo bench --bench join`; `-- 20000` for another number of entries.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use support::{Endorser, Site, documents};
use suq::home::{Home, anchors_of};
use suq::manifest::pki::authority::KeyKind;
use suq::manifest::{Verified, Verifier};
use suq::node::{Answer, Call, StatusView, ask};

const ENTRIES: usize = 100_000;

/// What admission must reach of verification alone.
const WANTED: f64 = 0.7;

/// The cores of the receiving and the sending node.
const CORES: [&str; 2] = ["0", "1"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [word, file, trust] = arguments.as_slice()
        && word == "verify"
    {
        return verify(Path::new(file), Path::new(trust));
    }
    let entries = arguments.first().map_or(ENTRIES, |number| number.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::of_kind(KeyKind::Rsa2048);
    let mut sender = Site::new(folder.path(), "sender", &endorser);
    let mut receiver = Site::new(folder.path(), "receiver", &endorser);
    let file = folder.path().join("documents");
    let home = Home::open(&sender.home).unwrap();
    let bytes = documents::fill(&home.store_path(), &endorser.keys, entries, &file);
    println!(
        "{entries} entries of {} endorsers (RSA-2048), {} bytes each on average",
        endorser.keys.len(),
        bytes / entries as u64
    );
    sender.start_on(Some(CORES[1]));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let status = |home: &Home| runtime.block_on(status(home));
    // It judges everything once under its own rules.
    while status(&home).documents.rejudging > 0 {
        std::thread::sleep(Duration::from_millis(200));
    }
    let alone = verified_alone(&file, &sender.home.join("trust"));
    println!("verification alone on core {}:  {:8.0} /s of processor time", CORES[0], alone.known);
    println!("with every chain checked anew: {:8.0} /s of processor time", alone.anew);
    let ticket = sender.run(&["invite"]);
    receiver.run(&["join", ticket.trim()]);
    let sent_before = sender.cpu_seconds();
    receiver.start_on(Some(CORES[0]));
    let cold = Home::open(&receiver.home).unwrap();
    let (began, own_start) = (Instant::now(), receiver.cpu_seconds());
    while status(&cold).documents.admitted < entries {
        assert!(began.elapsed() < Duration::from_secs(900), "{:?}", status(&cold));
        std::thread::sleep(Duration::from_millis(100));
    }
    let seconds = began.elapsed().as_secs_f64();
    let (received, sent) = (receiver.cpu_seconds() - own_start, sender.cpu_seconds() - sent_before);
    let count = entries as f64;
    println!(
        "admitted over libp2p:          {:8.0} /s of the clock, {seconds:.1} s",
        count / seconds
    );
    println!("                               {:8.0} /s of processor time", count / received);
    println!("processor seconds: {received:.1} receiving, {sent:.1} sending");
    println!("resident: {:.0} MiB receiving", receiver.memory("VmRSS"));
    println!(
        "of verification alone:         {:.2} (wanted {WANTED})",
        count / received / alone.known
    );
    println!("with every chain checked anew: {:.2}", count / received / alone.anew);
}

async fn status(home: &Home) -> StatusView {
    match ask(home, &Call::Status, |_| {}).await {
        Ok(Answer::Status(status)) => *status,
        other => panic!("{other:?}"),
    }
}

/// Verifications per second of processor time.
struct Alone {
    known: f64,
    anew: f64,
}

/// On the receiver's core.
fn verified_alone(file: &Path, trust: &Path) -> Alone {
    let output = Command::new("taskset")
        .args(["-c", CORES[0]])
        .arg(std::env::current_exe().unwrap())
        .arg("verify")
        .args([file, trust])
        .output()
        .expect("taskset (util-linux) pins the processes to their cores");
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers: Vec<f64> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
    Alone { known: numbers[0], anew: numbers[1] }
}

/// As a node does it, on one thread.
fn verify(file: &Path, trust: &Path) {
    let documents = documents::read(file);
    let (verifier, anchors) = (Verifier::new(), anchors_of(trust).unwrap());
    let rate = |check: &dyn Fn(&Verified)| {
        let began = cpu_seconds();
        for document in &documents {
            check(&verifier.verify(document).unwrap());
        }
        documents.len() as f64 / (cpu_seconds() - began)
    };
    let known = rate(&|verified| drop(std::hint::black_box(anchors.check(verified))));
    let anew = rate(&|verified| drop(std::hint::black_box(anchors.explain(verified))));
    println!("{known} {anew}");
}

/// Processor time of this thread.
fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}
