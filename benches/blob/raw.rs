//! The bare libp2p stream: bytes of memory over the network that `suq get` uses,
//! without hashing and disk.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use suq::model::{Address, FederationId, Peer, Reachable};
use suq::net::{self, Config, Event, Identity, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::MIB;

/// Set in the process that sends: how many MiB.
const SENDER: &str = "SUQ_BENCH_RAW_SENDER";

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

/// Sends, when this process was started for that.
pub fn is_sender() -> bool {
    let Ok(mib) = std::env::var(SENDER) else { return false };
    runtime().block_on(send(mib.parse().unwrap()));
    true
}

/// Sends bytes of memory to whoever opens a stream.
async fn send(mib: usize) {
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

/// Seconds that it takes to receive so many MiB.
pub fn receive(mib: usize) -> f64 {
    runtime().block_on(receive_from_child(mib))
}

async fn receive_from_child(mib: usize) -> f64 {
    let mut sender = Command::new(std::env::current_exe().unwrap())
        .env(SENDER, mib.to_string())
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
