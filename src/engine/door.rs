//! The door of a closed federation: whom this node lets in, and why others let it in.
//!
//! Statements are exchanged with every new peer and gossiped when they are made. One
//! counts only when it is durable here.

use std::collections::{BTreeMap, BTreeSet};

use super::limits::SYNC_INTERVAL;
use super::{Alert, AskId, CallId, Effect, Engine, GossipId, KnockId, Record, Reply, Written};
use crate::membership::{BadMembership, MAX_STATEMENTS, Membership, Proven, Roll, Taken};
use crate::model::{FederationId, Peer, Sha256, Timestamp};
use crate::wire::{DoorAnswer, GossipVerdict, Request, Response};

/// What a node knows of its federation's members at the start.
#[derive(Debug, Clone)]
pub struct DoorStart {
    /// The federation.
    pub federation: FederationId,
    /// This node.
    pub own: Peer,
    /// Peers whose word counts from the beginning.
    pub founders: BTreeSet<Peer>,
    /// What the store knows.
    pub statements: Vec<Proven>,
    /// Peers that this site lets in by itself.
    pub allowed: BTreeSet<Peer>,
    /// The time, for what has expired.
    pub now: Timestamp,
}

/// A member of the federation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// The peer.
    pub peer: Peer,
    /// Until when; none for founders.
    pub expires: Option<Timestamp>,
}

#[derive(Debug)]
pub(super) struct Door {
    federation: FederationId,
    own: Peer,
    roll: Roll,
    allowed: BTreeSet<Peer>,
    /// True when the network has not been told who may come in.
    is_untold: bool,
    /// True while this node belongs to the federation.
    is_member: bool,
    asks: BTreeMap<AskId, Peer>,
    next_exchange: Option<Timestamp>,
}

/// Who brought statements and waits for what becomes of them.
#[derive(Debug)]
pub(super) enum Source {
    /// A call at this site, about this peer.
    Call(CallId, Peer),
    /// A gossip message.
    Gossip(GossipId),
    /// A stranger who wants to come in.
    Knock(Peer, KnockId),
    /// An answer of a peer.
    Exchange,
}

impl Door {
    pub(super) fn new(start: DoorStart) -> Door {
        let DoorStart { federation, own, founders, statements, allowed, now } = start;
        let mut roll = Roll::new(founders);
        roll.learn(statements, now);
        let (asks, next_exchange) = (BTreeMap::new(), None);
        let is_member = roll.members(now).contains(&own);
        Door { federation, own, roll, allowed, is_untold: true, is_member, asks, next_exchange }
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.next_exchange.into_iter().chain(self.roll.next_expiry()).min()
    }

    pub(super) fn has_asked(&self, ask: AskId) -> bool {
        self.asks.contains_key(&ask)
    }

    fn prove(&self, memberships: Vec<Membership>) -> Result<Vec<Proven>, BadMembership> {
        // What is known was proven before.
        let known: BTreeSet<&Membership> = self.roll.statements().map(Proven::membership).collect();
        let new = memberships.into_iter().filter(|membership| !known.contains(membership));
        new.map(|membership| membership.prove(&self.federation)).collect()
    }
}

impl Engine {
    /// Members of a closed federation, by name.
    pub fn members(&self, now: Timestamp) -> Vec<Member> {
        let Some(Door { roll, .. }) = &self.door else { return Vec::new() };
        let member = |peer: Peer| Member { peer, expires: roll.expires(peer, now) };
        roll.members(now).into_iter().map(member).collect()
    }

    /// The founders whose word lets peers in; none in an open federation.
    pub fn founders(&self, now: Timestamp) -> Vec<Peer> {
        let Some(Door { roll, .. }) = &self.door else { return Vec::new() };
        roll.members(now).into_iter().filter(|peer| roll.is_founder(*peer)).collect()
    }

    /// Everything of the door that only waits for its time.
    pub(super) fn tick_door(&mut self, now: Timestamp) {
        let Some(door) = &mut self.door else { return };
        if door.roll.next_expiry().is_some_and(|due| due <= now) {
            let forget = |(member, issuer)| Record::ForgetMembership { member, issuer };
            let records = door.roll.forget_expired(now).into_iter().map(forget).collect();
            door.is_untold = true;
            self.store(records, Written::Nothing);
        }
        self.tell_members(now);
        self.exchange_when_due(now);
    }

    fn tell_members(&mut self, now: Timestamp) {
        let Some(door) = self.door.as_mut().filter(|door| door.is_untold) else { return };
        door.is_untold = false;
        let mut members = door.roll.members(now);
        let was_member = std::mem::replace(&mut door.is_member, members.contains(&door.own));
        let is_excluded = was_member && !door.is_member;
        members.extend(&door.allowed);
        members.remove(&door.own);
        let chain = door.roll.chain(door.own, now).unwrap_or_default();
        self.outbox.push(Effect::LetIn { members, chain });
        if is_excluded {
            self.outbox.push(Effect::Alert(Alert::Excluded));
        }
    }

    fn exchange_when_due(&mut self, now: Timestamp) {
        let Some(door) = &mut self.door else { return };
        let due = *door.next_exchange.get_or_insert(now.plus(SYNC_INTERVAL));
        if now < due {
            return;
        }
        door.next_exchange = Some(now.plus(SYNC_INTERVAL));
        let peers: Vec<Peer> = self.peers.connected().collect();
        if let Some(peer) = self.random.choice(&peers) {
            self.ask_for_members(*peer);
        }
    }

    pub(super) fn ask_for_members(&mut self, peer: Peer) {
        let Some(door) = &mut self.door else { return };
        let ask = AskId(self.ids.next());
        door.asks.insert(ask, peer);
        let request = Request::Members(door.roll.digest());
        self.outbox.push(Effect::Ask { ask, peer, request });
    }

    pub(super) fn members_answered(
        &mut self,
        ask: AskId,
        answer: Result<Response, String>,
        now: Timestamp,
    ) {
        let Some(door) = &mut self.door else { return };
        let Some(peer) = door.asks.remove(&ask) else { return };
        match answer {
            Ok(Response::Members(statements)) if statements.len() <= MAX_STATEMENTS => {
                match door.prove(statements) {
                    Ok(proven) => self.learn(proven, Source::Exchange, now),
                    Err(error) => self.blame(peer, &error.to_string(), now),
                }
            }
            // Asked again at the next exchange.
            Ok(Response::Error { .. }) | Err(_) => {}
            Ok(_) => self.blame(peer, "its answer does not fit the question", now),
        }
    }

    /// What a peer is told that knows another roll.
    pub(super) fn members_response(&self, theirs: Sha256) -> Response {
        let differs = self.door.as_ref().filter(|door| door.roll.digest() != theirs);
        let all = differs.into_iter().flat_map(|door| door.roll.statements());
        Response::Members(all.map(|proven| proven.membership().clone()).collect())
    }

    /// Someone at this site lets a peer in, or takes that back.
    pub(super) fn issue(&mut self, call: CallId, statement: Proven, now: Timestamp) {
        let member = statement.statement().member;
        let taken = self.door.as_ref().map(|door| door.roll.weigh(&statement, now));
        let reason = match taken {
            Some(Taken::New) => {
                return self.learn(vec![statement], Source::Call(call, member), now);
            }
            None => "the federation is open: everyone with a ticket comes in",
            Some(Taken::Known) => "a later statement on this peer is known: is the clock right?",
            Some(Taken::Worthless) => "this node is no member of the federation itself",
            Some(Taken::Full) => "this node has let in as many peers as one may: ask a founder",
        };
        self.reply(call, Reply::Failed { reason: reason.to_owned() });
    }

    pub(super) fn heard_membership(
        &mut self,
        peer: Peer,
        gossip: GossipId,
        membership: Membership,
        now: Timestamp,
    ) {
        let verdict = GossipVerdict::Ignore;
        let Some(door) = self.door.as_ref().filter(|_| self.peers.may_gossip(peer, now)) else {
            return self.outbox.push(Effect::Judge { gossip, verdict });
        };
        match door.prove(vec![membership]) {
            Ok(proven) => self.learn(proven, Source::Gossip(gossip), now),
            Err(error) => {
                let verdict = GossipVerdict::Reject;
                self.outbox.push(Effect::Judge { gossip, verdict });
                self.blame(peer, &error.to_string(), now);
            }
        }
    }

    /// A stranger wants to come in.
    pub(super) fn knocked(
        &mut self,
        peer: Peer,
        knock: KnockId,
        chain: Vec<Membership>,
        now: Timestamp,
    ) {
        let Some(door) = &self.door else {
            // Nobody is a stranger in an open federation.
            let answer = DoorAnswer::Welcome(Vec::new());
            return self.outbox.push(Effect::AnswerKnock { knock, answer });
        };
        match door.prove(chain) {
            Ok(proven) => self.learn(proven, Source::Knock(peer, knock), now),
            Err(_) => {
                let answer = DoorAnswer::Closed;
                self.outbox.push(Effect::AnswerKnock { knock, answer });
            }
        }
    }

    /// A peer lets this node in and says why it belongs here itself.
    pub(super) fn welcomed(&mut self, peer: Peer, chain: Vec<Membership>, now: Timestamp) {
        let proven = self.door.as_ref().map(|door| door.prove(chain));
        let counts = |proven: &Proven| {
            self.door.as_ref().is_some_and(|door| door.roll.weigh(proven, now) == Taken::New)
        };
        let is_news = matches!(&proven, Some(Ok(proven)) if proven.iter().any(counts));
        self.peers.welcomed(peer, is_news, now, &mut self.random);
        if let Some(Ok(proven)) = proven {
            self.learn(proven, Source::Exchange, now);
        }
    }

    /// This site lets a peer in by itself, or no longer.
    pub(super) fn allow(&mut self, peer: Peer, is_allowed: bool) {
        let Some(door) = &mut self.door else { return };
        door.is_untold |= match is_allowed {
            true => door.allowed.insert(peer),
            false => door.allowed.remove(&peer),
        };
    }

    /// Keeps what counts of some statements; only then do they change anything.
    fn learn(&mut self, statements: Vec<Proven>, source: Source, now: Timestamp) {
        let Some(door) = &self.door else { return };
        let new = door.roll.clone().learn(statements, now);
        if new.is_empty() {
            return self.learned(source, Ok(()), false, now);
        }
        let records = new.iter().map(|proven| Record::Membership(Box::new(proven.clone())));
        self.store(records.collect(), Written::Memberships { new, source });
    }

    /// The statements are durable.
    pub(super) fn memberships_written(
        &mut self,
        new: Vec<Proven>,
        source: Source,
        result: Result<(), String>,
        now: Timestamp,
    ) {
        let mut is_new = false;
        if let (Some(door), Ok(())) = (&mut self.door, &result) {
            is_new = !door.roll.learn(new.clone(), now).is_empty();
            door.is_untold |= is_new;
        }
        if let (Source::Call(..), Ok(())) = (&source, &result) {
            for proven in new {
                let membership = proven.membership().clone();
                self.outbox.push(Effect::AnnounceMembership { membership });
            }
        }
        self.tell_members(now);
        self.learned(source, result, is_new, now);
    }

    fn learned(
        &mut self,
        source: Source,
        result: Result<(), String>,
        is_new: bool,
        now: Timestamp,
    ) {
        let Some(door) = &self.door else { return };
        match (source, result) {
            (Source::Call(call, member), Ok(())) => {
                let chain = door.roll.chain(member, now).unwrap_or_default();
                self.reply(call, Reply::Issued { member, chain });
            }
            (Source::Call(call, _), Err(reason)) => self.reply(call, Reply::Failed { reason }),
            (Source::Gossip(gossip), result) => {
                let accepted = is_new && result.is_ok();
                let verdict = if accepted { GossipVerdict::Accept } else { GossipVerdict::Ignore };
                self.outbox.push(Effect::Judge { gossip, verdict });
            }
            (Source::Knock(peer, knock), _) => {
                let is_member =
                    door.allowed.contains(&peer) || door.roll.members(now).contains(&peer);
                let own = door.roll.chain(door.own, now).unwrap_or_default();
                let answer = if is_member { DoorAnswer::Welcome(own) } else { DoorAnswer::Closed };
                self.outbox.push(Effect::AnswerKnock { knock, answer });
            }
            (Source::Exchange, _) => {}
        }
    }
}

#[cfg(test)]
mod tests;
