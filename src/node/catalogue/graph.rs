//! The graphs of the catalogue, in memory while somebody asks for them.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::index::Placed;
use super::{Catalogue, Entry, store_failed};
use crate::graph::{Dataset, MAX_BYTES};
use crate::node::Failure;

/// How long nobody must ask before the memory is given back. It is filled again in some
/// seconds for each ten thousand entries.
const IDLE: Duration = Duration::from_secs(600);

/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(60);

/// Why there are no graphs.
#[derive(Debug, thiserror::Error)]
pub enum NoGraph {
    /// There is too much of them.
    #[error(
        "the catalogue is too large for queries: its graphs need more than {} MiB of memory",
        MAX_BYTES / 1024 / 1024
    )]
    TooLarge,
    /// The store cannot be read.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// The graphs of a catalogue; read when they are first needed.
#[derive(Debug, Default)]
pub(super) struct Graphing {
    /// Held while the graphs are brought up to date.
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    graphs: Option<Arc<RwLock<Dataset>>>,
    /// When somebody last asked.
    asked: Option<Instant>,
    /// Nothing is ever deleted, so it stays so.
    too_large: bool,
}

impl Catalogue {
    /// The graphs of all entries, with everything that was durable when this was called.
    pub fn graphs(&self) -> Result<Arc<RwLock<Dataset>>, NoGraph> {
        let mut kept = self.graphing.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.asked = Some(Instant::now());
        if kept.too_large {
            return Err(NoGraph::TooLarge);
        }
        let graphs = Arc::clone(kept.graphs.get_or_insert_default());
        let seen = graphs.read().unwrap_or_else(PoisonError::into_inner).seen();
        if seen != self.store.last_change() {
            let caught_up = self.catch_graphs_up(&graphs, MAX_BYTES);
            kept.too_large = matches!(caught_up, Err(NoGraph::TooLarge));
            if caught_up.is_err() {
                // What is half done is no ground for the next.
                kept.graphs = None;
            }
            caught_up?;
            kept.asked = Some(Instant::now());
        }
        Ok(graphs)
    }

    /// Gives memory back, until it is dropped.
    pub(in crate::node) async fn keep_graphs_while_asked(self) {
        loop {
            tokio::time::sleep(LOOK).await;
            self.forget_graphs(IDLE);
        }
    }

    /// Forgets the graphs when nobody has asked for so long. True when there are none.
    fn forget_graphs(&self, idle: Duration) -> bool {
        // Somebody asks right now.
        let Ok(mut kept) = self.graphing.kept.try_lock() else { return false };
        if kept.asked.is_none_or(|asked| asked.elapsed() >= idle) {
            kept.graphs = None;
        }
        kept.graphs.is_none()
    }

    fn catch_graphs_up(&self, graphs: &RwLock<Dataset>, most: usize) -> Result<(), NoGraph> {
        let mut graphs = graphs.write().unwrap_or_else(PoisonError::into_inner);
        if graphs.seen() > self.store.last_change() {
            // The store is older: it came from a backup.
            *graphs = Dataset::default();
        }
        while graphs.seen() < self.store.last_change() {
            let (groups, seen) = self.changed_since(graphs.seen())?;
            for (image, email) in groups.into_keys() {
                for Placed { fact, standing, .. } in self.placed(&image, &email)? {
                    if graphs.place(&fact.id, standing) {
                        continue;
                    }
                    let stored = self.store.entry_and_document(&fact.id).map_err(store_failed)?;
                    let Some(entry) = stored.and_then(Entry::read) else { continue };
                    let valid = entry.manifest.details.valid;
                    graphs.put(fact.id, &fact.key, &entry.document, valid, standing);
                }
                if graphs.bytes() > most {
                    return Err(NoGraph::TooLarge);
                }
            }
            graphs.has_seen(seen);
        }
        Ok(())
    }
}
