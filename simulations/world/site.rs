//! One simulated site: an engine, a disk, and what is lost in a crash.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use suq::engine::{CallId, Effect, Engine, GossipId, Input, Rules, Start};
use suq::model::{ContentId, Peer, Sha256, Timestamp};

use super::disk::Disk;
use super::documents::{LIBRARY, policy};

/// One site.
pub struct Site {
    pub number: usize,
    pub blacklisting: bool,
    /// It lies.
    pub byzantine: bool,
    /// This site's clock less the true time, in milliseconds.
    pub skew_ms: i64,
    engine: Option<Engine>,
    pub disk: Disk,
    /// The disk takes no write before this.
    pub full_until: Option<Timestamp>,
    /// When the last write ordered will have been flushed: one thread writes, in order.
    pub flushed_at: Timestamp,
    /// Counts starts; what was meant for an earlier life is lost.
    pub life: u32,
    pub ticking_at: Option<Timestamp>,
    /// Gossip that was heard since the start.
    pub heard: BTreeSet<Sha256>,
    waiting_for_verdict: BTreeMap<GossipId, (Peer, Arc<[u8]>)>,
    gossip_ids: u64,
    pub calls: BTreeSet<CallId>,
}

/// Whoever is no site: a hostile neighbour from nowhere.
pub const NOBODY: Peer = Peer::from_key([0xff; 32]);

impl Site {
    pub fn new(number: usize, skew_ms: i64) -> Site {
        Site {
            number,
            blacklisting: false,
            byzantine: false,
            skew_ms,
            engine: None,
            disk: Disk::default(),
            full_until: None,
            flushed_at: super::EPOCH,
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

    pub fn rules(&self) -> Rules {
        rules(self.blacklisting)
    }

    pub fn start(&mut self, peers: &[Peer], seed: u64) {
        let address = |peer: &Peer| {
            let address = format!("/sim/{}", super::network::number(*peer));
            (*peer, vec![address.parse().unwrap()])
        };
        self.engine = Some(Engine::new(Start {
            rules: self.rules(),
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

    /// This site's time.
    pub fn clock(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.millis() + self.skew_ms)
    }

    pub fn handle(&mut self, input: Input, now: Timestamp) -> Vec<Effect> {
        let now = self.clock(now);
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

    /// A gossip message arrives; none when it was heard before. A message that comes
    /// again late gets past the memory of those that were heard.
    pub fn hear(&mut self, peer: Peer, document: &Arc<[u8]>, again: bool) -> Option<Input> {
        let is_new = self.is_up() && self.heard.insert(Sha256::of(document));
        if !self.is_up() || !(is_new || again) {
            return None;
        }
        self.gossip_ids += 1;
        let gossip = GossipId(self.gossip_ids);
        self.waiting_for_verdict.insert(gossip, (peer, Arc::clone(document)));
        Some(Input::Heard { peer, gossip, document: Arc::clone(document) })
    }

    /// The gossip message that a verdict is about, and who sent it.
    pub fn judged(&mut self, gossip: GossipId) -> Option<(Peer, Arc<[u8]>)> {
        self.waiting_for_verdict.remove(&gossip)
    }

    pub fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }
}

/// What a site allows.
pub fn rules(blacklisting: bool) -> Rules {
    let policy = Arc::new(policy(blacklisting));
    Rules { policy, anchors: LIBRARY.anchors_digest() }
}
