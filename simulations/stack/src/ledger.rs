//! What the sites promised, checked whenever a promise could be broken, and when
//! each of them had which entry.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use suq::engine::Standing;
use suq::manifest::Trust;
use suq::model::ContentId;

use crate::disk::Disk;
use crate::documents::LIBRARY;
use crate::network::Number;

/// A broken invariant.
#[derive(Debug, Clone)]
pub struct Violation {
    /// Its number in the design.
    pub invariant: u8,
    /// In virtual time.
    pub at: Duration,
    /// Who and what.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { invariant, at, what } = self;
        write!(f, "invariant {invariant} broken after {:.3} s: {what}", at.as_secs_f64())
    }
}

/// What one site promised.
#[derive(Debug, Default, Clone)]
struct Promises {
    /// What it acknowledged or passed on.
    acknowledged: BTreeSet<ContentId>,
    /// Deprecations that it has stored.
    deprecations: BTreeSet<ContentId>,
}

/// What all sites promised.
#[derive(Debug, Default)]
pub struct Ledger {
    promises: BTreeMap<Number, Promises>,
    /// What was acknowledged to a caller, anywhere.
    published: BTreeSet<ContentId>,
    /// When each site had each entry in its catalogue, first.
    arrivals: BTreeMap<ContentId, BTreeMap<Number, Duration>>,
    violation: Option<Violation>,
}

impl Ledger {
    /// The first broken invariant.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    fn broken(&mut self, invariant: u8, at: Duration, what: String) {
        self.violation.get_or_insert(Violation { invariant, at, what });
    }

    /// A site's disk made some entries durable: 1, only what is proven.
    pub fn flushed(&mut self, site: Number, disk: &Disk, ids: &[ContentId], at: Duration) {
        for id in ids {
            let Some(kept) = disk.kept.get(id) else { continue };
            if kept.standing != Standing::Admitted {
                continue;
            }
            let proven = kept.octets.as_ref().is_some_and(|octets| {
                LIBRARY.verify(octets).is_ok_and(|(verified, trust)| {
                    verified.content_id() == *id && !matches!(trust, Trust::Untrusted { .. })
                })
            });
            if !proven {
                self.broken(1, at, format!("site {site} admitted {id} without proof"));
            }
            if kept.deprecated {
                self.promises.entry(site).or_default().deprecations.insert(*id);
            }
        }
    }

    /// An entry is in a site's catalogue.
    pub fn arrived(&mut self, site: Number, id: ContentId, at: Duration) {
        self.arrivals.entry(id).or_default().entry(site).or_insert(at);
    }

    /// A site passes a document on: 1 and 4, only what is verified and durable there.
    pub fn passed_on(&mut self, site: Number, disk: &Disk, document: &Arc<[u8]>, at: Duration) {
        match LIBRARY.verify(document) {
            Err(error) => {
                let what = format!("site {site} passed on what is not verified: {error}");
                self.broken(1, at, what);
            }
            Ok((verified, _)) => self.promised(site, disk, verified.content_id(), at),
        }
    }

    /// A site tells its caller that a document is published: 4, only when it is durable.
    pub fn published(&mut self, site: Number, disk: &Disk, id: ContentId, at: Duration) {
        self.published.insert(id);
        self.promised(site, disk, id, at);
    }

    fn promised(&mut self, site: Number, disk: &Disk, id: ContentId, at: Duration) {
        if !disk.kept.contains_key(&id) {
            self.broken(4, at, format!("site {site} promised {id} before it was durable"));
        }
        self.promises.entry(site).or_default().acknowledged.insert(id);
    }

    /// A site lost what it had not flushed, or the end is reached: 4 and 5, everything
    /// that it promised is there.
    pub fn check(&mut self, site: Number, disk: &Disk, at: Duration) {
        let Some(promises) = self.promises.get(&site).cloned() else { return };
        let admitted = |id: &ContentId| {
            disk.kept.get(id).is_some_and(|kept| kept.standing == Standing::Admitted)
        };
        if let Some(id) = promises.acknowledged.iter().find(|id| !disk.kept.contains_key(id)) {
            self.broken(4, at, format!("site {site} lost {id}, which it had acknowledged"));
        }
        if let Some(id) = promises.deprecations.iter().find(|id| !admitted(id)) {
            self.broken(5, at, format!("site {site} unsaw the deprecation {id}"));
        }
    }

    /// 3: how the catalogues differ, or what they all lack; nothing when they are equal.
    pub fn divergence(&self, catalogues: &[(Number, BTreeSet<ContentId>)]) -> Option<String> {
        let mut all: BTreeSet<ContentId> = self.published.clone();
        all.extend(catalogues.iter().flat_map(|(_, ids)| ids));
        let apart = |(_, ids): &&(Number, BTreeSet<ContentId>)| *ids != all;
        let missing = catalogues.iter().filter(apart).count();
        let (site, ids) = catalogues.iter().find(apart)?;
        Some(format!(
            "{missing} of {} sites lack something; site {site} has {} of {}",
            catalogues.len(),
            ids.len(),
            all.len()
        ))
    }

    /// How long after `start` each site had an entry, in order.
    pub fn times(&self, id: &ContentId, start: Duration) -> Vec<Duration> {
        let arrivals = self.arrivals.get(id).into_iter().flat_map(BTreeMap::values);
        let mut times: Vec<Duration> = arrivals.map(|at| at.saturating_sub(start)).collect();
        times.sort();
        times
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Kept;
    use crate::documents::EPOCH;

    const AT: Duration = Duration::from_secs(1);

    /// A disk that holds one document of the library.
    fn holding(number: usize) -> (Disk, ContentId) {
        let octets = Arc::clone(&LIBRARY.documents[number]);
        let (verified, _) = LIBRARY.verify(&octets).unwrap();
        let kept = Kept {
            key: verified.manifest().key(),
            standing: Standing::Admitted,
            rules: LIBRARY.anchors_digest(),
            first_seen: EPOCH,
            octets: Some(octets),
            deprecated: verified.manifest().is_deprecated(),
        };
        let mut disk = Disk::default();
        disk.kept.insert(verified.content_id(), kept);
        (disk, verified.content_id())
    }

    fn broken(ledger: &Ledger) -> Option<u8> {
        ledger.violation().map(|violation| violation.invariant)
    }

    #[test]
    fn what_is_promised_and_kept_breaks_nothing() {
        let (disk, id) = holding(2);
        let mut ledger = Ledger::default();
        ledger.flushed(0, &disk, &[id], AT);
        ledger.passed_on(0, &disk, &LIBRARY.documents[2], AT);
        ledger.check(0, &disk, AT);
        assert_eq!(broken(&ledger), None);
    }

    #[test]
    fn a_forgery_in_a_catalogue_breaks_1() {
        let (mut disk, id) = holding(0);
        let forgery = Arc::clone(&LIBRARY.forgeries[0]);
        disk.kept.entry(id).and_modify(|kept| kept.octets = Some(forgery));
        let mut ledger = Ledger::default();
        ledger.flushed(0, &disk, &[id], AT);
        assert_eq!(broken(&ledger), Some(1));
    }

    #[test]
    fn passing_on_what_is_not_durable_breaks_4() {
        let mut ledger = Ledger::default();
        ledger.passed_on(0, &Disk::default(), &LIBRARY.documents[0], AT);
        assert_eq!(broken(&ledger), Some(4));
    }

    #[test]
    fn losing_what_was_acknowledged_breaks_4() {
        let (disk, id) = holding(0);
        let mut ledger = Ledger::default();
        ledger.published(0, &disk, id, AT);
        ledger.check(0, &Disk::default(), AT);
        assert_eq!(broken(&ledger), Some(4));
    }

    #[test]
    fn losing_a_deprecation_that_was_stored_breaks_5() {
        let (disk, id) = holding(2);
        let mut ledger = Ledger::default();
        ledger.flushed(0, &disk, &[id], AT);
        ledger.check(0, &Disk::default(), AT);
        assert_eq!(broken(&ledger), Some(5));
    }

    #[test]
    fn a_site_that_lacks_what_was_published_diverges() {
        let (disk, id) = holding(0);
        let mut ledger = Ledger::default();
        ledger.published(0, &disk, id, AT);
        assert!(ledger.divergence(&[(0, [id].into()), (1, [id].into())]).is_none());
        assert!(ledger.divergence(&[(0, [id].into()), (1, BTreeSet::new())]).is_some());
        assert!(ledger.divergence(&[(0, BTreeSet::new())]).is_some());
    }
}
