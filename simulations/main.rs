//! Runs a scenario from the command line and prints a table.
//!
//! `cargo run --release --example simulate -- split-and-crash.toml [FIRST LAST]`

#![allow(clippy::print_stdout, clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![allow(unreachable_pub, missing_docs)]

mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let name = arguments.first().map_or("split-and-crash.toml", String::as_str);
    let scenario = world::scenario(name);
    let number = |place: usize, other: u64| {
        arguments.get(place).map_or(other, |text| text.parse().expect("a seed is a number"))
    };
    let (first, last) = (number(1, 1), number(2, scenario.seeds));
    println!(
        "{:>6} {:>9} {:>10} {:>8} {:>9}  trace",
        "seed", "events", "converged", "gossip", "questions"
    );
    let mut failed = 0;
    for seed in first..=last {
        match world::run(&scenario, seed) {
            Ok(run) => {
                let trace = run.trace.to_string();
                println!(
                    "{:>6} {:>9} {:>8} s {:>8} {:>9}  {}",
                    run.seed,
                    run.events,
                    run.converged_after.as_secs(),
                    run.gossip_messages,
                    run.questions,
                    &trace[..16]
                );
            }
            Err(violation) => {
                failed += 1;
                println!("{violation}");
            }
        }
    }
    println!("{} seeds, {failed} failed", last - first + 1);
    ExitCode::from(u8::from(failed > 0))
}
