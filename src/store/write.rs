//! Writing: batches that become durable as a whole.

use sled::Transactional;
use sled::transaction::{ConflictableTransactionError, TransactionError, TransactionalTree};

use super::rows::{self, Kind};
use super::trees::meta;
use super::{Store, StoreError};
use crate::membership::Proven;
use crate::model::{Address, ContentId, Peer, Sha256};
use crate::wire::{EntryRecord, Fate, RefusalRecord, decode, encode};

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

/// The trees inside a transaction.
struct Rows<'t> {
    entry: &'t TransactionalTree,
    refusal: &'t TransactionalTree,
    by_image: &'t TransactionalTree,
    known: &'t TransactionalTree,
    peer: &'t TransactionalTree,
    member: &'t TransactionalTree,
    meta: &'t TransactionalTree,
}

type Result<T> = std::result::Result<T, ConflictableTransactionError<StoreError>>;

impl Store {
    /// Writes a batch, all or nothing, and returns when it is durable. Many
    /// small batches are better joined into one: each call syncs the disk.
    ///
    /// # Errors
    /// When the disk refuses; then nothing of the batch is acknowledged.
    pub fn write(&self, batch: &[Write]) -> std::result::Result<(), StoreError> {
        let forgotten = self.rows_to_forget(batch)?;
        // Refusals that came before it in the same batch are forgotten with the others.
        let dropped_before =
            batch.iter().rposition(|write| *write == Write::ForgetRefusals).unwrap_or(0);
        let trees = &self.trees;
        self.durability.commit(&self.db, |generation| {
            let all = (
                &trees.entry,
                &trees.refusal,
                &trees.by_image,
                &trees.known,
                &trees.peer,
                &trees.member,
                &trees.meta,
            );
            let written =
                all.transaction(|(entry, refusal, by_image, known, peer, member, meta)| {
                    let rows = Rows { entry, refusal, by_image, known, peer, member, meta };
                    for id in &forgotten {
                        rows.forget_refusal(*id)?;
                    }
                    for (place, write) in batch.iter().enumerate() {
                        let dropped = place < dropped_before && matches!(write, Write::Refusal(..));
                        if !dropped {
                            rows.write(write)?;
                        }
                    }
                    rows.meta.insert(meta::GENERATION, &generation.to_be_bytes())?;
                    Ok(())
                });
            written.map_err(|error| match error {
                TransactionError::Abort(error) => error,
                TransactionError::Storage(error) => error.into(),
            })
        })
    }

    /// A transaction cannot scan: what is to be forgotten is listed before it.
    fn rows_to_forget(&self, batch: &[Write]) -> std::result::Result<Vec<ContentId>, StoreError> {
        if !batch.contains(&Write::ForgetRefusals) {
            return Ok(Vec::new());
        }
        let mut ids = Vec::new();
        for row in &self.trees.refusal {
            ids.extend(rows::id(&row?.0));
        }
        Ok(ids)
    }
}

impl Rows<'_> {
    fn write(&self, write: &Write) -> Result<()> {
        match write {
            Write::Entry(id, record) => self.entry(*id, record),
            Write::Fate(id, fate, rules) => match self.read_entry(*id)? {
                Some(record) => {
                    let record = EntryRecord { fate: fate.clone(), rules: *rules, ..record };
                    self.entry(*id, &record)
                }
                None => Ok(()),
            },
            Write::Refusal(id, record) => self.refusal(*id, record),
            Write::ForgetRefusal(id) => self.forget_refusal(*id),
            Write::ForgetRefusals => Ok(()),
            Write::Rules(digest) => {
                self.meta.insert(meta::RULES, digest.as_bytes())?;
                Ok(())
            }
            Write::Peer(peer, addresses) => {
                self.peer.insert(peer.key(), encode(addresses))?;
                Ok(())
            }
            Write::ForgetPeer(peer) => {
                self.peer.remove(peer.key())?;
                Ok(())
            }
            Write::Membership(proven) => {
                let statement = proven.statement();
                let key = member_key(statement.member, statement.issuer);
                self.member.insert(key, encode(proven.membership()))?;
                Ok(())
            }
            Write::ForgetMembership(member, issuer) => {
                self.member.remove(member_key(*member, *issuer))?;
                Ok(())
            }
        }
    }

    fn entry(&self, id: ContentId, record: &EntryRecord) -> Result<()> {
        self.forget_refusal(id)?;
        let kind = match record.fate {
            Fate::Admitted => Kind::Admitted,
            Fate::Withdrawn { .. } => Kind::Withdrawn,
        };
        let key = &record.key;
        self.entry.insert(id.as_bytes(), encode(record))?;
        self.by_image.insert(rows::by_image(key, id), &[])?;
        self.known.insert(rows::known_key(key.created, id), rows::known_value(kind, key))?;
        Ok(())
    }

    fn refusal(&self, id: ContentId, record: &RefusalRecord) -> Result<()> {
        if self.entry.get(id.as_bytes())?.is_some() {
            return Ok(());
        }
        let kind = if record.untrusted { Kind::Untrusted } else { Kind::Refused };
        let key = &record.key;
        self.refusal.insert(id.as_bytes(), encode(record))?;
        self.known.insert(rows::known_key(key.created, id), rows::known_value(kind, key))?;
        Ok(())
    }

    fn forget_refusal(&self, id: ContentId) -> Result<()> {
        if let Some(octets) = self.refusal.remove(id.as_bytes())? {
            let record: RefusalRecord = readable(id, &octets)?;
            self.known.remove(rows::known_key(record.key.created, id))?;
        }
        Ok(())
    }

    fn read_entry(&self, id: ContentId) -> Result<Option<EntryRecord>> {
        self.entry.get(id.as_bytes())?.map(|octets| readable(id, &octets)).transpose()
    }
}

fn member_key(member: Peer, issuer: Peer) -> Vec<u8> {
    [&member.key()[..], issuer.key()].concat()
}

fn readable<T: serde::de::DeserializeOwned>(id: ContentId, octets: &[u8]) -> Result<T> {
    decode(octets).map_err(|error| {
        ConflictableTransactionError::Abort(StoreError::Record { id, what: error.to_string() })
    })
}
