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
            for group in groups {
                for Placed { fact, standing, .. } in group.entries {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::Federation;
    use crate::home::Home;
    use crate::manifest::pki::authority::{Authority, KeyKind};
    use crate::manifest::{Details, Draft, SigningStyle};
    use crate::model::{
        Algorithm, Checksum, ContentId, FederationId, Identifier, Sha1, Sha256, Timestamp,
    };
    use crate::store::Write;
    use crate::wire::{EntryRecord, Fate};

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn write(catalogue: &Catalogue, n: u8) {
        let authority = Authority::new("Test CA", NOW).unwrap();
        let key = authority.endorser("Jane", Some("jane@example.org"), KeyKind::EcP256, NOW);
        let sha1 = Sha1::from_bytes([n; 20]);
        let checksums = [Checksum::new(Algorithm::Sha1, &sha1.to_string()).unwrap()];
        let draft = Draft {
            identifier: Identifier::from_sha1(sha1),
            bytes: 1,
            checksums: checksums.into_iter().collect(),
            details: Details { image_type: "base".into(), ..Details::default() },
            pieces: None,
        };
        let signed = draft.sign(&key.unwrap(), None, NOW, SigningStyle::Modern).unwrap();
        let record = EntryRecord {
            key: crate::manifest::parse_unsigned(signed.octets()).unwrap().key(),
            first_seen: NOW,
            from: None,
            deprecated: false,
            fate: Fate::Admitted,
            rules: Sha256::from_bytes([1; 32]),
        };
        let id = ContentId::from_bytes(*Sha256::of(signed.octets()).as_bytes());
        let write = Write::Entry(id, record, Arc::from(signed.octets().to_vec()));
        catalogue.store().write(&[write]).unwrap();
    }

    fn with_catalogue(test: impl FnOnce(&Catalogue)) {
        let folder = tempfile::tempdir().unwrap();
        let id = FederationId::from_bytes([1; 32]);
        let federation = Federation { name: "test".into(), id, founders: Vec::new() };
        let home = Home::create(&folder.path().join("home"), b"a key", &[], &federation).unwrap();
        test(&Catalogue::open(&home).unwrap());
    }

    fn triples(catalogue: &Catalogue) -> usize {
        catalogue.graphs().unwrap().read().unwrap().len()
    }

    #[test]
    fn graphs_follow_the_store_and_are_forgotten_when_nobody_asks() {
        with_catalogue(|catalogue| {
            assert!(catalogue.forget_graphs(Duration::ZERO), "none before somebody asks");
            write(catalogue, 1);
            let one = triples(catalogue);
            assert!(one > 0);
            assert!(!catalogue.forget_graphs(Duration::MAX), "somebody asked");
            write(catalogue, 2);
            assert_eq!(triples(catalogue), 2 * one);
            assert!(catalogue.forget_graphs(Duration::ZERO));
            assert_eq!(triples(catalogue), 2 * one, "read again");
        });
    }

    #[test]
    fn what_takes_too_much_memory_is_refused() {
        with_catalogue(|catalogue| {
            write(catalogue, 1);
            let graphs = RwLock::new(Dataset::default());
            let refused = catalogue.catch_graphs_up(&graphs, 1024).unwrap_err();
            assert!(matches!(refused, NoGraph::TooLarge), "{refused}");
            catalogue.catch_graphs_up(&graphs, MAX_BYTES).unwrap();
            catalogue.graphing.kept.lock().unwrap().too_large = true;
            assert!(matches!(catalogue.graphs(), Err(NoGraph::TooLarge)));
        });
    }
}
