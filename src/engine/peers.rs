//! Peers: who is connected, whom to dial and when, and who lost its standing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::limits::{
    ASKING_AHEAD, BANISHMENT, FAULT_DECAY, GOSSIP_AHEAD, GOSSIP_COST, MAX_ADDRESSES, MAX_FAULTS,
    MAX_HEARSAY, MAX_PEERS, MAX_REDIAL, MAX_RUMOURED, MIN_REDIAL, STEADY, UNTRUSTED_COST,
    WANTED_PEERS,
};
use super::rates::Paid;
use super::{Effect, Engine, Record, Written};
use crate::model::{Address, Peer, Timestamp};

/// What is known of one peer.
#[derive(Debug, Default)]
struct Acquaintance {
    /// From its ticket, the store or itself.
    addresses: Vec<Address>,
    /// From others, the latest first.
    hearsay: Vec<Address>,
    /// False while only others spoke of it.
    met: bool,
    connected: bool,
    connected_since: Option<Timestamp>,
    dialling: bool,
    failures: u32,
    /// Not dialled before this.
    next_dial: Option<Timestamp>,
    faults: u32,
    last_fault: Option<Timestamp>,
    /// Not let in before this.
    banished_until: Option<Timestamp>,
    /// What its gossip has used up.
    gossip: Paid,
    /// What its questions have used up.
    asking: Paid,
}

/// All peers.
#[derive(Debug, Default)]
pub(super) struct Peers(BTreeMap<Peer, Acquaintance>);

impl Peers {
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn connected(&self) -> impl Iterator<Item = Peer> {
        self.0.iter().filter(|(_, known)| known.connected).map(|(peer, _)| *peer)
    }

    pub(super) fn is_connected(&self, peer: Peer) -> bool {
        self.0.get(&peer).is_some_and(|known| known.connected)
    }

    /// When the next dial is due. Peers without a time are dialled at once.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        if self.wanted() == 0 {
            return None;
        }
        self.0.values().filter(|known| known.may_dial()).filter_map(|known| known.next_dial).min()
    }

    /// How many more connections are wanted.
    fn wanted(&self) -> usize {
        let used = self.0.values().filter(|known| known.connected || known.dialling).count();
        WANTED_PEERS.saturating_sub(used)
    }

    /// Makes room for one more peer of a kind, by forgetting one of that kind that is
    /// not connected and fails most. False when all are connected.
    fn make_room(&mut self, met: bool, max: usize) -> bool {
        let of_kind = || self.0.iter().filter(|(_, known)| known.met == met);
        if of_kind().count() < max {
            return true;
        }
        let worst = of_kind().filter(|(_, known)| !known.connected);
        let worst = worst.max_by_key(|(_, known)| known.failures).map(|(peer, _)| *peer);
        worst.is_some_and(|worst| self.0.remove(&worst).is_some())
    }

    /// Keeps what others say of a peer: apart from what it said itself, so that no
    /// stranger can push a known peer or its addresses out.
    pub(super) fn hear_of(&mut self, peer: Peer, addresses: Vec<Address>) {
        if !self.0.contains_key(&peer) && !self.make_room(false, MAX_RUMOURED) {
            return;
        }
        let known = self.0.entry(peer).or_default();
        for address in addresses {
            let is_known = known.addresses.contains(&address) || known.hearsay.contains(&address);
            if !is_known {
                known.hearsay.insert(0, address);
            }
        }
        known.hearsay.truncate(MAX_HEARSAY);
    }

    /// Adds addresses; true when that changed anything.
    pub(super) fn remember(&mut self, peer: Peer, addresses: Vec<Address>) -> bool {
        let is_met = self.0.get(&peer).is_some_and(|known| known.met);
        if !is_met && !self.make_room(true, MAX_PEERS) {
            return false;
        }
        let known = self.0.entry(peer).or_default();
        known.met = true;
        known.hearsay.clear();
        let mut changed = false;
        for address in addresses {
            if !known.addresses.contains(&address) {
                known.addresses.insert(0, address);
                changed = true;
            }
        }
        known.addresses.truncate(MAX_ADDRESSES);
        changed
    }

    pub(super) fn dial_failed(&mut self, peer: Peer, now: Timestamp, random: &mut fastrand::Rng) {
        let Some(known) = self.0.get_mut(&peer) else { return };
        known.dialling = false;
        known.failures = known.failures.saturating_add(1);
        let wait = MIN_REDIAL.saturating_mul(1 << known.failures.min(16)).min(MAX_REDIAL);
        // Between half and all of it, so that sites do not dial in step.
        let wait = wait.mul_f64(0.5 + random.f64() / 2.0);
        known.postpone(now.plus(wait));
    }

    /// A peer lets this node in: it is dialled at once, unless that led nowhere before
    /// and there is nothing new.
    pub(super) fn welcomed(
        &mut self,
        peer: Peer,
        is_news: bool,
        now: Timestamp,
        random: &mut fastrand::Rng,
    ) {
        let is_first = self.0.get(&peer).is_some_and(|known| known.failures == 0);
        self.dial_failed(peer, now, random);
        if let Some(known) = self.0.get_mut(&peer).filter(|_| is_first || is_news) {
            known.next_dial = None;
        }
    }

    /// Counts a gossiped document; false when the peer sends them too fast.
    pub(super) fn may_gossip(&mut self, peer: Peer, now: Timestamp) -> bool {
        // Gossip can come before it is known that the peer is connected.
        if !self.0.contains_key(&peer) && !self.make_room(false, MAX_RUMOURED) {
            return false;
        }
        self.0.entry(peer).or_default().gossip.pay(GOSSIP_COST, GOSSIP_AHEAD, now)
    }

    /// A document that a peer gossiped is of a signer that is not trusted here.
    pub(super) fn charge_untrusted(&mut self, peer: Peer, now: Timestamp) {
        if let Some(known) = self.0.get_mut(&peer) {
            known.gossip.charge(UNTRUSTED_COST, GOSSIP_AHEAD, now);
        }
    }

    /// Counts a question; false when the peer asks too much.
    pub(super) fn may_ask(&mut self, peer: Peer, cost: Duration, now: Timestamp) -> bool {
        // Only connected peers ask, and those are known.
        self.0.get_mut(&peer).is_none_or(|known| known.asking.pay(cost, ASKING_AHEAD, now))
    }

    /// Counts a fault; true when it was one too many.
    pub(super) fn fault(&mut self, peer: Peer, now: Timestamp) -> bool {
        let Some(known) = self.0.get_mut(&peer) else { return false };
        let quiet = known.last_fault.map_or(Duration::ZERO, |last| now.since(last));
        let forgiven = quiet.as_secs() / FAULT_DECAY.as_secs();
        known.faults = known.faults.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX));
        known.faults += 1;
        known.last_fault = Some(now);
        if known.faults < MAX_FAULTS {
            return false;
        }
        known.faults = 0;
        known.postpone(now.plus(BANISHMENT));
        known.banished_until = Some(now.plus(BANISHMENT));
        true
    }

    /// True for a peer that lost its standing and may not come back yet.
    fn is_banished(&self, peer: Peer, now: Timestamp) -> bool {
        let until = self.0.get(&peer).and_then(|known| known.banished_until);
        until.is_some_and(|until| now < until)
    }
}

impl Acquaintance {
    fn may_dial(&self) -> bool {
        let can_be_found = !self.addresses.is_empty() || !self.hearsay.is_empty();
        !self.connected && !self.dialling && can_be_found
    }

    fn postpone(&mut self, until: Timestamp) {
        self.next_dial = Some(self.next_dial.map_or(until, |earlier| earlier.max(until)));
    }
}

impl Engine {
    pub(super) fn peer_found(&mut self, peer: Peer, addresses: Vec<Address>) {
        if self.peers.remember(peer, addresses)
            && let Some(known) = self.peers.0.get(&peer)
        {
            let addresses = known.addresses.clone();
            self.store(vec![Record::Peer { peer, addresses }], Written::Nothing);
        }
    }

    pub(super) fn connected(&mut self, peer: Peer, now: Timestamp) {
        if self.peers.is_banished(peer, now) {
            return self.outbox.push(Effect::Disconnect { peer });
        }
        self.peers.remember(peer, Vec::new());
        if let Some(known) = self.peers.0.get_mut(&peer) {
            known.connected = true;
            known.connected_since = Some(now);
            known.dialling = false;
            known.next_dial = None;
        }
        self.sync.make_due(peer);
        self.ask_for_members(peer);
        self.ask_new_peer_for_blobs(peer);
        self.pump_sync(now);
    }

    pub(super) fn disconnected(&mut self, peer: Peer, now: Timestamp) {
        if let Some(known) = self.peers.0.get_mut(&peer) {
            known.connected = false;
            let since = known.connected_since.take();
            if since.is_some_and(|since| now.since(since) >= STEADY) {
                known.failures = 0;
                known.postpone(now.plus(MIN_REDIAL));
            } else {
                // Whoever closes at once does not want this node: a dial that failed.
                self.peers.dial_failed(peer, now, &mut self.random);
            }
        }
        self.blob_peer_left(peer);
        self.end_session(peer, Some("the connection closed".to_owned()), now);
    }

    /// Dials peers whose time has come, while more are wanted. Which of many is
    /// chance: otherwise every site would call the same few.
    pub(super) fn dial_due(&mut self, now: Timestamp) {
        let wanted = self.peers.wanted();
        if wanted == 0 {
            return;
        }
        let is_due =
            |known: &Acquaintance| known.may_dial() && known.next_dial.is_none_or(|due| due <= now);
        let due = self.peers.0.iter().filter(|(_, known)| is_due(known));
        let mut due: Vec<(bool, Peer)> = due.map(|(peer, known)| (!known.met, *peer)).collect();
        if due.len() > wanted {
            self.random.shuffle(&mut due);
            // Those that were met go before those that others spoke of.
            due.sort_by_key(|(rumoured, _)| *rumoured);
        }
        for (_, peer) in due.into_iter().take(wanted) {
            if let Some(known) = self.peers.0.get_mut(&peer) {
                known.dialling = true;
                let addresses = known.addresses.iter().chain(&known.hearsay).cloned().collect();
                self.outbox.push(Effect::Dial { peer, addresses });
            }
        }
    }
}
