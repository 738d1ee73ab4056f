//! Reading.

use std::ops::Bound;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::rows;
use super::trees::meta;
use super::{Store, StoreError};
use crate::membership::Membership;
use crate::model::{Address, ContentId, Email, EntryKey, Identifier, Peer, Sha256, Timestamp};
use crate::wire::{EntryRecord, Fate, RefusalRecord, decode};

/// What became of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An admitted entry.
    Admitted,
    /// A withdrawn entry.
    Withdrawn,
    /// A refusal by policy.
    Refused,
    /// A refusal for want of trust.
    Untrusted,
}

/// A known document, without its octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRow {
    /// The document.
    pub id: ContentId,
    /// The key it stands, or would stand, under.
    pub key: EntryKey,
    /// What became of it.
    pub kind: Kind,
}

/// An entry with its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its content id.
    pub id: ContentId,
    /// What this site says of it.
    pub record: EntryRecord,
    /// The document, byte for byte.
    pub document: Vec<u8>,
}

/// How much is in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Entries, admitted or withdrawn.
    pub entries: usize,
    /// Refusals.
    pub refusals: usize,
    /// Peers.
    pub peers: usize,
    /// Size of the database's files in bytes.
    pub bytes: u64,
}

fn record<T: DeserializeOwned>(id: ContentId, octets: &[u8]) -> Result<T, StoreError> {
    decode(octets).map_err(|error| StoreError::Record { id, what: error.to_string() })
}

fn malformed(tree: &str) -> StoreError {
    StoreError::Damaged(format!("a row of `{tree}` is malformed"))
}

fn records<T: DeserializeOwned>(
    tree: &sled::Tree,
    name: &'static str,
) -> impl Iterator<Item = Result<(ContentId, T), StoreError>> {
    rows_of(tree.iter(), name)
}

fn rows_of<T: DeserializeOwned>(
    rows: sled::Iter,
    name: &'static str,
) -> impl Iterator<Item = Result<(ContentId, T), StoreError>> {
    rows.map(move |row| {
        let (key, value) = row?;
        let id = rows::id(&key).ok_or_else(|| malformed(name))?;
        Ok((id, record(id, &value)?))
    })
}

impl Store {
    /// What this site says of an entry.
    pub fn entry(&self, id: &ContentId) -> Result<Option<EntryRecord>, StoreError> {
        let octets = self.trees.entry.get(id.as_bytes())?;
        octets.map(|octets| record(*id, &octets)).transpose()
    }

    /// An entry with its document.
    pub fn entry_and_document(&self, id: &ContentId) -> Result<Option<StoredEntry>, StoreError> {
        let Some(record) = self.entry(id)? else { return Ok(None) };
        let key = rows::document(record.key.created, *id);
        let document = self.trees.document.get(key)?.ok_or(StoreError::NoDocument { id: *id })?;
        Ok(Some(StoredEntry { id: *id, record, document: document.to_vec() }))
    }

    /// A refusal by its content id.
    pub fn refusal(&self, id: &ContentId) -> Result<Option<RefusalRecord>, StoreError> {
        let octets = self.trees.refusal.get(id.as_bytes())?;
        octets.map(|octets| record(*id, &octets)).transpose()
    }

    /// Every entry of an image, per endorser, oldest first.
    pub fn timeline(&self, identifier: &Identifier) -> Result<Vec<StoredEntry>, StoreError> {
        let mut entries = Vec::new();
        for row in self.trees.by_image.scan_prefix(rows::image_prefix(identifier)) {
            let (key, _) = row?;
            let id = rows::id_of_image_row(&key).ok_or_else(|| malformed("by-image:1"))?;
            entries.extend(self.entry_and_document(&id)?);
        }
        Ok(entries)
    }

    /// The documents under a key, admitted or withdrawn: more than one when its endorser
    /// says two things at once.
    pub fn under(&self, key: &EntryKey) -> Result<Vec<ContentId>, StoreError> {
        self.keys_from(&rows::entry_prefix(key)).map(|row| row.map(|(_, id)| id)).collect()
    }

    /// The date of the endorser's latest entry of an image, admitted or withdrawn.
    pub fn latest(
        &self,
        identifier: &Identifier,
        email: &Email,
    ) -> Result<Option<Timestamp>, StoreError> {
        let prefix = rows::endorser_prefix(identifier, email);
        let last = self.trees.by_image.scan_prefix(prefix).next_back().transpose()?;
        let read = |(key, _): (sled::IVec, sled::IVec)| {
            rows::read_image_row(&key).ok_or_else(|| malformed("by-image:1"))
        };
        Ok(last.map(read).transpose()?.map(|(key, _)| key.created))
    }

    /// The keys of all entries, or of an image's: per image and endorser, oldest first.
    /// Reads as it goes, and no document.
    pub fn keys(
        &self,
        identifier: Option<&Identifier>,
    ) -> impl Iterator<Item = Result<(EntryKey, ContentId), StoreError>> + use<> {
        self.keys_from(&identifier.map(rows::image_prefix).unwrap_or_default())
    }

    /// The keys of an endorser's entries of an image, oldest first. Reads as it goes, and no
    /// document.
    pub fn keys_of(
        &self,
        identifier: &Identifier,
        email: &Email,
    ) -> impl Iterator<Item = Result<(EntryKey, ContentId), StoreError>> + use<> {
        self.keys_from(&rows::endorser_prefix(identifier, email))
    }

    fn keys_from(
        &self,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<(EntryKey, ContentId), StoreError>> + use<> {
        self.trees.by_image.scan_prefix(prefix).map(|row| {
            let (key, _) = row?;
            rows::read_image_row(&key).ok_or_else(|| malformed("by-image:1"))
        })
    }

    /// Every entry, by endorsement date. Reads as it goes.
    pub fn entries(&self) -> impl Iterator<Item = Result<StoredEntry, StoreError>> {
        self.trees.document.iter().map(|row| {
            let (key, document) = row?;
            let id = rows::id_of_document(&key).ok_or_else(|| malformed("document:1"))?;
            let record = self.entry(&id)?.ok_or(StoreError::NoRecord { id })?;
            Ok(StoredEntry { id, record, document: document.to_vec() })
        })
    }

    /// What this site says of every entry, in the order of content ids. Reads as it goes.
    pub fn records(&self) -> impl Iterator<Item = Result<(ContentId, EntryRecord), StoreError>> {
        records(&self.trees.entry, "entry:3")
    }

    /// Every refusal, in the order of content ids. Reads as it goes.
    pub fn refusals(&self) -> impl Iterator<Item = Result<(ContentId, RefusalRecord), StoreError>> {
        records(&self.trees.refusal, "refusal:1")
    }

    /// The refusals after one, in the order of content ids. Reads as it goes.
    pub fn refusals_after(
        &self,
        after: Option<&ContentId>,
    ) -> impl Iterator<Item = Result<(ContentId, RefusalRecord), StoreError>> + use<> {
        let first = after.map_or(Bound::Unbounded, |id| Bound::Excluded(id.as_bytes().to_vec()));
        rows_of(self.trees.refusal.range((first, Bound::Unbounded)), "refusal:1")
    }

    /// Every known document, by endorsement date, without reading it.
    pub fn known(&self) -> Result<Vec<KnownRow>, StoreError> {
        let mut known = Vec::new();
        for row in self.records() {
            let (id, record) = row?;
            let kind = match record.fate {
                Fate::Admitted => Kind::Admitted,
                Fate::Withdrawn { .. } => Kind::Withdrawn,
            };
            known.push(KnownRow { id, key: record.key, kind });
        }
        for row in self.refusals() {
            let (id, record) = row?;
            let kind = if record.untrusted { Kind::Untrusted } else { Kind::Refused };
            known.push(KnownRow { id, key: record.key, kind });
        }
        known.sort_unstable_by_key(|row| (row.key.created, row.id));
        Ok(known)
    }

    /// Every remembered peer.
    pub fn peers(&self) -> Result<Vec<(Peer, Vec<Address>)>, StoreError> {
        let mut peers = Vec::new();
        for row in &self.trees.peer {
            let (key, value) = row?;
            let key = key.as_ref().try_into().map(Peer::from_key);
            if let (Ok(peer), Ok(addresses)) = (key, decode(&value)) {
                peers.push((peer, addresses));
            }
        }
        Ok(peers)
    }

    /// Every statement on a member of the federation, not proven again.
    pub fn memberships(&self) -> Result<Vec<Membership>, StoreError> {
        let mut memberships = Vec::new();
        for row in &self.trees.member {
            memberships.extend(decode(&row?.1));
        }
        Ok(memberships)
    }

    /// The rules under which every entry was last judged.
    pub fn rules(&self) -> Result<Option<Sha256>, StoreError> {
        let octets = self.trees.meta.get(meta::RULES)?;
        Ok(octets.and_then(|octets| octets.as_ref().try_into().ok()).map(Sha256::from_bytes))
    }

    /// How much is in the store.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        Ok(Counts {
            entries: self.trees.entry.len(),
            refusals: self.trees.refusal.len(),
            peers: self.trees.peer.len(),
            bytes: self.db.size_on_disk()?,
        })
    }
}
