//! `/metrics` and `suq status --metrics`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::site::{Endorser, Site, wait_for};
use super::{get, http::Shop, tool};

/// The value of a line that is there once.
pub(crate) fn value(numbers: &str, name: &str) -> f64 {
    let mut found = numbers.lines().filter_map(|line| line.strip_prefix(&format!("{name} ")));
    let value = found.next().unwrap_or_else(|| panic!("no {name} in {numbers}"));
    assert_eq!(found.next(), None, "{name}");
    value.parse().unwrap()
}

fn numbers(address: &str) -> String {
    let answer = get(address, "/metrics");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("Content-Type"), Some("text/plain; version=0.0.4"));
    answer.text()
}

/// A site that uses everything that there are numbers of.
pub(crate) fn full(folder: &std::path::Path) -> (Site, Site) {
    let endorser = Endorser::new(folder);
    let mut founder = Site::with(folder, "founder", &endorser, &["--closed"]);
    let mut site = Site::new(folder, "full", &endorser);
    founder.start();
    let ticket = founder.await_output(&["invite", "--for", &site.peer]);
    assert_eq!(site.run(&["join", ticket.trim()]).code, 0);
    super::authority::Authority::new(folder).issue("host", 2);
    let path = |name: &str| folder.join(name).display().to_string();
    let (certificate, key) = (path("host.pem"), path("host.key"));
    let tls =
        format!("tls_listen = [\"127.0.0.1:0\"]\ncertificate = \"{certificate}\"\nkey = \"{key}\"");
    site.set("http", &tls);
    site.set("blobs", "quota = \"1 GB\"");
    fs::write(site.home.join("policy.cfg"), "[mirror]\nimages = *\n[freshness]\nmax_age = 1h\n")
        .unwrap();
    site.start();
    wait_for("it is let in", || site.status()["reconciled"].as_array().unwrap().len() == 1);
    (founder, site)
}

#[test]
fn promtool_has_nothing_to_say_of_the_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let (_founder, site) = full(folder.path());
    let http = numbers(&site.http());
    let command = site.run(&["status", "--metrics"]);
    assert_eq!(command.code, 0);
    for numbers in [&http, &command.output] {
        let (is_content, said) = tool("promtool", &["check", "metrics"], numbers.as_bytes());
        assert!(is_content && said.is_empty(), "{said}: {numbers}");
        let names = numbers.lines().filter(|line| line.starts_with("# TYPE "));
        let helps = numbers.lines().filter(|line| line.starts_with("# HELP "));
        assert_eq!(names.count(), helps.count());
    }
    // What only the node's own process can tell is not told of the command's.
    assert!(http.contains("\nprocess_open_fds ") && http.contains("\nsuq_http_connections 1\n"));
    assert!(!command.output.contains("process_") && !command.output.contains("suq_http_"));
    // Nothing leads from numbers to somebody.
    for secret in ["12D3KooW", "jane@example.org", &folder.path().display().to_string()] {
        assert!(!http.contains(secret), "{secret}: {http}");
    }
}

#[test]
fn what_happens_is_counted() {
    let shop = Shop::new(1_000_000);
    let before = numbers(&shop.address);
    assert_eq!(value(&before, "suq_blobs"), 1.0);
    assert_eq!(value(&before, "suq_node_responds"), 1.0);
    assert_eq!(value(&before, "suq_ready"), 1.0);
    assert_eq!(value(&before, "suq_policy_broken"), 0.0);
    assert!(value(&before, "suq_blobs_bytes") >= 1_000_000.0);
    assert!(value(&before, "suq_disk_free_bytes") > 0.0);
    assert!(value(&before, "suq_store_bytes") > 0.0);
    assert!(value(&before, "process_resident_memory_bytes") > 0.0);
    assert!(value(&before, "suq_reconciled_age_seconds") >= 0.0);

    assert_eq!(shop.get(&[]).status, 200);
    assert_eq!(shop.get(&["Range: bytes=0-9"]).status, 206);
    assert_eq!(shop.ask("HEAD", &shop.path(), &[]).status, 200);
    assert_eq!(shop.ask("GET", "/nothing/here", &[]).status, 404);
    assert_eq!(shop.ask("BREW", "/blobs/sha1/00", &[]).status, 405);
    // A body is counted when it has gone out.
    wait_for("they are counted", || {
        let after = numbers(&shop.address);
        value(&after, "suq_http_sent_bytes_total") >= 1_000_010.0
    });
    let after = numbers(&shop.address);
    let requests = |route, method, status| {
        let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
        value(&after, &format!("suq_http_requests_total{{{labels}}}"))
    };
    assert_eq!(requests("blobs", "GET", "2xx"), 2.0);
    assert_eq!(requests("blobs", "HEAD", "2xx"), 1.0);
    assert_eq!(requests("other", "GET", "4xx"), 1.0);
    assert_eq!(requests("blobs", "other", "4xx"), 1.0);
    assert_eq!(value(&after, "suq_http_request_duration_seconds_count{route=\"blobs\"}"), 4.0);
    assert!(!after.contains(&shop.sha512) && !after.contains("nothing"));
    assert!(value(&after, "suq_http_connections_total") >= 6.0);
}

#[test]
fn transfers_and_gossip_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let mut orsay = Site::new(folder.path(), "orsay", &endorser);
    let mut athens = Site::new(folder.path(), "athens", &endorser);
    orsay.start();
    let ticket = orsay.await_output(&["invite"]);
    assert_eq!(athens.run(&["join", ticket.trim()]).code, 0);
    athens.start();
    wait_for("they are connected", || !athens.connected().is_empty());
    let (manifest, image) = endorser.publishable(folder.path(), "disk", b"an image");
    assert_eq!(orsay.run(&["publish", &manifest, "--image", &image]).code, 0);
    let identifier = super::site::identifier_of(&manifest);
    athens.await_output(&["get", &identifier]);
    // One that is not what it was when orsay took it in.
    let (rotten, file) = endorser.publishable(folder.path(), "rotten", b"an image that rots");
    assert_eq!(orsay.run(&["publish", &rotten, "--image", &file]).code, 0);
    let rotten = super::site::identifier_of(&rotten);
    let listed = orsay.run(&["blob", "list", "--json"]).output;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let listed = listed.as_array().unwrap().iter().find(|blob| blob["bytes"] == 18).unwrap();
    let sha512 = listed["sha512"].as_str().unwrap();
    let stored = orsay.home.join("blobs").join(&sha512[..2]).join(sha512);
    fs::set_permissions(&stored, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&stored, b"an image that rotS").unwrap();
    wait_for("nobody can send it", || athens.run(&["get", &rotten]).code == 6);
    let here = numbers(&athens.http());
    assert_eq!(value(&here, "suq_transfers_total{outcome=\"finished\"}"), 1.0);
    assert!(value(&here, "suq_transfers_total{outcome=\"starved\"}") >= 1.0);
    assert_eq!(value(&here, "suq_transfers_running"), 0.0);
    assert_eq!(value(&here, "suq_peers_connected"), 1.0);
    let there = numbers(&orsay.http());
    assert!(value(&there, "suq_blobs_sent_bytes_total") >= 26.0, "both");
    wait_for("a verdict on what was gossiped or synced", || {
        let numbers = numbers(&athens.http());
        value(&numbers, "suq_documents{standing=\"admitted\"}") == 2.0
            && value(&numbers, "suq_gossip_messages_total{verdict=\"accepted\"}") >= 1.0
    });
}
