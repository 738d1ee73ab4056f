//! Transfers as people and programs see them, and how fast a node serves.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod site;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use site::{Endorser, Site, identifier_of, wait_for};

/// Three pieces.
const BYTES: usize = 12 * 1024 * 1024;

/// Orsay with an image, which it serves at this rate, and athens, which knows of it.
struct Scene {
    orsay: Site,
    athens: Site,
    identifier: String,
    sha512: String,
    content: Vec<u8>,
}

fn scene(folder: &Path, bytes: usize, rate: &str) -> Scene {
    let endorser = Endorser::new(folder);
    let mut orsay = Site::new(folder, "orsay", &endorser);
    let mut athens = Site::new(folder, "athens", &endorser);
    let settings = orsay.home.join("suq.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let served = text.replace("# serve_rate = \"none\"", &format!("serve_rate = \"{rate}\""));
    assert_ne!(served, text);
    fs::write(settings, served).unwrap();
    let content: Vec<u8> = (0..bytes).map(|n| (n % 251) as u8).collect();
    let (manifest, image) = endorser.publishable(folder, "disk", &content);
    orsay.start();
    let run = orsay.run(&["publish", &manifest, "--image", &image]);
    assert_eq!(run.code, 0, "{run:?}");
    let ticket = orsay.await_output(&["invite"]);
    assert_eq!(athens.run(&["join", ticket.trim()]).code, 0);
    athens.start();
    let identifier = identifier_of(&manifest);
    wait_for("the entry", || athens.run(&["show", &identifier]).code == 0);
    let listed: Value =
        serde_json::from_str(&orsay.run(&["blob", "list", "--json"]).output).unwrap();
    let sha512 = listed[0]["sha512"].as_str().unwrap().to_owned();
    Scene { orsay, athens, identifier, sha512, content }
}

/// A `suq get --json` that is read while it runs.
struct Get {
    process: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Get {
    fn start(site: &Site, image: &str) -> Get {
        let mut process = Command::new(env!("CARGO_BIN_EXE_suq"))
            .arg("--home")
            .arg(&site.home)
            .args(["get", "--json", image])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Get { process, lines }
    }

    fn next(&mut self) -> Option<Value> {
        self.lines.next().map(|line| serde_json::from_str(&line.unwrap()).unwrap())
    }

    /// The first event of this kind; all before it are progress.
    fn until(&mut self, kind: &str) -> Value {
        loop {
            let event = self.next().expect(kind);
            if event["event"] == kind {
                return event;
            }
            assert_eq!(event["event"], "progress", "{event}");
        }
    }

    /// Its last event, and the code that it ends with.
    fn end(mut self) -> (Value, Option<i32>) {
        let mut last = Value::Null;
        while let Some(event) = self.next() {
            last = event;
        }
        (last, self.process.wait().unwrap().code())
    }
}

fn signal(pid: u32, signal: &str) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

#[test]
fn a_transfer_goes_on_without_the_command_and_the_next_one_attaches() {
    let folder = tempfile::tempdir().unwrap();
    let scene = scene(folder.path(), BYTES, "2 MB");
    let Scene { orsay, athens, identifier, sha512, .. } = &scene;
    let mut first = Get::start(athens, identifier);
    let started = first.until("started");
    // Nothing more comes until it is told to go on.
    signal(orsay.pid(), "-STOP");
    assert_eq!(started["attached"], false);
    assert_eq!(
        (&started["total"], &started["image"]),
        (&BYTES.into(), &identifier.as_str().into())
    );
    // By another name it is the same transfer.
    let mut second = Get::start(athens, sha512);
    assert_eq!(second.until("started")["attached"], true);
    signal(first.process.id(), "-KILL");
    assert_eq!(first.end().1, None);
    signal(second.process.id(), "-INT");
    let (left, code) = second.end();
    assert_eq!((&left["event"], &left["exit"], code), (&"left".into(), &130.into(), Some(130)));
    let message = left["message"].as_str().unwrap();
    assert!(message.contains("goes on") && message.contains(sha512), "{message}");

    let mut third = Get::start(athens, identifier);
    assert_eq!(third.until("started")["attached"], true);
    signal(orsay.pid(), "-CONT");
    let (done, code) = third.end();
    assert_eq!((&done["event"], code), (&"done".into(), Some(0)));
    // One transfer brought every byte: nothing began anew.
    assert_eq!(done["from"].as_array().unwrap().len(), 1);
    assert_eq!(done["from"][0]["bytes"], BYTES);
    assert_eq!(done["from"][0]["from"]["peer"], scene.orsay.peer.as_str());
    assert!(fs::read(done["path"].as_str().unwrap()).unwrap() == scene.content);
    // What is here already is done at once.
    let mut again = Get::start(athens, identifier);
    let done = again.next().unwrap();
    assert_eq!((&done["event"], &done["from"]), (&"done".into(), &Value::Array(Vec::new())));
    assert_eq!(again.next(), None);
}

#[test]
fn a_transfer_that_nobody_waits_for_is_completed_and_its_shares_grow() {
    let folder = tempfile::tempdir().unwrap();
    let scene = scene(folder.path(), BYTES, "4 MB");
    let Scene { orsay, athens, identifier, .. } = &scene;
    let mut get = Get::start(athens, identifier);
    get.until("started");
    let grown = loop {
        let progress = get.until("progress");
        if progress["done"] != 0 {
            break progress;
        }
    };
    let share = &grown["shares"][0];
    assert_eq!(
        (&share["bytes"], &share["from"]["peer"]),
        (&grown["done"], &orsay.peer.as_str().into())
    );
    assert_eq!(grown["total"], BYTES);
    signal(get.process.id(), "-HUP");
    get.end();
    wait_for("it comes", || athens.run(&["blob", "list"]).output.contains(identifier));
    assert_eq!(athens.run(&["blob", "verify"]).code, 0);
}

#[test]
fn programs_are_told_why_there_is_no_image() {
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let mut site = Site::new(folder.path(), "site", &endorser);
    site.start();
    let (event, code) = Get::start(&site, &"0".repeat(40)).end();
    assert_eq!((&event["event"], &event["exit"], code), (&"failed".into(), &4.into(), Some(4)));
    assert!(event["message"].as_str().unwrap().contains("no entry"), "{event}");
    let (manifest, image) = endorser.publishable(folder.path(), "disk", b"content");
    assert_eq!(site.run(&["publish", &manifest, "--image", &image]).code, 0);
    let policy = site.home.join("policy.cfg");
    let text = fs::read_to_string(&policy).unwrap();
    fs::write(
        &policy,
        text.replace("blacklistendorsers =", "blacklistendorsers = jane@example.org"),
    )
    .unwrap();
    assert_eq!(site.run(&["policy", "reload"]).code, 0);
    let (event, code) = Get::start(&site, &identifier_of(&manifest)).end();
    assert_eq!((&event["event"], &event["exit"], code), (&"refused".into(), &3.into(), Some(3)));
}

/// Everything that an HTTP server sends of the image.
fn http_get(address: &str, sha512: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    let head =
        format!("GET /blobs/sha512/{sha512} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let body = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    answer.split_off(body)
}

/// No machine is too slow for this: it must take at least so long.
#[test]
fn what_goes_to_peers_and_over_http_is_bounded_together() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = 2_000_000;
    let scene = scene(folder.path(), bytes, "1 MB");
    let started = Instant::now();
    let (address, sha512) = (scene.orsay.http(), scene.sha512.clone());
    let client = std::thread::spawn(move || http_get(&address, &sha512));
    let run = scene.athens.run(&["get", &scene.identifier]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(client.join().unwrap() == scene.content);
    assert!(started.elapsed() >= Duration::from_millis(3900), "{:?}", started.elapsed());
}
