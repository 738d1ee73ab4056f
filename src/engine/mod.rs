//! The protocol as a state machine: what happened and when goes in, what to do
//! comes out.
//!
//! Architecture invariant: no clock, socket, disk, thread or random source in
//! here, and no collection whose order depends on the process. The node and the
//! simulations drive the same code, and the same inputs give the same effects.
//!
//! Order rule: nothing is acknowledged, passed on or shown before
//! [`Input::Stored`] says that it is durable.

mod admission;
mod catalogue;
mod door;
mod effect;
mod fetch;
mod holders;
mod ids;
mod input;
mod limits;
mod mirror;
mod peers;
mod pending;
mod queue;
mod rates;
mod rejudge;
mod schedule;
mod serve;
mod settle;
mod sync;
pub mod timeline;
mod turns;

#[cfg(test)]
mod tests;

pub use catalogue::{Known, Standing};
pub use door::{DoorStart, Member};
pub use effect::{Alert, Effect, Record};
pub use ids::{AskId, CallId, FetchId, GossipId, JobId, KnockId, LoadId, QuestionId, WriteId};
pub use input::{FetchOutcome, Input, Provider, Reply, Rules, Share, Wanted};
pub use limits::MAX_MIRROR_WAITING;
pub use mirror::{Mirror, MirrorFailure};
pub use pending::Pending;
pub use schedule::{ProviderId, Schedule};
pub use sync::{Change, ChangeKind, SyncReport};
pub use turns::Turns;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::membership::Proven;
use crate::model::{Address, ContentId, Peer, Sha256, Timestamp};

/// What an engine starts with.
#[derive(Debug)]
pub struct Start {
    /// What this site allows.
    pub rules: Rules,
    /// The rules under which every entry was last judged; none on a new node.
    pub judged_under: Option<Sha256>,
    /// Every document that the store knows.
    pub known: Vec<Known>,
    /// Peers to stay connected with.
    pub peers: Vec<(Peer, Vec<Address>)>,
    /// True when what the local policy refuses is still passed on to others.
    pub relay_refused: bool,
    /// The members; none in an open federation.
    pub door: Option<DoorStart>,
    /// Seed of the engine's random choices.
    pub seed: u64,
}

/// The state machine of one node.
#[derive(Debug)]
pub struct Engine {
    rules: Rules,
    relay_refused: bool,
    random: fastrand::Rng,
    ids: ids::Ids,
    catalogue: catalogue::Catalogue,
    admission: queue::Admission,
    rejudge: rejudge::Rejudge,
    sync: sync::Sync,
    peers: peers::Peers,
    fetch: fetch::Fetch,
    holders: holders::Holders,
    serve: serve::Serve,
    door: Option<door::Door>,
    relaying: rates::Relaying,
    /// Writes under way and what waits for them.
    writes: BTreeMap<WriteId, Written>,
    /// Effects of the input being handled.
    outbox: Vec<Effect>,
}

/// What a finished write completes.
#[derive(Debug)]
enum Written {
    /// A judged document and everyone who waits for it.
    Document(Box<settle::Settling>),
    /// An entry whose standing the new rules changed.
    Standing(ContentId, Standing),
    /// Statements on who is a member, and who waits for them.
    Memberships { new: Vec<Proven>, source: door::Source },
    /// Refusals are forgotten because the rules changed.
    Refusals,
    /// Every entry is judged by the rules.
    Rules,
    /// Something nobody waits for.
    Nothing,
}

/// Numbers for status and metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stats {
    /// Entries that this site's rules allow.
    pub admitted: usize,
    /// Entries that they no longer allow.
    pub withdrawn: usize,
    /// Documents that the policy refused.
    pub refused: usize,
    /// Documents whose signer is not trusted here.
    pub untrusted: usize,
    /// Documents since the start that were not verified.
    pub unverified: u64,
    /// Documents being verified or waiting for it.
    pub verifying: usize,
    /// Entries still to be judged under new rules.
    pub rejudging: usize,
}

impl Engine {
    /// An engine that knows what its store knows. Call [`Engine::handle`] with
    /// [`Input::Tick`] once to set it going.
    pub fn new(start: Start) -> Engine {
        let mut catalogue = catalogue::Catalogue::default();
        for known in start.known {
            catalogue.insert(known);
        }
        let mut engine = Engine {
            rules: start.rules,
            relay_refused: start.relay_refused,
            random: fastrand::Rng::with_seed(start.seed),
            ids: ids::Ids::default(),
            catalogue,
            admission: queue::Admission::default(),
            rejudge: rejudge::Rejudge::default(),
            sync: sync::Sync::default(),
            peers: peers::Peers::default(),
            fetch: fetch::Fetch::default(),
            holders: holders::Holders::default(),
            serve: serve::Serve::default(),
            door: start.door.map(door::Door::new),
            relaying: rates::Relaying::default(),
            writes: BTreeMap::new(),
            outbox: Vec::new(),
        };
        for (peer, addresses) in start.peers {
            engine.peers.remember(peer, addresses);
        }
        if start.judged_under != Some(engine.rules.digest()) {
            engine.begin_rejudging();
        }
        engine
    }

    /// Takes one input and returns what is to be done about it, in order.
    ///
    /// `now` must not be earlier than in the call before.
    #[must_use = "effects that are not carried out are lost"]
    pub fn handle(&mut self, input: Input, now: Timestamp) -> Vec<Effect> {
        match input {
            Input::Publish { call, document } => self.publish(call, document, now),
            Input::Sync { call, peer } => self.sync_on_call(call, peer, now),
            Input::Fetch { call, wanted } => self.fetch_on_call(call, wanted, now),
            Input::Survey { call, blobs } => self.survey_on_call(call, blobs),
            Input::Hangup { call } => self.hang_up(call),
            Input::Heard { peer, gossip, document } => self.heard(peer, gossip, document, now),
            Input::Connected { peer } => self.connected(peer, now),
            Input::Disconnected { peer } => self.disconnected(peer, now),
            Input::DialFailed { peer } => self.peers.dial_failed(peer, now, &mut self.random),
            Input::PeerFound { peer, addresses } => self.peer_found(peer, addresses),
            Input::PeerRumoured { peer, addresses } => self.peers.hear_of(peer, addresses),
            Input::Question { peer, question, request } => {
                self.question(peer, question, request, now)
            }
            Input::Answered { ask, answer } => match &self.door {
                Some(door) if door.has_asked(ask) => self.members_answered(ask, answer, now),
                _ if self.holders.has_asked(ask) => self.survey_answered(ask, answer, now),
                _ => self.answered(ask, answer, now),
            },
            Input::Issue { call, statement } => self.issue(call, *statement, now),
            Input::HeardMembership { peer, gossip, membership } => {
                self.heard_membership(peer, gossip, membership, now);
            }
            Input::Knocked { peer, knock, chain } => self.knocked(peer, knock, chain, now),
            Input::Welcomed { peer, chain } => self.welcomed(peer, chain, now),
            Input::Allowed { peer, is_allowed } => self.allow(peer, is_allowed),
            Input::Verified { job, outcome, anchors } => self.verified(job, outcome, anchors, now),
            Input::Stored { write, result } => self.stored(write, result, now),
            Input::Loaded { load, documents } => self.loaded(load, documents),
            Input::FetchEnded { fetch, outcome } => self.fetch_ended(fetch, outcome, now),
            Input::RulesChanged(rules) => self.rules_changed(rules, now),
            Input::Tick => {}
        }
        self.tick(now);
        std::mem::take(&mut self.outbox)
    }

    /// When [`Input::Tick`] is due at the latest; ask again after every input.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let (admission, rejudge) = (self.admission.deadline(), self.rejudge.deadline());
        let door = self.door.as_ref().and_then(door::Door::deadline);
        let fetch = self.fetch.deadline();
        let others = [self.sync.deadline(), self.peers.deadline(), rejudge, door, fetch];
        others.into_iter().chain([admission]).flatten().min()
    }

    /// Numbers for status and metrics.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            admitted: self.catalogue.count(Standing::Admitted),
            withdrawn: self.catalogue.count(Standing::Withdrawn),
            refused: self.catalogue.count(Standing::Refused),
            untrusted: self.catalogue.count(Standing::Untrusted),
            unverified: self.admission.unverified(),
            verifying: self.admission.len(),
            rejudging: self.rejudge.left(),
        }
    }

    /// What became of a document here; none when it is not known.
    #[must_use]
    pub fn standing(&self, id: &ContentId) -> Option<Standing> {
        self.catalogue.standing(id)
    }

    /// Every entry by endorsement date.
    pub fn entries(&self) -> impl Iterator<Item = (ContentId, Standing)> {
        self.catalogue.entries()
    }

    /// When and with whom the catalogue was last reconciled completely.
    pub fn reconciled(&self) -> impl Iterator<Item = (Peer, Timestamp)> {
        self.sync.reconciled()
    }

    /// How many reconciliations have been completed since the start.
    pub fn reconciliations(&self) -> u64 {
        self.sync.completed()
    }

    /// How far the reconciliations under way are.
    pub fn syncs(&self) -> impl Iterator<Item = &SyncReport> {
        self.sync.under_way()
    }

    /// Peers with an open connection.
    pub fn connected_peers(&self) -> impl Iterator<Item = Peer> {
        self.peers.connected()
    }

    /// Everything that only waits for its time.
    fn tick(&mut self, now: Timestamp) {
        self.release_held(now);
        self.start_verifications();
        self.continue_rejudging(now);
        self.pump_sync(now);
        self.tick_door(now);
        self.give_up_fetches(now);
        self.dial_due(now);
    }

    fn stored(&mut self, write: WriteId, result: Result<(), String>, now: Timestamp) {
        if let Err(reason) = &result {
            self.outbox.push(Effect::Alert(Alert::StoreFailed { reason: reason.clone() }));
        }
        match self.writes.remove(&write) {
            Some(Written::Document(settling)) => self.settle(*settling, result, now),
            Some(Written::Standing(id, standing)) => {
                self.standing_written(id, standing, &result, now);
            }
            Some(Written::Memberships { new, source }) => {
                self.memberships_written(new, source, result, now);
            }
            Some(Written::Refusals) => self.refusals_dropped(&result, now),
            Some(Written::Rules) => self.rules_written(&result, now),
            Some(Written::Nothing) | None => {}
        }
    }

    fn loaded(&mut self, load: LoadId, documents: Vec<(ContentId, Arc<[u8]>)>) {
        if self.rejudge.is_load(load) {
            self.rejudge_loaded(documents);
        } else {
            self.serve_loaded(load, documents);
        }
    }

    fn store(&mut self, records: Vec<Record>, written: Written) -> WriteId {
        let write = WriteId(self.ids.next());
        self.writes.insert(write, written);
        self.outbox.push(Effect::Store { write, records });
        write
    }

    fn reply(&mut self, call: CallId, reply: Reply) {
        self.outbox.push(Effect::Reply { call, reply });
    }

    /// Counts a fault of a peer; disconnects it when it has made too many.
    fn blame(&mut self, peer: Peer, reason: &str, now: Timestamp) {
        if self.peers.fault(peer, now) {
            self.outbox.push(Effect::Disconnect { peer });
            self.outbox
                .push(Effect::Alert(Alert::Misbehaviour { peer, reason: reason.to_owned() }));
        }
    }
}
