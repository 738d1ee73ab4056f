//! Peers: who is connected, whom to dial and when, and who lost its standing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::limits::{
    BANISHMENT, FAULT_DECAY, MAX_ADDRESSES, MAX_FAULTS, MAX_PEERS, MAX_REDIAL, MIN_REDIAL,
};
use super::{Effect, Engine, Record, Written};
use crate::model::{Address, Peer, Timestamp};

/// What is known of one peer.
#[derive(Debug, Default)]
struct Acquaintance {
    addresses: Vec<Address>,
    connected: bool,
    dialling: bool,
    failures: u32,
    /// Not dialled before this.
    next_dial: Option<Timestamp>,
    faults: u32,
    last_fault: Option<Timestamp>,
}

/// All peers.
#[derive(Debug, Default)]
pub(super) struct Peers(BTreeMap<Peer, Acquaintance>);

impl Peers {
    pub(super) fn connected(&self) -> impl Iterator<Item = Peer> {
        self.0.iter().filter(|(_, known)| known.connected).map(|(peer, _)| *peer)
    }

    pub(super) fn is_connected(&self, peer: Peer) -> bool {
        self.0.get(&peer).is_some_and(|known| known.connected)
    }

    /// When the next dial is due. Peers without a time are dialled at once.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.0.values().filter(|known| known.may_dial()).filter_map(|known| known.next_dial).min()
    }

    /// Adds addresses; true when that changed anything.
    pub(super) fn remember(&mut self, peer: Peer, addresses: Vec<Address>) -> bool {
        if !self.0.contains_key(&peer) && self.0.len() >= MAX_PEERS {
            // Make room by forgetting one that is not connected and fails most.
            let worst = self.0.iter().filter(|(_, known)| !known.connected);
            let worst = worst.max_by_key(|(_, known)| known.failures).map(|(peer, _)| *peer);
            match worst {
                Some(worst) => self.0.remove(&worst),
                None => return false,
            };
        }
        let known = self.0.entry(peer).or_default();
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
        true
    }
}

impl Acquaintance {
    fn may_dial(&self) -> bool {
        !self.connected && !self.dialling && !self.addresses.is_empty()
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
        self.peers.remember(peer, Vec::new());
        if let Some(known) = self.peers.0.get_mut(&peer) {
            known.connected = true;
            known.dialling = false;
            known.failures = 0;
            known.next_dial = None;
        }
        self.sync.make_due(peer);
        self.ask_new_peer_for_blobs(peer);
        self.pump_sync(now);
    }

    pub(super) fn disconnected(&mut self, peer: Peer, now: Timestamp) {
        if let Some(known) = self.peers.0.get_mut(&peer) {
            known.connected = false;
            known.postpone(now.plus(MIN_REDIAL));
        }
        self.end_session(peer, Some("the connection closed".to_owned()), now);
    }

    pub(super) fn dial_due(&mut self, now: Timestamp) {
        for (peer, known) in &mut self.peers.0 {
            if known.may_dial() && known.next_dial.is_none_or(|due| due <= now) {
                known.dialling = true;
                let addresses = known.addresses.clone();
                self.outbox.push(Effect::Dial { peer: *peer, addresses });
            }
        }
    }
}
