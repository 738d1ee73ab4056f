//! The protocols a node speaks.

use std::collections::BTreeSet;

use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{
    StreamProtocol, allow_block_list, connection_limits, gossipsub, identify, kad, ping,
    request_response,
};

use super::codec::SyncCodec;
use super::identity::peer_id;
use super::limits::{
    ANSWER_TIMEOUT, CONNECTIONS_PER_PEER, Limits, PENDING_CONNECTIONS, STREAMS_PER_PEER,
};
use super::{Config, NetError, discovery, gossip};
use crate::model::{FederationId, Peer};

/// What identify says: enough to see that the other is a suq node.
const IDENTIFY: &str = "/suq/id/1";

#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub(super) limits: connection_limits::Behaviour,
    pub(super) blocked: allow_block_list::Behaviour<allow_block_list::BlockedPeers>,
    pub(super) allowed: Toggle<allow_block_list::Behaviour<allow_block_list::AllowedPeers>>,
    pub(super) identify: identify::Behaviour,
    pub(super) discovery: kad::Behaviour<kad::store::MemoryStore>,
    pub(super) ping: ping::Behaviour,
    pub(super) gossip: gossipsub::Behaviour,
    pub(super) sync: request_response::Behaviour<SyncCodec>,
    pub(super) streams: libp2p_stream::Behaviour,
}

/// The names of a federation's protocols.
#[derive(Debug, Clone)]
pub(super) struct Protocols {
    pub(super) sync: StreamProtocol,
    pub(super) blob: StreamProtocol,
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
            discovery: name("kad")?,
            gossip: format!("/suq/{federation}/gossip"),
            topic: gossipsub::IdentTopic::new(federation.to_string()),
        })
    }
}

impl Behaviour {
    pub(super) fn new(config: &Config, protocols: &Protocols) -> Result<Behaviour, NetError> {
        let key = config.identity.keypair();
        let identify = identify::Config::new(IDENTIFY.to_owned(), key.public())
            .with_agent_version(format!("suq/{}", env!("CARGO_PKG_VERSION")))
            .with_push_listen_addr_updates(true);
        let sync = request_response::Config::default()
            .with_request_timeout(ANSWER_TIMEOUT)
            .with_max_concurrent_streams(STREAMS_PER_PEER);
        let sync_protocol = [(protocols.sync.clone(), request_response::ProtocolSupport::Full)];
        Ok(Behaviour {
            limits: connection_limits::Behaviour::new(limits(config.limits)),
            blocked: blocked(&config.blocked),
            allowed: config.allowed.as_ref().map(allowed).into(),
            identify: identify::Behaviour::new(identify),
            discovery: discovery::behaviour(key.public().to_peer_id(), &protocols.discovery),
            ping: ping::Behaviour::default(),
            gossip: gossip::behaviour(protocols)?,
            sync: request_response::Behaviour::with_codec(SyncCodec, sync_protocol, sync),
            streams: libp2p_stream::Behaviour::new(),
        })
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

fn allowed(peers: &BTreeSet<Peer>) -> allow_block_list::Behaviour<allow_block_list::AllowedPeers> {
    let mut list = allow_block_list::Behaviour::default();
    for peer in peers.iter().filter_map(|peer| peer_id(*peer)) {
        list.allow_peer(peer);
    }
    list
}
