//! Reading.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::rows::{self, Kind};
use super::trees::meta;
use super::{Store, StoreError};
use crate::membership::Membership;
use crate::model::{Address, ContentId, EntryKey, Identifier, Peer, Sha256};
use crate::wire::{EntryRecord, RefusalRecord, decode};

/// A row of the index of known documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRow {
    /// The document.
    pub id: ContentId,
    /// The key it stands, or would stand, under.
    pub key: EntryKey,
    /// What became of it.
    pub kind: Kind,
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

fn malformed_entry() -> StoreError {
    StoreError::Damaged("a row of `entry:2` is malformed".to_owned())
}

fn known_row(key: &[u8], value: &[u8]) -> Result<KnownRow, StoreError> {
    let row = rows::known(key, value);
    let row = row.map(|(id, key, kind)| KnownRow { id, key, kind });
    row.ok_or_else(|| StoreError::Damaged("a row of `known:2` is malformed".to_owned()))
}

impl Store {
    /// An entry by its content id.
    pub fn entry(&self, id: &ContentId) -> Result<Option<EntryRecord>, StoreError> {
        match self.known_row(id)? {
            Some(row) => self.entry_at(&rows::entry(row.key.created, *id)),
            None => Ok(None),
        }
    }

    /// An entry by its key in `entry:2`.
    pub(super) fn entry_at(&self, key: &[u8]) -> Result<Option<EntryRecord>, StoreError> {
        let Some(octets) = self.trees.entry.get(key)? else { return Ok(None) };
        let id = rows::id_of_entry(key).ok_or_else(malformed_entry)?;
        record(id, &octets).map(Some)
    }

    /// What became of a document.
    pub(super) fn known_row(&self, id: &ContentId) -> Result<Option<KnownRow>, StoreError> {
        let value = self.trees.known.get(id.as_bytes())?;
        value.map(|value| known_row(id.as_bytes(), &value)).transpose()
    }

    /// A refusal by its content id.
    pub fn refusal(&self, id: &ContentId) -> Result<Option<RefusalRecord>, StoreError> {
        let octets = self.trees.refusal.get(id.as_bytes())?;
        octets.map(|octets| record(*id, &octets)).transpose()
    }

    /// Every entry of an image, per endorser, oldest first.
    pub fn timeline(
        &self,
        identifier: &Identifier,
    ) -> Result<Vec<(ContentId, EntryRecord)>, StoreError> {
        let mut entries = Vec::new();
        for row in self.trees.by_image.scan_prefix(rows::image_prefix(identifier)) {
            let (key, _) = row?;
            let entry = rows::entry_of_image_row(&key);
            let Some((key, id)) = entry.and_then(|key| Some((key, rows::id_of_entry(key)?))) else {
                return Err(StoreError::Damaged("a row of `by-image:1` is malformed".to_owned()));
            };
            entries.extend(self.entry_at(key)?.map(|entry| (id, entry)));
        }
        Ok(entries)
    }

    /// Every entry, by endorsement date. Reads as it goes.
    pub fn entries(&self) -> impl Iterator<Item = Result<(ContentId, EntryRecord), StoreError>> {
        self.trees.entry.iter().map(|row| {
            let (key, value) = row?;
            let id = rows::id_of_entry(&key).ok_or_else(malformed_entry)?;
            Ok((id, record(id, &value)?))
        })
    }

    /// Every refusal, in the order of content ids. Reads as it goes.
    pub fn refusals(&self) -> impl Iterator<Item = Result<(ContentId, RefusalRecord), StoreError>> {
        self.trees.refusal.iter().map(|row| {
            let (key, value) = row?;
            let id = rows::id(&key);
            let id = id.ok_or_else(|| StoreError::Damaged("a row of `refusal:1`".to_owned()))?;
            Ok((id, record(id, &value)?))
        })
    }

    /// Every known document, by endorsement date, without reading it.
    pub fn known(&self) -> Result<Vec<KnownRow>, StoreError> {
        let mut known = Vec::new();
        for row in &self.trees.known {
            let (key, value) = row?;
            known.push(known_row(&key, &value)?);
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
