//! What this node knows of every document: the index the protocol works on.
//!
//! Architecture invariant: only what is durable stands here. The documents
//! themselves stay in the store.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::limits::MAX_REFUSALS;
use crate::model::{ContentId, Email, EntryKey, Timestamp};

/// What became of a document at this site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// An entry that this site's rules allow.
    Admitted,
    /// An entry that they no longer allow.
    Withdrawn,
    /// Refused by policy; only the refusal is kept.
    Refused,
    /// Refused because the signer is not trusted here; only the refusal is kept.
    Untrusted,
}

impl Standing {
    /// True when the document itself is kept.
    pub const fn is_entry(self) -> bool {
        matches!(self, Standing::Admitted | Standing::Withdrawn)
    }
}

/// A document that the store knows, as it is told to the engine at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The document.
    pub id: ContentId,
    /// The key it stands, or would stand, under.
    pub key: EntryKey,
    /// What became of it.
    pub standing: Standing,
}

/// Every known document, in the order of reconciliation.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    by_id: BTreeMap<ContentId, (Timestamp, Standing)>,
    /// The order of reconciliation: endorsement date, then content id.
    in_order: BTreeSet<(Timestamp, ContentId)>,
    /// Entries by key, to notice two documents under one.
    by_key: BTreeSet<(EntryKey, ContentId)>,
    /// Refusals in the order they came: of the untrusted, and of the others.
    refusals: [VecDeque<ContentId>; 2],
    /// How many documents have each standing.
    counts: BTreeMap<Standing, usize>,
    /// How many entries each endorser has.
    of_endorsers: BTreeMap<Email, u64>,
    /// Counts every change; a snapshot of an older version is stale.
    version: u64,
}

impl Catalogue {
    pub(super) fn insert(&mut self, known: Known) {
        let Known { id, key, standing } = known;
        let before = self.by_id.insert(id, (key.created, standing));
        self.recount(before.map(|(_, before)| before), Some(standing));
        self.in_order.insert((key.created, id));
        match standing {
            Standing::Admitted | Standing::Withdrawn => {
                let email = key.email.clone();
                if self.by_key.insert((key, id)) {
                    *self.of_endorsers.entry(email).or_default() += 1;
                }
            }
            Standing::Untrusted => self.refusals[0].push_back(id),
            Standing::Refused => self.refusals[1].push_back(id),
        }
        self.version += 1;
    }

    /// Forgets the oldest refusal when there are too many, first of the
    /// untrusted: certificates are free to make.
    pub(super) fn forget_refusal(&mut self) -> Option<ContentId> {
        if self.refusals[0].len() + self.refusals[1].len() <= MAX_REFUSALS {
            return None;
        }
        let [untrusted, others] = &mut self.refusals;
        let id = untrusted.pop_front().or_else(|| others.pop_front())?;
        if let Some((created, standing)) = self.by_id.remove(&id) {
            self.recount(Some(standing), None);
            self.in_order.remove(&(created, id));
        }
        self.version += 1;
        Some(id)
    }

    pub(super) fn set_standing(&mut self, id: ContentId, standing: Standing) {
        if let Some((_, current)) = self.by_id.get_mut(&id) {
            let before = std::mem::replace(current, standing);
            self.recount(Some(before), Some(standing));
        }
    }

    fn recount(&mut self, before: Option<Standing>, after: Option<Standing>) {
        if let Some(count) = before.and_then(|before| self.counts.get_mut(&before)) {
            *count = count.saturating_sub(1);
        }
        if let Some(after) = after {
            *self.counts.entry(after).or_default() += 1;
        }
    }

    pub(super) fn drop_refusals(&mut self) {
        self.refusals = [VecDeque::new(), VecDeque::new()];
        let by_id = &mut self.by_id;
        self.in_order.retain(|(_, id)| {
            let kept = by_id.get(id).is_some_and(|(_, standing)| standing.is_entry());
            if !kept {
                by_id.remove(id);
            }
            kept
        });
        self.counts.remove(&Standing::Refused);
        self.counts.remove(&Standing::Untrusted);
        self.version += 1;
    }

    pub(super) fn standing(&self, id: &ContentId) -> Option<Standing> {
        self.by_id.get(id).map(|(_, standing)| *standing)
    }

    /// Another entry that stands under the same key.
    pub(super) fn rival(&self, key: &EntryKey, id: ContentId) -> Option<ContentId> {
        let first = (key.clone(), ContentId::from_bytes([0; 32]));
        self.by_key
            .range(first..)
            .take_while(|(other, _)| other == key)
            .map(|(_, other)| *other)
            .find(|other| *other != id)
    }

    /// True when the endorser of this key has an entry for its image.
    pub(super) fn has_entry_of(&self, key: &EntryKey) -> bool {
        let created = Timestamp::from_millis(i64::MIN);
        let first = (EntryKey { created, ..key.clone() }, ContentId::from_bytes([0; 32]));
        let next = self.by_key.range(first..).next();
        next.is_some_and(|(other, _)| {
            other.identifier == key.identifier && other.email == key.email
        })
    }

    /// Entries of an endorser, withdrawn ones too: they are kept.
    pub(super) fn entries_of_endorser(&self, endorser: &Email) -> u64 {
        self.of_endorsers.get(endorser).copied().unwrap_or(0)
    }

    /// All entries.
    pub(super) fn entry_count(&self) -> u64 {
        self.by_key.len() as u64
    }

    /// All entries by endorsement date, which is how the store reads them best.
    pub(super) fn entries(&self) -> impl Iterator<Item = (ContentId, Standing)> {
        self.in_order.iter().filter_map(|(_, id)| {
            self.standing(id).filter(|standing| standing.is_entry()).map(|standing| (*id, standing))
        })
    }

    pub(super) fn count(&self, standing: Standing) -> usize {
        self.counts.get(&standing).copied().unwrap_or(0)
    }

    pub(super) fn refusals(&self) -> usize {
        self.refusals.iter().map(VecDeque::len).sum()
    }

    pub(super) fn in_order(&self) -> impl Iterator<Item = (Timestamp, ContentId)> {
        self.in_order.iter().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }
}
