//! Documents as they are, for whoever carries them elsewhere.

use super::{Catalogue, store_failed};
use crate::model::{ContentId, Identifier, Timestamp};
use crate::node::{Failure, ImageName};
use crate::wire::Fate;

/// Documents in one answer: at most 16 MiB.
const MAX_DOCUMENTS: usize = 64;

impl Catalogue {
    /// Admitted documents that were first seen since a time, by endorsement date; of
    /// every image when none is named.
    pub(super) fn documents(
        &self,
        since: Option<Timestamp>,
        images: &[ImageName],
    ) -> Result<Vec<ContentId>, Failure> {
        let wanted: Vec<Identifier> =
            images.iter().map(|image| self.identifier(image)).collect::<Result<_, _>>()?;
        let mut found = Vec::new();
        for row in self.store.records() {
            let (id, record) = row.map_err(store_failed)?;
            let is_wanted = wanted.is_empty() || wanted.contains(&record.key.identifier);
            let is_new = since.is_none_or(|since| record.first_seen >= since);
            if is_wanted && is_new && record.fate == Fate::Admitted {
                found.push((record.key.created, id));
            }
        }
        found.sort_unstable();
        match wanted.into_iter().find(|_| found.is_empty() && since.is_none()) {
            Some(identifier) => Err(self.nothing_about(&identifier)),
            None => Ok(found.into_iter().map(|(_, id)| id).collect()),
        }
    }

    /// Some documents; those that are gone are left out.
    pub(super) fn read(&self, ids: &[ContentId]) -> Result<Vec<String>, Failure> {
        let mut documents = Vec::new();
        for id in ids.iter().take(MAX_DOCUMENTS) {
            let entry = self.store.entry_and_document(id).map_err(store_failed)?;
            // What was verified is UTF-8.
            documents.extend(entry.and_then(|entry| String::from_utf8(entry.document).ok()));
        }
        Ok(documents)
    }
}
