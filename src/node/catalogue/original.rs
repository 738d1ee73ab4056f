//! Documents by their keys.

use super::{Catalogue, store_failed};
use crate::model::{ContentId, EntryKey, Timestamp};
use crate::node::Failure;
use crate::store::StoredEntry;
use crate::wire::Fate;

/// A document that is handed out.
#[derive(Debug, Clone)]
pub struct Original {
    /// Its content id.
    pub id: ContentId,
    /// When this node first saw it.
    pub first_seen: Timestamp,
    /// The document, byte for byte.
    pub document: Vec<u8>,
}

impl Catalogue {
    /// The admitted document under a key. Of two, the one that counts.
    pub fn original(&self, key: &EntryKey) -> Result<Option<Original>, Failure> {
        let mut found: Option<StoredEntry> = None;
        for id in self.store.under(key).map_err(store_failed)? {
            let entry = self.store.entry_and_document(&id).map_err(store_failed)?;
            let Some(entry) = entry.filter(|entry| entry.record.fate == Fate::Admitted) else {
                continue;
            };
            let rank = |entry: &StoredEntry| (entry.record.deprecated, std::cmp::Reverse(entry.id));
            if found.as_ref().is_none_or(|other| rank(&entry) > rank(other)) {
                found = Some(entry);
            }
        }
        Ok(found.map(|StoredEntry { id, record, document }| Original {
            id,
            first_seen: record.first_seen,
            document,
        }))
    }

    /// An entry's document, whatever became of it.
    pub fn document(&self, id: &ContentId) -> Result<Option<Vec<u8>>, Failure> {
        let entry = self.store.entry_and_document(id).map_err(store_failed)?;
        Ok(entry.map(|entry| entry.document))
    }
}
