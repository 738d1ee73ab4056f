//! What reconciliation costs: bytes, rounds and processor time for two engines that
//! exchange the real messages, requests and answers with their envelopes, in memory.
//!
//! `cargo bench --bench sync`

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use suq::engine::{Effect, Engine, Input, Known, QuestionId, Rules, Standing, Start};
use suq::model::{ContentId, EntryKey, Identifier, Peer, Sha1, Sha256, Timestamp};
use suq::policy::Policy;
use suq::wire::{Request, Response, decode, encode};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const ASKER: Peer = Peer::from_key([1; 32]);
const OTHER: Peer = Peer::from_key([2; 32]);

const ENTRIES: [usize; 2] = [100_000, 1_000_000];
const DIFFERENCES: [usize; 4] = [0, 10, 1_000, 100_000];

/// Seconds between two endorsements: a million of them span 19 years.
const INTERVAL: i64 = 600;

/// What recent differences may cost, in bytes: a fifth more than their ids and 2 kB.
fn wanted(differences: usize) -> f64 {
    1.2 * 32.0 * differences as f64 + 2000.0
}

fn main() {
    println!("The other site has all entries, the one that asks lacks some.");
    println!(
        "{:>9} {:>9} {:9} {:>11} {:>6} {:>8} {:>10} {:>10}  recent within 1.2 x + 2 kB",
        "entries", "missing", "which", "bytes", "rounds", "CPU ms", "/ all ids", "/ 32 each"
    );
    for entries in ENTRIES {
        let all = catalogue(entries);
        for missing in DIFFERENCES {
            for which in ["recent", "scattered"] {
                let cost = reconcile(&all, &chosen(entries, missing, which));
                assert_eq!(cost.learnt, missing as u64, "it must learn of every difference");
                show(entries, missing, which, &cost);
            }
        }
    }
}

struct Cost {
    bytes: usize,
    rounds: u32,
    cpu_ms: f64,
    learnt: u64,
}

fn show(entries: usize, missing: usize, which: &str, cost: &Cost) {
    let bytes = cost.bytes as f64;
    let of_all = bytes / (32.0 * entries as f64);
    let each = if missing > 0 { bytes / (32.0 * missing as f64) } else { f64::NAN };
    let verdict = match which {
        "recent" if bytes <= wanted(missing) => "yes",
        "recent" => "NO",
        _ => "",
    };
    println!(
        "{entries:>9} {missing:>9} {which:9} {:>11} {:>6} {:>8.1} {of_all:>10.5} {each:>10.2}  {verdict}",
        cost.bytes, cost.rounds, cost.cpu_ms
    );
}

fn catalogue(entries: usize) -> Vec<Known> {
    let known = |number: usize| {
        let digest = Sha256::of(&number.to_be_bytes());
        let mut sha1 = [0; 20];
        sha1.copy_from_slice(&digest.as_bytes()[..20]);
        let created = NOW.seconds() - INTERVAL * (entries - number) as i64;
        Known {
            id: ContentId::from_bytes(*digest.as_bytes()),
            key: EntryKey {
                identifier: Identifier::from_sha1(Sha1::from_bytes(sha1)),
                email: "jane@example.org".parse().unwrap(),
                created: Timestamp::from_seconds(created),
            },
            standing: Standing::Admitted,
        }
    };
    (0..entries).map(known).collect()
}

/// The numbers of the entries that are missing.
fn chosen(entries: usize, missing: usize, which: &str) -> BTreeSet<usize> {
    if which == "recent" {
        return (entries - missing..entries).collect();
    }
    let mut random = fastrand::Rng::with_seed(7);
    let mut chosen = BTreeSet::new();
    while chosen.len() < missing {
        chosen.insert(random.usize(0..entries));
    }
    chosen
}

fn engine(known: Vec<Known>) -> Engine {
    let policy = Arc::new(Policy::parse("policy.cfg", "").unwrap());
    let rules = Rules { policy, anchors: Sha256::of(b"none") };
    Engine::new(Start {
        judged_under: Some(rules.digest()),
        rules,
        known,
        peers: Vec::new(),
        relay_refused: true,
        door: None,
        seed: 1,
    })
}

fn reconcile(all: &[Known], missing: &BTreeSet<usize>) -> Cost {
    let here = all.iter().enumerate().filter(|(number, _)| !missing.contains(number));
    let mut asker = engine(here.map(|(_, known)| known.clone()).collect());
    let mut other = engine(all.to_vec());
    let before = cpu_ms();
    let mut cost = Cost { bytes: 0, rounds: 0, cpu_ms: 0.0, learnt: 0 };
    let mut inputs = vec![Input::Connected { peer: OTHER }];
    while let Some(input) = inputs.pop() {
        for effect in asker.handle(input, NOW) {
            let Effect::Ask { ask, request, .. } = effect else { continue };
            if let Request::Documents(_) = request {
                continue;
            }
            let question = encode(&request);
            let answer = answer(&mut other, decode(&question).unwrap());
            cost.bytes += question.len() + answer.len();
            cost.rounds += 1;
            inputs.push(Input::Answered { ask, answer: Ok(decode(&answer).unwrap()) });
        }
    }
    cost.cpu_ms = cpu_ms() - before;
    cost.learnt = asker.syncs().map(|report| report.missing).sum();
    cost
}

fn answer(other: &mut Engine, request: Request) -> Vec<u8> {
    let question = QuestionId(1);
    let effects = other.handle(Input::Question { peer: ASKER, question, request }, NOW);
    let answer: Option<Response> = effects.into_iter().find_map(|effect| match effect {
        Effect::Answer { response, .. } => Some(response),
        _ => None,
    });
    encode(&answer.unwrap_or_else(|| panic!("no answer")))
}

/// Processor time of this thread.
fn cpu_ms() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e6
}
