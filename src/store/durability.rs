//! What makes a write durable, and notices when a durable one is gone.
//!
//! sled's flush uses `sync_file_range`, which orders writes but does not
//! survive power loss: the database's own files are synced after it. And sled
//! cuts off a damaged end of its log without a word: a counter beside the
//! database tells whether writes that were acknowledged are missing.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::OpenError;
use super::trees::{Trees, meta};

/// The files of a database that hold data.
const FILES: [&str; 2] = ["db", "conf"];

/// The counter beside the database.
const COUNTER: &str = "generation";

#[derive(Debug, Clone)]
pub(super) struct Durability {
    folder: PathBuf,
    /// One commit at a time; holds the number of the last one.
    generation: Arc<Mutex<u64>>,
}

impl Durability {
    pub(super) fn open(folder: &Path, trees: &Trees) -> Result<Durability, OpenError> {
        let in_store = trees.meta.get(meta::GENERATION);
        let in_store = in_store.map_err(|error| OpenError::of(error, folder))?;
        let in_store = in_store.and_then(|octets| octets.as_ref().try_into().ok());
        let in_store = in_store.map_or(0, u64::from_be_bytes);
        let beside = match fs::read_to_string(folder.join(COUNTER)) {
            Ok(text) => text.trim().parse().unwrap_or(0),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(source) => return Err(OpenError::Io { folder: folder.to_owned(), source }),
        };
        if in_store < beside {
            let lost = beside - in_store;
            let what =
                format!("the last {lost} of {beside} writes that were acknowledged are gone");
            return Err(OpenError::Damaged { folder: folder.to_owned(), what });
        }
        let generation = Arc::new(Mutex::new(in_store));
        Ok(Durability { folder: folder.to_owned(), generation })
    }

    /// Runs a read while no write is under way: all that it finds is durable.
    pub(super) fn at_rest<T>(&self, read: impl FnOnce() -> T) -> T {
        let _rest = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
        read()
    }

    /// Runs a write with the number of its commit, then makes it durable.
    pub(super) fn commit<E: From<sled::Error> + From<io::Error>>(
        &self,
        db: &sled::Db,
        write: impl FnOnce(u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut generation = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
        let next = *generation + 1;
        write(next)?;
        db.flush()?;
        for file in FILES {
            File::open(self.folder.join(file))?.sync_all()?;
        }
        *generation = next;
        // Not synced: an older number after a power loss raises no false alarm.
        fs::write(self.folder.join(COUNTER), next.to_string())?;
        Ok(())
    }
}
