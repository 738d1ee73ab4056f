//! One thread that writes: many waiting writes become one durable batch.

use std::sync::{Arc, mpsc};

use tokio::sync::mpsc::UnboundedSender;

use super::catalogue::Catalogue;
use super::jobs::Done;
use crate::engine::{Input, Record, WriteId};
use crate::model::ContentId;
use crate::store::Write;
use crate::wire::{EntryRecord, Fate};

/// Writes joined into one batch, at most: at 10 kB each ten megabytes. While one is
/// synced to the disk the next ones gather.
const MAX_BATCH: usize = 1024;

/// A write of the engine.
pub(super) struct Order {
    pub(super) write: WriteId,
    pub(super) records: Vec<Record>,
}

/// Starts the thread; it ends when the sender is dropped, after the last write.
pub(super) fn start(
    catalogue: &Catalogue,
    done: UnboundedSender<Done>,
) -> (mpsc::Sender<Vec<Order>>, std::thread::JoinHandle<()>) {
    let (store, live) = (catalogue.store().clone(), catalogue.live.clone());
    let (orders, receiver) = mpsc::channel::<Vec<Order>>();
    let thread = std::thread::spawn(move || {
        while let Ok(mut batch) = receiver.recv() {
            while batch.len() < MAX_BATCH {
                match receiver.try_recv() {
                    Ok(orders) => batch.extend(orders),
                    Err(_) => break,
                }
            }
            let (ids, writes) = split(batch);
            let result = store.write(&writes).map_err(|error| error.to_string());
            live.set_store_failed(result.is_err());
            live.news().entries(changed(&writes));
            live.set_changed(store.last_change());
            let stored = |write| Input::Stored { write, result: result.clone() };
            // The engine is gone when the node stops.
            let _ = done.send(Done::Inputs(ids.into_iter().map(stored).collect()));
        }
    });
    (orders, thread)
}

fn split(batch: Vec<Order>) -> (Vec<WriteId>, Vec<Write>) {
    let mut ids = Vec::new();
    let mut writes = Vec::new();
    for Order { write, records } in batch {
        ids.push(write);
        writes.extend(records.into_iter().map(write_of));
    }
    (ids, writes)
}

/// The entries that are new, or that have a new fate.
fn changed(writes: &[Write]) -> Vec<ContentId> {
    let changed = |write: &Write| match write {
        Write::Entry(id, ..) | Write::Fate(id, ..) => Some(*id),
        _ => None,
    };
    writes.iter().filter_map(changed).collect()
}

fn write_of(record: Record) -> Write {
    match record {
        Record::Entry { admitted, first_seen, from } => {
            let verified = admitted.verified();
            let record = EntryRecord {
                key: verified.manifest().key(),
                first_seen,
                from,
                deprecated: verified.manifest().is_deprecated(),
                fate: Fate::Admitted,
                rules: admitted.verdict().rules,
            };
            Write::Entry(verified.content_id(), record, Arc::clone(verified.octets()))
        }
        Record::Refusal { id, record } => Write::Refusal(id, record),
        Record::Withdrawal { id, rule, reason, rules } => {
            Write::Fate(id, Fate::Withdrawn { rule, reason }, rules)
        }
        Record::Restoration { admitted } => {
            let id = admitted.verified().content_id();
            Write::Fate(id, Fate::Admitted, admitted.verdict().rules)
        }
        Record::ForgetRefusal(id) => Write::ForgetRefusal(id),
        Record::DropRefusals => Write::ForgetRefusals,
        Record::Rules(digest) => Write::Rules(digest),
        Record::Membership(proven) => Write::Membership(*proven),
        Record::ForgetMembership { member, issuer } => Write::ForgetMembership(member, issuer),
        Record::Peer { peer, addresses } => Write::Peer(peer, addresses),
    }
}
