//! Which documents a peer has that this node does not know.

use super::Stage;
use super::snapshot::{Reconciliation, Step};
use crate::engine::Engine;
use crate::engine::limits::{MAX_NEEDED, MAX_PAGES, MAX_ROUNDS, MIN_WASTE};
use crate::model::{ContentId, Peer, Timestamp};
use crate::wire::{MAX_LISTED, Position, Request, encode};

impl Engine {
    /// Goes from what was left to learning anew.
    pub(super) fn learn_if_nothing_is_left(&mut self, peer: Peer, now: Timestamp) {
        let Some(session) = self.sync.sessions.get_mut(&peer) else { return };
        let Stage::Left { list_from } = session.stage else { return };
        if !session.needed.is_empty() {
            return;
        }
        if let Some(next) = list_from {
            return self.list(peer, next, now);
        }
        let snapshot = self.sync.latest.of(&self.catalogue);
        // An error here would mean a frame limit that negentropy does not
        // accept: a constant of ours.
        let Ok((reconciliation, frame)) = Reconciliation::begin(snapshot) else { return };
        session.stage = Stage::Reconciling(Box::new(reconciliation));
        self.ask_for_ids(peer, Request::Reconcile(frame), now);
    }

    fn ask_for_ids(&mut self, peer: Peer, request: Request, now: Timestamp) {
        if let Some(session) = self.sync.sessions.get_mut(&peer) {
            session.report.rounds += 1;
            session.report.bytes += encode(&request).len() as u64;
        }
        self.ask_in_session(peer, request, now);
    }

    fn list(&mut self, peer: Peer, next: Position, now: Timestamp) {
        let Some(session) = self.sync.sessions.get_mut(&peer) else { return };
        session.report.listed = true;
        let pages = match session.stage {
            Stage::Listing { pages, .. } => pages + 1,
            _ => 1,
        };
        session.stage = Stage::Listing { next, pages };
        if pages > MAX_PAGES {
            self.blame(peer, "its list has no end", now);
            return self.end_session(peer, Some("its list has no end".to_owned()), now);
        }
        self.ask_for_ids(peer, Request::List(next), now);
    }

    pub(super) fn reconcile_answered(&mut self, peer: Peer, frame: &[u8], now: Timestamp) {
        let Some(session) = self.sync.sessions.get_mut(&peer) else { return };
        let Stage::Reconciling(reconciliation) = &mut session.stage else { return };
        let entries = reconciliation.len() as u64;
        let Step { need, next, unsettled, is_dense } = match reconciliation.proceed(frame) {
            Ok(step) => step,
            Err(error) => {
                self.blame(peer, "its reconciliation frame is malformed", now);
                return self.end_session(peer, Some(format!("malformed frame: {error}")), now);
            }
        };
        session.report.bytes += frame.len() as u64;
        self.note_needed(peer, need);
        let Some(session) = self.sync.sessions.get_mut(&peer) else { return };
        // Two bytes for each that brings something are well spent.
        let waste = session.report.bytes.saturating_sub(64 * session.report.missing);
        let is_wasteful = waste > (32 * entries).max(MIN_WASTE);
        match next {
            None => session.stage = Stage::Learnt,
            Some(_) if session.is_cut => session.stage = Stage::Learnt,
            Some(_) if is_dense || is_wasteful || session.report.rounds >= MAX_ROUNDS => {
                self.list(peer, unsettled, now);
            }
            Some(frame) => self.ask_for_ids(peer, Request::Reconcile(frame), now),
        }
    }

    pub(super) fn list_answered(
        &mut self,
        peer: Peer,
        ids: &[u8],
        next: Option<Position>,
        now: Timestamp,
    ) {
        let Some(session) = self.sync.sessions.get_mut(&peer) else { return };
        let Stage::Listing { next: asked, .. } = session.stage else { return };
        let (ids, rest) = ids.as_chunks::<32>();
        let goes_on = next.is_none_or(|next| next > asked);
        if !rest.is_empty() || ids.len() > MAX_LISTED || !goes_on {
            self.blame(peer, "its list is malformed", now);
            return self.end_session(peer, Some("its list is malformed".to_owned()), now);
        }
        session.report.bytes += 32 * ids.len() as u64;
        self.note_needed(peer, ids.iter().map(|id| ContentId::from_bytes(*id)));
        let Some(session) = self.sync.sessions.get_mut(&peer) else { return };
        match next {
            None => session.stage = Stage::Learnt,
            // What is noted is fetched; another session asks for this page again.
            Some(_) if session.is_cut => session.stage = Stage::Left { list_from: Some(asked) },
            Some(next) => self.list(peer, next, now),
        }
    }

    /// Takes down what is not known here, as far as there is room.
    fn note_needed(&mut self, peer: Peer, ids: impl IntoIterator<Item = ContentId>) {
        let Some(session) = self.sync.sessions.get_mut(&peer) else { return };
        for id in ids {
            if self.catalogue.standing(&id).is_some() || self.admission.holds(&id) {
                continue;
            }
            if session.seen.len() >= MAX_NEEDED {
                session.is_cut = true;
                break;
            }
            if session.seen.insert(id) {
                session.needed.push_back(id);
                session.report.missing += 1;
            }
        }
    }
}
