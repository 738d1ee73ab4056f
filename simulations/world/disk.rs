//! A disk that forgets what was not flushed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use suq::engine::{Known, Record, Standing, WriteId};
use suq::model::{Address, ContentId, EntryKey, Peer, Sha256};

/// An entry or a refusal that survived.
#[derive(Debug, Clone)]
pub struct Kept {
    pub key: EntryKey,
    pub standing: Standing,
    pub octets: Option<Arc<[u8]>>,
    pub deprecated: bool,
}

/// What survives a crash, and what does not.
#[derive(Debug, Default)]
pub struct Disk {
    pub kept: BTreeMap<ContentId, Kept>,
    pub rules: Option<Sha256>,
    pub peers: BTreeMap<Peer, Vec<Address>>,
    unflushed: BTreeMap<WriteId, Vec<Record>>,
}

impl Disk {
    pub fn write(&mut self, write: WriteId, records: Vec<Record>) {
        self.unflushed.insert(write, records);
    }

    /// Makes a write durable; false when a crash took it.
    pub fn flush(&mut self, write: WriteId) -> bool {
        let Some(records) = self.unflushed.remove(&write) else { return false };
        for record in records {
            self.apply(record);
        }
        true
    }

    pub fn crash(&mut self) {
        self.unflushed.clear();
    }

    pub fn known(&self) -> Vec<Known> {
        let known = |(id, kept): (&ContentId, &Kept)| Known {
            id: *id,
            key: kept.key.clone(),
            standing: kept.standing,
        };
        self.kept.iter().map(known).collect()
    }

    pub fn admitted(&self) -> BTreeSet<ContentId> {
        let admitted = self.kept.iter().filter(|(_, kept)| kept.standing == Standing::Admitted);
        admitted.map(|(id, _)| *id).collect()
    }

    fn apply(&mut self, record: Record) {
        match record {
            Record::Entry { admitted, .. } | Record::Restoration { admitted } => {
                let verified = admitted.verified();
                let kept = Kept {
                    key: verified.manifest().key(),
                    standing: Standing::Admitted,
                    octets: Some(Arc::clone(verified.octets())),
                    deprecated: verified.manifest().is_deprecated(),
                };
                self.kept.insert(verified.content_id(), kept);
            }
            Record::Refusal { id, record } => {
                let kept = Kept {
                    key: record.key,
                    standing: if record.untrusted {
                        Standing::Untrusted
                    } else {
                        Standing::Refused
                    },
                    octets: None,
                    deprecated: false,
                };
                self.kept.insert(id, kept);
            }
            Record::Withdrawal { id, .. } => {
                if let Some(kept) = self.kept.get_mut(&id) {
                    kept.standing = Standing::Withdrawn;
                }
            }
            Record::DropRefusals => {
                self.kept.retain(|_, kept| kept.standing.is_entry());
            }
            Record::ForgetRefusal(id) => {
                self.kept.remove(&id);
            }
            // The simulated federation is open.
            Record::Membership(_) | Record::ForgetMembership { .. } => {}
            Record::Rules(rules) => self.rules = Some(rules),
            Record::Peer { peer, addresses } => {
                self.peers.insert(peer, addresses);
            }
        }
    }
}
