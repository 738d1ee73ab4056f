//! 3: honest, connected sites with equal policies have equal catalogues.

use std::collections::{BTreeMap, BTreeSet};

use suq::engine::Standing;
use suq::model::{ContentId, EntryKey};

use super::super::documents::BLACKLISTED;
use super::super::site::Site;
use super::Invariants;

impl Invariants {
    /// How the sites differ from each other, from what was published, or from their
    /// own disks; none when they do not.
    pub fn divergence(&self, sites: &[Site]) -> Option<String> {
        for blacklisting in [false, true] {
            let fits = |site: &&Site| site.blacklisting == blacklisting && !site.byzantine;
            let camp: Vec<&Site> = sites.iter().filter(fits).collect();
            if let Some(down) = camp.iter().find(|site| !site.is_up()) {
                return Some(format!("site {} is down", down.number));
            }
            // Counted first: it is cheap, and mostly tells.
            let counts = camp.iter().map(|site| site.disk.admitted_count());
            let Some(most) = counts.max() else { continue };
            if let Some(site) = camp.iter().find(|site| site.disk.admitted_count() != most) {
                let here = site.disk.admitted_count();
                return Some(format!("site {} has {here} of {most} entries", site.number));
            }
            let mut all: BTreeSet<ContentId> = BTreeSet::new();
            for site in &camp {
                all.extend(site.disk.admitted());
            }
            let allowed = |key: &EntryKey| !blacklisting || key.email.as_str() != BLACKLISTED;
            let mut published = self.published.iter().filter(|(_, key)| allowed(key));
            if let Some((id, _)) = published.find(|(id, _)| !all.contains(id)) {
                return Some(format!("{id} was acknowledged and is nowhere"));
            }
            let found = camp.iter().find_map(|site| self.differs(site, &all, blacklisting));
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn differs(
        &self,
        site: &Site,
        all: &BTreeSet<ContentId>,
        blacklisting: bool,
    ) -> Option<String> {
        let number = site.number;
        let mut keys: BTreeMap<&EntryKey, usize> = BTreeMap::new();
        for (id, kept) in &site.disk.kept {
            let admitted = kept.standing == Standing::Admitted;
            if admitted != all.contains(id) {
                return Some(format!("site {number} differs from the others about {id}"));
            }
            if admitted && blacklisting && kept.key.email.as_str() == BLACKLISTED {
                return Some(format!("site {number} still admits {id}, which its rules refuse"));
            }
            let engine = site.engine().and_then(|engine| engine.standing(id));
            if engine != Some(kept.standing) {
                let kept = kept.standing;
                return Some(format!("site {number}: {id} is {kept:?} on disk, not {engine:?}"));
            }
            if kept.standing.is_entry() {
                *keys.entry(&kept.key).or_default() += 1;
            }
        }
        if site.disk.admitted_count() != all.len() {
            return Some(format!("site {number} misses an entry"));
        }
        let stats = site.engine().map(|engine| engine.stats())?;
        if stats.rejudging > 0 || site.disk.rules != Some(site.rules().digest()) {
            return Some(format!("site {number} has not judged everything by its rules"));
        }
        let engine = stats.admitted + stats.withdrawn + stats.refused + stats.untrusted;
        if engine != site.disk.kept.len() {
            return Some(format!("site {number} knows {engine} documents, not those on its disk"));
        }
        let unseen = |(key, count): &(&&EntryKey, &usize)| {
            **count > 1 && !self.alerts.contains(&(number, (**key).clone()))
        };
        let equivocation = keys.iter().find(unseen);
        equivocation.map(|(key, _)| format!("site {number} raised no alert about {key}"))
    }
}
