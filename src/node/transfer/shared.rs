//! What the tasks of one round share: who brings what.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::buffers::{Buffer, Buffers};
use crate::engine::{ProviderId, Schedule, Wanted};
use crate::wire::PIECE_BYTES;

pub(super) struct Shared {
    pub(super) wanted: Arc<Wanted>,
    schedule: Mutex<Schedule>,
    buffers: Buffers,
    /// The schedule may have something for those that found nothing.
    changed: Notify,
}

impl Shared {
    pub(super) fn new(wanted: Arc<Wanted>, schedule: Schedule, buffers: Buffers) -> Shared {
        Shared { wanted, schedule: Mutex::new(schedule), buffers, changed: Notify::new() }
    }

    /// Memory for a piece.
    pub(super) async fn buffer(&self) -> Buffer {
        self.buffers.take().await
    }

    /// The pieces that a provider is to bring next; none when all are here.
    pub(super) async fn next(&self, id: ProviderId) -> Option<Vec<u32>> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Before the look, so that no change in between is missed.
            changed.as_mut().enable();
            let run = {
                let mut schedule = self.lock();
                if schedule.is_complete() {
                    return None;
                }
                schedule.next(id)
            };
            if !run.is_empty() {
                return Some(run);
            }
            changed.await;
        }
    }

    pub(super) fn reach(&self, id: ProviderId, piece: u32) -> bool {
        self.lock().reach(id, piece)
    }

    pub(super) fn still_wants(&self, piece: u32) -> bool {
        self.lock().still_wants(piece)
    }

    pub(super) fn is_complete(&self) -> bool {
        self.lock().is_complete()
    }

    pub(super) fn join(&self, id: ProviderId, in_order: bool) {
        self.change(|schedule| schedule.join(id, in_order));
    }

    pub(super) fn leave(&self, id: ProviderId) {
        self.change(|schedule| schedule.leave(id));
    }

    pub(super) fn give_back(&self, id: ProviderId) {
        self.change(|schedule| schedule.give_back(id));
    }

    pub(super) fn arrived(&self, id: ProviderId, piece: u32) {
        self.change(|schedule| schedule.arrived(id, piece));
    }

    fn change(&self, change: impl FnOnce(&mut Schedule)) {
        change(&mut self.lock());
        self.changed.notify_waiters();
    }

    /// Where a piece begins, and how long it is.
    pub(super) fn place(&self, piece: u32) -> (u64, u64) {
        let offset = u64::from(piece) * PIECE_BYTES;
        (offset, PIECE_BYTES.min(self.wanted.bytes.saturating_sub(offset)))
    }

    fn lock(&self) -> MutexGuard<'_, Schedule> {
        // Nothing panics while it is held.
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
