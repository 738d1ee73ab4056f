//! The invariants of the design, checked at every step that could break them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use suq::engine::{Reply, Standing};
use suq::manifest::Trust;
use suq::model::{ContentId, Timestamp};

use super::documents::{BLACKLISTED, LIBRARY};
use super::network::Network;
use super::site::Site;
use super::{Scenario, World};

/// A broken invariant.
#[derive(Debug, Clone)]
pub struct Violation {
    pub seed: u64,
    pub at: Timestamp,
    /// Its number in the design.
    pub invariant: u8,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { seed, at, invariant, what } = self;
        write!(f, "seed {seed}: invariant {invariant} broken at {at}: {what}")
    }
}

/// What has been promised so far.
pub struct Invariants {
    /// What each site acknowledged or passed on.
    acknowledged: Vec<BTreeSet<ContentId>>,
    /// Deprecations that each site has stored.
    deprecations: Vec<BTreeSet<ContentId>>,
    /// Everything that any site acknowledged to its caller.
    published: BTreeSet<ContentId>,
    /// True when a disk has changed since convergence was last looked at.
    dirty: std::cell::Cell<bool>,
}

impl Invariants {
    pub fn new(scenario: &Scenario) -> Invariants {
        Invariants {
            acknowledged: vec![BTreeSet::new(); scenario.sites],
            deprecations: vec![BTreeSet::new(); scenario.sites],
            published: BTreeSet::new(),
            dirty: std::cell::Cell::new(true),
        }
    }

    pub fn is_dirty(&self) -> bool {
        self.dirty.replace(false)
    }

    /// After a flush or a crash: 1 (what is admitted was proven), 4 (what was
    /// acknowledged is there), 5 (a deprecation is never unseen).
    pub fn flushed(&mut self, site: &Site) -> Result<(), String> {
        self.dirty.set(true);
        if site.byzantine {
            return Ok(());
        }
        for (id, kept) in &site.disk.kept {
            if kept.standing != Standing::Admitted {
                continue;
            }
            let octets = kept.octets.as_ref().ok_or("an entry without its document")?;
            let (verified, trust) = LIBRARY
                .verify(octets)
                .map_err(|error| format!("site {} admitted {id}: {error}", site.number))?;
            if verified.content_id() != *id || matches!(trust, Trust::Untrusted { .. }) {
                return Err(format!("site {} admitted {id} without proof", site.number));
            }
            if site.blacklisting && kept.key.email.as_str() == BLACKLISTED {
                return Err(format!("site {} admitted a blacklisted {id}", site.number));
            }
            if kept.deprecated {
                self.deprecations[site.number].insert(*id);
            }
        }
        let lost = |ids: &BTreeSet<ContentId>| {
            ids.iter().find(|id| !site.disk.kept.contains_key(id)).copied()
        };
        if let Some(id) = lost(&self.acknowledged[site.number]) {
            return Err(format!("site {} lost {id}, which it had acknowledged", site.number));
        }
        if let Some(id) = lost(&self.deprecations[site.number]) {
            return Err(format!("site {} unsaw the deprecation {id}", site.number));
        }
        Ok(())
    }

    /// A site passes a document on: 4 (only after it is durable there).
    pub fn passed_on(&mut self, site: &Site, document: &Arc<[u8]>) -> Result<(), String> {
        if site.byzantine {
            return Ok(());
        }
        let (verified, _) = LIBRARY.verify(document).map_err(|error| {
            format!("site {} passed on what is not verified: {error}", site.number)
        })?;
        self.promise(site, verified.content_id())
    }

    /// A site answers a caller: 4 (only after it is durable there).
    pub fn replied(&mut self, number: usize, site: &Site, reply: &Reply) -> Result<(), String> {
        match reply {
            Reply::Published { id, .. } => {
                self.published.insert(*id);
                self.promise(site, *id)
            }
            Reply::Refused { key, .. } if site.blacklisting => {
                let right = key.email.as_str() == BLACKLISTED;
                right.then_some(()).ok_or(format!("site {number} refused {key}"))
            }
            other => Err(format!("site {number} answered a good document with {other:?}")),
        }
    }

    fn promise(&mut self, site: &Site, id: ContentId) -> Result<(), String> {
        if !site.disk.kept.contains_key(&id) {
            return Err(format!("site {} promised {id} before it was durable", site.number));
        }
        self.acknowledged[site.number].insert(id);
        Ok(())
    }

    /// 3: sites of equal policy have equal catalogues with everything that was
    /// published in them, and the engines agree with their disks.
    pub fn divergence(&self, sites: &[Site], _network: &Network) -> Option<String> {
        for camp in World::camps(sites) {
            let mut all: BTreeSet<ContentId> = BTreeSet::new();
            for number in &camp {
                all.extend(sites[*number].disk.admitted());
            }
            let blacklisting = camp.first().is_some_and(|number| sites[*number].blacklisting);
            if !blacklisting && !self.published.is_subset(&all) {
                return Some("something that was acknowledged is nowhere".to_owned());
            }
            for number in &camp {
                let here = sites[*number].disk.admitted();
                if here != all {
                    let missing = all.difference(&here).count();
                    return Some(format!("site {number} misses {missing} of {}", all.len()));
                }
                let engine = sites[*number].engine()?;
                if here.iter().any(|id| engine.standing(id) != Some(Standing::Admitted)) {
                    return Some(format!("the engine of site {number} forgot an entry"));
                }
            }
        }
        None
    }
}
