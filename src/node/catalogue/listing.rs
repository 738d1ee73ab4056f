//! Lists of entries, as they pass, and documents by their keys.

use super::{Catalogue, Entry, store_failed};
use crate::engine::timeline::{self, Fact, Status};
use crate::manifest::Manifest;
use crate::model::{ContentId, Email, EntryKey, Identifier, Timestamp};
use crate::node::Failure;
use crate::store::StoredEntry;
use crate::wire::Fate;

/// Which entries a list is made of: those of a key's parts, as far as they are given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyParts {
    /// The image.
    pub identifier: Option<Identifier>,
    /// The endorser.
    pub email: Option<Email>,
    /// The date of the endorsement.
    pub created: Option<Timestamp>,
}

impl KeyParts {
    /// True when a key has these parts.
    pub fn fit(&self, key: &EntryKey) -> bool {
        self.identifier.is_none_or(|identifier| identifier == key.identifier)
            && self.email.as_ref().is_none_or(|email| *email == key.email)
            && self.created.is_none_or(|created| created == key.created)
    }
}

/// Whether the older entries of each endorser belong to a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Only the latest of each endorser.
    Latest,
    /// Every entry.
    Every,
}

/// An entry in a list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its content id.
    pub id: ContentId,
    /// Where it stands in its endorser's timeline.
    pub status: Status,
    /// True when its endorser has no later one, not even one that was withdrawn.
    pub is_latest: bool,
    /// What it says.
    pub manifest: Manifest,
    /// The document, byte for byte.
    pub document: Vec<u8>,
}

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

    /// Shows every entry that belongs to a list, in the order of images and endorsers,
    /// oldest first. One endorser's entries of one image are held at a time, and one
    /// document.
    pub fn list(
        &self,
        parts: &KeyParts,
        depth: Depth,
        now: Timestamp,
        mut show: impl FnMut(Listed),
    ) -> Result<(), Failure> {
        let mut group: Vec<(EntryKey, ContentId)> = Vec::new();
        let whose = KeyParts { created: None, ..parts.clone() };
        for row in self.store.keys(parts.identifier.as_ref()) {
            let (key, id) = row.map_err(store_failed)?;
            if !whose.fit(&key) {
                continue;
            }
            let same = |(other, _): &(EntryKey, ContentId)| {
                other.identifier == key.identifier && other.email == key.email
            };
            if !group.last().is_none_or(same) {
                self.list_group(&group, parts, depth, now, &mut show)?;
                group.clear();
            }
            group.push((key, id));
        }
        self.list_group(&group, parts, depth, now, &mut show)
    }

    /// All entries of one endorser of one image, oldest first.
    fn list_group(
        &self,
        group: &[(EntryKey, ContentId)],
        parts: &KeyParts,
        depth: Depth,
        now: Timestamp,
        show: &mut impl FnMut(Listed),
    ) -> Result<(), Failure> {
        let mut facts = Vec::with_capacity(group.len());
        for (key, id) in group {
            let record = self.store.entry(id).map_err(store_failed)?;
            facts.extend(record.map(|record| Fact {
                id: *id,
                key: key.clone(),
                deprecated: record.deprecated,
                // Only documents say it: it is looked at below.
                valid: None,
                withdrawn: record.fate != Fate::Admitted,
            }));
        }
        let newest = group.last().map(|(key, _)| key.created);
        let statuses = timeline::statuses(&facts, now);
        for (fact, status) in facts.iter().zip(statuses) {
            let is_latest = match status {
                Status::Superseded => false,
                Status::Withdrawn => Some(fact.key.created) == newest,
                Status::Current | Status::Deprecated | Status::Expired => true,
            };
            if !parts.fit(&fact.key) || (depth == Depth::Latest && !is_latest) {
                continue;
            }
            let entry = self.store.entry_and_document(&fact.id).map_err(store_failed)?;
            let Some(entry) = entry.and_then(Entry::read) else { continue };
            let Entry { id, document, manifest, .. } = entry;
            let is_over = status == Status::Current && manifest.is_expired(now);
            let status = if is_over { Status::Expired } else { status };
            show(Listed { id, status, is_latest, manifest, document });
        }
        Ok(())
    }
}
