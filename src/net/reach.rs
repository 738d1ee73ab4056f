//! Being reached: a site behind NAT asks members to carry its connections until the
//! two ends meet directly.

use std::collections::{BTreeMap, HashMap};

use libp2p::autonat::v1::{Event as ReachEvent, NatStatus};
use libp2p::core::multiaddr::Protocol;
use libp2p::core::transport::ListenerId;
use libp2p::{Multiaddr, PeerId, identify, mdns, relay};

use super::Event;
use super::identity::peer_of;
use super::limits::RELAYS;
use super::swarm::Task;
use crate::model::{Address, Peer, Reachable};

/// Who could carry this node's connections, and who does.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// True when nobody reaches this node by itself.
    is_hidden: bool,
    is_open: bool,
    /// Connected members that carry connections, and where they are.
    relays: BTreeMap<PeerId, Multiaddr>,
    /// Those that were asked to carry ours.
    asked: HashMap<ListenerId, PeerId>,
}

impl Reach {
    pub(super) fn new(reachable: Reachable, announced: &[Address]) -> Reach {
        Reach {
            is_hidden: reachable == Reachable::No,
            is_open: reachable == Reachable::Yes && announced.is_empty(),
            ..Reach::default()
        }
    }

    /// True when this node asked the peer to carry its connections.
    pub(super) fn is_carried_by(&self, id: &PeerId) -> bool {
        self.asked.values().any(|asked| asked == id)
    }

    /// True when others reach this node where it listens, so that it can carry
    /// connections for those who are not reached.
    pub(super) fn is_sure(&self) -> bool {
        self.is_open
    }
}

impl Task {
    /// Remembers a member that carries connections.
    pub(super) fn learn_relay(
        &mut self,
        id: PeerId,
        info: &identify::Info,
        where_it_is: &[Address],
    ) {
        let address = where_it_is.iter().filter_map(|address| address.as_str().parse().ok());
        let address = address.into_iter().find(|address: &Multiaddr| !is_circuit(address));
        if let Some(address) =
            address.filter(|_| info.protocols.contains(&relay::HOP_PROTOCOL_NAME))
        {
            self.reach.relays.insert(id, address);
            self.ask_relays();
        }
    }

    pub(super) fn forget_relay(&mut self, id: &PeerId) {
        self.reach.relays.remove(id);
    }

    /// Asks members to carry this node's connections, when that is needed.
    pub(super) fn ask_relays(&mut self) {
        if !self.reach.is_hidden {
            return;
        }
        let Task { reach, swarm, .. } = self;
        for (relay, address) in &reach.relays {
            let is_asked = reach.asked.values().any(|asked| asked == relay);
            if is_asked || reach.asked.len() >= RELAYS {
                continue;
            }
            let address = address.clone().with_p2p(*relay).unwrap_or_else(|address| address);
            match swarm.listen_on(address.with(Protocol::P2pCircuit)) {
                Ok(listener) => {
                    reach.asked.insert(listener, *relay);
                }
                Err(error) => tracing::debug!(peer = %relay, %error, "it cannot carry connections"),
            }
        }
    }

    /// A listener ended; when it was a relay's, another is asked at the next look.
    pub(super) fn listener_closed(&mut self, listener: ListenerId) {
        self.reach.asked.remove(&listener);
    }

    pub(super) fn reachability(&mut self, event: &ReachEvent) {
        if let ReachEvent::StatusChanged { new, .. } = event {
            tracing::info!(status = ?new, "whether others reach this node");
            self.reach.is_hidden = *new == NatStatus::Private;
            self.ask_relays();
        }
    }

    /// Peers in this network segment, by their own word.
    pub(super) fn nearby(&mut self, event: mdns::Event) {
        let mdns::Event::Discovered(found) = event else { return };
        let mut peers: BTreeMap<Peer, Vec<Address>> = BTreeMap::new();
        for (id, address) in found {
            if let (Some(peer), Ok(address)) = (peer_of(&id), address.to_string().parse()) {
                peers.entry(peer).or_default().push(address);
            }
        }
        for (peer, addresses) in peers {
            if !self.members.contains(&peer) {
                self.outbox.push_back(Event::Found { peer, addresses });
            }
        }
    }
}

pub(super) fn is_circuit(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}
