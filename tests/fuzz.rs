//! Every fuzz target on its corpus, and on the same changes of it each time.
//! `cargo fuzz run NAME` in this folder goes on from there.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../fuzz/targets.rs"]
mod targets;

use std::fs;
use std::path::Path;

use targets::TARGETS;

/// Changes of each seed.
const CHANGES: usize = 200;

/// One change: a byte, a cut, a part twice, or a part of another seed.
fn change(random: &mut fastrand::Rng, seed: &[u8], other: &[u8]) -> Vec<u8> {
    let mut octets = seed.to_vec();
    for _ in 0..random.usize(1..4) {
        let place = random.usize(..=octets.len());
        let end = random.usize(place..=octets.len());
        match random.u8(..4) {
            0 if place < octets.len() => octets[place] = random.u8(..),
            1 => octets.truncate(end),
            2 => octets.extend_from_within(place..end),
            _ => {
                let from = random.usize(..=other.len());
                let to = random.usize(from..=other.len());
                octets.splice(place..place, other[from..to].iter().copied());
            }
        }
    }
    octets
}

#[test]
fn every_target_stands_its_corpus_and_changes_of_it() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in TARGETS {
        let mut files: Vec<_> =
            fs::read_dir(corpus.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let seeds: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
        assert!(seeds.len() >= 3, "{name} has seeds");
        let mut random = fastrand::Rng::with_seed(7);
        for seed in &seeds {
            target(seed);
            for _ in 0..CHANGES {
                let other = &seeds[random.usize(..seeds.len())];
                target(&change(&mut random, seed, other));
            }
        }
    }
}
