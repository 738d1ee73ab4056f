//! The protocols a node speaks.

use std::collections::BTreeSet;

use libp2p::identity::Keypair;
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{
    StreamProtocol, allow_block_list, autonat, connection_limits, dcutr, gossipsub, identify, kad,
    mdns, ping, relay, request_response,
};

use super::codec::MessageCodec;
use super::gate::{Direct, Gate, Members};
use super::identity::peer_id;
use super::limits::{
    ANSWER_TIMEOUT, CIRCUIT_BYTES, CIRCUIT_DURATION, CIRCUITS, CIRCUITS_PER_PEER,
    CONNECTIONS_PER_PEER, DOOR_TIMEOUT, Limits, PENDING_CONNECTIONS, STREAMS_PER_PEER,
};
use super::{Config, NetError, discovery, gossip};
use crate::model::{FederationId, Peer, Reachable};
use crate::wire::{
    DoorAnswer, Knock, MAX_DOOR_BYTES, MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES, Request, Response,
};

/// What identify says: enough to see that the other is a suq node.
const IDENTIFY: &str = "/suq/id/1";

/// What every connection has.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub(super) limits: connection_limits::Behaviour,
    pub(super) blocked: allow_block_list::Behaviour<allow_block_list::BlockedPeers>,
    pub(super) door: request_response::Behaviour<MessageCodec<Knock, DoorAnswer>>,
    pub(super) inside: Gate<Inside, Members>,
}

/// What a member has. For a stranger to a closed federation none of it exists.
#[derive(NetworkBehaviour)]
pub(super) struct Inside {
    pub(super) identify: identify::Behaviour,
    pub(super) discovery: kad::Behaviour<kad::store::MemoryStore>,
    pub(super) ping: ping::Behaviour,
    pub(super) gossip: gossipsub::Behaviour,
    pub(super) sync: request_response::Behaviour<MessageCodec<Request, Response>>,
    /// Blobs never pass through others.
    pub(super) streams: Gate<libp2p_stream::Behaviour, Direct>,
    pub(super) circuits: relay::client::Behaviour,
    pub(super) relay: Toggle<relay::Behaviour>,
    pub(super) punching: dcutr::Behaviour,
    pub(super) reach: Toggle<autonat::v1::Behaviour>,
    pub(super) nearby: Toggle<mdns::tokio::Behaviour>,
}

/// The names of a federation's protocols.
#[derive(Debug, Clone)]
pub(super) struct Protocols {
    pub(super) sync: StreamProtocol,
    pub(super) blob: StreamProtocol,
    door: StreamProtocol,
    discovery: StreamProtocol,
    pub(super) gossip: String,
    pub(super) topic: gossipsub::IdentTopic,
}

impl Protocols {
    pub(super) fn of(federation: &FederationId) -> Result<Protocols, NetError> {
        let name = |protocol: &str| {
            StreamProtocol::try_from_owned(format!("/suq/{federation}/{protocol}/1"))
                .map_err(|error| NetError::Start(error.to_string()))
        };
        Ok(Protocols {
            sync: name("sync")?,
            blob: name("blob")?,
            door: name("door")?,
            discovery: name("kad")?,
            gossip: format!("/suq/{federation}/gossip"),
            topic: gossipsub::IdentTopic::new(federation.to_string()),
        })
    }
}

impl Behaviour {
    pub(super) fn new(
        config: &Config,
        protocols: &Protocols,
        circuits: relay::client::Behaviour,
    ) -> Result<Behaviour, NetError> {
        let timing = request_response::Config::default()
            .with_request_timeout(DOOR_TIMEOUT)
            .with_max_concurrent_streams(STREAMS_PER_PEER);
        let door = [(protocols.door.clone(), request_response::ProtocolSupport::Full)];
        let codec = MessageCodec::new(MAX_DOOR_BYTES, MAX_DOOR_BYTES);
        let rule = Members(config.closed.then(BTreeSet::new));
        Ok(Behaviour {
            limits: connection_limits::Behaviour::new(limits(config.limits)),
            blocked: blocked(&config.blocked),
            door: request_response::Behaviour::with_codec(codec, door, timing),
            inside: Gate::new(Inside::new(config, protocols, circuits)?, rule),
        })
    }
}

impl Inside {
    fn new(
        config: &Config,
        protocols: &Protocols,
        circuits: relay::client::Behaviour,
    ) -> Result<Inside, NetError> {
        let key = config.identity.keypair();
        let own = key.public().to_peer_id();
        let timing = request_response::Config::default()
            .with_request_timeout(ANSWER_TIMEOUT)
            .with_max_concurrent_streams(STREAMS_PER_PEER);
        let sync = [(protocols.sync.clone(), request_response::ProtocolSupport::Full)];
        let codec = MessageCodec::new(MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES);
        let asks_others = config.reachable == Reachable::Auto;
        let nearby = config.mdns.then(|| mdns::tokio::Behaviour::new(mdns::Config::default(), own));
        Ok(Inside {
            identify: identify::Behaviour::new(identify_as(key)),
            discovery: discovery::behaviour(own, &protocols.discovery),
            ping: ping::Behaviour::default(),
            gossip: gossip::behaviour(protocols)?,
            sync: request_response::Behaviour::with_codec(codec, sync, timing),
            streams: Gate::new(libp2p_stream::Behaviour::new(), Direct),
            circuits,
            relay: config.relay.then(|| relay::Behaviour::new(own, circuit_limits())).into(),
            punching: dcutr::Behaviour::new(own),
            reach: asks_others
                .then(|| autonat::v1::Behaviour::new(own, autonat::v1::Config::default()))
                .into(),
            nearby: nearby
                .transpose()
                .map_err(|error| NetError::Start(format!("mDNS does not start: {error}")))?
                .into(),
        })
    }
}

fn identify_as(key: &Keypair) -> identify::Config {
    identify::Config::new(IDENTIFY.to_owned(), key.public())
        .with_agent_version(format!("suq/{}", env!("CARGO_PKG_VERSION")))
        .with_push_listen_addr_updates(true)
}

/// What this node carries for sites that nobody reaches: manifests and the talk of two
/// sites that try to meet. Images go from site to site or not at all.
fn circuit_limits() -> relay::Config {
    relay::Config {
        max_circuits: CIRCUITS,
        max_circuits_per_peer: CIRCUITS_PER_PEER,
        max_circuit_duration: CIRCUIT_DURATION,
        max_circuit_bytes: CIRCUIT_BYTES,
        ..relay::Config::default()
    }
}

fn limits(limits: Limits) -> connection_limits::ConnectionLimits {
    connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING_CONNECTIONS))
        .with_max_pending_outgoing(Some(PENDING_CONNECTIONS))
        .with_max_established(Some(limits.connections))
        .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER))
}

fn blocked(peers: &BTreeSet<Peer>) -> allow_block_list::Behaviour<allow_block_list::BlockedPeers> {
    let mut list = allow_block_list::Behaviour::default();
    for peer in peers.iter().filter_map(|peer| peer_id(*peer)) {
        list.block_peer(peer);
    }
    list
}
