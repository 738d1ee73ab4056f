//! Two and three sites as their users run them.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod site;

use std::fs;

use site::{Endorser, Site, identifier_of, suq, wait_for};

#[test]
fn the_demonstration_holds() {
    let run = suq(&["demo", "--once", "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let steps: serde_json::Value = serde_json::from_str(&run.output).unwrap();
    let named: Vec<&str> =
        steps.as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    let expected = [
        "sites",
        "catalogue",
        "built",
        "signed",
        "published",
        "admitted",
        "refused",
        "fetched",
        "not handed",
        "deprecated",
        "killed",
        "caught up",
    ];
    assert_eq!(named, expected);
}

#[test]
fn a_site_joins_searches_and_gets_by_every_name() {
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let mut orsay = Site::new(folder.path(), "orsay", &endorser);
    let mut athens = Site::new(folder.path(), "athens", &endorser);
    let content: Vec<u8> = (0..5_000_000u32).map(|n| (n % 241) as u8).collect();
    let (manifest, image) = endorser.publishable(folder.path(), "disk", &content);
    orsay.start();
    let ticket = orsay.await_output(&["invite"]);
    assert_eq!(athens.run(&["join", ticket.trim()]).code, 0);
    athens.start();
    assert_eq!(orsay.run(&["publish", &manifest, "--image", &image]).code, 0);
    let identifier = identifier_of(&manifest);
    wait_for("the entry", || athens.run(&["search", "disk"]).output.contains(&identifier));

    let shown = suq(&["metadata", "show", &manifest, "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown.output).unwrap();
    let checksums = &shown["manifest"]["checksums"];
    for name in
        [&identifier, checksums["SHA-1"].as_str().unwrap(), checksums["SHA-512"].as_str().unwrap()]
    {
        let out = folder.path().join("out").display().to_string();
        let run = athens.run(&["get", name, "-o", &out]);
        assert_eq!(run.code, 0, "{run:?}");
        assert!(fs::read(&out).unwrap() == content, "the bytes by {name}");
        fs::remove_file(&out).unwrap();
        assert_eq!(athens.run(&["blob", "remove", &identifier]).code, 0);
    }
    // Without its node a site still answers what its store knows.
    athens.stop();
    let run = athens.run(&["why", &identifier]);
    assert!(run.output.contains("allowed (current)"), "{run:?}");
    assert_eq!(athens.run(&["get", &identifier]).code, 6);
    assert_eq!(athens.run(&["store", "check"]).code, 0);
}

#[test]
fn changed_rules_judge_everything_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let mut site = Site::new(folder.path(), "site", &endorser);
    let (manifest, image) = endorser.publishable(folder.path(), "disk", b"an image");
    site.start();
    assert_eq!(site.run(&["publish", &manifest, "--image", &image]).code, 0);
    let identifier = identifier_of(&manifest);
    assert_eq!(site.run(&["get", &identifier]).code, 0);

    let policy = site.home.join("policy.cfg");
    let good = fs::read_to_string(&policy).unwrap();
    fs::write(&policy, format!("{good}[blacklistendorsers]\nx = jane@example.org\n")).unwrap();
    assert_eq!(site.run(&["policy", "reload"]).code, 0);
    let run = site.run(&["get", &identifier]);
    assert_eq!(run.code, 3, "{run:?}");
    wait_for("the withdrawal", || site.status()["documents"]["withdrawn"] == 1);

    fs::write(&policy, good).unwrap();
    // SIGHUP does what the command does.
    let hup = std::process::Command::new("kill");
    let mut hup = hup;
    assert!(hup.args(["-HUP", &site.pid().to_string()]).status().unwrap().success());
    wait_for("the restoration", || site.status()["documents"]["admitted"] == 1);
    assert_eq!(site.run(&["get", &identifier]).code, 0);
}

/// Nobody else is there to reconcile with.
#[test]
fn nothing_is_handed_out_from_a_stale_catalogue_unless_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let mut site = Site::new(folder.path(), "site", &endorser);
    fs::write(site.home.join("policy.cfg"), "[freshness]\nmax_age = 1h\n").unwrap();
    let (manifest, image) = endorser.publishable(folder.path(), "disk", b"an image");
    site.start();
    assert_eq!(site.run(&["publish", &manifest, "--image", &image]).code, 0);
    let identifier = identifier_of(&manifest);
    let refused = site.run(&["get", &identifier]);
    assert!(refused.code == 3 && refused.error.contains("freshness.max_age"), "{refused:?}");
    let got = site.run(&["get", &identifier, "--stale"]);
    assert_eq!(got.code, 0, "{got:?}");
    let metrics = site.run(&["status", "--metrics"]).output;
    assert!(metrics.contains("suq_documents{standing=\"admitted\"} 1\n"), "{metrics}");
    assert!(metrics.contains("suq_reconciled_peers 0\n"), "{metrics}");

    let mut other = Site::new(folder.path(), "other", &endorser);
    let ticket = site.await_output(&["invite"]);
    assert_eq!(other.run(&["join", ticket.trim()]).code, 0);
    other.start();
    wait_for("a reconciliation", || site.run(&["get", &identifier]).code == 0);
    let metrics = site.run(&["status", "--metrics"]).output;
    assert!(metrics.contains("\nsuq_reconciled_timestamp_seconds 1"), "{metrics}");
}

#[test]
fn what_a_revoked_signer_endorsed_is_withdrawn_at_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let mut site = Site::new(folder.path(), "site", &endorser);
    let (manifest, image) = endorser.publishable(folder.path(), "disk", b"an image");
    site.start();
    assert_eq!(site.run(&["publish", &manifest, "--image", &image]).code, 0);
    let identifier = identifier_of(&manifest);
    let list = endorser.revocation_list(&[endorser.certificate()]);
    fs::write(site.home.join("trust/ca.r0"), list).unwrap();
    assert_eq!(site.run(&["policy", "reload"]).code, 0);
    wait_for("the withdrawal", || site.status()["documents"]["withdrawn"] == 1);
    let refused = site.run(&["get", &identifier]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.error.contains("revoked"), "{refused:?}");
    let why = site.run(&["why", &identifier]);
    assert!(why.output.contains("ca.r0"), "{why:?}");
}

#[test]
fn a_get_that_was_killed_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let mut orsay = Site::new(folder.path(), "orsay", &endorser);
    let mut athens = Site::new(folder.path(), "athens", &endorser);
    let content: Vec<u8> = (0..40_000_000u32).map(|n| (n % 239) as u8).collect();
    let (manifest, image) = endorser.publishable(folder.path(), "disk", &content);
    orsay.start();
    assert_eq!(orsay.run(&["publish", &manifest, "--image", &image]).code, 0);
    let ticket = orsay.await_output(&["invite"]);
    athens.run(&["join", ticket.trim()]);
    athens.start();
    let identifier = identifier_of(&manifest);
    wait_for("the entry", || athens.run(&["show", &identifier]).code == 0);
    let home = athens.home.display().to_string();
    let mut get = std::process::Command::new(env!("CARGO_BIN_EXE_suq"))
        .args(["--home", &home, "get", &identifier])
        .spawn()
        .unwrap();
    let partial = athens.home.join("blobs/partial");
    let begun = || fs::read_dir(&partial).is_ok_and(|mut files| files.next().is_some());
    wait_for("bytes arrive", || begun() || athens.run(&["blob", "list"]).output.len() > 100);
    athens.kill();
    let _ = get.wait();
    athens.start();
    wait_for("a connection", || athens.status()["connected"] != serde_json::json!([]));
    let run = athens.run(&["get", &identifier]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(athens.run(&["blob", "verify"]).code, 0);
    assert_eq!(fs::read_dir(&partial).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn who_knows_one_site_finds_all_also_after_all_but_one_have_moved() {
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let names = ["orsay", "athens", "lyon", "delft"];
    let mut sites = names.map(|name| Site::new(folder.path(), name, &endorser));
    for place in 0..sites.len() {
        if place > 0 {
            let ticket = sites[place - 1].await_output(&["invite"]);
            assert_eq!(sites[place].run(&["join", ticket.trim()]).code, 0);
        }
        sites[place].start();
    }
    let peers = |site: &Site| site.status()["connected"].as_array().map_or(0, Vec::len);
    let all_meet = |sites: &[Site]| sites.iter().all(|site| peers(site) == sites.len() - 1);
    wait_for("everyone to meet", || all_meet(&sites));

    sites[3].stop();
    for moving in &mut sites[1..3] {
        let before = moving.address();
        while moving.address() == before {
            moving.stop();
            moving.start();
        }
    }
    wait_for("those that moved to come back", || all_meet(&sites[..3]));
    sites[3].start();
    wait_for("everyone to meet again", || all_meet(&sites));
}

#[test]
fn a_sync_tells_what_changed() {
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let mut orsay = Site::new(folder.path(), "orsay", &endorser);
    let mut athens = Site::new(folder.path(), "athens", &endorser);
    orsay.start();
    let ticket = orsay.await_output(&["invite"]);
    athens.run(&["join", ticket.trim()]);
    athens.start();
    wait_for("a connection", || athens.status()["connected"] != serde_json::json!([]));
    let run = athens.run(&["sync", "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let reports: serde_json::Value = serde_json::from_str(&run.output).unwrap();
    let report = &reports[0];
    assert_eq!(report["peer"], orsay.status()["peer"]);
    for count in ["missing", "received", "admitted", "deprecated", "refused"] {
        assert_eq!(report[count], 0, "{count}: {report}");
    }
    assert_eq!((&report["listed"], &report["changes"]), (&false.into(), &serde_json::json!([])));
    assert!(report["rounds"].as_u64() >= Some(1) && report["bytes"].as_u64() > Some(0), "{report}");
    let told = athens.run(&["sync"]);
    assert!(told.output.contains("0 new entries, 0 deprecations, 0 refused"), "{told:?}");
}
