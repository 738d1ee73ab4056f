//! `/healthz` and `/readyz` of a real node.

use std::fs;
use std::process::Command;

use super::site::{Endorser, Site, SmallDisk, skip, wait_for};
use super::{get, get_with};

fn site(folder: &std::path::Path) -> Site {
    let endorser = Endorser::new(folder);
    Site::new(folder, "site", &endorser)
}

#[test]
fn a_node_that_works_is_healthy_and_ready() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = site(folder.path());
    site.start();
    let address = site.http();
    for path in ["/healthz", "/readyz"] {
        let answer = get(&address, path);
        assert!(answer.status == 200 && answer.text() == "ok\n", "{path}: {answer:?}");
        let answer = get_with(&address, path, "Accept: application/json\r\n");
        assert_eq!(answer.text(), "{\"ok\":true,\"reasons\":[]}\n");
    }
    let post = "POST /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(super::exchange(&address, post.as_bytes()).status, 405);
}

#[test]
fn a_policy_that_cannot_be_read_and_a_stale_catalogue_are_told_without_paths() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = site(folder.path());
    site.start();
    let address = site.http();
    let policy = site.home.join("policy.cfg");
    fs::write(&policy, "[freshness]\nmax_age = 1h\nmin_peers = 1\n").unwrap();
    assert_eq!(site.run(&["policy", "reload"]).code, 0);
    let never = "freshness.max_age: the catalogue was never reconciled since the start";
    wait_for("it is not fresh", || get(&address, "/readyz").text().starts_with(never));
    assert_eq!(get(&address, "/readyz").status, 503);
    assert!(site.run(&["status"]).output.contains("NOT READY   freshness.max_age"));

    fs::write(&policy, "no policy\n").unwrap();
    site.run(&["policy", "reload"]);
    let broken = "the policy cannot be read: everything is refused\n";
    wait_for("it is broken", || get(&address, "/readyz").text() == broken);
    let answer = get_with(&address, "/readyz", "Accept: application/json\r\n");
    assert_eq!(answer.status, 503);
    let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(told["reasons"][0], broken.trim());
    assert_eq!(get(&address, "/healthz").status, 200, "a restart would not help");

    fs::write(&policy, "").unwrap();
    assert_eq!(site.run(&["policy", "reload"]).code, 0);
    wait_for("it is ready again", || get(&address, "/readyz").status == 200);
}

#[test]
fn a_disk_that_nothing_can_be_written_to_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = site(folder.path());
    let blobs = site.home.join("blobs");
    fs::create_dir_all(&blobs).unwrap();
    let Some(_disk) = SmallDisk::mount(&blobs, "8M") else {
        return skip("no small disk can be mounted here");
    };
    site.start();
    let address = site.http();
    assert_eq!(get(&address, "/readyz").status, 200);
    let remount = |mode: &str| {
        let options = format!("remount,{mode}");
        let status = Command::new("mount").args(["-o", &options]).arg(&blobs).status();
        assert!(status.unwrap().success());
    };
    remount("ro");
    wait_for("it is told", || get(&address, "/readyz").text().contains("cannot be written"));
    remount("rw");
    wait_for("it is ready again", || get(&address, "/readyz").status == 200);
}
