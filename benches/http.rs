//! The HTTP interface of a node with 100 000 entries, beside nginx with a file of the size
//! of an entry. Each server has one core, and wrk, which asks, the other.
//!
//! `cargo bench --bench http`; `-- 20000` for another number of entries. nginx, wrk and curl
//! are Debian's.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod support;
#[path = "../tests/web_server/mod.rs"]
mod web_server;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use support::{Endorser, Site, documents};
use suq::home::Home;
use suq::manifest::pki::authority::KeyKind;
use web_server::{FILES, Nginx};

const ENTRIES: usize = 100_000;

/// Connections that ask all the time.
const CONNECTIONS: &str = "64";

/// How long each row is asked for, in seconds.
const SECONDS: &str = "10";

/// The core of the server, and the one of whoever asks.
const SERVER: &str = "0";
const CLIENT: &str = "1";

/// What an entry may cost beside a file of nginx.
const WANTED_RATE: f64 = 0.4;

/// What 99 of 100 searches, one after the other, may take, in milliseconds.
const WANTED_SEARCH: f64 = 10.0;

/// What people look for, and what DataTables asks for.
const SEARCHES: [&str; 8] = [
    "words=debian",
    "words=physics+node",
    "words=build+77",
    "words=geant4&arch=x86_64",
    "os=ubuntu&status=all",
    "words=endorser-3",
    "words=de",
    "",
];

struct Row {
    rate: f64,
    median: f64,
    p99: f64,
}

/// wrk's numbers, with so many connections.
fn ask(folder: &Path, base: &str, paths: &[String], connections: &str) -> Row {
    let script = folder.join("paths.lua");
    let list: Vec<String> = paths.iter().map(|path| format!("{path:?}")).collect();
    let text = format!(
        "paths = {{{}}}\nat = 0\nrequest = function()\n  at = at % #paths + 1\n  return \
         wrk.format(nil, paths[at])\nend\n",
        list.join(",")
    );
    fs::write(&script, text).unwrap();
    let mut wrk = Command::new("taskset");
    wrk.args(["-c", CLIENT, "wrk", "-t1", "-c", connections, "-d", SECONDS, "--latency", "-s"]);
    let output = wrk.arg(&script).arg(base).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "{text}");
    let value = |name: &str| -> String {
        let line = text.lines().find(|line| line.trim_start().starts_with(name));
        line.unwrap_or_else(|| panic!("no {name} in {text}"))
            .split_whitespace()
            .nth(1)
            .unwrap()
            .to_owned()
    };
    Row {
        rate: value("Requests/sec").parse().unwrap(),
        median: millis(&value("50%")),
        p99: millis(&value("99%")),
    }
}

fn millis(text: &str) -> f64 {
    for (unit, factor) in [("us", 0.001), ("ms", 1.0), ("s", 1000.0), ("m", 60_000.0)] {
        if let Some(number) = text.strip_suffix(unit) {
            return number.parse::<f64>().unwrap() * factor;
        }
    }
    panic!("{text} is no time")
}

fn print(name: &str, row: &Row) {
    println!(
        "{name:44} {:9.0} a second, median {:7.2} ms, p99 {:7.2} ms",
        row.rate, row.median, row.p99
    );
}

/// One answer: how long it takes, and its bytes.
fn once(base: &str, path: &str, accept: &str) -> Vec<u8> {
    let began = Instant::now();
    let mut curl = Command::new("curl");
    let output = curl
        .args(["-sf", "-H", &format!("Accept: {accept}")])
        .arg(format!("{base}{path}"))
        .output();
    let output = output.unwrap();
    assert!(output.status.success(), "{path}");
    let (seconds, bytes) = (began.elapsed().as_secs_f64(), output.stdout.len());
    println!(
        "{:44} {seconds:9.2} s, {:.1} MB",
        format!("GET {path} ({accept})"),
        bytes as f64 / 1e6
    );
    output.stdout
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let entries = arguments.next().map_or(ENTRIES, |number| number.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::of_kind(KeyKind::EcP256);
    let mut site = Site::new(folder.path(), "site", &endorser);
    let home = Home::open(&site.home).unwrap();
    let file = folder.path().join("documents");
    documents::fill(&home.store_path(), &endorser.keys, entries, &file);
    let size = documents::read(&file)[0].len();
    site.start_on(Some(SERVER));
    while status(&site)["documents"]["rejudging"] != 0 {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let base = format!("http://{}", status(&site)["http"][0].as_str().unwrap());
    println!(
        "{entries} entries of about {size} bytes; a server on one core, {CONNECTIONS} connections"
    );

    let began = Instant::now();
    let found = json(&site.run(&["search", "--json", "--limit", "1000"]));
    println!("the first search makes the index: {:.1} s", began.elapsed().as_secs_f64());
    let paths: Vec<String> = found["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let part = |name: &str| entry[name].as_str().unwrap().to_owned();
            format!("/metadata/{}/{}/{}", part("identifier"), part("endorser"), part("endorsed"))
        })
        .collect();

    let of_nginx = beside(folder.path(), size);
    let row = ask(folder.path(), &base, &paths, CONNECTIONS);
    print("GET /metadata/ID/EMAIL/DATE, 1000 of them", &row);
    println!("    {:.2} of nginx (wanted {WANTED_RATE})", row.rate / of_nginx);

    let searches = SEARCHES.map(|query| format!("/api/v1/entries?{query}"));
    for path in &searches {
        print(
            &format!("GET {path}, one after the other"),
            &ask(folder.path(), &base, std::slice::from_ref(path), "1"),
        );
    }
    let row = ask(folder.path(), &base, &searches, "1");
    print("all of these, one after the other", &row);
    println!("    p99 wanted: {WANTED_SEARCH} ms");
    print("all of these", &ask(folder.path(), &base, &searches, CONNECTIONS));
    let table = "/metadata?sEcho=1&iDisplayStart=0&iDisplayLength=25&iSortCol_0=6&sSortDir_0=desc&sSearch=physics";
    print(
        "a page of DataTables, one after the other",
        &ask(folder.path(), &base, &[table.to_owned()], "1"),
    );
    println!("resident {:.0} MiB", site.memory("VmRSS"));
    once(&base, "/metadata", "application/xml");
    once(&base, "/metadata", "application/json");
    once(&base, "/endorsers", "application/xml");
    println!("resident {:.0} MiB after whole lists", site.memory("VmRSS"));
}

/// The rate of nginx with a file of this size.
fn beside(folder: &Path, size: usize) -> f64 {
    let served = folder.join("served");
    fs::create_dir_all(served.join("www")).unwrap();
    fs::write(served.join("www/entry.xml"), vec![b'x'; size]).unwrap();
    let nginx = Nginx::start(&served, FILES, &["PORT"]).expect("nginx is installed");
    let pinned =
        Command::new("taskset").args(["-p", "-c", SERVER, &nginx.pid().to_string()]).output();
    assert!(pinned.unwrap().status.success());
    let base = format!("http://{}", nginx.address());
    let row = ask(folder, &base, &["/entry.xml".to_owned()], CONNECTIONS);
    print("nginx, a file", &row);
    row.rate
}

fn status(site: &Site) -> serde_json::Value {
    json(&site.await_success(&["status", "--json"]))
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}
