//! Breaks the code in one place after the other, and prints which simulation notices.
//!
//! `cargo run --example mutate [NAME ...]`. The copy that is broken holds the pure layers
//! alone: what the simulations run is built in a fraction of the time.

#![allow(clippy::print_stdout, clippy::print_stderr)]
#![allow(unreachable_pub, missing_docs)]

mod mutation;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use mutation::{Mutation, mutations};

/// What the copy consists of.
const COPIED: [&str; 5] = ["Cargo.toml", "Cargo.lock", "src", "simulations", "benches"];

/// Modules that simulations do without.
const LEFT_OUT: [&str; 6] = ["blobs", "cli", "home", "net", "node", "store"];

/// The name of the broken simulations.
const EXAMPLE: &str = "simulate-mutated";

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    match run(&names) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(survivors) => {
            println!("{survivors} survived: the simulations lack something");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run(names: &[String]) -> Result<usize, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copy = std::env::temp_dir().join("suq-mutations");
    copy_tree(root, &copy)?;
    println!("{:<30} {:>9}  {:<22} result", "mutation", "invariant", "scenario");
    let mut survivors = 0;
    for mutation in mutations(root)? {
        if !names.is_empty() && !names.contains(&mutation.name) {
            continue;
        }
        let result = result(&mutation, root, &copy)?;
        survivors += usize::from(result.is_none());
        let Mutation { name, what, invariant, scenario, .. } = &mutation;
        let result = result.as_deref().unwrap_or("SURVIVED");
        println!("{name:<30} {invariant:>9}  {scenario:<22} {result}\n  {what}");
    }
    Ok(survivors)
}

/// The first violation that a broken copy shows; none when nothing is noticed.
fn result(mutation: &Mutation, root: &Path, copy: &Path) -> Result<Option<String>, String> {
    let file = copy.join(&mutation.file);
    let right = fs::read(&file).map_err(|error| failed(&file, &error))?;
    let wrong = mutation.mutated(root)?;
    fs::write(&file, wrong).map_err(|error| failed(&file, &error))?;
    let output = simulate(copy, root, &mutation.scenario);
    fs::write(&file, right).map_err(|error| failed(&file, &error))?;
    let (good, text) = output?;
    let beginning = format!("{} seed ", mutation.scenario);
    let violation = text.lines().find_map(|line| line.strip_prefix(&beginning));
    match (good, violation) {
        (true, _) => Ok(None),
        (false, Some(rest)) => {
            let (seed, what) = rest.split_once(": ").unwrap_or((rest, ""));
            let what = what.replacen(" broken at ", ", ", 1);
            Ok(Some(format!("killed by seed {seed}: {what}")))
        }
        (false, None) => Err(format!("the mutation {} does not run:\n{text}", mutation.name)),
    }
}

/// True when the scenario held, and what was printed.
fn simulate(copy: &Path, root: &Path, scenario: &str) -> Result<(bool, String), String> {
    // The dependencies are those of the tree itself.
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), |folder| root.join(folder));
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--example", EXAMPLE, "--", scenario])
        .current_dir(copy)
        .env("CARGO_TARGET_DIR", target)
        .env("RUSTFLAGS", std::env::var("RUSTFLAGS").unwrap_or_default())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() && output.status.code() != Some(1) {
        text.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    Ok((output.status.success(), text))
}

fn copy_tree(root: &Path, copy: &Path) -> Result<(), String> {
    fs::create_dir_all(copy).map_err(|error| failed(copy, &error))?;
    for name in COPIED {
        copy_all(&root.join(name), &copy.join(name))?;
    }
    // A package of another name: cargo would take what it built of the broken copy for
    // the tree's own.
    let package = copy.join("Cargo.toml");
    let text = fs::read_to_string(&package).map_err(|error| failed(&package, &error))?;
    let text = text
        .replacen("name = \"suq\"", "name = \"suq-mutated\"", 1)
        .replace("[dependencies]", "[lib]\nname = \"suq\"\n\n[dependencies]")
        .replace("name = \"simulate\"", &format!("name = \"{EXAMPLE}\""));
    fs::write(&package, text).map_err(|error| failed(&package, &error))?;
    let lib = copy.join("src/lib.rs");
    let text = fs::read_to_string(&lib).map_err(|error| failed(&lib, &error))?;
    let is_left_out =
        |line: &&str| LEFT_OUT.iter().any(|module| *line == format!("pub mod {module};"));
    let pure: Vec<&str> = text.lines().filter(|line| !is_left_out(line)).collect();
    fs::write(&lib, pure.join("\n")).map_err(|error| failed(&lib, &error))
}

/// Copies what differs, so that what is built stays built.
fn copy_all(from: &Path, to: &Path) -> Result<(), String> {
    if from.is_file() {
        let octets = fs::read(from).map_err(|error| failed(from, &error))?;
        if fs::read(to).is_ok_and(|there| there == octets) {
            return Ok(());
        }
        return fs::write(to, octets).map_err(|error| failed(to, &error));
    }
    fs::create_dir_all(to).map_err(|error| failed(to, &error))?;
    for file in fs::read_dir(from).map_err(|error| failed(from, &error))? {
        let file = file.map_err(|error| failed(from, &error))?;
        let name: PathBuf = file.file_name().into();
        if name.as_os_str() != "target" {
            copy_all(&file.path(), &to.join(name))?;
        }
    }
    Ok(())
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}
