//! `suq get` of a 2 GiB image against what the same libp2p stream moves without
//! hashing and disk, in one run, medians of three.
//!
//! `cargo bench --bench blob`; `SUQ_BENCH_MIB` sets another size.

#![allow(missing_docs, unreachable_pub, clippy::print_stdout, clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::{Endorser, Site, median};
use suq::blobs::{Hashed, hash_file};
use suq::model::{Address, Algorithm, Checksum, FederationId, Peer, Reachable};
use suq::net::{self, Config, Event, Identity, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const MIB: usize = 1024 * 1024;
const RUNS: usize = 3;

/// Set in the process that sends the raw stream: how many MiB.
const RAW_SENDER: &str = "SUQ_BENCH_RAW_SENDER";

fn config() -> Config {
    Config {
        identity: Identity::generate(),
        federation: FederationId::from_bytes([9; 32]),
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        announce: Vec::new(),
        closed: false,
        reachable: Reachable::Yes,
        relay: false,
        mdns: false,
        blocked: BTreeSet::new(),
        limits: Limits::default(),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

fn main() {
    if let Ok(mib) = std::env::var(RAW_SENDER) {
        return runtime().block_on(send_raw(mib.parse().unwrap()));
    }
    let mib: usize = std::env::var("SUQ_BENCH_MIB").map_or(2048, |text| text.parse().unwrap());
    let bytes = (mib * MIB) as f64;
    let raw = median((0..RUNS).map(|_| runtime().block_on(receive_raw(mib))).collect());
    println!("raw libp2p stream         {:7.0} MB/s", bytes / raw / 1e6);
    get(mib, raw);
}

/// Sends bytes of memory to whoever opens a stream.
async fn send_raw(mib: usize) {
    let config = config();
    let peer = config.identity.peer();
    let (_net, mut events, mut streams) = net::start(config).unwrap();
    while let Some(event) = events.recv().await {
        if let Event::Listening { address } = event {
            println!("{peer} {address}");
            break;
        }
    }
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    let (_, mut stream) = streams.recv().await.unwrap();
    let chunk = vec![7; MIB];
    for _ in 0..mib {
        stream.write_all(&chunk).await.unwrap();
    }
    stream.shutdown().await.unwrap();
    // Until the receiver has everything and ends this process.
    std::future::pending().await
}

/// Seconds that it takes to receive them.
async fn receive_raw(mib: usize) -> f64 {
    let mut sender = Command::new(std::env::current_exe().unwrap())
        .env(RAW_SENDER, mib.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(sender.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (peer, address) = line.trim().split_once(' ').unwrap();
    let (peer, address): (Peer, Address) = (peer.parse().unwrap(), address.parse().unwrap());
    let (net, mut events, _streams) = net::start(config()).unwrap();
    net.dial(peer, vec![address]).await;
    while !matches!(events.recv().await, Some(Event::Connected { .. })) {}
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    let mut stream = net.blob_streams().open(peer).await.unwrap();
    // The protocol is only negotiated with the first bytes.
    stream.write_all(&[1]).await.unwrap();
    stream.flush().await.unwrap();
    let started = Instant::now();
    let mut buffer = vec![0; MIB];
    let mut left = mib * MIB;
    while left > 0 {
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "the sender stopped");
        left -= read;
    }
    let seconds = started.elapsed().as_secs_f64();
    sender.kill().unwrap();
    sender.wait().unwrap();
    seconds
}

fn get(mib: usize, raw: f64) {
    let bytes = (mib * MIB) as f64;
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let image = folder.path().join("image");
    let mut file = File::create(&image).unwrap();
    let mut chunk = vec![0; MIB];
    for _ in 0..mib {
        fastrand::fill(&mut chunk);
        file.write_all(&chunk).unwrap();
    }
    file.sync_all().unwrap();
    let started = Instant::now();
    let Hashed { checksums, bytes: size, .. } = hash_file(&image, &Algorithm::ALL, |_| {}).unwrap();
    let hashed = started.elapsed().as_secs_f64();
    println!("four checksums of a file  {:7.0} MB/s", bytes / hashed / 1e6);

    let endorser = Endorser::new();
    let mut orsay = Site::new(folder.path(), "orsay", &endorser);
    let mut athens = Site::new(folder.path(), "athens", &endorser);
    orsay.start();
    let ticket = orsay.await_success(&["invite"]);
    athens.run(&["join", ticket.trim()]);
    athens.start();
    let all: Vec<Algorithm> = Algorithm::ALL.to_vec();
    for listed in [all, vec![Algorithm::Sha1, Algorithm::Sha512]] {
        let some = checksums.iter().filter(|(algorithm, _)| listed.contains(algorithm));
        let some = some.map(|(algorithm, value)| Checksum::new(algorithm, value).unwrap());
        let signed = endorser.sign(some.collect(), size);
        let manifest = folder.path().join("manifest.xml");
        std::fs::write(&manifest, signed.octets()).unwrap();
        let manifest = manifest.display().to_string();
        orsay.run(&["publish", &manifest, "--image", &image.display().to_string()]);
        let identifier = signed.verified().manifest().identifier.to_string();
        // The later document of the two replaces the first.
        athens.await_success(&["sync"]);
        println!("\nchecksums in the manifest: {listed:?}");
        measure(&orsay, &athens, &identifier, bytes, raw);
        std::thread::sleep(Duration::from_secs(1));
    }
    println!("\npeak memory               {:7.1} MiB receiving", athens.memory("VmHWM"));
    println!("                          {:7.1} MiB sending", orsay.memory("VmHWM"));
}

fn measure(orsay: &Site, athens: &Site, identifier: &str, bytes: f64, raw: f64) {
    let mut times = Vec::new();
    let before = orsay.cpu_seconds() + athens.cpu_seconds();
    for _ in 0..RUNS {
        // What earlier runs wrote is not to be paid for by this one.
        let _ = Command::new("sync").status();
        let started = Instant::now();
        athens.run(&["get", identifier]);
        times.push(started.elapsed().as_secs_f64());
        athens.run(&["blob", "remove", identifier]);
    }
    let cpu = (orsay.cpu_seconds() + athens.cpu_seconds() - before) / RUNS as f64;
    let seconds = median(times);
    println!("suq get, all verified     {:7.0} MB/s", bytes / seconds / 1e6);
    println!("ratio get / raw stream    {:7.2}  (0.70 wanted)", raw / seconds);
    println!("processor time per GB     {:7.2} s, both nodes", cpu / bytes * 1e9);
}
