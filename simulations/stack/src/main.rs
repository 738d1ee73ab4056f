//! Runs scenarios and prints a table of each.
//!
//! `cargo run --release --manifest-path simulations/stack/Cargo.toml -- [SCENARIO ...]`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use suq_stack::scenario::Scenario;
use suq_stack::{federation, in_virtual_time};

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut paths: Vec<PathBuf> = std::env::args().skip(1).map(|name| folder.join(name)).collect();
    if paths.is_empty() {
        paths = all(&folder);
    }
    let failed = paths.iter().filter(|path| !passes(path)).count();
    println!("{} scenarios, {failed} failed", paths.len());
    ExitCode::from(u8::from(failed > 0))
}

fn all(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn passes(path: &Path) -> bool {
    println!("{}", path.display());
    let scenario = match Scenario::read(path) {
        Ok(scenario) => scenario,
        Err(error) => {
            println!("{error}");
            return false;
        }
    };
    let start = Instant::now();
    let outcome = in_virtual_time(federation::run(&scenario, |line| eprintln!("{line}")));
    let exceeded = match &outcome {
        Ok(outcome) => {
            println!("{}", outcome.table());
            outcome.exceeded(&scenario.limits)
        }
        Err(failure) => vec![failure.to_string()],
    };
    for line in &exceeded {
        println!("{line}");
    }
    println!("{:.0} s of real time", start.elapsed().as_secs_f64());
    exceeded.is_empty()
}
