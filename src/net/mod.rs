//! The network: connections, gossip, questions and blob streams.
//!
//! Architecture invariant: the only place that names libp2p. It knows no policy
//! and no store: what a message means is decided by whoever reads [`Event`]s.

mod behaviour;
mod codec;
mod dial;
mod discovery;
mod door;
mod gate;
mod gossip;
mod identity;
mod limits;
mod listen;
mod reach;
mod streams;
mod swarm;

#[cfg(test)]
mod tests;

pub use identity::{BadIdentity, Identity};
pub use limits::Limits;
pub use streams::{BlobStream, BlobStreams, OpenError};
pub use swarm::{Started, start, start_over};

use std::collections::BTreeSet;

use tokio::sync::mpsc;

use crate::membership::Membership;
use crate::model::{Address, FederationId, Peer, Reachable};
use crate::wire::{DoorAnswer, Gossip, GossipVerdict, Request, Response};

/// What a node's network needs to know.
#[derive(Debug)]
pub struct Config {
    /// The node's key.
    pub identity: Identity,
    /// The federation: nodes of another one are hung up on.
    pub federation: FederationId,
    /// Where to listen; port 0 takes any free one.
    pub listen: Vec<Address>,
    /// Where others can reach the node, when it cannot see that itself.
    pub announce: Vec<Address>,
    /// True when only members come in: nobody before [`Net::let_in`] was called.
    pub closed: bool,
    /// Peers that may not connect.
    pub blocked: BTreeSet<Peer>,
    /// Whether others reach this node.
    pub reachable: Reachable,
    /// True to carry manifests, but no images, for sites that nobody reaches.
    pub relay: bool,
    /// True to look for peers in the same network segment.
    pub mdns: bool,
    /// Bounds.
    pub limits: Limits,
}

/// Why the network did not start.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// Another program uses the port.
    #[error(
        "cannot listen on {address}: {reason}; is another node running? \
         Choose another port with `listen` in suq.toml"
    )]
    Listen {
        /// The address.
        address: Address,
        /// What the system says.
        reason: String,
    },
    /// The address means nothing to the network.
    #[error("{address} is no address that others can use: {reason}")]
    Address {
        /// The address.
        address: Address,
        /// What is wrong.
        reason: String,
    },
    /// Anything else.
    #[error("the network cannot start: {0}")]
    Start(String),
}

/// Names a question of ours; drawn by the caller.
pub type AskId = u64;

/// Names a question of a peer, or a gossip message; drawn here.
pub type ArrivalId = u64;

/// Something that happened on the network.
#[derive(Debug)]
pub enum Event {
    /// The node can be reached there, as far as it knows.
    Listening {
        /// The address.
        address: Address,
    },
    /// A peer of this federation is connected.
    Connected {
        /// The peer.
        peer: Peer,
        /// Where it says it can be reached.
        addresses: Vec<Address>,
    },
    /// The last connection to a peer closed.
    Disconnected {
        /// The peer.
        peer: Peer,
    },
    /// A peer is said to be there, by others.
    Found {
        /// The peer.
        peer: Peer,
        /// Where.
        addresses: Vec<Address>,
    },
    /// A dial led to no connection with a peer of this federation.
    DialFailed {
        /// The peer.
        peer: Peer,
        /// Why.
        reason: String,
    },
    /// A gossip message; every one wants a verdict.
    Gossip {
        /// Who sent it.
        peer: Peer,
        /// Names it for [`Net::verdict`].
        id: ArrivalId,
        /// What it says.
        message: Gossip,
    },
    /// A stranger asks to be let in; every knock wants an answer.
    Knock {
        /// Who.
        peer: Peer,
        /// Names it for [`Net::answer_knock`].
        id: ArrivalId,
        /// Why it says to belong here.
        chain: Vec<Membership>,
    },
    /// A peer says that this node may come in, at a new connection.
    Welcome {
        /// The peer.
        peer: Peer,
        /// Why it says to belong here itself.
        chain: Vec<Membership>,
    },
    /// A peer asks; every question wants an answer.
    Question {
        /// Who.
        peer: Peer,
        /// Names it for [`Net::answer`].
        id: ArrivalId,
        /// What.
        request: Request,
    },
    /// The answer to [`Net::ask`], or why there is none.
    Answer {
        /// The question.
        ask: AskId,
        /// The answer.
        answer: Result<Response, String>,
    },
}

/// What the node asks of the network.
#[derive(Debug)]
enum Command {
    Dial { peer: Peer, addresses: Vec<Address> },
    Publish { message: Gossip },
    Verdict { id: ArrivalId, verdict: GossipVerdict },
    Ask { ask: AskId, peer: Peer, request: Request },
    Answer { id: ArrivalId, response: Response },
    Disconnect { peer: Peer },
    Block { peer: Peer },
    Unblock { peer: Peer },
    LetIn { members: BTreeSet<Peer>, chain: Vec<Membership> },
    AnswerKnock { id: ArrivalId, answer: DoorAnswer },
}

/// The handle of a running network. It stops when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Net {
    commands: mpsc::Sender<Command>,
    streams: BlobStreams,
}

impl Net {
    /// Opens a connection, unless there is one; ends in [`Event::Connected`] or
    /// [`Event::DialFailed`].
    pub async fn dial(&self, peer: Peer, addresses: Vec<Address>) {
        self.send(Command::Dial { peer, addresses }).await;
    }

    /// Gossips a message; waits in a queue while there is no peer to hear it.
    pub async fn publish(&self, message: Gossip) {
        self.send(Command::Publish { message }).await;
    }

    /// Says what becomes of a gossip message.
    pub async fn verdict(&self, id: ArrivalId, verdict: GossipVerdict) {
        self.send(Command::Verdict { id, verdict }).await;
    }

    /// Asks a peer; ends in one [`Event::Answer`].
    pub async fn ask(&self, ask: AskId, peer: Peer, request: Request) {
        self.send(Command::Ask { ask, peer, request }).await;
    }

    /// Answers a question.
    pub async fn answer(&self, id: ArrivalId, response: Response) {
        self.send(Command::Answer { id, response }).await;
    }

    /// Closes the connections to a peer.
    pub async fn disconnect(&self, peer: Peer) {
        self.send(Command::Disconnect { peer }).await;
    }

    /// Closes the connections to a peer and takes no new ones.
    pub async fn block(&self, peer: Peer) {
        self.send(Command::Block { peer }).await;
    }

    /// Takes connections from a peer again.
    pub async fn unblock(&self, peer: Peer) {
        self.send(Command::Unblock { peer }).await;
    }

    /// Lets in these peers and no others from now on, when the node is closed.
    /// `chain` is why this node belongs to the federation.
    pub async fn let_in(&self, members: BTreeSet<Peer>, chain: Vec<Membership>) {
        self.send(Command::LetIn { members, chain }).await;
    }

    /// Answers a knock.
    pub async fn answer_knock(&self, id: ArrivalId, answer: DoorAnswer) {
        self.send(Command::AnswerKnock { id, answer }).await;
    }

    /// Opens blob streams.
    pub fn blob_streams(&self) -> &BlobStreams {
        &self.streams
    }

    async fn send(&self, command: Command) {
        // The network only ends when the node does.
        let _ = self.commands.send(command).await;
    }
}
