//! Sync: learning from a peer what gossip did not bring.
//!
//! Each side reconciles for itself and pulls what it misses: the one that asks
//! needs no trust in the other, and the one that answers keeps no state. Gossip
//! is fast and may lose; this is the guarantee.
//!
//! A session learns ids (`reconcile`), then fetches documents (`documents`). One
//! that ends under way leaves the ids that it learnt to the next.

mod density;
mod documents;
mod reconcile;
mod report;
mod snapshot;

#[cfg(test)]
mod tests;

pub use report::{Change, ChangeKind, SyncReport};

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::limits::{
    ANSWER_TIME, MAX_LEFT, MAX_REMEMBERED, MAX_SESSIONS, SESSION_PATIENCE, SESSION_TIME,
    SYNC_INTERVAL, SYNC_RETRY,
};
use super::{AskId, CallId, Effect, Engine, Reply};
use crate::model::{ContentId, Peer, Timestamp};
use crate::wire::{Position, Request, Response};
use snapshot::{Latest, Reconciliation, Snapshot};

/// One reconciliation with one peer.
#[derive(Debug)]
struct Session {
    stage: Stage,
    /// Ids the peer has that still have to be asked for. Never repeats one.
    needed: VecDeque<ContentId>,
    /// Every id this session ever needed: frames may repeat ids.
    seen: BTreeSet<ContentId>,
    /// Ids asked for, by request under way.
    batches: BTreeMap<AskId, Vec<ContentId>>,
    /// Documents that arrived and are not settled.
    unsettled: BTreeSet<ContentId>,
    /// True when there was no room for more ids: another session brings the rest.
    is_cut: bool,
    /// It ends then, whatever is under way.
    until: Timestamp,
    /// It ends then unless it brings something new before.
    patience: Timestamp,
    report: SyncReport,
}

/// How a session learns ids.
#[derive(Debug)]
enum Stage {
    /// Ids that an earlier session learnt are fetched first.
    Left { list_from: Option<Position> },
    /// Range by range.
    Reconciling(Box<Reconciliation>),
    /// From the peer's list; the place of the next page.
    Listing { next: Position, pages: u32 },
    /// It has learnt all.
    Learnt,
}

/// What a session that ended under way leaves to the next with the same peer.
#[derive(Debug)]
struct Left {
    ids: VecDeque<ContentId>,
    /// Where it was in the peer's list.
    list_from: Option<Position>,
    ended: Timestamp,
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
    /// Questions under way, whom they were asked, and when the answer is too late.
    asks: BTreeMap<AskId, (Peer, Timestamp)>,
    /// Ids that some session has asked for and that are not settled, so that no
    /// document is fetched twice at once.
    wanted: BTreeMap<ContentId, Peer>,
    left: BTreeMap<Peer, Left>,
    latest: Latest,
    next_periodic: Option<Timestamp>,
    waiters: Vec<Waiter>,
    /// When each peer's catalogue was last reconciled completely.
    reconciled: BTreeMap<Peer, Timestamp>,
    completed: u64,
}

impl Sync {
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let late = self.asks.values().map(|(_, late)| *late);
        let over = self.sessions.values().map(|session| session.until.min(session.patience));
        late.chain(over).chain(self.next_periodic).min()
    }

    /// Reconciliations under way, and ids that they still have to ask for.
    pub(super) fn backlog(&self) -> (usize, usize) {
        let needed = self.sessions.values().map(|session| session.needed.len());
        (self.sessions.len(), needed.sum())
    }

    pub(super) fn reconciled(&self) -> impl Iterator<Item = (Peer, Timestamp)> {
        self.reconciled.iter().map(|(peer, time)| (*peer, *time))
    }

    pub(super) fn completed(&self) -> u64 {
        self.completed
    }

    /// How far every session is.
    pub(super) fn under_way(&self) -> impl Iterator<Item = &SyncReport> {
        self.sessions.values().map(|session| &session.report)
    }

    pub(super) fn snapshot(&mut self, catalogue: &super::catalogue::Catalogue) -> Snapshot {
        self.latest.of(catalogue)
    }

    pub(super) fn make_due(&mut self, peer: Peer) {
        if !self.due.contains(&peer) && !self.sessions.contains_key(&peer) {
            self.due.push_back(peer);
        }
    }

    /// Something was missed: the next reconciliation comes then at the latest.
    pub(super) fn hasten(&mut self, soon: Timestamp) {
        self.next_periodic = Some(self.next_periodic.map_or(soon, |due| due.min(soon)));
    }

    /// Forgets what was left: it was learnt under other rules.
    pub(super) fn forget_left(&mut self) {
        self.left.clear();
    }

    fn remember_reconciled(&mut self, peer: Peer, now: Timestamp) {
        self.completed += 1;
        self.reconciled.insert(peer, now);
        if self.reconciled.len() > MAX_REMEMBERED {
            let oldest = self.reconciled.iter().min_by_key(|(_, time)| **time);
            if let Some(oldest) = oldest.map(|(peer, _)| *peer) {
                self.reconciled.remove(&oldest);
            }
        }
    }

    fn leave(&mut self, peer: Peer, left: Left) {
        if left.ids.is_empty() && left.list_from.is_none() {
            return;
        }
        self.left.insert(peer, left);
        if self.left.len() > MAX_LEFT {
            let oldest = self.left.iter().min_by_key(|(_, left)| left.ended);
            if let Some(oldest) = oldest.map(|(peer, _)| *peer) {
                self.left.remove(&oldest);
            }
        }
    }
}

impl Session {
    /// What the next session with the peer goes on with.
    fn left(mut self, now: Timestamp) -> Left {
        let mut ids: VecDeque<ContentId> = self.batches.into_values().flatten().collect();
        ids.append(&mut self.needed);
        let list_from = match self.stage {
            Stage::Left { list_from } => list_from,
            Stage::Listing { next, .. } => Some(next),
            Stage::Reconciling(_) | Stage::Learnt => None,
        };
        Left { ids, list_from, ended: now }
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
        self.sync.sessions.get(&peer).map_or(0, |session| session.report.missing)
    }

    /// Does everything that can be done now: begins sessions, asks for documents,
    /// ends sessions.
    pub(super) fn pump_sync(&mut self, now: Timestamp) {
        self.begin_periodic(now);
        self.end_the_late(now);
        while self.sync.sessions.len() < MAX_SESSIONS {
            let Some(peer) = self.sync.due.pop_front() else { break };
            if self.peers.is_connected(peer) {
                self.begin_session(peer, now);
            }
        }
        let peers: Vec<Peer> = self.sync.sessions.keys().copied().collect();
        for peer in peers {
            self.ask_for_documents(peer, now);
            self.end_if_done(peer, now);
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

    /// Ends sessions whose peer does not answer, and those that have taken too long:
    /// a peer that answers each question in the last moment must not hold one for ever.
    fn end_the_late(&mut self, now: Timestamp) {
        let late = self.sync.asks.values().filter(|(_, late)| *late <= now);
        let late: BTreeSet<Peer> = late.map(|(peer, _)| *peer).collect();
        for peer in late {
            self.end_session(peer, Some("no answer in time".to_owned()), now);
        }
        let idle = self.sync.sessions.iter().filter(|(_, session)| session.patience <= now);
        let idle: Vec<Peer> = idle.map(|(peer, _)| *peer).collect();
        for peer in idle {
            self.end_session(peer, Some("it brought nothing new for too long".to_owned()), now);
        }
        let over = self.sync.sessions.iter().filter(|(_, session)| session.until <= now);
        let over: Vec<(Peer, bool)> =
            over.map(|(peer, session)| (*peer, session.report.received > 0)).collect();
        for (peer, has_brought) in over {
            let minutes = SESSION_TIME.as_secs() / 60;
            let reason =
                format!("not done after {minutes} minutes: it goes on when others had a turn");
            self.end_session(peer, Some(reason), now);
            if has_brought {
                self.sync.make_due(peer);
            }
        }
    }

    fn begin_session(&mut self, peer: Peer, now: Timestamp) {
        let left = self.sync.left.remove(&peer);
        let (needed, list_from) = left.map_or_else(Default::default, |l| (l.ids, l.list_from));
        let mut session = Session {
            stage: Stage::Left { list_from },
            seen: needed.iter().copied().collect(),
            batches: BTreeMap::new(),
            unsettled: BTreeSet::new(),
            is_cut: false,
            until: now.plus(SESSION_TIME),
            patience: now.plus(SESSION_PATIENCE),
            report: SyncReport { missing: needed.len() as u64, ..SyncReport::of(peer, now) },
            needed,
        };
        session.stage = Stage::Left { list_from };
        self.sync.sessions.insert(peer, session);
        self.learn_if_nothing_is_left(peer, now);
    }

    fn ask_in_session(&mut self, peer: Peer, request: Request, now: Timestamp) -> AskId {
        let ask = AskId(self.ids.next());
        self.sync.asks.insert(ask, (peer, now.plus(ANSWER_TIME)));
        self.outbox.push(Effect::Ask { ask, peer, request });
        ask
    }

    pub(super) fn answered(
        &mut self,
        ask: AskId,
        answer: Result<Response, String>,
        now: Timestamp,
    ) {
        let Some((peer, _)) = self.sync.asks.remove(&ask) else {
            return self.holdings_answered(ask, answer, now);
        };
        let Some(session) = self.sync.sessions.get_mut(&peer) else { return };
        let batch = session.batches.remove(&ask);
        match (answer, batch, &session.stage) {
            (Ok(Response::Documents { documents, more }), Some(batch), _) => {
                self.documents_answered(peer, batch, documents, more, now);
            }
            (Ok(Response::Reconcile(frame)), None, Stage::Reconciling(_)) => {
                self.reconcile_answered(peer, &frame, now);
            }
            (Ok(Response::List { ids, next }), None, Stage::Listing { .. }) => {
                self.list_answered(peer, &ids, next, now);
            }
            (Ok(Response::Error { text, .. }), batch, _) => {
                session.needed.extend(batch.unwrap_or_default());
                self.end_session(peer, Some(text), now);
            }
            (Ok(_), ..) => {
                self.blame(peer, "its answer does not fit the question", now);
                self.end_session(peer, Some("the answer did not fit the question".into()), now);
            }
            (Err(reason), batch, _) => {
                session.needed.extend(batch.unwrap_or_default());
                self.end_session(peer, Some(reason), now);
            }
        }
    }

    fn end_if_done(&mut self, peer: Peer, now: Timestamp) {
        let Some(session) = self.sync.sessions.get(&peer) else { return };
        let has_fetched_all =
            session.needed.is_empty() && session.batches.is_empty() && session.unsettled.is_empty();
        match session.stage {
            Stage::Learnt if has_fetched_all => self.end_session(peer, None, now),
            Stage::Left { .. } if has_fetched_all && session.is_cut => {
                self.end_session(peer, None, now);
            }
            Stage::Left { .. } if has_fetched_all => self.learn_if_nothing_is_left(peer, now),
            Stage::Left { .. } | Stage::Reconciling(_) | Stage::Listing { .. } | Stage::Learnt => {}
        }
    }

    pub(super) fn end_session(&mut self, peer: Peer, failure: Option<String>, now: Timestamp) {
        let session = self.sync.sessions.remove(&peer);
        self.sync.due.retain(|other| *other != peer);
        self.sync.asks.retain(|_, (other, _)| *other != peer);
        // Documents that arrived are still on their way to be settled.
        let unsettled = session.as_ref().map(|session| &session.unsettled);
        self.sync.wanted.retain(|id, other| {
            *other != peer || unsettled.is_some_and(|unsettled| unsettled.contains(id))
        });
        let mut report = SyncReport::of(peer, now);
        if let Some(session) = session {
            report = SyncReport { ended: now, ..session.report.clone() };
            if failure.is_some() {
                self.sync.hasten(now.plus(SYNC_RETRY));
            }
            if failure.is_some() || session.is_cut {
                let goes_on = failure.is_none() && report.received > 0;
                self.sync.leave(peer, session.left(now));
                if goes_on {
                    self.sync.make_due(peer);
                }
            } else {
                self.sync.remember_reconciled(peer, now);
            }
        }
        report.failure = failure;
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
