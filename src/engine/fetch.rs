//! Fetch: finding peers that hold a blob and trying them one after the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::limits::{MAX_ASKED_FOR_BLOB, MAX_FETCHES};
use super::{AskId, CallId, Effect, Engine, FetchId, FetchOutcome, Reply, Wanted};
use crate::model::{Peer, Sha512, Timestamp};
use crate::wire::{BlobName, Request, Response};

/// One blob on its way, for everyone who wants it.
#[derive(Debug)]
struct Search {
    wanted: Arc<Wanted>,
    calls: Vec<CallId>,
    asked: BTreeSet<Peer>,
    /// Peers that have not said whether they hold it.
    silent: BTreeSet<Peer>,
    /// Peers that hold it and were not tried.
    holders: VecDeque<(Peer, Sha512)>,
    /// The transfer under way.
    under_way: Option<(FetchId, Peer)>,
    failures: Vec<(Peer, String)>,
}

/// All blobs on their way.
#[derive(Debug, Default)]
pub(super) struct Fetch {
    searches: BTreeMap<BlobName, Search>,
    asks: BTreeMap<AskId, (BlobName, Peer)>,
}

impl Engine {
    pub(super) fn fetch_on_call(&mut self, call: CallId, wanted: Wanted) {
        let name = wanted.name();
        if let Some(search) = self.fetch.searches.get_mut(&name) {
            return search.calls.push(call);
        }
        if self.fetch.searches.len() >= MAX_FETCHES {
            return self.reply(call, Reply::Busy);
        }
        let search = Search {
            wanted: Arc::new(wanted),
            calls: vec![call],
            asked: BTreeSet::new(),
            silent: BTreeSet::new(),
            holders: VecDeque::new(),
            under_way: None,
            failures: Vec::new(),
        };
        self.fetch.searches.insert(name, search);
        let peers: Vec<Peer> = self.peers.connected().collect();
        for peer in peers {
            self.ask_for_blob(name, peer);
        }
        self.continue_search(name);
    }

    /// Drops what waits only for a reply; a transfer goes on, the blob is worth having.
    pub(super) fn hang_up(&mut self, call: CallId) {
        self.forget_waiter(call);
        for search in self.fetch.searches.values_mut() {
            search.calls.retain(|other| *other != call);
        }
    }

    pub(super) fn ask_new_peer_for_blobs(&mut self, peer: Peer) {
        let names: Vec<BlobName> = self.fetch.searches.keys().copied().collect();
        for name in names {
            self.ask_for_blob(name, peer);
        }
    }

    fn ask_for_blob(&mut self, name: BlobName, peer: Peer) {
        let Some(search) = self.fetch.searches.get_mut(&name) else { return };
        if search.asked.len() >= MAX_ASKED_FOR_BLOB || !search.asked.insert(peer) {
            return;
        }
        search.silent.insert(peer);
        let ask = AskId(self.ids.next());
        self.fetch.asks.insert(ask, (name, peer));
        self.outbox.push(Effect::Ask { ask, peer, request: Request::Holdings(vec![name]) });
    }

    pub(super) fn holdings_answered(
        &mut self,
        ask: AskId,
        answer: Result<Response, String>,
        now: Timestamp,
    ) {
        let Some((name, peer)) = self.fetch.asks.remove(&ask) else { return };
        let Some(search) = self.fetch.searches.get_mut(&name) else { return };
        search.silent.remove(&peer);
        match answer {
            Ok(Response::Holdings(holdings)) => {
                let fits = |sha512: &Sha512| name_fits(name, sha512);
                let held = holdings.iter().find(|held| held.name == name && fits(&held.sha512));
                match held {
                    Some(held) if held.bytes == search.wanted.bytes => {
                        search.holders.push_back((peer, held.sha512));
                    }
                    Some(held) => {
                        let reason = format!("holds {} bytes under that name", held.bytes);
                        search.failures.push((peer, reason));
                    }
                    None => {}
                }
            }
            Ok(Response::Error { text, .. }) => search.failures.push((peer, text)),
            Ok(_) => self.blame(peer, "its answer does not fit the question", now),
            Err(reason) => search.failures.push((peer, reason)),
        }
        self.continue_search(name);
    }

    fn continue_search(&mut self, name: BlobName) {
        let Some(search) = self.fetch.searches.get_mut(&name) else { return };
        if search.under_way.is_some() {
            return;
        }
        if let Some((peer, sha512)) = search.holders.pop_front() {
            let fetch = FetchId(self.ids.next());
            search.under_way = Some((fetch, peer));
            let wanted = Arc::clone(&search.wanted);
            self.outbox.push(Effect::Fetch { fetch, wanted, peer, sha512 });
        } else if search.silent.is_empty() {
            let Some(search) = self.fetch.searches.remove(&name) else { return };
            let asked = search.asked.len();
            for call in search.calls {
                let failures = search.failures.clone();
                self.reply(call, Reply::NoProvider { asked, failures });
            }
        }
    }

    pub(super) fn fetch_ended(&mut self, fetch: FetchId, outcome: FetchOutcome) {
        let under_way = |search: &Search| search.under_way.filter(|(id, _)| *id == fetch);
        let found = self
            .fetch
            .searches
            .iter()
            .find_map(|(name, search)| under_way(search).map(|(_, peer)| (*name, peer)));
        let Some((name, peer)) = found else { return };
        let reply = match outcome {
            FetchOutcome::Complete => Reply::Fetched { peer },
            FetchOutcome::Failed { reason } => Reply::Failed { reason },
            FetchOutcome::PeerFailed { reason } => {
                if let Some(search) = self.fetch.searches.get_mut(&name) {
                    search.under_way = None;
                    search.failures.push((peer, reason));
                }
                return self.continue_search(name);
            }
        };
        let calls = self.fetch.searches.remove(&name).map(|search| search.calls);
        for call in calls.unwrap_or_default() {
            self.reply(call, reply.clone());
        }
    }
}

/// A peer cannot offer another blob under the SHA-512 that was asked for.
fn name_fits(name: BlobName, sha512: &Sha512) -> bool {
    match name {
        BlobName::Sha512(wanted) => wanted == *sha512,
        BlobName::Sha1(_) => true,
    }
}
