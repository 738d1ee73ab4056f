//! Writing: batches that become durable as a whole.

use super::rows::{self, Kind};
use super::trees::meta;
use super::{Store, StoreError};
use crate::membership::Proven;
use crate::model::{Address, ContentId, Peer, Sha256};
use crate::wire::{EntryRecord, Fate, RefusalRecord, encode};

/// One thing to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// An entry; replaces a refusal of the same document.
    Entry(ContentId, EntryRecord),
    /// A new fate for an entry, and the rules that decided it.
    Fate(ContentId, Fate, Sha256),
    /// A refusal; not written when the document is an entry.
    Refusal(ContentId, RefusalRecord),
    /// Forgets one refusal.
    ForgetRefusal(ContentId),
    /// Forgets all refusals.
    ForgetRefusals,
    /// The rules under which every entry was judged.
    Rules(Sha256),
    /// Where a peer can be found.
    Peer(Peer, Vec<Address>),
    /// Forgets a peer.
    ForgetPeer(Peer),
    /// A statement on a member, in the place of the issuer's earlier one.
    Membership(Proven),
    /// Forgets the statement on a member by an issuer.
    ForgetMembership(Peer, Peer),
}

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Writes a batch and returns when it is durable. Many small batches are better
    /// joined into one: each call syncs the disk.
    ///
    /// A transaction over all trees would read each row before it writes it, and so
    /// cost twice as much. Instead each record is written before the rows that point
    /// to it, and what a crash leaves half done is finished when the store is opened.
    ///
    /// # Errors
    /// When the disk refuses; then nothing of the batch is acknowledged, though a part
    /// of it may be there.
    pub fn write(&self, batch: &[Write]) -> Result<()> {
        let forgotten = self.refusals_to_forget(batch)?;
        // Refusals that came before it in the same batch are forgotten with the others.
        let dropped_before =
            batch.iter().rposition(|write| *write == Write::ForgetRefusals).unwrap_or(0);
        let meta = &self.trees.meta;
        self.durability.commit(&self.db, |generation| {
            // Of the last batch, when the disk refused it half way.
            self.finish_interrupted()?;
            let mut entries = Vec::with_capacity(batch.len());
            for write in batch {
                entries.extend(self.entry_of(write)?);
            }
            meta.insert(meta::UNDER_WAY, rows::under_way(generation, entries.into_iter()))?;
            for id in &forgotten {
                self.forget_refusal(*id)?;
            }
            for (place, write) in batch.iter().enumerate() {
                let dropped = place < dropped_before && matches!(write, Write::Refusal(..));
                if !dropped {
                    self.apply(write)?;
                }
            }
            // The last: a log that lost its end has lost this.
            meta.insert(meta::GENERATION, &generation.to_be_bytes())?;
            Ok(())
        })
    }

    /// Finishes a batch that a crash, or the disk, has interrupted.
    pub(super) fn finish_interrupted(&self) -> Result<()> {
        let meta = &self.trees.meta;
        let Some(under_way) = meta.get(meta::UNDER_WAY)? else { return Ok(()) };
        let done = meta.get(meta::GENERATION)?;
        let (generation, entries) = rows::read_under_way(&under_way);
        if done.is_some_and(|done| done.as_ref() >= generation) {
            return Ok(());
        }
        for entry in entries {
            let Some(id) = rows::id_of_entry(entry) else { continue };
            if let Some(record) = self.entry_at(entry)? {
                self.put_entry(id, &record)?;
            } else if let Some(record) = self.refusal(&id)? {
                self.put_refusal(id, &record)?;
            }
        }
        Ok(())
    }

    fn refusals_to_forget(&self, batch: &[Write]) -> Result<Vec<ContentId>> {
        if !batch.contains(&Write::ForgetRefusals) {
            return Ok(Vec::new());
        }
        let mut ids = Vec::new();
        for row in &self.trees.refusal {
            ids.extend(rows::id(&row?.0));
        }
        Ok(ids)
    }

    fn apply(&self, write: &Write) -> Result<()> {
        match write {
            Write::Entry(id, record) => self.put_entry(*id, record),
            Write::Fate(id, fate, rules) => match self.entry(id)? {
                Some(record) => {
                    let record = EntryRecord { fate: fate.clone(), rules: *rules, ..record };
                    self.put_entry(*id, &record)
                }
                None => Ok(()),
            },
            Write::Refusal(id, record) => self.put_refusal(*id, record),
            Write::ForgetRefusal(id) => self.forget_refusal(*id),
            Write::ForgetRefusals => Ok(()),
            Write::Rules(digest) => {
                self.trees.meta.insert(meta::RULES, digest.as_bytes())?;
                Ok(())
            }
            Write::Peer(peer, addresses) => {
                self.trees.peer.insert(peer.key(), encode(addresses))?;
                Ok(())
            }
            Write::ForgetPeer(peer) => {
                self.trees.peer.remove(peer.key())?;
                Ok(())
            }
            Write::Membership(proven) => {
                let statement = proven.statement();
                let key = member_key(statement.member, statement.issuer);
                self.trees.member.insert(key, encode(proven.membership()))?;
                Ok(())
            }
            Write::ForgetMembership(member, issuer) => {
                self.trees.member.remove(member_key(*member, *issuer))?;
                Ok(())
            }
        }
    }

    fn put_entry(&self, id: ContentId, record: &EntryRecord) -> Result<()> {
        let kind = match record.fate {
            Fate::Admitted => Kind::Admitted,
            Fate::Withdrawn { .. } => Kind::Withdrawn,
        };
        let (trees, key) = (&self.trees, &record.key);
        trees.entry.insert(rows::entry(key.created, id), encode(record))?;
        trees.by_image.insert(rows::by_image(key, id), &[])?;
        trees.known.insert(id.as_bytes(), rows::known_value(kind, key))?;
        trees.refusal.remove(id.as_bytes())?;
        Ok(())
    }

    fn put_refusal(&self, id: ContentId, record: &RefusalRecord) -> Result<()> {
        let trees = &self.trees;
        let key = &record.key;
        if trees.entry.contains_key(rows::entry(key.created, id))? {
            return Ok(());
        }
        let kind = if record.untrusted { Kind::Untrusted } else { Kind::Refused };
        trees.refusal.insert(id.as_bytes(), encode(record))?;
        trees.known.insert(id.as_bytes(), rows::known_value(kind, key))?;
        Ok(())
    }

    fn forget_refusal(&self, id: ContentId) -> Result<()> {
        // A refusal without its row is found again after a crash, a row without it is not.
        if self.trees.refusal.contains_key(id.as_bytes())? {
            self.trees.known.remove(id.as_bytes())?;
            self.trees.refusal.remove(id.as_bytes())?;
        }
        Ok(())
    }

    /// The key in `entry:2` of the document that a write is about, when its rows could
    /// be left half done.
    fn entry_of(&self, write: &Write) -> Result<Option<rows::EntryRow>> {
        let known = |id: &ContentId| {
            let row = self.known_row(id)?;
            Ok(row.map(|row| rows::entry(row.key.created, *id)))
        };
        match write {
            Write::Entry(id, record) => Ok(Some(rows::entry(record.key.created, *id))),
            Write::Refusal(id, record) => Ok(Some(rows::entry(record.key.created, *id))),
            Write::Fate(id, ..) | Write::ForgetRefusal(id) => known(id),
            // Forgotten refusals that come back are forgotten again with the next rules.
            Write::ForgetRefusals
            | Write::Rules(_)
            | Write::Peer(..)
            | Write::ForgetPeer(_)
            | Write::Membership(_)
            | Write::ForgetMembership(..) => Ok(None),
        }
    }
}

fn member_key(member: Peer, issuer: Peer) -> Vec<u8> {
    [&member.key()[..], issuer.key()].concat()
}
