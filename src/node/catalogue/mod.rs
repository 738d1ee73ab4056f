//! Answers from the store alone: search, show, timeline, why, and the judgement
//! of every use.

mod documents;
mod graph;
mod index;
mod judge;
mod original;
mod search;

use graph::Graphing;
pub use graph::NoGraph;
use index::Indexing;
pub(super) use judge::Allowed;
pub use original::Original;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use super::live::Live;
use super::{Answer, Call, EntryView, Failure, FailureKind, ImageName, PolicyView};
use crate::blobs::{BlobError, Blobs};
use crate::engine::Rules;
use crate::engine::timeline::{self, Fact, Status};
use crate::home::{Home, HomeError};
use crate::manifest::pki::Anchors;
use crate::manifest::{Manifest, Verifier, parse_unsigned};
use crate::model::{ChangeNumber, ContentId, Identifier, Timestamp};
use crate::policy::Policy;
use crate::search::{Search, SearchError};
use crate::store::{OpenError, Store, StoreError, StoredEntry};
use crate::wire::{EntryRecord, Fate};

/// Everything that a judgement rests on; replaced as a whole on reload.
#[derive(Debug, Clone)]
pub(super) struct Trusted {
    pub(super) policy: Arc<Policy>,
    pub(super) anchors: Arc<Anchors>,
}

impl Trusted {
    /// Reads policy and anchors. A policy that cannot be read refuses
    /// everything; an anchor folder that cannot be read is an error.
    pub(super) fn read(home: &Home) -> Result<Trusted, HomeError> {
        let settings = home.settings()?;
        let policy = home.policy().unwrap_or_else(|error| {
            tracing::error!("{error}");
            Policy::refuse_all(&error)
        });
        let anchors = home.anchors(&settings)?;
        anchors.faults().iter().for_each(|fault| tracing::error!("{fault}"));
        Ok(Trusted { policy: Arc::new(policy), anchors: Arc::new(anchors) })
    }

    pub(super) fn rules(&self) -> Rules {
        Rules { policy: Arc::clone(&self.policy), anchors: self.anchors.digest() }
    }
}

/// Why a catalogue cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The home.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The store.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The blobs.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

/// The catalogue of a site, with or without a running node.
#[derive(Debug, Clone)]
pub struct Catalogue {
    pub(super) store: Store,
    pub(super) blobs: Blobs,
    pub(super) verifier: Arc<Verifier>,
    trusted: Arc<RwLock<Trusted>>,
    pub(super) live: Live,
    policy_file: PathBuf,
    indexing: Arc<Indexing>,
    graphing: Arc<Graphing>,
}

/// An entry that was read and understood.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: ContentId,
    pub(super) record: EntryRecord,
    pub(super) document: Vec<u8>,
    pub(super) manifest: Manifest,
}

impl Catalogue {
    /// Opens the store of a home for reading and judging.
    pub fn open(home: &Home) -> Result<Catalogue, CatalogueError> {
        let trusted = Trusted::read(home)?;
        let quota = home.settings()?.blobs.quota.map(|quota| quota.0);
        Ok(Catalogue {
            store: Store::open(&home.store_path())?,
            blobs: Blobs::open(&home.blobs_path())?.with_quota(quota),
            verifier: Arc::new(Verifier::new()),
            trusted: Arc::new(RwLock::new(trusted)),
            live: Live::default(),
            policy_file: home.policy_path(),
            indexing: Arc::new(Indexing::new(home.search_path())),
            graphing: Arc::default(),
        })
    }

    pub(super) fn trusted(&self) -> Trusted {
        self.trusted.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_trusted(&self, trusted: Trusted) {
        *self.trusted.write().unwrap_or_else(PoisonError::into_inner) = trusted;
        self.live.news().everything();
    }

    /// The blobs of the site.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// The store of the site.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Hears of changes: the number of the last one that is durable. Nothing is heard when
    /// no node is running.
    pub fn changed(&self) -> watch::Receiver<ChangeNumber> {
        self.live.changed()
    }

    /// Answers a call that needs no running node.
    pub fn answer(&self, call: &Call, now: Timestamp) -> Answer {
        let answered = match call {
            Call::Search(query) => self.search(query, now).map(Answer::Found),
            Call::Show(image) => self.show(image, now).map(Answer::Entries),
            Call::Timeline(image) => self.timeline(image, now).map(Answer::Entries),
            Call::Why { image, email, created } => {
                self.why(image, email.as_ref(), *created, now).map(Answer::Why)
            }
            Call::Check(document) => self.check(document, now).map(Answer::Why),
            Call::Documents { since, images } => self.documents(*since, images).map(Answer::Ids),
            Call::Read(ids) => self.read(ids).map(Answer::Documents),
            Call::Collect(order) => self.collect_alone(order, now).map(Answer::Collected),
            Call::Policy => Ok(Answer::Policy(self.policy_view())),
            Call::Get { image, stale } => self.get_stored(image, *stale, now).map(Answer::Got),
            _ => Err(no_node()),
        };
        answered.unwrap_or_else(Answer::Failed)
    }

    pub(super) fn policy_view(&self) -> PolicyView {
        let Trusted { policy, anchors } = self.trusted();
        let warnings = policy.warnings().iter().map(ToString::to_string);
        let faults = anchors.faults().iter().map(ToString::to_string);
        PolicyView {
            file: self.policy_file.display().to_string(),
            broken: policy.broken().map(str::to_owned),
            warnings: faults.chain(warnings).collect(),
            mirror: policy.mirror_rules(),
        }
    }

    /// The current entries of an image; when there is none, the latest of each
    /// endorser, which say why.
    fn show(&self, image: &ImageName, now: Timestamp) -> Result<Vec<EntryView>, Failure> {
        let all = self.timeline(image, now)?;
        let of = |wanted: fn(Status) -> bool| -> Vec<EntryView> {
            all.iter().filter(|entry| wanted(entry.status)).cloned().collect()
        };
        let current = of(|status| status == Status::Current);
        Ok(if current.is_empty() { of(|status| status != Status::Superseded) } else { current })
    }

    /// The entry of a document.
    pub fn entry(&self, id: &ContentId, now: Timestamp) -> Result<EntryView, Failure> {
        let record = self.store.entry(id).map_err(store_failed)?;
        let found = record.and_then(|record| {
            let all = self.entries_of(&record.key.identifier).ok()?;
            self.views(all, now).into_iter().find(|entry| entry.content_id == *id)
        });
        found.ok_or_else(|| {
            Failure::new(FailureKind::NotFound, format!("the catalogue has no entry {id}"))
        })
    }

    /// Every entry of an image, per endorser, oldest first.
    pub fn timeline(&self, image: &ImageName, now: Timestamp) -> Result<Vec<EntryView>, Failure> {
        let identifier = self.identifier(image)?;
        let entries = self.entries_of(&identifier)?;
        if entries.is_empty() {
            return Err(self.nothing_about(&identifier));
        }
        Ok(self.views(entries, now))
    }

    /// Every entry of an image that can be read, per endorser, oldest first.
    pub(super) fn entries_of(&self, identifier: &Identifier) -> Result<Vec<Entry>, Failure> {
        let stored = self.store.timeline(identifier).map_err(store_failed)?;
        Ok(stored.into_iter().filter_map(Entry::read).collect())
    }

    fn views(&self, entries: Vec<Entry>, now: Timestamp) -> Vec<EntryView> {
        let facts: Vec<Fact> = entries.iter().map(Entry::fact).collect();
        let statuses = timeline::statuses(&facts, now);
        let view = |(entry, status): (Entry, Status)| {
            let key = entry.manifest.key();
            EntryView {
                content_id: entry.id,
                status,
                first_seen: entry.record.first_seen,
                from: entry.record.from,
                equivocation: facts.iter().filter(|fact| fact.key == key).count() > 1,
                blob_here: self.blobs.by_sha1(&key.identifier.sha1()).is_some(),
                manifest: entry.manifest,
            }
        };
        entries.into_iter().zip(statuses).map(view).collect()
    }

    /// The identifier of an image, also when it is named by SHA-512.
    pub(super) fn identifier(&self, image: &ImageName) -> Result<Identifier, Failure> {
        let sha512 = match image {
            ImageName::Identifier(identifier) => return Ok(*identifier),
            ImageName::Sha512(sha512) => sha512,
        };
        let search = Search { sha512: Some(*sha512), ..Search::default() };
        let mut found = None;
        self.snapshot()?
            .rows(&search, |_, entry| found = Some(entry.key.identifier))
            .map_err(search_failed)?;
        if let Some(identifier) = found {
            return Ok(identifier);
        }
        let message = format!("no entry of the catalogue has the SHA-512 {sha512}");
        Err(Failure::new(FailureKind::NotFound, message))
    }
}

impl Entry {
    pub(super) fn read(stored: StoredEntry) -> Option<Entry> {
        let StoredEntry { id, record, document } = stored;
        let manifest = parse_unsigned(&document).ok()?;
        Some(Entry { id, record, document, manifest })
    }

    pub(super) fn fact(&self) -> Fact {
        Fact {
            id: self.id,
            key: self.manifest.key(),
            deprecated: self.manifest.is_deprecated(),
            valid: self.manifest.details.valid,
            withdrawn: matches!(self.record.fate, Fate::Withdrawn { .. }),
        }
    }
}

pub(super) fn store_failed(error: StoreError) -> Failure {
    Failure::new(FailureKind::Failed, error.to_string())
}

pub(super) fn search_failed(error: SearchError) -> Failure {
    Failure::new(FailureKind::Failed, error.to_string())
}

/// The answer to what only a running node can do.
fn no_node() -> Failure {
    let message = "no node is running on this home: start one with `suq serve`";
    Failure::new(FailureKind::Unreachable, message)
}
