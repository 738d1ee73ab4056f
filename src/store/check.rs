//! Reading everything, and making the index again from the truth.

use std::collections::BTreeSet;

use serde::Serialize;

use super::rows;
use super::trees::meta;
use super::{Store, StoreError, StoredEntry};

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

impl Store {
    /// Reads every record, lets `verify` look at every document, and compares the
    /// index with the truth.
    pub fn check(
        &self,
        mut verify: impl FnMut(&StoredEntry) -> Result<(), String>,
    ) -> Result<Report, StoreError> {
        let mut report = Report::default();
        let mut documents = 0;
        for entry in self.entries() {
            documents += 1;
            let fault = match entry {
                Ok(entry) => verify(&entry).map_err(|fault| format!("entry {}: {fault}", entry.id)),
                Err(error) => Err(error.to_string()),
            };
            report.faults.extend(fault.err());
        }
        for entry in self.records() {
            report.entries += 1;
            report.faults.extend(entry.err().map(|error| error.to_string()));
        }
        if report.entries != documents {
            let entries = report.entries;
            report.faults.push(format!("{entries} entries, but {documents} documents"));
        }
        for refusal in self.refusals() {
            report.refusals += 1;
            report.faults.extend(refusal.err().map(|error| error.to_string()));
        }
        let mut found = BTreeSet::new();
        for row in &self.trees.by_image {
            found.insert(row?.0.to_vec());
        }
        if found != self.index() {
            let fault = "the index by-image:1 differs from the entries: run `suq store rebuild`";
            report.faults.push(fault.to_owned());
        }
        if !self.unnoted()?.is_empty() {
            let fault = "entries are missing in change:1: run `suq store rebuild`";
            report.faults.push(fault.to_owned());
        }
        Ok(report)
    }

    /// Makes the index again from the entries.
    pub fn rebuild(&self) -> Result<(), StoreError> {
        let index = self.index();
        let trees = &self.trees;
        self.durability.commit(&self.db, |generation| {
            trees.by_image.clear()?;
            for key in index {
                trees.by_image.insert(key, &[])?;
            }
            for id in self.unnoted()? {
                self.note_change(id)?;
            }
            trees.meta.insert(meta::GENERATION, &generation.to_be_bytes())?;
            Ok::<(), StoreError>(())
        })?;
        self.show_changes()
    }

    /// The rows of the index, from every record that can be read.
    fn index(&self) -> BTreeSet<Vec<u8>> {
        self.records().flatten().map(|(id, record)| rows::by_image(&record.key, id)).collect()
    }
}
