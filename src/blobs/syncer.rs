//! Makes a partial file durable on a thread of its own, so that writing goes on
//! meanwhile; only then its map says so.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::map::Map;

pub(super) struct Syncer {
    orders: SyncSender<Order>,
    thread: JoinHandle<io::Result<()>>,
}

/// What to note when everything is durable.
enum Order {
    /// These pieces are; more may have come meanwhile.
    These(Vec<u8>),
    /// These pieces are, and no others are there.
    Only(Vec<u8>),
}

impl Syncer {
    pub(super) fn start(file: Arc<File>, map: Arc<Map>) -> Syncer {
        let (orders, receiver) = sync_channel::<Order>(1);
        let thread = std::thread::spawn(move || {
            for order in receiver {
                file.sync_data()?;
                match order {
                    Order::These(pieces) => map.durable(&pieces)?,
                    Order::Only(pieces) => map.only(&pieces)?,
                }
            }
            file.sync_all()
        });
        Syncer { orders, thread }
    }

    /// Asks for what is on the map to be made durable; false when it is still busy.
    pub(super) fn sync(&self, map: &[u8]) -> bool {
        self.orders.try_send(Order::These(map.to_vec())).is_ok()
    }

    /// The same for a map that lacks what the one before had, so it waits for a place.
    pub(super) fn put(&self, map: &[u8]) {
        // A thread that failed says so at the end.
        let _ = self.orders.send(Order::Only(map.to_vec()));
    }

    /// Waits until everything is durable.
    pub(super) fn finish(self) -> io::Result<()> {
        drop(self.orders);
        self.thread.join().map_err(|_| io::Error::other("the syncing thread died"))?
    }

    /// Makes what is on a map durable, and waits for it.
    pub(super) fn finish_with(self, map: Vec<u8>) -> io::Result<()> {
        // A thread that failed says so at the end.
        let _ = self.orders.send(Order::Only(map));
        self.finish()
    }
}
