//! A disk that forgets what was not flushed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use suq::engine::{Known, Record, Standing, WriteId};
use suq::model::{Address, ContentId, EntryKey, Peer, Sha256, Timestamp};

/// An entry or a refusal that survived.
#[derive(Debug, Clone)]
pub struct Kept {
    pub key: EntryKey,
    pub standing: Standing,
    pub octets: Option<Arc<[u8]>>,
    pub deprecated: bool,
    /// The rules that decided.
    pub rules: Sha256,
    /// The site's own time when it was judged first.
    pub first_seen: Timestamp,
}

/// What survives a crash, and what does not.
#[derive(Debug, Default)]
pub struct Disk {
    pub kept: BTreeMap<ContentId, Kept>,
    pub rules: Option<Sha256>,
    pub peers: BTreeMap<Peer, Vec<Address>>,
    unflushed: BTreeMap<WriteId, Vec<Record>>,
    changed: Vec<ContentId>,
    admitted: usize,
}

impl Disk {
    pub fn write(&mut self, write: WriteId, records: Vec<Record>) {
        self.unflushed.insert(write, records);
    }

    /// Makes a write durable; false when a crash took it.
    pub fn flush(&mut self, write: WriteId) -> bool {
        self.changed.clear();
        let Some(records) = self.unflushed.remove(&write) else { return false };
        for record in records {
            self.apply(record);
        }
        true
    }

    /// Does not take a write; false when a crash took it before.
    pub fn refuse(&mut self, write: WriteId) -> bool {
        self.unflushed.remove(&write).is_some()
    }

    pub fn crash(&mut self) {
        self.unflushed.clear();
    }

    /// What the last flush changed.
    pub fn changed(&self) -> &[ContentId] {
        &self.changed
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

    /// How many entries are admitted.
    pub fn admitted_count(&self) -> usize {
        self.admitted
    }

    fn apply(&mut self, record: Record) {
        match record {
            Record::Entry { admitted, first_seen, .. } => {
                let verified = admitted.verified();
                let kept = Kept {
                    key: verified.manifest().key(),
                    standing: Standing::Admitted,
                    octets: Some(Arc::clone(verified.octets())),
                    deprecated: verified.manifest().is_deprecated(),
                    rules: admitted.verdict().rules,
                    first_seen,
                };
                self.keep(verified.content_id(), kept);
            }
            Record::Restoration { admitted } => {
                let id = admitted.verified().content_id();
                self.set_standing(id, Standing::Admitted, admitted.verdict().rules);
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
                    rules: record.rules,
                    first_seen: record.last_offered,
                };
                self.keep(id, kept);
            }
            Record::Withdrawal { id, rules, .. } => {
                self.set_standing(id, Standing::Withdrawn, rules);
            }
            Record::DropRefusals => {
                let refusals = self.kept.iter().filter(|(_, kept)| !kept.standing.is_entry());
                let refusals: Vec<ContentId> = refusals.map(|(id, _)| *id).collect();
                refusals.into_iter().for_each(|id| self.forget_refusal(id));
            }
            // The simulated federation is open.
            Record::Membership(_) | Record::ForgetMembership { .. } => {}
            Record::ForgetRefusal(id) => self.forget_refusal(id),
            Record::Rules(rules) => self.rules = Some(rules),
            Record::Peer { peer, addresses } => {
                self.peers.insert(peer, addresses);
            }
        }
    }

    /// A refusal never replaces an entry, as in the real store.
    fn keep(&mut self, id: ContentId, kept: Kept) {
        let is_entry = self.kept.get(&id).is_some_and(|kept| kept.standing.is_entry());
        if is_entry && !kept.standing.is_entry() {
            return;
        }
        let is_admitted = kept.standing == Standing::Admitted;
        let before = self.kept.insert(id, kept);
        let was_admitted = before.is_some_and(|kept| kept.standing == Standing::Admitted);
        self.admitted = self.admitted + usize::from(is_admitted) - usize::from(was_admitted);
        self.changed.push(id);
    }

    fn set_standing(&mut self, id: ContentId, standing: Standing, rules: Sha256) {
        if let Some(kept) = self.kept.get(&id) {
            self.keep(id, Kept { standing, rules, ..kept.clone() });
        }
    }

    fn forget_refusal(&mut self, id: ContentId) {
        if self.kept.get(&id).is_some_and(|kept| !kept.standing.is_entry()) {
            self.kept.remove(&id);
            self.changed.push(id);
        }
    }
}
