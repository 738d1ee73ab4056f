//! How gossip spreads, and what a peer loses by what it sends.
//!
//! gossipsub's IDONTWANT does not work under protocol names of our own (the crate
//! knows the versions that have it only by its own names), so the size of the mesh
//! alone decides how often a document arrives.

use std::collections::HashMap;
use std::time::Duration;

use libp2p::gossipsub::{
    self, Behaviour, ConfigBuilder, Message, MessageAuthenticity, MessageId, PeerScoreParams,
    PeerScoreThresholds, TopicScoreParams, ValidationMode, score_parameter_decay_with_base,
};

use super::NetError;
use super::behaviour::Protocols;
use super::limits::{
    DUPLICATE_CACHE, FEWEST_IN_MESH, GOSSIP_HISTORY, GOSSIP_OFFERED, GOSSIP_PATIENCE, GOSSIP_QUEUE,
    IN_MESH, MOST_IN_MESH, OUTBOUND_IN_MESH,
};
use crate::model::Sha256;
use crate::wire::MAX_GOSSIP_BYTES;

/// Between two looks at what is forgiven.
const FORGIVING: Duration = Duration::from_secs(10);

/// What is left of a fault when it is forgotten.
const FORGOTTEN: f64 = 0.01;

/// A forgery is forgotten after this time, and a peer that left is remembered for it.
const FORGERY_MEMORY: Duration = Duration::from_secs(3600);

/// A broken promise is forgotten after this time: a stalled line breaks many at once.
const PROMISE_MEMORY: Duration = Duration::from_secs(10 * 60);

/// The square of a peer's forgeries costs it this many points each.
const FORGERY: f64 = -10.0;

/// The square of the broken promises beyond those that are allowed costs this many
/// points each.
const BROKEN_PROMISE: f64 = -1.0;

/// Messages that a peer offered and did not send, or mesh places that it asked for
/// too early, without a loss: a site that restarts or whose line stalls does both.
const ALLOWED_BROKEN_PROMISES: f64 = 10.0;

/// The most that a peer can earn by good messages and by staying. One forgery takes
/// it all.
const MOST_CREDIT: f64 = 10.0;

/// After two forgeries a peer is not told what there is.
const NO_GOSSIP_BELOW: f64 = -20.0;

/// After three nothing is published to it.
const NO_PUBLISHING_BELOW: f64 = -60.0;

/// After four it is not listened to.
const GRAYLISTED_BELOW: f64 = -100.0;

pub(super) fn behaviour(protocols: &Protocols) -> Result<Behaviour, NetError> {
    let start = |error: String| NetError::Start(error);
    let config = ConfigBuilder::default()
        .protocol_id_prefix(protocols.gossip.clone())
        // Messages carry their own proof; who passed one on is nobody's business.
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(|message: &Message| {
            MessageId::from(Sha256::of(&message.data).as_bytes().to_vec())
        })
        .max_transmit_size(MAX_GOSSIP_BYTES)
        .duplicate_cache_time(DUPLICATE_CACHE)
        .history_length(GOSSIP_HISTORY)
        .history_gossip(GOSSIP_OFFERED)
        .connection_handler_queue_len(GOSSIP_QUEUE)
        .publish_queue_duration(GOSSIP_PATIENCE)
        .forward_queue_duration(GOSSIP_PATIENCE)
        .mesh_n(IN_MESH)
        .mesh_n_low(FEWEST_IN_MESH)
        .mesh_n_high(MOST_IN_MESH)
        .mesh_outbound_min(OUTBOUND_IN_MESH)
        // To every connected peer, not only the mesh: one hop less for everyone, and
        // no few neighbours can keep a site's own documents back.
        .flood_publish(true)
        .build()
        .map_err(|error| start(error.to_string()))?;
    let mut gossip = Behaviour::new(MessageAuthenticity::Anonymous, config)
        .map_err(|error| start(error.to_owned()))?;
    gossip.with_peer_score(scores(&protocols.topic.hash()), thresholds()).map_err(start)?;
    gossip.subscribe(&protocols.topic).map_err(|error| start(error.to_string()))?;
    Ok(gossip)
}

/// What counts for a peer and what against it. A peer that only joined or has little
/// to say never loses anything.
fn scores(topic: &gossipsub::TopicHash) -> PeerScoreParams {
    let decay = |memory| score_parameter_decay_with_base(memory, FORGIVING, FORGOTTEN);
    let messages = TopicScoreParams {
        topic_weight: 1.0,
        // Half of the credit comes from ten minutes in the mesh,
        time_in_mesh_weight: MOST_CREDIT / 2.0,
        time_in_mesh_quantum: Duration::from_secs(10 * 60),
        time_in_mesh_cap: 1.0,
        // the other half from five documents that it was the first to bring.
        first_message_deliveries_weight: 1.0,
        first_message_deliveries_decay: decay(FORGERY_MEMORY),
        first_message_deliveries_cap: MOST_CREDIT / 2.0,
        // Nobody has to bring anything: in most hours there is nothing new.
        mesh_message_deliveries_weight: 0.0,
        mesh_message_deliveries_threshold: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: FORGERY,
        invalid_message_deliveries_decay: decay(FORGERY_MEMORY),
        ..TopicScoreParams::default()
    };
    PeerScoreParams {
        topics: HashMap::from([(topic.clone(), messages)]),
        topic_score_cap: MOST_CREDIT,
        // Sites of one organisation share an address behind NAT.
        ip_colocation_factor_weight: 0.0,
        behaviour_penalty_weight: BROKEN_PROMISE,
        behaviour_penalty_threshold: ALLOWED_BROKEN_PROMISES,
        behaviour_penalty_decay: decay(PROMISE_MEMORY),
        // A slow line is no fault; sync brings what it drops.
        slow_peer_weight: 0.0,
        decay_interval: FORGIVING,
        decay_to_zero: FORGOTTEN,
        retain_score: FORGERY_MEMORY,
        ..PeerScoreParams::default()
    }
}

fn thresholds() -> PeerScoreThresholds {
    PeerScoreThresholds {
        gossip_threshold: NO_GOSSIP_BELOW,
        publish_threshold: NO_PUBLISHING_BELOW,
        graylist_threshold: GRAYLISTED_BELOW,
        // No peer exchange: Kademlia finds sites.
        accept_px_threshold: MOST_CREDIT,
        // A mesh where most have brought nothing looks for others.
        opportunistic_graft_threshold: 0.5,
    }
}
