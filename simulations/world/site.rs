//! One simulated site: an engine, a disk, and what is lost in a crash.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use suq::engine::{CallId, Effect, Engine, GossipId, Input, Rules, Start};
use suq::model::{ContentId, Peer, Sha256, Timestamp};
use suq::wire::{GossipVerdict, Request, Response};

use super::disk::Disk;
use super::documents::{LIBRARY, policy};

/// One site.
pub struct Site {
    pub number: usize,
    pub blacklisting: bool,
    /// It lies.
    pub byzantine: bool,
    /// This site's clock less the true time, in milliseconds.
    skew_ms: i64,
    engine: Option<Engine>,
    pub disk: Disk,
    /// Counts starts; what was meant for an earlier life is lost.
    pub life: u32,
    pub ticking_at: Option<Timestamp>,
    /// Gossip that was heard since the start.
    pub heard: BTreeSet<Sha256>,
    waiting_for_verdict: BTreeMap<GossipId, (Option<Peer>, Arc<[u8]>)>,
    gossip_ids: u64,
    pub calls: BTreeSet<CallId>,
}

impl Site {
    pub fn new(number: usize, blacklisting: bool, skew_ms: i64) -> Site {
        Site {
            number,
            blacklisting,
            byzantine: false,
            skew_ms,
            engine: None,
            disk: Disk::default(),
            life: 0,
            ticking_at: None,
            heard: BTreeSet::new(),
            waiting_for_verdict: BTreeMap::new(),
            gossip_ids: 0,
            calls: BTreeSet::new(),
        }
    }

    pub fn is_up(&self) -> bool {
        self.engine.is_some()
    }

    pub fn is_alive(&self, life: u32) -> bool {
        self.is_up() && self.life == life
    }

    pub fn start(&mut self, peers: &[Peer], seed: u64) {
        let rules = Rules {
            policy: Arc::new(policy(self.blacklisting)),
            anchors: LIBRARY.anchors_digest(),
        };
        let address = |peer: &Peer| {
            let address = format!("/sim/{}", super::network::number(*peer));
            (*peer, vec![address.parse().unwrap()])
        };
        self.engine = Some(Engine::new(Start {
            rules,
            judged_under: self.disk.rules,
            known: self.disk.known(),
            peers: peers.iter().map(address).collect(),
            relay_refused: true,
            door: None,
            seed,
        }));
    }

    pub fn crash(&mut self) {
        self.engine = None;
        self.life += 1;
        self.ticking_at = None;
        self.disk.crash();
        self.heard.clear();
        self.waiting_for_verdict.clear();
        self.calls.clear();
    }

    pub fn handle(&mut self, input: Input, now: Timestamp) -> Vec<Effect> {
        let now = Timestamp::from_millis(now.millis() + self.skew_ms);
        self.engine.as_mut().map(|engine| engine.handle(input, now)).unwrap_or_default()
    }

    /// In true time.
    pub fn deadline(&self) -> Option<Timestamp> {
        let due = self.engine.as_ref()?.deadline()?;
        Some(Timestamp::from_millis(due.millis() - self.skew_ms))
    }

    pub fn load(&self, ids: &[ContentId]) -> Vec<(ContentId, Arc<[u8]>)> {
        let octets = |id: &ContentId| Some((*id, self.disk.kept.get(id)?.octets.clone()?));
        ids.iter().filter_map(octets).collect()
    }

    /// A gossip message arrives; none when it was heard before.
    pub fn hear(&mut self, from: Option<Peer>, document: &Arc<[u8]>) -> Option<Input> {
        if !self.is_up() || !self.heard.insert(Sha256::of(document)) {
            return None;
        }
        self.gossip_ids += 1;
        let gossip = GossipId(self.gossip_ids);
        self.waiting_for_verdict.insert(gossip, (from, Arc::clone(document)));
        let peer = from.unwrap_or(Peer::from_key([0xff; 32]));
        Some(Input::Heard { peer, gossip, document: Arc::clone(document) })
    }

    /// A verdict on a gossip message: what to pass on, and who sent it.
    pub fn judged(
        &mut self,
        gossip: GossipId,
        verdict: GossipVerdict,
    ) -> Option<(Option<Peer>, Arc<[u8]>)> {
        let waiting = self.waiting_for_verdict.remove(&gossip)?;
        (verdict == GossipVerdict::Accept).then_some(waiting)
    }

    pub fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }
}

/// One line for the trace.
pub fn label(input: &Input) -> String {
    match input {
        Input::Publish { document, .. } => format!("publish {}", Sha256::of(document)),
        Input::Heard { peer, document, .. } => format!("heard {peer} {}", Sha256::of(document)),
        Input::Verified { job, outcome, .. } => format!("verified {job:?} {}", outcome.is_ok()),
        Input::Answered { ask, answer } => match answer {
            Ok(response) => format!("answered {ask:?} {}", response_label(response)),
            Err(reason) => format!("unanswered {ask:?} {reason}"),
        },
        Input::Loaded { load, documents } => format!("loaded {load:?} {}", documents.len()),
        Input::Question { peer, request, .. } => {
            format!("question {peer} {}", request_label(request))
        }
        other => format!("{other:?}"),
    }
}

/// One line for the trace.
pub fn effect_label(effect: &Effect) -> String {
    match effect {
        Effect::Verify { job, document } => format!("verify {job:?} {}", Sha256::of(document)),
        Effect::Announce { document } => format!("announce {}", Sha256::of(document)),
        Effect::Store { write, records } => format!("store {write:?} {}", records.len()),
        Effect::Ask { ask, peer, request } => {
            format!("ask {ask:?} {peer} {}", request_label(request))
        }
        Effect::Answer { question, response } => {
            format!("answer {question:?} {}", response_label(response))
        }
        other => format!("{other:?}"),
    }
}

fn request_label(request: &Request) -> String {
    match request {
        Request::Reconcile(frame) => format!("reconcile {}", Sha256::of(frame)),
        Request::Documents(ids) => ids.iter().fold("documents".to_owned(), |mut text, id| {
            let _ = write!(text, " {id}");
            text
        }),
        other => format!("{other:?}"),
    }
}

fn response_label(response: &Response) -> String {
    match response {
        Response::Reconcile(frame) => format!("reconcile {}", Sha256::of(frame)),
        Response::Documents { documents, more } => format!("documents {} {more}", documents.len()),
        other => format!("{other:?}"),
    }
}
