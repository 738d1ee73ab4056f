//! Writing: batches that become durable as a whole.

use std::sync::Arc;

use super::rows::{self, DocumentRow};
use super::trees::meta;
use super::{Store, StoreError};
use crate::membership::Proven;
use crate::model::{Address, ContentId, Peer, Sha256};
use crate::wire::{EntryRecord, Fate, RefusalRecord, encode};

/// One thing to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// An entry with its document; replaces a refusal of the same document.
    Entry(ContentId, EntryRecord, Arc<[u8]>),
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
    /// cost twice as much. Instead each document is written before the record that
    /// speaks of it and the row that points to that, and what a crash leaves half done
    /// is finished when the store is opened.
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
            let documents = batch.iter().filter_map(document);
            meta.insert(meta::UNDER_WAY, rows::under_way(generation, documents))?;
            for id in &forgotten {
                self.trees.refusal.remove(id.as_bytes())?;
            }
            for (place, write) in batch.iter().enumerate() {
                let dropped = place < dropped_before && matches!(write, Write::Refusal(..));
                if !dropped {
                    self.apply(write)?;
                }
            }
            // The last: a log that lost its end has lost this.
            meta.insert(meta::GENERATION, &generation.to_be_bytes())?;
            Ok::<(), StoreError>(())
        })?;
        self.show_changes()
    }

    /// Finishes a batch that a crash, or the disk, has interrupted.
    pub(super) fn finish_interrupted(&self) -> Result<()> {
        let meta = &self.trees.meta;
        let Some(under_way) = meta.get(meta::UNDER_WAY)? else { return Ok(()) };
        let done = meta.get(meta::GENERATION)?;
        let (generation, documents) = rows::read_under_way(&under_way);
        if done.is_some_and(|done| done.as_ref() >= generation) {
            return Ok(());
        }
        for key in documents {
            let Some(id) = rows::id_of_document(key) else { continue };
            match self.entry(&id)? {
                Some(record) => self.put_entry(id, &record)?,
                None => drop(self.trees.document.remove(key)?),
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
        let trees = &self.trees;
        match write {
            Write::Entry(id, record, octets) => {
                let key = rows::document(record.key.created, *id);
                trees.document.insert(key, octets.as_ref())?;
                self.put_entry(*id, record)
            }
            Write::Fate(id, fate, rules) => {
                if let Some(record) = self.entry(id)? {
                    // First: what is judged anew after a crash is noted again.
                    self.note_change(*id)?;
                    let record = EntryRecord { fate: fate.clone(), rules: *rules, ..record };
                    trees.entry.insert(id.as_bytes(), encode(&record))?;
                }
                Ok(())
            }
            Write::Refusal(id, record) => {
                if !trees.entry.contains_key(id.as_bytes())? {
                    trees.refusal.insert(id.as_bytes(), encode(record))?;
                }
                Ok(())
            }
            Write::ForgetRefusal(id) => {
                trees.refusal.remove(id.as_bytes())?;
                Ok(())
            }
            Write::ForgetRefusals => Ok(()),
            Write::Rules(digest) => {
                trees.meta.insert(meta::RULES, digest.as_bytes())?;
                Ok(())
            }
            Write::Peer(peer, addresses) => {
                trees.peer.insert(peer.key(), encode(addresses))?;
                Ok(())
            }
            Write::ForgetPeer(peer) => {
                trees.peer.remove(peer.key())?;
                Ok(())
            }
            Write::Membership(proven) => {
                let statement = proven.statement();
                let key = member_key(statement.member, statement.issuer);
                trees.member.insert(key, encode(proven.membership()))?;
                Ok(())
            }
            Write::ForgetMembership(member, issuer) => {
                trees.member.remove(member_key(*member, *issuer))?;
                Ok(())
            }
        }
    }

    /// Writes what is to be said of a document that is there.
    fn put_entry(&self, id: ContentId, record: &EntryRecord) -> Result<()> {
        let trees = &self.trees;
        trees.entry.insert(id.as_bytes(), encode(record))?;
        trees.by_image.insert(rows::by_image(&record.key, id), &[])?;
        self.note_change(id)?;
        trees.refusal.remove(id.as_bytes())?;
        Ok(())
    }
}

/// The key in `document:1` of what could be left half done: other writes are one row.
fn document(write: &Write) -> Option<DocumentRow> {
    match write {
        Write::Entry(id, record, _) => Some(rows::document(record.key.created, *id)),
        Write::Fate(..)
        | Write::Refusal(..)
        | Write::ForgetRefusal(_)
        | Write::ForgetRefusals
        | Write::Rules(_)
        | Write::Peer(..)
        | Write::ForgetPeer(_)
        | Write::Membership(_)
        | Write::ForgetMembership(..) => None,
    }
}

fn member_key(member: Peer, issuer: Peer) -> Vec<u8> {
    [&member.key()[..], issuer.key()].concat()
}
