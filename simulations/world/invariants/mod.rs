//! The invariants of the design, checked at every step that could break them:
//! each flush, reply, verdict, announcement, served document, crash and input.

mod admitted;
mod bounds;
mod convergence;
mod timelines;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use suq::engine::{Alert, Reply, Standing};
use suq::model::{ContentId, EntryKey, Peer, Timestamp};
use suq::wire::Response;

use super::Scenario;
use super::documents::{BLACKLISTED, LIBRARY};
use super::site::Site;
use timelines::Timelines;

/// A broken invariant.
#[derive(Debug, Clone)]
pub struct Violation {
    pub scenario: String,
    pub seed: u64,
    pub at: Timestamp,
    /// Its number in the design.
    pub invariant: u8,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { scenario, seed, at, invariant, what } = self;
        write!(
            f,
            "{scenario} seed {seed}: invariant {invariant} broken at {at}: {what}\n  \
             again: cargo run --release --example simulate -- {scenario} {seed} {seed}"
        )
    }
}

/// The number of an invariant, and how it is broken.
pub type Broken = (u8, String);

/// What has been promised so far.
pub struct Invariants {
    /// Entries that each site acknowledged, passed on or served.
    acknowledged: Vec<BTreeSet<ContentId>>,
    timelines: Vec<Timelines>,
    /// Everything that any site acknowledged to its caller.
    published: BTreeMap<ContentId, EntryKey>,
    /// Two documents under one key that a site raised an alert about.
    alerts: BTreeSet<(usize, EntryKey)>,
    /// Gossip that each site rejected, by who sent it.
    rejected: BTreeMap<(usize, Peer), u64>,
    /// True when something has changed since convergence was last looked at.
    dirty: bool,
}

impl Invariants {
    pub fn new(scenario: &Scenario) -> Invariants {
        let timelines = (0..scenario.sites).map(|_| Timelines::default());
        Invariants {
            acknowledged: vec![BTreeSet::new(); scenario.sites],
            timelines: timelines.collect(),
            published: BTreeMap::new(),
            alerts: BTreeSet::new(),
            rejected: BTreeMap::new(),
            dirty: true,
        }
    }

    /// True once after each change.
    pub fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    pub fn touch(&mut self) {
        self.dirty = true;
    }

    /// After a flush: 1 (what is admitted was proven), 4 (what was acknowledged is
    /// there), 5 (a deprecation is never unseen), for everything that it changed.
    pub fn flushed(&mut self, site: &Site) -> Result<(), Broken> {
        self.dirty = true;
        if site.byzantine {
            return Ok(());
        }
        for id in site.disk.changed() {
            match site.disk.kept.get(id) {
                Some(kept) => {
                    admitted::check(site, id, kept).map_err(|what| (1, what))?;
                    let timeline = &mut self.timelines[site.number];
                    timeline.changed(site, id, kept).map_err(|what| (5, what))?;
                }
                None => self.is_kept(site, id)?,
            }
        }
        Ok(())
    }

    /// After a crash: 4 and 5 for everything.
    pub fn crashed(&mut self, site: &Site) -> Result<(), Broken> {
        self.dirty = true;
        if site.byzantine {
            return Ok(());
        }
        for id in &self.acknowledged[site.number] {
            self.is_kept(site, id)?;
        }
        self.timelines[site.number].check(site).map_err(|what| (5, what))
    }

    fn is_kept(&self, site: &Site, id: &ContentId) -> Result<(), Broken> {
        let promised = self.acknowledged[site.number].contains(id);
        if !promised || site.disk.kept.contains_key(id) {
            return Ok(());
        }
        Err((4, format!("site {} lost {id}, which it had acknowledged", site.number)))
    }

    /// A site passes a document on: 4 (only after it is durable there).
    pub fn passed_on(&mut self, site: &Site, document: &Arc<[u8]>) -> Result<(), Broken> {
        if site.byzantine {
            return Ok(());
        }
        let (verified, _) = LIBRARY.verify(document).map_err(|error| {
            (1, format!("site {} passed on what is not verified: {error}", site.number))
        })?;
        self.promise(site, verified.content_id())
    }

    /// A site serves documents: 4 (only what is durable), 1 (and still admitted, and
    /// what was asked for).
    pub fn served(&mut self, site: &Site, response: &Response) -> Result<(), Broken> {
        let Response::Documents { documents, .. } = response else { return Ok(()) };
        if site.byzantine {
            return Ok(());
        }
        for document in documents {
            let id = document.id;
            let octets = Arc::from(document.octets.as_slice());
            let right = LIBRARY.verify(&octets).is_ok_and(|(v, _)| v.content_id() == id);
            if !right {
                return Err((1, format!("site {} served another document as {id}", site.number)));
            }
            let standing = site.engine().and_then(|engine| engine.standing(&id));
            if standing != Some(Standing::Admitted) {
                return Err((1, format!("site {} served {id}: {standing:?}", site.number)));
            }
            self.promise(site, id)?;
        }
        Ok(())
    }

    /// A site answers a caller: 4 (only after it is durable there).
    pub fn replied(&mut self, site: &Site, now: Timestamp, reply: &Reply) -> Result<(), Broken> {
        let number = site.number;
        match reply {
            Reply::Published { id, key, .. } => {
                self.published.insert(*id, key.clone());
                self.promise(site, *id)
            }
            // The rules may have changed since the document was judged.
            Reply::Refused { key, .. } => {
                let right = key.email.as_str() == BLACKLISTED;
                right.then_some(()).ok_or((1, format!("site {number} refused {key}")))
            }
            Reply::Waiting { key } => {
                let right = key.created > site.clock(now);
                right.then_some(()).ok_or((3, format!("site {number} lets {key} wait")))
            }
            // The disk takes no write; nothing was acknowledged.
            Reply::Failed { .. } if site.full_until.is_some() => Ok(()),
            other => Err((6, format!("site {number} answered a good document with {other:?}"))),
        }
    }

    fn promise(&mut self, site: &Site, id: ContentId) -> Result<(), Broken> {
        let Some(kept) = site.disk.kept.get(&id) else {
            let what = format!("site {} promised {id} before it was durable", site.number);
            return Err((4, what));
        };
        // A refusal may be forgotten when the rules change; an entry never.
        if kept.standing.is_entry() {
            self.acknowledged[site.number].insert(id);
        }
        Ok(())
    }

    pub fn alerted(&mut self, site: &Site, alert: &Alert) {
        if let Alert::Equivocation { key, .. } = alert {
            self.alerts.insert((site.number, key.clone()));
        }
    }
}
