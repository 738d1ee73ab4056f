//! Every bound of the network, with its reason.

use std::time::Duration;

/// Bounds that a site may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open connections. Each costs some 100 kB.
    pub connections: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { connections: 256 }
    }
}

/// Connections of one peer: one each way, and one while they change.
pub(super) const CONNECTIONS_PER_PEER: u32 = 3;

/// Connections being made.
pub(super) const PENDING_CONNECTIONS: u32 = 64;

/// How long a handshake, and a stranger at the door, may take.
pub(super) const DOOR_TIMEOUT: Duration = Duration::from_secs(15);

/// Connections whose other end has not shown that it is a member.
pub(super) const STRANGERS: usize = 64;

/// Between looks at who stands at the door.
pub(super) const DOOR_LOOK: Duration = Duration::from_secs(5);

/// Knocks that wait for the node's answer.
pub(super) const WAITING_KNOCKS: usize = 64;

/// Connections that this node carries for others.
pub(super) const CIRCUITS: usize = 128;

/// Of them, those of one peer.
pub(super) const CIRCUITS_PER_PEER: usize = 16;

/// How long one is carried. It is made anew afterwards.
pub(super) const CIRCUIT_DURATION: Duration = Duration::from_secs(3600);

/// Bytes carried over one, each way: ten thousand manifests.
pub(super) const CIRCUIT_BYTES: u64 = 64 * 1024 * 1024;

/// Relays that carry a site that nobody reaches: one, and one for when it stops.
pub(super) const RELAYS: usize = 2;

/// Events that wait for the node; while they do, no more is read from the network.
pub(super) const WAITING_EVENTS: usize = 256;

/// Commands that wait for the network.
pub(super) const WAITING_COMMANDS: usize = 256;

/// Messages that wait for a first peer to hear them, at 10 kB a few MB.
pub(super) const WAITING_PUBLICATIONS: usize = 1024;

/// Gossip messages and questions that wait for the node's verdict or answer.
pub(super) const WAITING_ARRIVALS: usize = 4096;

/// Questions under way with one peer, each way.
pub(super) const STREAMS_PER_PEER: usize = 32;

/// Longest wait for an answer: a batch of documents over a slow line.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Between attempts to publish what waits.
pub(super) const PUBLISH_RETRY: Duration = Duration::from_secs(5);

/// How long gossip remembers what it has seen.
pub(super) const DUPLICATE_CACHE: Duration = Duration::from_secs(15 * 60);

/// Heartbeats (seconds) that gossip keeps messages for. The default of five
/// loses those whose verification takes longer.
pub(super) const GOSSIP_HISTORY: usize = 120;

/// Heartbeats whose messages are offered to peers outside the mesh.
pub(super) const GOSSIP_OFFERED: usize = 6;

/// Documents that wait to be sent to one peer; what is more comes to it by sync. At 5 kB
/// each 2.5 MB, at the worst 128 MB for a peer that reads nothing.
pub(super) const GOSSIP_QUEUE: usize = 512;

/// They wait that long at the most: gossip is for news.
pub(super) const GOSSIP_PATIENCE: Duration = Duration::from_secs(5);

/// Peers that each document is passed on to, and got from. Among 200 simulated sites a
/// document arrived 3.5 times on average, and at all of them within half a second.
pub(super) const IN_MESH: usize = 4;

/// With fewer, more are asked. At three each, a few silent neighbours cut nobody off.
pub(super) const FEWEST_IN_MESH: usize = 3;

/// With more, some are dropped.
pub(super) const MOST_IN_MESH: usize = 6;

/// Of them, those that this node chose to dial: whoever dials it cannot fill its mesh.
pub(super) const OUTBOUND_IN_MESH: usize = 2;

/// An idle connection between nodes stays open this long.
pub(super) const IDLE: Duration = Duration::from_secs(24 * 3600);

/// Peers whose last dial failed, that are remembered as such.
pub(super) const MAX_COLLIDED: usize = 1024;

/// Pings without an answer, fifteen seconds apart, after which a connection is dead.
pub(super) const MAX_SILENT_PINGS: u32 = 3;

/// Blob streams that wait to be served; more are dropped.
pub(super) const WAITING_STREAMS: usize = 16;
