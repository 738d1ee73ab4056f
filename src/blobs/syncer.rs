//! Makes a partial file durable on a thread of its own, so that writing goes on
//! meanwhile; only then its map says which pieces are there.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

pub(super) struct Syncer {
    maps: SyncSender<Vec<u8>>,
    thread: JoinHandle<io::Result<()>>,
}

impl Syncer {
    pub(super) fn start(file: Arc<File>, map_path: PathBuf) -> Syncer {
        let (maps, receiver) = sync_channel::<Vec<u8>>(1);
        let thread = std::thread::spawn(move || {
            for map in receiver {
                file.sync_data()?;
                // Of one size always, so a torn write mixes two maps that were true.
                fs::write(&map_path, &map)?;
            }
            file.sync_all()
        });
        Syncer { maps, thread }
    }

    /// Asks for what is on the map to be made durable; false when it is still busy.
    pub(super) fn sync(&self, map: &[u8]) -> bool {
        self.maps.try_send(map.to_vec()).is_ok()
    }

    /// The same for a map that must come after the one before, so it waits for a place.
    pub(super) fn put(&self, map: &[u8]) {
        // A thread that failed says so at the end.
        let _ = self.maps.send(map.to_vec());
    }

    /// Waits until everything is durable.
    pub(super) fn finish(self) -> io::Result<()> {
        drop(self.maps);
        self.thread.join().map_err(|_| io::Error::other("the syncing thread died"))?
    }

    /// Makes what is on a map durable, and waits for it.
    pub(super) fn finish_with(self, map: Vec<u8>) -> io::Result<()> {
        // A thread that failed says so at the end.
        let _ = self.maps.send(map);
        self.finish()
    }
}
