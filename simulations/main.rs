//! Runs simulations from the command line and prints a table.

#![allow(clippy::print_stdout, clippy::print_stderr)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![allow(unreachable_pub, missing_docs)]

mod plot;
mod table;
mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use world::{Scenario, scenarios};

const HELP: &str = "\
Simulated federations: the real engine in virtual time.

cargo run --release --example simulate                        every scenario, some seeds of each
cargo run --release --example simulate -- SCENARIO [FIRST LAST]   one scenario, a line for each seed
cargo run --release --example simulate -- --long              a thousand sites, a month, more seeds
cargo run --release --example simulate -- --plots DIR         also draws what each scenario's sites know

A seed that fails is printed with the command that runs it again; it does the
same again. The exit code is then 1.";

/// In the long run, how many times more seeds.
const MORE: u64 = 10;

struct Arguments {
    long: bool,
    plots: Option<PathBuf>,
    words: Vec<String>,
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments { long: false, plots: None, words: Vec::new() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--long" => found.long = true,
            "--plots" => {
                let folder = words.next().ok_or("--plots needs a folder")?;
                found.plots = Some(PathBuf::from(folder));
            }
            "--help" | "-h" => return Err(HELP.to_owned()),
            option if option.starts_with('-') => {
                return Err(format!("{option} is no option; see --help"));
            }
            word => found.words.push(word.to_owned()),
        }
    }
    Ok(found)
}

fn run(arguments: &Arguments) -> Result<bool, String> {
    let number = |text: &String| text.parse().map_err(|_| format!("{text} is no seed"));
    if let Some(name) = arguments.words.first() {
        let scenario = Scenario::read(&Path::new(world::FOLDER).join(name))?;
        let first = arguments.words.get(1).map_or(Ok(1), number)?;
        let last = arguments.words.get(2).map_or(Ok(scenario.seeds.max(first)), number)?;
        let results = table::of_seeds(&scenario, first..=last);
        draw(arguments, &scenario, &results)?;
        return Ok(results.iter().all(Result::is_ok));
    }
    let mut good = true;
    table::head();
    for mut scenario in scenarios() {
        if scenario.long && !arguments.long {
            continue;
        }
        if arguments.long && !scenario.long {
            scenario.seeds *= MORE;
        }
        let results = table::of_scenario(&scenario);
        draw(arguments, &scenario, &results)?;
        good &= results.iter().all(Result::is_ok);
    }
    Ok(good)
}

fn draw(
    arguments: &Arguments,
    scenario: &Scenario,
    results: &[Result<world::Outcome, world::Violation>],
) -> Result<(), String> {
    let (Some(folder), Some(run)) =
        (&arguments.plots, results.iter().find_map(|r| r.as_ref().ok()))
    else {
        return Ok(());
    };
    let path = folder.join(&scenario.name).with_extension("svg");
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, plot::svg(scenario, run)))
        .map_err(|error| format!("{}: {error}", path.display()))
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(help) if help == HELP => {
            println!("{help}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(good) => ExitCode::from(u8::from(!good)),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
