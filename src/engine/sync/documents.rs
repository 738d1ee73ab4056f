//! Fetching what is missing: in batches, from several peers at once, nothing twice.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{ChangeKind, Stage};
use crate::engine::Engine;
use crate::engine::limits::{MAX_BATCHES, SESSION_PATIENCE};
use crate::model::{ContentId, EntryKey, Peer, Timestamp};
use crate::wire::{Document, MAX_DOCUMENTS, Request};

impl Engine {
    /// Asks for the next batches, while there is room to verify what comes.
    pub(super) fn ask_for_documents(&mut self, peer: Peer, now: Timestamp) {
        while self.admission.has_room_for_sync() {
            let Some(session) = self.sync.sessions.get(&peer) else { return };
            let is_learning =
                matches!(session.stage, Stage::Reconciling(_) | Stage::Listing { .. });
            if is_learning || session.batches.len() >= MAX_BATCHES {
                return;
            }
            let batch = self.next_batch(peer);
            if batch.is_empty() {
                return;
            }
            self.sync.wanted.extend(batch.iter().map(|id| (*id, peer)));
            let ask = self.ask_in_session(peer, Request::Documents(batch.clone()), now);
            if let Some(session) = self.sync.sessions.get_mut(&peer) {
                session.batches.insert(ask, batch);
            }
        }
    }

    /// Ids that nobody has been asked for.
    fn next_batch(&mut self, peer: Peer) -> Vec<ContentId> {
        let (mut batch, mut elsewhere) = (Vec::new(), Vec::new());
        let Some(session) = self.sync.sessions.get_mut(&peer) else { return batch };
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
        batch
    }

    pub(super) fn documents_answered(
        &mut self,
        peer: Peer,
        batch: Vec<ContentId>,
        documents: Vec<Document>,
        more: bool,
        now: Timestamp,
    ) {
        let Some(session) = self.sync.sessions.get_mut(&peer) else { return };
        let mut asked: BTreeSet<ContentId> = batch.into_iter().collect();
        let mut arrived = Vec::new();
        let mut unasked = false;
        for document in documents {
            if asked.remove(&document.id) {
                session.report.received += 1;
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
            self.received(peer, id, Arc::from(octets), now);
        }
    }

    /// A document of a session has been judged, or dropped: then without a change.
    pub(in crate::engine) fn document_settled(
        &mut self,
        peer: Peer,
        asked: ContentId,
        change: Option<(&EntryKey, ChangeKind)>,
        now: Timestamp,
    ) {
        if self.sync.wanted.get(&asked) == Some(&peer) {
            self.sync.wanted.remove(&asked);
        }
        if let Some(session) = self.sync.sessions.get_mut(&peer) {
            session.unsettled.remove(&asked);
            if let Some((key, kind)) = change {
                session.report.note(key, kind);
                // What this site refuses does not keep a session alive: refusals are
                // free to make.
                if kind != ChangeKind::Refused {
                    session.patience = now.plus(SESSION_PATIENCE);
                }
            }
            self.end_if_done(peer, now);
        }
    }
}
