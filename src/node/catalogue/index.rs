//! The search index in step with the store.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::{Catalogue, Entry, search_failed, store_failed};
use crate::engine::timeline::{self, Fact, Status};
use crate::manifest::without_declaration;
use crate::model::{ChangeNumber, ContentId, Email, Identifier, Peer, Timestamp};
use crate::node::Failure;
use crate::search::{Index, Place, Snapshot, Summary, Update};
use crate::wire::Fate;

/// Changes that become durable in the index together: each time costs some syncs of the
/// disk, and a crash begins again with those that were not.
const MAX_BATCH: usize = 16 * 1024;

/// How long nothing must change before the index is brought up to date with nobody waiting
/// for it: documents that arrive by the thousand need the processor more.
const QUIET: Duration = Duration::from_secs(2);

/// How long changes that do not end are waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// An endorser's entries about an image, of which some changed.
pub(super) struct Group {
    image: Identifier,
    email: Email,
    changed: BTreeSet<ContentId>,
    /// All of them, oldest first.
    pub(super) entries: Vec<Placed>,
}

/// An entry, and where it stands in its endorser's timeline.
pub(super) struct Placed {
    pub(super) fact: Fact,
    pub(super) standing: Status,
    first_seen: Timestamp,
    from: Option<Peer>,
}

/// The index of a catalogue; opened when it is first needed.
#[derive(Debug)]
pub(super) struct Indexing {
    folder: PathBuf,
    /// Held while the index is opened or brought up to date.
    index: Mutex<Option<Index>>,
}

impl Indexing {
    pub(super) fn new(folder: PathBuf) -> Indexing {
        Indexing { folder, index: Mutex::new(None) }
    }
}

impl Catalogue {
    /// The index with everything that was durable when this was called.
    pub fn snapshot(&self) -> Result<Snapshot, Failure> {
        let mut index = self.indexing.index.lock().unwrap_or_else(PoisonError::into_inner);
        let index = match &mut *index {
            Some(index) => index,
            none => none.insert(Index::open(&self.indexing.folder).map_err(search_failed)?),
        };
        self.catch_up(index)?;
        Ok(index.snapshot())
    }

    /// Keeps the index up to date until it is dropped.
    pub(in crate::node) async fn keep_indexed(self) {
        let mut changed = self.live.changed();
        loop {
            let patience = Instant::now() + PATIENCE;
            // Each change begins the wait anew.
            while Instant::now() < patience
                && let Ok(more) = timeout(QUIET, changed.changed()).await
            {
                if more.is_err() {
                    return;
                }
            }
            let catalogue = self.clone();
            if let Ok(Err(error)) = spawn_blocking(move || catalogue.snapshot().map(drop)).await {
                tracing::error!(%error, "the search index is not up to date");
            }
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    fn catch_up(&self, index: &Index) -> Result<(), Failure> {
        let last = self.store.last_change();
        if index.seen() > last {
            // The store is older: it came from a backup.
            index.clear().map_err(search_failed)?;
        }
        while index.seen() < last {
            let (groups, seen) = self.changed_since(index.seen())?;
            let before = index.snapshot();
            let update = index.update().map_err(search_failed)?;
            for mut group in groups {
                let standing = before.standing(&group.image, &group.email);
                group.changed.extend(standing.map_err(search_failed)?);
                self.put_group(&update, group)?;
            }
            update.commit(seen).map_err(search_failed)?;
        }
        Ok(())
    }

    /// What the next changes are about, as it is now, and the last of them. All of it is
    /// durable.
    pub(super) fn changed_since(
        &self,
        seen: ChangeNumber,
    ) -> Result<(Vec<Group>, ChangeNumber), Failure> {
        self.store.at_rest(|| self.changed_at_rest(seen))
    }

    fn changed_at_rest(&self, seen: ChangeNumber) -> Result<(Vec<Group>, ChangeNumber), Failure> {
        let mut groups: BTreeMap<(Identifier, Email), BTreeSet<ContentId>> = BTreeMap::new();
        let mut last = seen;
        for change in self.store.changes(seen).take(MAX_BATCH) {
            let (number, id) = change.map_err(store_failed)?;
            if let Some(record) = self.store.entry(&id).map_err(store_failed)? {
                let group = (record.key.identifier, record.key.email);
                groups.entry(group).or_default().insert(id);
            }
            last = number;
        }
        let group = |((image, email), changed)| {
            let entries = self.placed(&image, &email)?;
            Ok(Group { image, email, changed, entries })
        };
        Ok((groups.into_iter().map(group).collect::<Result<_, Failure>>()?, last))
    }

    /// The entries of an endorser about an image, oldest first, and where each stands.
    /// Whether its time has passed is seen when it is looked up.
    fn placed(&self, image: &Identifier, email: &Email) -> Result<Vec<Placed>, Failure> {
        let mut seen = Vec::new();
        let mut facts = Vec::new();
        for row in self.store.keys_of(image, email) {
            let (key, id) = row.map_err(store_failed)?;
            let Some(record) = self.store.entry(&id).map_err(store_failed)? else { continue };
            let withdrawn = record.fate != Fate::Admitted;
            seen.push((record.first_seen, record.from));
            facts.push(Fact { id, key, deprecated: record.deprecated, valid: None, withdrawn });
        }
        let statuses = timeline::statuses(&facts, Timestamp::from_millis(i64::MIN));
        let placed = facts.into_iter().zip(statuses).zip(seen);
        let placed = placed.map(|((fact, standing), (first_seen, from))| Placed {
            fact,
            standing,
            first_seen,
            from,
        });
        Ok(placed.collect())
    }

    /// Puts those entries of an endorser about an image that changed, or whose place did.
    fn put_group(&self, update: &Update, group: Group) -> Result<(), Failure> {
        let Group { changed, entries, .. } = group;
        let newest = entries.last().map(|placed| placed.fact.key.created);
        for Placed { fact, standing, first_seen, from } in entries {
            let is_latest = match standing {
                Status::Superseded => false,
                Status::Withdrawn => Some(fact.key.created) == newest,
                Status::Current | Status::Deprecated | Status::Expired => true,
            };
            if !is_latest && !changed.contains(&fact.id) {
                continue;
            }
            let stored = self.store.entry_and_document(&fact.id).map_err(store_failed)?;
            let Some(Entry { id, document, manifest, .. }) = stored.and_then(Entry::read) else {
                continue;
            };
            let place = Place { content_id: id, standing, is_latest, first_seen, from };
            let listed = without_declaration(&document).len() as u64;
            update.put(&Summary::of(place, manifest, listed)).map_err(search_failed)?;
        }
        Ok(())
    }
}
