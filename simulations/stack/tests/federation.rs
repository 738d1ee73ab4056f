//! A small federation of whole nodes goes through what large ones do.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use suq_stack::scenario::Scenario;
use suq_stack::{federation, in_virtual_time};

#[test]
fn thirty_sites_find_each_other_and_agree_through_churn_splits_and_crashes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/small.toml");
    let scenario = Scenario::read(&path).unwrap();
    let outcome = in_virtual_time(federation::run(&scenario, |_| {}));
    let outcome = outcome.unwrap_or_else(|failure| panic!("{failure}"));
    println!("{}", outcome.table());
    // Who knew one or two others knows most: everyone is connected to more than half.
    assert!(outcome.connected[0] > scenario.sites / 2, "{:?}", outcome.connected);
    assert!(outcome.crashes > 10);
    // The counts are not empty: a document got to the others by arriving there.
    let first = &outcome.documents[0];
    assert!(first.copies >= 0.9 && first.received > first.bytes as f64 * first.copies, "{first:?}");
}

#[test]
fn every_scenario_can_be_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        Scenario::read(&entry.unwrap().path()).unwrap();
        count += 1;
    }
    assert!(count >= 3);
}
