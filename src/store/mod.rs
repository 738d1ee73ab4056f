//! The store: what this node knows of documents and peers, durable.
//!
//! Architecture invariant: the only place that names sled. The trees of
//! documents and entries are the only truth; the index can be made again from them.

mod changes;
mod check;
mod durability;
mod error;
mod keep;
mod read;
mod rows;
mod trees;
mod write;

#[cfg(test)]
mod tests;

pub use check::Report;
pub use error::{OpenError, StoreError};
pub use read::{Counts, Kind, KnownRow, StoredEntry};
pub use write::Write;

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use durability::Durability;
use trees::Trees;

/// An open store. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Store {
    db: sled::Db,
    trees: Trees,
    durability: Durability,
    /// The last change that is durable.
    shown: Arc<AtomicU64>,
}

/// sled's page cache, in bytes: an idle node stays small, and the catalogue of
/// the largest federation is some hundred megabytes of rarely read documents. sled
/// shares it out to 256 shards, and a page of documents (up to 16, at 5 kB each) that
/// is larger than a shard is read again for every one that is written to it.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// Held while the process's panic hook is exchanged: two stores that open at once
/// would restore each other's silence.
static OPENING: Mutex<()> = Mutex::new(());

impl Store {
    /// Opens the store in a folder, making it when there is none.
    ///
    /// # Errors
    /// When another process has it open, when the files are damaged, and when
    /// writes that were acknowledged are missing. The folder is never deleted.
    pub fn open(folder: &Path) -> Result<Store, OpenError> {
        let copy = keep::Copy::take(folder);
        Store::open_or_repair(folder).map_err(|error| match error {
            OpenError::Damaged { folder, what } => {
                let what = what + &copy.keep();
                OpenError::Damaged { folder, what }
            }
            other => other,
        })
    }

    /// Bytes of its files; none when the system does not say.
    pub fn size_on_disk(&self) -> Option<u64> {
        self.db.size_on_disk().ok()
    }

    fn open_or_repair(folder: &Path) -> Result<Store, OpenError> {
        let config = sled::Config::new()
            .path(folder)
            .cache_capacity(CACHE_BYTES)
            // Every flush is asked for.
            .flush_every_ms(None);
        // sled 0.34 panics on some damaged files instead of returning an error;
        // what it prints then helps nobody.
        let alone = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let opened = std::panic::catch_unwind(AssertUnwindSafe(|| config.open()));
        std::panic::set_hook(hook);
        drop(alone);
        let db = match opened {
            Ok(Ok(db)) => db,
            Ok(Err(error)) => return Err(OpenError::of(error, folder)),
            Err(_) => {
                let what = "the database files cannot be read".to_owned();
                return Err(OpenError::Damaged { folder: folder.to_owned(), what });
            }
        };
        if let Some(tree) = trees::unknown(&db) {
            return Err(OpenError::OtherVersion { folder: folder.to_owned(), tree });
        }
        let trees = Trees::open(&db).map_err(|error| OpenError::of(error, folder))?;
        let durability = Durability::open(folder, &trees)?;
        let store = Store { db, trees, durability, shown: Arc::default() };
        let finished = store
            .finish_interrupted()
            .and_then(|()| store.note_unnoted_when_none_is())
            .and_then(|()| store.show_changes());
        finished.map_err(|error| OpenError::Damaged {
            folder: folder.to_owned(),
            what: format!("the last write cannot be finished: {error}"),
        })?;
        Ok(store)
    }
}
