//! A node with 100 000 entries: how long until it answers, and what it then holds.
//!
//! `cargo bench --bench start`; `-- 20000` for another number of entries.

#![allow(missing_docs, unreachable_pub, clippy::print_stdout, clippy::unwrap_used, clippy::panic)]

mod support;

use std::time::{Duration, Instant};

use support::{Endorser, Site, documents};
use suq::home::Home;
use suq::manifest::pki::authority::KeyKind;
use suq::node::{Answer, Call, ask};

const ENTRIES: usize = 100_000;

/// What a start may take, in seconds.
const WANTED_SECONDS: f64 = 3.0;

/// What the node may hold, in MiB.
const WANTED_MEMORY: f64 = 200.0;

const TURNS: usize = 3;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let entries = arguments.next().map_or(ENTRIES, |number| number.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::of_kind(KeyKind::EcP256);
    let mut site = Site::new(folder.path(), "site", &endorser);
    let home = Home::open(&site.home).unwrap();
    let file = folder.path().join("documents");
    documents::fill(&home.store_path(), &endorser.keys, entries, &file);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let left = || match runtime.block_on(ask(&home, &Call::Status, |_| {})) {
        Ok(Answer::Status(status)) => {
            assert_eq!(status.documents.admitted, entries);
            Some(status.documents.rejudging)
        }
        _ => None,
    };
    // The first start judges everything; only then the rules are on record.
    let began = Instant::now();
    site.spawn(None);
    while left() != Some(0) {
        std::thread::sleep(Duration::from_millis(100));
    }
    println!(
        "judged {entries} entries at the first start in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    println!("resident then {:6.1} MiB", site.memory("VmRSS"));
    let mut seconds = Vec::new();
    let mut memory = Vec::new();
    for _ in 0..TURNS {
        site.stop();
        let began = Instant::now();
        site.spawn(None);
        while left().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        seconds.push(began.elapsed().as_secs_f64());
        assert_eq!(left(), Some(0), "nothing is judged again");
        memory.push(site.memory("VmRSS"));
        println!(
            "started with {entries} entries in {:.2} s ({:.2} s of processor time), resident {:.1} MiB",
            seconds[seconds.len() - 1],
            site.cpu_seconds(),
            memory[memory.len() - 1]
        );
    }
    println!("median: {:.2} s (wanted {WANTED_SECONDS})", support::median(seconds));
    println!("        {:.1} MiB (wanted {WANTED_MEMORY})", support::median(memory));
}
