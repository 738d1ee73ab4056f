//! Mirror rules: what a site fetches by itself, and what not.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod site;

use std::fs;
use std::path::Path;

use serde_json::Value;
use site::{Endorser, PASSWORD, Site, identifier_of, suq, wait_for};
use suq::model::Identifier;

/// Orsay, which runs, and athens, which has joined it, mirrors by these rules and does not
/// run yet.
fn two_sites(folder: &Path, rules: &str) -> (Endorser, Site, Site) {
    let endorser = Endorser::new(folder);
    let mut orsay = Site::new(folder, "orsay", &endorser);
    let athens = Site::new(folder, "athens", &endorser);
    orsay.start();
    let ticket = orsay.await_output(&["invite"]);
    assert_eq!(athens.run(&["join", ticket.trim()]).code, 0);
    set_rules(&athens, rules);
    (endorser, orsay, athens)
}

fn set_rules(site: &Site, rules: &str) {
    let file = site.home.join("policy.cfg");
    let text = fs::read_to_string(&file).unwrap();
    let before = text.split("\n[mirror]").next().unwrap();
    fs::write(file, format!("{before}\n[mirror]\n{rules}\n")).unwrap();
}

/// Publishes an image of so many bytes; its manifest and its identifier.
fn publish(endorser: &Endorser, site: &Site, name: &str, bytes: usize) -> (String, String) {
    let folder = site.home.parent().unwrap();
    let content: Vec<u8> = name.bytes().cycle().take(bytes).collect();
    let (manifest, file) = endorser.publishable(folder, name, &content);
    let run = site.run(&["publish", &manifest, "--image", &file]);
    assert_eq!(run.code, 0, "{run:?}");
    let identifier = identifier_of(&manifest);
    (manifest, identifier)
}

fn stored(site: &Site) -> Vec<String> {
    let listed: Value =
        serde_json::from_str(&site.run(&["blob", "list", "--json"]).output).unwrap();
    let identifier = |blob: &Value| {
        let sha1 = serde_json::from_value(blob["sha1"].clone()).unwrap();
        Identifier::from_sha1(sha1).to_string()
    };
    listed.as_array().unwrap().iter().map(identifier).collect()
}

fn wait_for_fetched(site: &Site, count: u64) {
    wait_for("it is mirrored", || {
        let mirror = &site.status()["mirror"];
        mirror["fetched"] == count && mirror["waiting"] == 0
    });
}

#[test]
fn what_the_rules_want_is_fetched_by_itself_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (endorser, orsay, mut athens) =
        two_sites(folder.path(), "endorsers = jane@example.org\nmax_image_size = 3000");
    // Published before athens knows, and while it listens.
    let (_, large) = publish(&endorser, &orsay, "large", 3001);
    let (_, early) = publish(&endorser, &orsay, "early", 3000);
    athens.start();
    wait_for_fetched(&athens, 1);
    assert_eq!(stored(&athens), [early.as_str()]);
    let (_, also_large) = publish(&endorser, &orsay, "also-large", 4000);
    wait_for("the entry", || athens.run(&["show", &also_large]).code == 0);
    let (_, late) = publish(&endorser, &orsay, "late", 2000);
    wait_for_fetched(&athens, 2);
    let mut here = stored(&athens);
    here.sort();
    let mut wanted = vec![early.clone(), late];
    wanted.sort();
    assert_eq!(here, wanted);

    let printed = athens.run(&["status"]).output;
    assert!(
        printed.contains("mirror      2 fetched since the start, 0 to be fetched"),
        "{printed}"
    );
    let metrics = athens.run(&["status", "--metrics"]).output;
    assert!(metrics.contains("suq_mirror_fetched_total 2\n"), "{metrics}");
    let shown = athens.run(&["policy", "show"]).output;
    assert!(shown.contains("fetched by itself: endorsed by jane@example.org"), "{shown}");
    let check = |image: &str| athens.run(&["policy", "check", image]).output;
    assert!(check(&early).contains(": fetched by itself\n"), "{}", check(&early));
    assert!(check(&large).contains(": not fetched by itself\n"), "{}", check(&large));
    // No collection takes it away, whatever the quota.
    let collected = athens.run(&["blob", "gc", "--quota", "0", "--force", "--json"]);
    let collected: Value = serde_json::from_str(&collected.output).unwrap();
    assert_eq!(collected["removed"], Value::Array(Vec::new()));
    // Who mirrors nothing is told nothing of it.
    assert!(orsay.run(&["status"]).output.lines().all(|line| !line.starts_with("mirror")));
}

#[test]
fn what_was_taken_back_is_not_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let (endorser, orsay, mut athens) = two_sites(folder.path(), "images = *");
    let (manifest, _) = publish(&endorser, &orsay, "old", 1000);
    let deprecated = folder.path().join("deprecated.xml").display().to_string();
    let p12 = endorser.p12.display().to_string();
    let options = ["--p12-cert", &p12, "--p12-password", PASSWORD, "-o", &deprecated];
    let run =
        suq(&[&["metadata", "deprecate", &manifest, "--reason", "old"], &options[..]].concat());
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(orsay.run(&["publish", &deprecated]).code, 0);
    athens.start();
    wait_for("both entries", || athens.entries() == 2);
    let (_, new) = publish(&endorser, &orsay, "new", 1000);
    wait_for_fetched(&athens, 1);
    assert_eq!(stored(&athens), [new.as_str()]);
}

#[test]
fn rules_that_come_later_apply_to_what_is_there_and_the_quota_holds() {
    let folder = tempfile::tempdir().unwrap();
    let (endorser, orsay, mut athens) = two_sites(folder.path(), "");
    let settings = athens.home.join("suq.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("# quota = \"none\"", "quota = \"1 MB\"")).unwrap();
    let (_, small) = publish(&endorser, &orsay, "small", 10_000);
    let (_, large) = publish(&endorser, &orsay, "large", 2_000_000);
    athens.start();
    wait_for("both entries", || athens.entries() == 2);
    assert_eq!(athens.status()["mirror"]["active"], false);
    set_rules(&athens, "images = *");
    assert_eq!(athens.run(&["policy", "reload"]).code, 0);
    wait_for("one is here and one has no place", || {
        let mirror = &athens.status()["mirror"];
        mirror["fetched"] == 1 && mirror["failing"] == 1
    });
    assert_eq!(stored(&athens), [small.as_str()]);
    let failure = &athens.status()["mirror"]["failures"][0];
    assert_eq!((&failure["identifier"], &failure["attempts"]), (&large.into(), &1.into()));
    assert!(failure["reason"].as_str().unwrap().contains("quota"), "{failure}");
    let printed = athens.run(&["status"]).output;
    assert!(printed.contains("could not be fetched yet"), "{printed}");
}
