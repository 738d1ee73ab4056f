//! The simulations of the ordinary test run.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stdout)]
#![allow(unreachable_pub, missing_docs, dead_code)]

mod mutation;
mod table;
mod world;

use std::collections::BTreeSet;

use world::{run, scenarios};

#[test]
fn every_invariant_holds_in_every_scenario() {
    let short = scenarios().into_iter().filter(|scenario| !scenario.long);
    let results = short.flat_map(|scenario| table::of_scenario(&scenario));
    let broken: Vec<String> =
        results.filter_map(|result| Some(result.err()?.to_string())).collect();
    assert!(broken.is_empty(), "{} seeds failed:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn another_seed_gives_another_trace() {
    let of_name = |scenario: &world::Scenario| scenario.name == "split-and-crash.toml";
    let scenario = scenarios().into_iter().find(of_name).unwrap();
    let traces = (1..=3).map(|seed| run(&scenario, seed).unwrap().trace);
    assert_eq!(traces.collect::<BTreeSet<_>>().len(), 3);
}

#[test]
fn every_mutation_still_fits_the_code() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mutations = mutation::mutations(root).unwrap();
    let names: BTreeSet<String> = scenarios().into_iter().map(|scenario| scenario.name).collect();
    for mutation in &mutations {
        mutation.mutated(root).unwrap();
        assert!(names.contains(&mutation.scenario), "{}: {}", mutation.name, mutation.what);
    }
    for invariant in [1, 3, 4, 5, 6, 7] {
        let of_it = mutations.iter().filter(|mutation| mutation.invariant == invariant);
        assert!(of_it.count() > 0, "no mutation breaks invariant {invariant}");
    }
}
