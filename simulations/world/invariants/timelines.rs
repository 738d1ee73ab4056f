//! 5: a deprecation, once seen, is never unseen: not on the disk, and not in what the
//! site says of the image.

use std::collections::BTreeMap;

use suq::engine::Standing;
use suq::engine::timeline::{Fact, Status, statuses};
use suq::model::{ContentId, Email, EntryKey, Identifier, Timestamp};

use super::super::disk::Kept;
use super::super::site::Site;

/// What one site has stored, by image and endorser.
#[derive(Default)]
pub struct Timelines(BTreeMap<(Identifier, Email), Timeline>);

#[derive(Default)]
struct Timeline {
    entries: BTreeMap<ContentId, EntryKey>,
    /// The date of the latest deprecation that was seen.
    deprecated: Option<Timestamp>,
}

impl Timelines {
    /// An entry was stored, withdrawn or restored.
    pub fn changed(&mut self, site: &Site, id: &ContentId, kept: &Kept) -> Result<(), String> {
        if !kept.standing.is_entry() {
            return Ok(());
        }
        let name = (kept.key.identifier, kept.key.email.clone());
        let timeline = self.0.entry(name).or_default();
        timeline.entries.insert(*id, kept.key.clone());
        if kept.deprecated {
            timeline.deprecated = timeline.deprecated.max(Some(kept.key.created));
        }
        timeline.check(site)
    }

    pub fn check(&self, site: &Site) -> Result<(), String> {
        self.0.values().try_for_each(|timeline| timeline.check(site))
    }
}

impl Timeline {
    fn check(&self, site: &Site) -> Result<(), String> {
        let mut facts = Vec::with_capacity(self.entries.len());
        for (id, key) in &self.entries {
            let Some(kept) = site.disk.kept.get(id) else {
                return Err(format!("site {} lost the entry {id}", site.number));
            };
            facts.push(Fact {
                id: *id,
                key: key.clone(),
                deprecated: kept.deprecated,
                valid: None,
                withdrawn: kept.standing == Standing::Withdrawn,
            });
        }
        let Some(deprecated) = self.deprecated else { return Ok(()) };
        for (fact, status) in facts.iter().zip(statuses(&facts, deprecated)) {
            if status == Status::Current && fact.key.created <= deprecated {
                let Fact { id, .. } = fact;
                return Err(format!("site {} shows {id}, which was taken back", site.number));
            }
        }
        Ok(())
    }
}
