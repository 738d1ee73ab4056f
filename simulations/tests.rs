//! The simulations of the ordinary test run.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, unreachable_pub, missing_docs)]

mod world;

use std::sync::atomic::{AtomicU64, Ordering};

use world::{Violation, run, scenario};

/// Runs every seed of a scenario on all cores.
fn run_all(name: &str) -> Vec<Violation> {
    let scenario = scenario(name);
    let next = AtomicU64::new(1);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let worker = || {
            let mut violations = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed > scenario.seeds {
                    return violations;
                }
                violations.extend(run(&scenario, seed).err());
            }
        };
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

#[test]
fn sites_agree_and_keep_their_word_through_loss_a_split_and_crashes() {
    let violations = run_all("split-and-crash.toml");
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} seeds failed:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn honest_sites_learn_everything_although_every_fifth_lies() {
    let violations = run_all("liars.toml");
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} seeds failed:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let scenario = scenario("split-and-crash.toml");
    let trace = |seed| run(&scenario, seed).unwrap().trace;
    for seed in [1, 2, 3] {
        assert_eq!(trace(seed), trace(seed), "seed {seed}");
    }
    assert_ne!(trace(1), trace(2));
}
