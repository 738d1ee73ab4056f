//! The door: strangers, and how they become members.
//!
//! A connection with a peer that is no member has one protocol: it may knock with the
//! memberships that let it in. The answer is all that it learns. When both sides
//! believe each other they connect anew, and then speak everything.

use std::collections::{BTreeMap, BTreeSet};

use libp2p::PeerId;
use libp2p::request_response::{self, OutboundRequestId, ResponseChannel};
use libp2p::swarm::ConnectionId;
use tokio::time::Instant;

use super::identity::{peer_id, peer_of};
use super::limits::{DOOR_TIMEOUT, STRANGERS, WAITING_KNOCKS};
use super::swarm::Task;
use super::{ArrivalId, Event};
use crate::membership::{MAX_CHAIN, Membership};
use crate::model::Peer;
use crate::wire::{DecodeError, DoorAnswer, Knock};

type DoorEvent = request_response::Event<Result<Knock, DecodeError>, DoorAnswer>;

/// Who stands at the door, and at whose door this node stands.
#[derive(Default)]
pub(super) struct Door {
    /// Why this node belongs to the federation.
    chain: Vec<Membership>,
    /// Connected peers that have not shown that they are members, and since when.
    strangers: BTreeMap<PeerId, Instant>,
    /// Our knocks.
    knocks: BTreeMap<OutboundRequestId, PeerId>,
    /// Knocks that wait for the node's answer, oldest first.
    waiting: BTreeMap<ArrivalId, (PeerId, ResponseChannel<DoorAnswer>)>,
    /// Peers that are being told that the door is closed.
    turned_away: BTreeSet<PeerId>,
    /// Peers that said welcome, until the connection is closed.
    welcomed: BTreeMap<PeerId, Vec<Membership>>,
}

impl Task {
    /// A connection is there. `dialled` when it was made from here.
    pub(super) fn met(&mut self, id: PeerId, connection: ConnectionId, dialled: bool) {
        let is_member = peer_of(&id).is_some_and(|peer| self.members.contains(&peer));
        if !is_member {
            self.door.strangers.entry(id).or_insert_with(Instant::now);
        }
        if self.door.strangers.len() > STRANGERS {
            // Whoever stood there longest makes room.
            let oldest = self.door.strangers.iter().min_by_key(|(_, since)| **since);
            if let Some((oldest, _)) = oldest.map(|(id, since)| (*id, *since)) {
                self.hang_up(oldest);
            }
        }
        if dialled && !self.swarm.behaviour().inside.has(connection) {
            self.knock(id);
        }
    }

    /// A peer does not say what it is: a member of a closed federation that does not
    /// know this node yet.
    pub(super) fn unanswered(&mut self, id: PeerId) {
        let is_closed = self.swarm.behaviour().inside.rule.0.is_some();
        if is_closed && self.door.strangers.contains_key(&id) {
            self.knock(id);
        }
    }

    /// Says why this node belongs here.
    fn knock(&mut self, id: PeerId) {
        if !self.door.knocks.values().any(|knocked| *knocked == id) {
            let chain = self.door.chain.clone();
            let knock = self.swarm.behaviour_mut().door.send_request(&id, Ok(Knock { chain }));
            self.door.knocks.insert(knock, id);
        }
    }

    pub(super) fn is_no_stranger(&mut self, id: &PeerId) {
        self.door.strangers.remove(id);
    }

    /// Hangs up on whoever has stood at the door for too long.
    pub(super) fn look_at_the_door(&mut self) {
        let is_late = |since: &Instant| since.elapsed() > DOOR_TIMEOUT;
        let late = self.door.strangers.iter().filter(|(_, since)| is_late(since));
        let late: Vec<PeerId> = late.map(|(id, _)| *id).collect();
        late.into_iter().for_each(|id| self.hang_up(id));
    }

    fn hang_up(&mut self, id: PeerId) {
        self.door.strangers.remove(&id);
        let _ = self.swarm.disconnect_peer_id(id);
    }

    /// The last connection to a peer closed: what it said before, when it said welcome.
    pub(super) fn left_the_door(&mut self, id: &PeerId) -> Option<Vec<Membership>> {
        self.door.strangers.remove(id);
        self.door.turned_away.remove(id);
        self.door.welcomed.remove(id)
    }

    /// Who may come in from now on, and why this node may elsewhere.
    pub(super) fn let_in(&mut self, members: impl Iterator<Item = Peer>, chain: Vec<Membership>) {
        self.door.chain = chain;
        let rule = &mut self.swarm.behaviour_mut().inside.rule.0;
        if rule.is_none() {
            return;
        }
        let members = members.filter_map(peer_id).collect();
        let gone: Vec<PeerId> = match rule.replace(members) {
            Some(before) => {
                let now = rule.as_ref();
                before.into_iter().filter(|id| now.is_none_or(|now| !now.contains(id))).collect()
            }
            None => Vec::new(),
        };
        // At once, whatever is under way.
        gone.into_iter().for_each(|id| self.hang_up(id));
    }

    pub(super) fn answer_knock(&mut self, id: ArrivalId, answer: DoorAnswer) {
        let Some((peer, channel)) = self.door.waiting.remove(&id) else { return };
        if answer == DoorAnswer::Closed {
            self.door.turned_away.insert(peer);
        }
        // Whoever knocked may have gone.
        let _ = self.swarm.behaviour_mut().door.send_response(channel, answer);
    }

    pub(super) fn at_the_door(&mut self, event: DoorEvent) {
        use request_response::{Event as Happened, Message};
        match event {
            Happened::Message {
                peer, message: Message::Request { request, channel, .. }, ..
            } => {
                self.knocked(peer, request, channel);
            }
            Happened::Message {
                peer, message: Message::Response { request_id, response }, ..
            } => {
                self.door.knocks.remove(&request_id);
                match response {
                    DoorAnswer::Welcome(chain) if chain.len() <= MAX_CHAIN => {
                        self.door.welcomed.insert(peer, chain);
                    }
                    _ => tracing::info!(%peer, "not let in: it knows this node as no member"),
                }
                // Anew, or never again.
                self.hang_up(peer);
            }
            Happened::OutboundFailure { peer, request_id, .. } => {
                self.door.knocks.remove(&request_id);
                self.hang_up(peer);
            }
            // Whoever was let in comes again, and whoever was not has heard it.
            Happened::ResponseSent { peer, .. } if self.door.turned_away.remove(&peer) => {
                self.hang_up(peer);
            }
            Happened::InboundFailure { .. } | Happened::ResponseSent { .. } => {}
        }
    }

    fn knocked(
        &mut self,
        from: PeerId,
        knock: Result<Knock, DecodeError>,
        channel: ResponseChannel<DoorAnswer>,
    ) {
        match (knock, peer_of(&from)) {
            // Each knock costs verifications: one at a time.
            (Ok(_), _) if self.door.waiting.values().any(|(other, _)| *other == from) => {
                self.hang_up(from);
            }
            (Ok(Knock { chain }), Some(peer)) if chain.len() <= MAX_CHAIN => {
                let id = self.next_arrival();
                self.door.waiting.insert(id, (from, channel));
                if self.door.waiting.len() > WAITING_KNOCKS {
                    self.door.waiting.pop_first();
                }
                self.outbox.push_back(Event::Knock { peer, id, chain });
            }
            _ => {
                let door = &mut self.swarm.behaviour_mut().door;
                let _ = door.send_response(channel, DoorAnswer::Closed);
            }
        }
    }
}
