//! Sync: learning from a peer what gossip did not bring.
//!
//! Each side reconciles for itself and pulls what it misses: the one that asks
//! needs no trust in the other, and the one that answers keeps no state. Gossip
//! is fast and may lose; this is the guarantee.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::limits::{
    MAX_NEEDED, MAX_ROUNDS, MAX_SESSIONS, SESSION_PATIENCE, SYNC_INTERVAL, SYNC_RETRY,
};
use super::snapshot::{Latest, Reconciliation};
use super::{AskId, CallId, Effect, Engine, Reply, SyncReport};
use crate::model::{ContentId, Peer, Timestamp};
use crate::wire::{Document, MAX_DOCUMENTS, Request, Response};

/// One reconciliation with one peer.
#[derive(Debug)]
struct Session {
    reconciliation: Option<Reconciliation>,
    /// Ids the peer has that still have to be asked for. Never repeats one.
    needed: VecDeque<ContentId>,
    /// Every id this session ever needed: frames may repeat ids.
    seen: BTreeSet<ContentId>,
    /// Ids asked for in the request under way.
    asked: Vec<ContentId>,
    /// Documents that arrived and are not settled.
    unsettled: BTreeSet<ContentId>,
    waiting_for_answer: bool,
    /// It ends then unless it brings something before.
    until: Timestamp,
    rounds: u32,
    missing: u64,
    received: u64,
    admitted: u64,
}

/// A call that waits until some reconciliations have ended.
#[derive(Debug)]
struct Waiter {
    call: CallId,
    peers: BTreeSet<Peer>,
    reports: Vec<SyncReport>,
}

/// All reconciliations.
#[derive(Debug, Default)]
pub(super) struct Sync {
    sessions: BTreeMap<Peer, Session>,
    /// Peers to reconcile with when there is room.
    due: VecDeque<Peer>,
    asks: BTreeMap<AskId, Peer>,
    /// Ids that some session has asked for and that are not settled, so that no
    /// document is fetched twice at once.
    wanted: BTreeMap<ContentId, Peer>,
    latest: Latest,
    next_periodic: Option<Timestamp>,
    waiters: Vec<Waiter>,
    /// When each peer's catalogue was last reconciled completely.
    reconciled: BTreeMap<Peer, Timestamp>,
}

/// Peers whose last reconciliation is remembered.
const MAX_REMEMBERED: usize = 1024;

impl Sync {
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let sessions = self.sessions.values().map(|session| session.until);
        sessions.chain(self.next_periodic).min()
    }

    /// Reconciliations under way, and ids that they still have to ask for.
    pub(super) fn backlog(&self) -> (usize, usize) {
        let needed = self.sessions.values().map(|session| session.needed.len());
        (self.sessions.len(), needed.sum())
    }

    pub(super) fn reconciled(&self) -> impl Iterator<Item = (Peer, Timestamp)> {
        self.reconciled.iter().map(|(peer, time)| (*peer, *time))
    }

    pub(super) fn snapshot(
        &mut self,
        catalogue: &super::catalogue::Catalogue,
    ) -> super::snapshot::Snapshot {
        self.latest.of(catalogue)
    }

    pub(super) fn make_due(&mut self, peer: Peer) {
        if !self.due.contains(&peer) && !self.sessions.contains_key(&peer) {
            self.due.push_back(peer);
        }
    }

    fn remember_reconciled(&mut self, peer: Peer, now: Timestamp) {
        self.reconciled.insert(peer, now);
        if self.reconciled.len() > MAX_REMEMBERED {
            let oldest = self.reconciled.iter().min_by_key(|(_, time)| **time);
            if let Some(oldest) = oldest.map(|(peer, _)| *peer) {
                self.reconciled.remove(&oldest);
            }
        }
    }
}

impl Engine {
    pub(super) fn sync_on_call(&mut self, call: CallId, peer: Option<Peer>, now: Timestamp) {
        let peers: BTreeSet<Peer> = match peer {
            Some(peer) => self.peers.connected().filter(|other| *other == peer).collect(),
            None => self.peers.connected().collect(),
        };
        if peers.is_empty() {
            return self.reply(call, Reply::Synced(Vec::new()));
        }
        for peer in &peers {
            self.sync.make_due(*peer);
        }
        self.sync.waiters.push(Waiter { call, peers, reports: Vec::new() });
        self.pump_sync(now);
    }

    pub(super) fn forget_waiter(&mut self, call: CallId) {
        self.sync.waiters.retain(|waiter| waiter.call != call);
    }

    /// How many documents the reconciliation with a peer has found missing here.
    pub(super) fn sync_missing(&self, peer: Peer) -> u64 {
        self.sync.sessions.get(&peer).map_or(0, |session| session.missing)
    }

    /// Does everything that can be done now: begins sessions, asks for documents,
    /// ends sessions.
    pub(super) fn pump_sync(&mut self, now: Timestamp) {
        self.begin_periodic(now);
        while self.sync.sessions.len() < MAX_SESSIONS {
            let Some(peer) = self.sync.due.pop_front() else { break };
            if self.peers.is_connected(peer) {
                self.begin_session(peer, now);
            }
        }
        let peers: Vec<Peer> = self.sync.sessions.keys().copied().collect();
        for peer in peers {
            self.ask_for_documents(peer);
            self.end_if_done(peer, now);
            if self.sync.sessions.get(&peer).is_some_and(|session| session.until <= now) {
                self.end_session(peer, Some("it brought nothing new for too long".into()), now);
            }
        }
    }

    fn begin_periodic(&mut self, now: Timestamp) {
        let due = *self.sync.next_periodic.get_or_insert(now.plus(SYNC_INTERVAL));
        if now < due {
            return;
        }
        self.sync.next_periodic = Some(now.plus(SYNC_INTERVAL));
        let peers: Vec<Peer> = self.peers.connected().collect();
        if let Some(peer) = self.random.choice(&peers) {
            self.sync.make_due(*peer);
        }
    }

    fn begin_session(&mut self, peer: Peer, now: Timestamp) {
        let snapshot = self.sync.latest.of(&self.catalogue);
        // An error here would mean a frame limit that negentropy does not
        // accept: a constant of ours.
        let Ok((reconciliation, frame)) = Reconciliation::begin(snapshot) else { return };
        let session = Session {
            reconciliation: Some(reconciliation),
            needed: VecDeque::new(),
            seen: BTreeSet::new(),
            asked: Vec::new(),
            unsettled: BTreeSet::new(),
            waiting_for_answer: true,
            until: now.plus(SESSION_PATIENCE),
            rounds: 1,
            missing: 0,
            received: 0,
            admitted: 0,
        };
        self.sync.sessions.insert(peer, session);
        self.ask_in_session(peer, Request::Reconcile(frame));
    }

    fn ask_in_session(&mut self, peer: Peer, request: Request) {
        let ask = AskId(self.ids.next());
        self.sync.asks.insert(ask, peer);
        self.outbox.push(Effect::Ask { ask, peer, request });
    }

    pub(super) fn answered(
        &mut self,
        ask: AskId,
        answer: Result<Response, String>,
        now: Timestamp,
    ) {
        let Some(peer) = self.sync.asks.remove(&ask) else {
            return self.holdings_answered(ask, answer, now);
        };
        let Some(session) = self.sync.sessions.get_mut(&peer) else { return };
        session.waiting_for_answer = false;
        match answer {
            Ok(Response::Reconcile(frame)) if session.reconciliation.is_some() => {
                self.reconcile_answered(peer, &frame, now);
            }
            Ok(Response::Documents { documents, more }) if !session.asked.is_empty() => {
                self.documents_answered(peer, documents, more, now);
            }
            Ok(Response::Error { text, .. }) => self.end_session(peer, Some(text), now),
            Ok(_) => {
                self.blame(peer, "its answer does not fit the question", now);
                self.end_session(peer, Some("the answer did not fit the question".into()), now);
            }
            Err(reason) => self.end_session(peer, Some(reason), now),
        }
    }

    fn reconcile_answered(&mut self, peer: Peer, frame: &[u8], now: Timestamp) {
        let Some(session) = self.sync.sessions.get_mut(&peer) else { return };
        let Some(reconciliation) = &mut session.reconciliation else { return };
        let (mut need, next) = match reconciliation.proceed(frame) {
            Ok(step) => step,
            Err(error) => {
                self.blame(peer, "its reconciliation frame is malformed", now);
                return self.end_session(peer, Some(format!("malformed frame: {error}")), now);
            }
        };
        need.sort_unstable();
        for id in need {
            let room = session.seen.len() < MAX_NEEDED;
            let here = self.catalogue.standing(&id).is_some() || self.admission.holds(&id);
            if room && !here && session.seen.insert(id) {
                session.needed.push_back(id);
                session.missing += 1;
            }
        }
        match next {
            Some(frame) if session.rounds < MAX_ROUNDS => {
                session.rounds += 1;
                session.waiting_for_answer = true;
                self.ask_in_session(peer, Request::Reconcile(frame));
            }
            Some(_) => {
                let reason = format!("not reconciled after {MAX_ROUNDS} rounds");
                self.end_session(peer, Some(reason), now);
            }
            None => session.reconciliation = None,
        }
    }

    /// Asks for the next batch when reconciliation is done and there is room to
    /// verify what comes.
    fn ask_for_documents(&mut self, peer: Peer) {
        if !self.admission.has_room_for_sync() {
            return;
        }
        let Some(session) = self.sync.sessions.get_mut(&peer) else { return };
        if session.waiting_for_answer || session.reconciliation.is_some() {
            return;
        }
        let mut batch = Vec::new();
        let mut elsewhere = Vec::new();
        while batch.len() < MAX_DOCUMENTS {
            let Some(id) = session.needed.pop_front() else { break };
            if self.catalogue.standing(&id).is_some() {
                continue;
            }
            if self.sync.wanted.contains_key(&id) {
                elsewhere.push(id);
            } else {
                batch.push(id);
            }
        }
        // What another peer is already sending is asked for only if that fails.
        session.needed.extend(elsewhere);
        if batch.is_empty() {
            return;
        }
        self.sync.wanted.extend(batch.iter().map(|id| (*id, peer)));
        session.asked.clone_from(&batch);
        session.waiting_for_answer = true;
        self.ask_in_session(peer, Request::Documents(batch));
    }

    fn documents_answered(
        &mut self,
        peer: Peer,
        documents: Vec<Document>,
        more: bool,
        now: Timestamp,
    ) {
        let Some(session) = self.sync.sessions.get_mut(&peer) else { return };
        let mut asked: BTreeSet<ContentId> =
            std::mem::take(&mut session.asked).into_iter().collect();
        let mut arrived = Vec::new();
        let mut unasked = false;
        for document in documents {
            if asked.remove(&document.id) {
                session.received += 1;
                session.unsettled.insert(document.id);
                arrived.push(document);
            } else {
                unasked = true;
            }
        }
        // An answer that is full is followed by another request; what is still
        // missing after that is not to be had from this peer.
        let again = more && !arrived.is_empty();
        for id in asked {
            self.sync.wanted.remove(&id);
            if again {
                session.needed.push_back(id);
            }
        }
        if unasked {
            self.blame(peer, "it sent documents that were not asked for", now);
        }
        for Document { id, octets } in arrived {
            self.received(peer, id, Arc::from(octets));
        }
    }

    /// A document of a session has been judged, or dropped.
    pub(super) fn document_settled(
        &mut self,
        peer: Peer,
        asked: ContentId,
        admitted: bool,
        now: Timestamp,
    ) {
        if self.sync.wanted.get(&asked) == Some(&peer) {
            self.sync.wanted.remove(&asked);
        }
        if let Some(session) = self.sync.sessions.get_mut(&peer) {
            session.unsettled.remove(&asked);
            session.admitted += u64::from(admitted);
            if admitted {
                session.until = now.plus(SESSION_PATIENCE);
            }
            self.end_if_done(peer, now);
        }
    }

    fn end_if_done(&mut self, peer: Peer, now: Timestamp) {
        let done = self.sync.sessions.get(&peer).is_some_and(|session| {
            session.reconciliation.is_none()
                && !session.waiting_for_answer
                && session.needed.is_empty()
                && session.unsettled.is_empty()
        });
        if done {
            self.end_session(peer, None, now);
        }
    }

    pub(super) fn end_session(&mut self, peer: Peer, failure: Option<String>, now: Timestamp) {
        let session = self.sync.sessions.remove(&peer);
        self.sync.due.retain(|other| *other != peer);
        self.sync.asks.retain(|_, other| *other != peer);
        // Documents that arrived are still on their way to be settled.
        let unsettled = session.as_ref().map(|session| &session.unsettled);
        self.sync.wanted.retain(|id, other| {
            *other != peer || unsettled.is_some_and(|unsettled| unsettled.contains(id))
        });
        match (&session, &failure) {
            (Some(_), None) => self.sync.remember_reconciled(peer, now),
            (Some(_), Some(_)) => {
                let soon = now.plus(SYNC_RETRY);
                self.sync.next_periodic = self.sync.next_periodic.map(|due| due.min(soon));
            }
            (None, _) => {}
        }
        let report = SyncReport {
            peer,
            rounds: session.as_ref().map_or(0, |session| session.rounds),
            missing: session.as_ref().map_or(0, |session| session.missing),
            received: session.as_ref().map_or(0, |session| session.received),
            admitted: session.as_ref().map_or(0, |session| session.admitted),
            failure,
            ended: now,
        };
        self.tell_waiters(&report);
    }

    fn tell_waiters(&mut self, report: &SyncReport) {
        for waiter in &mut self.sync.waiters {
            if waiter.peers.remove(&report.peer) {
                waiter.reports.push(report.clone());
            }
        }
        let (done, waiting) = std::mem::take(&mut self.sync.waiters)
            .into_iter()
            .partition(|waiter| waiter.peers.is_empty());
        self.sync.waiters = waiting;
        let done: Vec<Waiter> = done;
        for waiter in done {
            self.reply(waiter.call, Reply::Synced(waiter.reports));
        }
    }
}
