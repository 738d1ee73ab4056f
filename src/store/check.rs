//! Reading everything, and making the indexes again from the truth.

use std::collections::BTreeMap;

use serde::Serialize;

use super::rows::{self, Kind};
use super::trees::meta;
use super::{Store, StoreError};
use crate::model::ContentId;
use crate::wire::{EntryRecord, Fate};

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Entries that were read.
    pub entries: u64,
    /// Refusals that were read.
    pub refusals: u64,
    /// What is wrong, one line each.
    pub faults: Vec<String>,
}

/// The rows that the two indexes must have.
type Index = BTreeMap<Vec<u8>, Vec<u8>>;

impl Store {
    /// Reads every record, lets `verify` look at every document, and compares
    /// every index with the truth.
    pub fn check(
        &self,
        mut verify: impl FnMut(&ContentId, &EntryRecord) -> Result<(), String>,
    ) -> Result<Report, StoreError> {
        let mut report = Report::default();
        for entry in self.entries() {
            report.entries += 1;
            match entry {
                Ok((id, record)) => {
                    if let Err(fault) = verify(&id, &record) {
                        report.faults.push(format!("entry {id}: {fault}"));
                    }
                }
                Err(error) => report.faults.push(error.to_string()),
            }
        }
        for refusal in self.refusals() {
            report.refusals += 1;
            report.faults.extend(refusal.err().map(|error| error.to_string()));
        }
        let (by_image, known) = self.indexes()?;
        for (name, tree, expected) in
            [("by-image:1", &self.trees.by_image, by_image), ("known:2", &self.trees.known, known)]
        {
            let mut found = Index::new();
            for row in tree {
                let (key, value) = row?;
                found.insert(key.to_vec(), value.to_vec());
            }
            if found != expected {
                let fault = "differs from the entries: run `suq store rebuild`";
                report.faults.push(format!("the index {name} {fault}"));
            }
        }
        Ok(report)
    }

    /// Makes every index again from the entries and refusals.
    pub fn rebuild(&self) -> Result<(), StoreError> {
        let (by_image, known) = self.indexes()?;
        let trees = &self.trees;
        self.durability.commit(&self.db, |generation| {
            for (tree, rows) in [(&trees.by_image, by_image), (&trees.known, known)] {
                tree.clear()?;
                for (key, value) in rows {
                    tree.insert(key, value)?;
                }
            }
            trees.meta.insert(meta::GENERATION, &generation.to_be_bytes())?;
            Ok::<(), StoreError>(())
        })
    }

    /// The rows of both indexes, from every record that can be read.
    fn indexes(&self) -> Result<(Index, Index), StoreError> {
        let (mut by_image, mut known) = (Index::new(), Index::new());
        for (id, record) in self.entries().flatten() {
            let kind = match record.fate {
                Fate::Admitted => Kind::Admitted,
                Fate::Withdrawn { .. } => Kind::Withdrawn,
            };
            let key = &record.key;
            by_image.insert(rows::by_image(key, id), Vec::new());
            known.insert(id.as_bytes().to_vec(), rows::known_value(kind, key));
        }
        for (id, record) in self.refusals().flatten() {
            let kind = if record.untrusted { Kind::Untrusted } else { Kind::Refused };
            let key = &record.key;
            known.insert(id.as_bytes().to_vec(), rows::known_value(kind, key));
        }
        Ok((by_image, known))
    }
}
