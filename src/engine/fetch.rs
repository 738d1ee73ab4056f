//! Fetch: finding peers that hold a blob, and who is told when it is here.
//!
//! The transfer itself, from all of them at once, is the node's; it is told of holders as
//! they answer, and says when it has nobody left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::limits::{FETCH_PATIENCE, MAX_ASKED_FOR_BLOB, MAX_FETCHES};
use super::{AskId, CallId, Effect, Engine, FetchId, FetchOutcome, Provider, Reply, Wanted};
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
    /// The transfer knows the manifest's locations by itself; one attempt each.
    asked_locations: bool,
    /// Peers that hold it and did not fail.
    holders: BTreeMap<Peer, Sha512>,
    /// The transfer under way.
    under_way: Option<FetchId>,
    failures: Vec<(Provider, String)>,
    /// Nobody can send it; given up then, unless somebody comes back.
    given_up: Option<Timestamp>,
}

/// All blobs on their way.
#[derive(Debug, Default)]
pub(super) struct Fetch {
    searches: BTreeMap<BlobName, Search>,
    asks: BTreeMap<AskId, (BlobName, Peer)>,
}

impl Search {
    /// A provider failed; what it failed by before does not matter any more.
    fn failed(&mut self, provider: Provider, reason: String) {
        self.failures.retain(|(failed, _)| *failed != provider);
        self.failures.push((provider, reason));
    }
}

impl Fetch {
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.searches.values().filter_map(|search| search.given_up).min()
    }
}

impl Engine {
    pub(super) fn fetch_on_call(&mut self, call: CallId, wanted: Wanted, now: Timestamp) {
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
            asked_locations: false,
            holders: BTreeMap::new(),
            under_way: None,
            failures: Vec::new(),
            given_up: None,
        };
        self.fetch.searches.insert(name, search);
        let peers: Vec<Peer> = self.peers.connected().collect();
        for peer in peers {
            self.ask_for_blob(name, peer);
        }
        self.continue_search(name, now);
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
                        search.holders.insert(peer, held.sha512);
                        search.failures.retain(|(failed, _)| *failed != Provider::Peer(peer));
                        if let Some(fetch) = search.under_way {
                            let sha512 = held.sha512;
                            self.outbox.push(Effect::Provide { fetch, peer, sha512 });
                        }
                    }
                    Some(held) => {
                        let reason = format!("holds {} bytes under that name", held.bytes);
                        search.failed(Provider::Peer(peer), reason);
                    }
                    None => {}
                }
            }
            Ok(Response::Error { text, .. }) => {
                search.failed(Provider::Peer(peer), text);
            }
            Ok(_) => self.blame(peer, "its answer does not fit the question", now),
            Err(reason) => search.failed(Provider::Peer(peer), reason),
        }
        self.continue_search(name, now);
    }

    fn continue_search(&mut self, name: BlobName, now: Timestamp) {
        let Some(search) = self.fetch.searches.get_mut(&name) else { return };
        if search.under_way.is_some() {
            return;
        }
        let has_locations = !search.wanted.locations.is_empty() && !search.asked_locations;
        if !search.holders.is_empty() || has_locations {
            search.asked_locations = true;
            let fetch = FetchId(self.ids.next());
            search.under_way = Some(fetch);
            search.given_up = None;
            let wanted = Arc::clone(&search.wanted);
            self.outbox.push(Effect::Fetch { fetch, wanted });
            for (peer, sha512) in &search.holders {
                let (peer, sha512) = (*peer, *sha512);
                self.outbox.push(Effect::Provide { fetch, peer, sha512 });
            }
        } else if search.silent.is_empty() {
            // A line that broke is often back in a moment, and so is a peer that left
            // before it could be asked.
            let may_come = !search.failures.is_empty() || search.asked.is_empty();
            let patience = if may_come { now.plus(FETCH_PATIENCE) } else { now };
            let given_up = *search.given_up.get_or_insert(patience);
            if given_up <= now {
                self.give_up(name);
            }
        }
    }

    fn give_up(&mut self, name: BlobName) {
        let Some(search) = self.fetch.searches.remove(&name) else { return };
        let asked = search.asked.len();
        for call in search.calls {
            let failures = search.failures.clone();
            self.reply(call, Reply::NoProvider { asked, failures });
        }
    }

    pub(super) fn give_up_fetches(&mut self, now: Timestamp) {
        let is_due = |search: &Search| search.given_up.is_some_and(|due| due <= now);
        let due = self.fetch.searches.iter().filter(|(_, search)| is_due(search));
        let due: Vec<BlobName> = due.map(|(name, _)| *name).collect();
        for name in due {
            self.give_up(name);
        }
    }

    /// A peer that left is asked again when it comes back.
    pub(super) fn blob_peer_left(&mut self, peer: Peer) {
        for search in self.fetch.searches.values_mut() {
            search.asked.remove(&peer);
            search.holders.remove(&peer);
        }
    }

    pub(super) fn fetch_ended(&mut self, fetch: FetchId, outcome: FetchOutcome, now: Timestamp) {
        let mut searches = self.fetch.searches.iter();
        let found = searches.find(|(_, search)| search.under_way == Some(fetch));
        let Some(name) = found.map(|(name, _)| *name) else { return };
        let (reply, blamed) = match outcome {
            FetchOutcome::Complete { shares, blamed } => (Some(Reply::Fetched { shares }), blamed),
            FetchOutcome::Failed { reason, blamed } => (Some(Reply::Failed { reason }), blamed),
            FetchOutcome::Starved { failures, blamed } => {
                if let Some(search) = self.fetch.searches.get_mut(&name) {
                    search.under_way = None;
                    for (provider, reason) in failures {
                        if let Provider::Peer(peer) = &provider {
                            search.holders.remove(peer);
                        }
                        search.failed(provider, reason);
                    }
                }
                (None, blamed)
            }
        };
        for (peer, reason) in blamed {
            self.blame(peer, &format!("it sent wrong bytes of an image: {reason}"), now);
        }
        let Some(reply) = reply else { return self.continue_search(name, now) };
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
