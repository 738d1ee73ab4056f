//! Nodes without an engine: whoever tests decides what they say.

#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::time::Duration;

use suq::model::{Address, Peer};
use suq::net::{ArrivalId, BlobStream, Config, Event, Identity, Net};
use suq::wire::Gossip;
use suq_stack::network::{Network, Number};
use suq_stack::site::{Founding, config, start_network};
use suq_stack::transport::address;
use tokio::sync::mpsc;

/// Virtual: longer than anything that is waited for, so that a failure is not a hang.
const PATIENCE: Duration = Duration::from_secs(3600);

pub struct Node {
    pub net: Net,
    pub events: mpsc::Receiver<Event>,
    pub peer: Peer,
    pub address: Address,
    _streams: mpsc::Receiver<(Peer, BlobStream)>,
}

/// A network of 10 ms from each to each.
pub fn network() -> Network {
    Network::new([Duration::from_millis(10); 2], None, 1)
}

/// What a node starts with.
pub fn plain(number: Number) -> Config {
    config(&Founding { number, identity: Identity::generate(), known: Vec::new(), skew_ms: 0 })
}

impl Node {
    pub fn start(network: &Network, number: Number, config: Config) -> Node {
        let peer = config.identity.peer();
        let (net, events, streams) = start_network(config, network, number);
        let address = address(number).parse().unwrap();
        Node { net, events, peer, address, _streams: streams }
    }

    /// A node that talks to its friends and nobody else.
    pub async fn start_closed(network: &Network, number: Number, friends: &[Peer]) -> Node {
        let node = Node::start(network, number, Config { closed: true, ..plain(number) });
        node.net.let_in(friends.iter().copied().collect(), Vec::new()).await;
        node
    }

    /// The next event that `pick` takes; others are passed over.
    pub async fn wait<T>(&mut self, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        let search = async {
            loop {
                let event = self.events.recv().await.expect("the network runs");
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, search).await.expect("the event comes")
    }

    /// Connects, and waits until each has told the other what it listens to.
    pub async fn connect(&mut self, other: &mut Node) {
        self.net.dial(other.peer, vec![other.address.clone()]).await;
        let (here, there) = (self.peer, other.peer);
        self.wait(|event| connected(&event, there)).await;
        other.wait(|event| connected(&event, here)).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }

    pub async fn publish(&self, text: &str) {
        self.net.publish(Gossip::Manifest(text.as_bytes().to_vec())).await;
    }

    /// What is heard until some (virtual) time has passed.
    pub async fn hear_for(&mut self, time: Duration) -> Vec<Heard> {
        let end = tokio::time::Instant::now() + time;
        let mut heard = Vec::new();
        while let Ok(event) = tokio::time::timeout_at(end, self.events.recv()).await {
            heard.extend(hear(event.expect("the network runs")));
        }
        heard
    }
}

#[derive(Debug, Clone)]
pub struct Heard {
    pub from: Peer,
    pub id: ArrivalId,
    pub text: String,
}

pub fn hear(event: Event) -> Option<Heard> {
    match event {
        Event::Gossip { peer, id, message: Gossip::Manifest(octets) } => {
            Some(Heard { from: peer, id, text: String::from_utf8(octets).unwrap() })
        }
        _ => None,
    }
}

pub fn texts(heard: &[Heard]) -> BTreeSet<String> {
    heard.iter().map(|heard| heard.text.clone()).collect()
}

fn connected(event: &Event, wanted: Peer) -> Option<()> {
    matches!(event, Event::Connected { peer, .. } if *peer == wanted).then_some(())
}
