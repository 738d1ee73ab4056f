//! What changed, in order: who follows the catalogue asks for what came after the last
//! change that it knows.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use super::rows;
use super::trees::meta;
use super::{Store, StoreError};
use crate::model::{ChangeNumber, ContentId};

impl Store {
    /// The last durable change.
    pub fn last_change(&self) -> ChangeNumber {
        ChangeNumber::new(self.shown.load(Ordering::Acquire))
    }

    /// The entries that are new, or that have a new fate, since a change, in order. An entry
    /// that changed more than once is there more than once. Reads as it goes; what is not
    /// durable yet is not there.
    pub fn changes(
        &self,
        after: ChangeNumber,
    ) -> impl Iterator<Item = Result<(ChangeNumber, ContentId), StoreError>> + use<> {
        let (first, last) = (after.next(), self.last_change());
        // A range that ends before it begins is no range.
        let rows = (first <= last).then(|| self.trees.change.range(row(first)..=row(last)));
        rows.into_iter().flatten().map(|row| {
            let (number, id) = row?;
            match (number_of(&number), rows::id(&id)) {
                (Some(number), Some(id)) => Ok((number, id)),
                _ => Err(StoreError::Damaged("a row of `change:1` is malformed".to_owned())),
            }
        })
    }

    /// Runs a short read while no write is under way. Whoever keeps what it finds needs this:
    /// what a crash takes away from the store would stay there.
    pub fn at_rest<T>(&self, read: impl FnOnce() -> T) -> T {
        self.durability.at_rest(read)
    }

    /// Notes that an entry is new or has a new fate. One write is under way at a time, so
    /// nobody takes the same number.
    pub(super) fn note_change(&self, id: ContentId) -> Result<(), StoreError> {
        self.trees.change.insert(row(self.last_noted()?.next()), id.as_bytes())?;
        Ok(())
    }

    /// Lets readers see what was noted: it is durable now.
    pub(super) fn show_changes(&self) -> Result<(), StoreError> {
        self.shown.fetch_max(self.last_noted()?.get(), Ordering::Release);
        Ok(())
    }

    fn last_noted(&self) -> Result<ChangeNumber, StoreError> {
        let last = self.trees.change.last()?;
        Ok(last.and_then(|(number, _)| number_of(&number)).unwrap_or_default())
    }

    /// Entries that no change speaks of.
    pub(super) fn unnoted(&self) -> Result<Vec<ContentId>, StoreError> {
        let mut noted = BTreeSet::new();
        for row in &self.trees.change {
            noted.extend(rows::id(&row?.1));
        }
        let entries = self.records().flatten().map(|(id, _)| id);
        Ok(entries.filter(|id| !noted.contains(id)).collect())
    }

    /// A store from before changes were noted.
    pub(super) fn note_unnoted_when_none_is(&self) -> Result<(), StoreError> {
        if !self.trees.change.is_empty() || self.trees.entry.is_empty() {
            return Ok(());
        }
        self.durability.commit(&self.db, |generation| {
            for id in self.unnoted()? {
                self.note_change(id)?;
            }
            self.trees.meta.insert(meta::GENERATION, &generation.to_be_bytes())?;
            Ok(())
        })
    }
}

fn row(number: ChangeNumber) -> [u8; 8] {
    number.get().to_be_bytes()
}

fn number_of(row: &[u8]) -> Option<ChangeNumber> {
    row.try_into().ok().map(u64::from_be_bytes).map(ChangeNumber::new)
}
