//! Runs seeds on all cores and prints what they did.

use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::world::{EPOCH, Outcome, Scenario, Violation, run};

/// What each seed did, in their order.
pub fn run_seeds(
    scenario: &Scenario,
    seeds: RangeInclusive<u64>,
) -> Vec<Result<Outcome, Violation>> {
    let waiting = Mutex::new(seeds);
    let results = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let Some(seed) = waiting.lock().unwrap().next() else { return };
                    let result = run(scenario, seed);
                    results.lock().unwrap().push((seed, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_unstable_by_key(|(seed, _)| *seed);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Events of a run that is not done twice.
const TOO_MANY: u64 = 1_000_000;

/// 7: the same seed does the same again.
fn check_replay(scenario: &Scenario, results: &mut Vec<Result<Outcome, Violation>>) {
    let Some(Ok(first)) = results.first() else { return };
    if first.events > TOO_MANY
        || run(scenario, first.seed).is_ok_and(|again| again.trace == first.trace)
    {
        return;
    }
    let what = "the same seed did something else".to_owned();
    let (scenario, seed) = (scenario.name.clone(), first.seed);
    results.push(Err(Violation { scenario, seed, at: EPOCH, invariant: 7, what }));
}

pub fn head() {
    println!(
        "{:<22} {:>5} {:>5} {:>9} {:>18} {:>10} {:>10} {:>9} {:>7}",
        "scenario",
        "sites",
        "seeds",
        "events",
        "converged after",
        "gossip",
        "questions",
        "sync",
        "took"
    );
}

/// Runs a scenario and prints one line, and one for each seed that failed.
pub fn of_scenario(scenario: &Scenario) -> Vec<Result<Outcome, Violation>> {
    let begun = Instant::now();
    let mut results = run_seeds(scenario, 1..=scenario.seeds);
    check_replay(scenario, &mut results);
    let good: Vec<&Outcome> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    let mut times: Vec<Duration> = good.iter().map(|run| run.converged_after).collect();
    times.sort_unstable();
    let sum = |number: fn(&Outcome) -> u64| good.iter().map(|run| number(run)).sum::<u64>();
    let mean = |number: fn(&Outcome) -> u64| sum(number) / good.len().max(1) as u64;
    let converged = match (times.get(times.len() / 2), times.last()) {
        (Some(median), Some(most)) => format!("{} s, {} s", median.as_secs(), most.as_secs()),
        _ => "-".to_owned(),
    };
    println!(
        "{:<22} {:>5} {:>5} {:>9} {:>18} {:>10} {:>10} {:>6} kB {:>5.1} s",
        scenario.name,
        scenario.sites,
        scenario.seeds,
        sum(|run| run.events),
        converged,
        mean(|run| run.gossip_messages),
        mean(|run| run.questions),
        mean(|run| run.bytes) / 1000,
        begun.elapsed().as_secs_f64(),
    );
    print_violations(&results);
    results
}

/// Runs some seeds of one scenario and prints a line for each.
pub fn of_seeds(
    scenario: &Scenario,
    seeds: RangeInclusive<u64>,
) -> Vec<Result<Outcome, Violation>> {
    println!(
        "{:>6} {:>9} {:>10} {:>10} {:>10} {:>9}  trace",
        "seed", "events", "converged", "gossip", "questions", "sync"
    );
    let mut results = run_seeds(scenario, seeds);
    check_replay(scenario, &mut results);
    for run in results.iter().flatten() {
        let trace = run.trace.to_string();
        println!(
            "{:>6} {:>9} {:>8} s {:>10} {:>10} {:>6} kB  {}",
            run.seed,
            run.events,
            run.converged_after.as_secs(),
            run.gossip_messages,
            run.questions,
            run.bytes / 1000,
            &trace[..16]
        );
    }
    print_violations(&results);
    results
}

fn print_violations(results: &[Result<Outcome, Violation>]) {
    for violation in results.iter().filter_map(|result| result.as_ref().err()) {
        println!("{violation}");
    }
}
