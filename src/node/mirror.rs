//! Fetching by itself what `[mirror]` wants: the node looks at every entry once and then
//! at what changes; `engine::Mirror` says what is fetched and when.
//!
//! What is mirrored is named by a current, admitted entry, so no collection takes it away.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep};

use super::catalogue::{Catalogue, Entry, store_failed};
use super::{Answer, Call, Failure, FailureKind, ImageName, Node};
use crate::engine::{self, MirrorFailure};
use crate::model::{ContentId, Identifier, Timestamp};

/// Changed entries that are looked at one by one: 32 bytes each. When there are more,
/// everything is looked at.
const MAX_CHANGED: usize = 4096;

/// Between two looks at everything: an image may have been removed by hand.
const LOOK: Duration = Duration::from_secs(3600);

/// After the store could not be read.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Failures that the status names; it counts all.
const MAX_SHOWN: usize = 10;

/// The longest text of a failure that is kept, in characters: peers write some of it.
const MAX_REASON: usize = 500;

/// What the mirror rules have fetched, and what not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorView {
    /// True when this site mirrors anything.
    pub active: bool,
    /// Images that are wanted and not here.
    pub waiting: usize,
    /// The one that is being fetched.
    pub fetching: Option<Identifier>,
    /// Images that were fetched since the start.
    pub fetched: u64,
    /// Images that could not be fetched until now.
    pub failing: usize,
    /// Ten of these.
    pub failures: Vec<MirrorFailureView>,
}

/// An image that could not be fetched until now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorFailureView {
    /// The image.
    pub identifier: Identifier,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub reason: String,
    /// When it is tried again.
    pub next: Timestamp,
}

/// What changed since the mirror last looked; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct News(Arc<Changes>);

#[derive(Debug, Default)]
struct Changes {
    changed: Mutex<Changed>,
    notify: Notify,
}

#[derive(Debug, PartialEq, Eq)]
enum Changed {
    Everything,
    Entries(Vec<ContentId>),
}

impl Default for Changed {
    /// At the start nothing has been looked at.
    fn default() -> Changed {
        Changed::Everything
    }
}

impl News {
    /// These entries are new, or were judged anew.
    pub(super) fn entries(&self, ids: Vec<ContentId>) {
        if ids.is_empty() {
            return;
        }
        let mut changed = self.lock();
        if let Changed::Entries(known) = &mut *changed {
            known.extend(ids);
            if known.len() > MAX_CHANGED {
                *changed = Changed::Everything;
            }
        }
        self.0.notify.notify_one();
    }

    /// The rules changed.
    pub(super) fn everything(&self) {
        *self.lock() = Changed::Everything;
        self.0.notify.notify_one();
    }

    fn take(&self) -> Changed {
        std::mem::replace(&mut *self.lock(), Changed::Entries(Vec::new()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Changed> {
        // Nothing panics while it is held.
        self.0.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How an attempt ended.
enum Ended {
    Came,
    /// It is not wanted any more.
    Dropped,
    Failed(String),
}

/// Whoever fetches what the mirror rules want.
pub(super) struct Mirroring {
    node: Node,
    catalogue: Catalogue,
    wanted: engine::Mirror,
    attempts: JoinSet<Ended>,
    /// When everything is looked at again.
    look: Instant,
}

impl Mirroring {
    pub(super) fn new(node: Node, catalogue: Catalogue) -> Mirroring {
        let wanted = engine::Mirror::new(fastrand::u64(..));
        Mirroring { node, catalogue, wanted, attempts: JoinSet::new(), look: Instant::now() }
    }

    /// Fetches until it is dropped.
    pub(super) async fn run(mut self) {
        let news = self.catalogue.live.news().clone();
        loop {
            self.look(news.take()).await;
            if let Some(image) = self.wanted.next(now()) {
                self.attempts.spawn(attempt(self.node.clone(), self.catalogue.clone(), image));
            }
            self.tell();
            let look = self.look.saturating_duration_since(Instant::now());
            let due = self.wanted.deadline().map(|due| due.since(now()));
            tokio::select! {
                () = news.0.notify.notified() => {}
                Some(ended) = self.attempts.join_next() => {
                    self.ended(ended.unwrap_or_else(|died| Ended::Failed(died.to_string())));
                }
                () = sleep(due.unwrap_or(LOOK).min(look)) => {}
            }
        }
    }

    async fn look(&mut self, changed: Changed) {
        let more = self.wanted.waiting() == 0 && self.wanted.is_full();
        let all = more || self.look <= Instant::now() || changed == Changed::Everything;
        let catalogue = self.catalogue.clone();
        let looked = match changed {
            Changed::Entries(ids) if !all => {
                let looked = blocking(move || catalogue.mirrored_of(&ids, now())).await;
                looked.map(|(wanted, others)| {
                    others.iter().for_each(|image| self.wanted.forget(image));
                    wanted.iter().for_each(|image| self.wanted.want(*image, now()));
                })
            }
            _ => {
                self.look = Instant::now() + LOOK;
                let looked = blocking(move || catalogue.mirrored_of_all(now())).await;
                looked.map(|wanted| self.wanted.want_only(&wanted, now()))
            }
        };
        if let Err(failure) = looked {
            tracing::error!("what is mirrored cannot be found: {failure}");
            self.look = Instant::now() + LOOK_AGAIN;
        }
    }

    fn ended(&mut self, ended: Ended) {
        let image = self.wanted.fetching().map_or_else(String::new, |image| image.to_string());
        match ended {
            Ended::Came => {
                tracing::info!(image, "mirrored");
                self.wanted.came();
            }
            Ended::Dropped => self.wanted.dropped(),
            Ended::Failed(reason) => {
                tracing::info!(image, "not mirrored yet: {reason}");
                self.wanted.failed(reason.chars().take(MAX_REASON).collect(), now());
            }
        }
    }

    fn tell(&self) {
        let wanted = &self.wanted;
        let shown = |MirrorFailure { image, attempts, reason, next }: MirrorFailure| {
            MirrorFailureView { identifier: image, attempts, reason, next }
        };
        self.catalogue.live.set_mirror(MirrorView {
            active: self.catalogue.trusted().policy.has_mirror(),
            waiting: wanted.waiting(),
            fetching: wanted.fetching(),
            fetched: wanted.fetched(),
            failing: wanted.failures().count(),
            failures: wanted.failures().take(MAX_SHOWN).map(shown).collect(),
        });
    }
}

/// Fetches an image if it is wanted still, judged like any other use.
async fn attempt(node: Node, catalogue: Catalogue, image: Identifier) -> Ended {
    match blocking(move || catalogue.mirrors(&image, now())).await {
        Ok(true) => {}
        Ok(false) => return Ended::Dropped,
        Err(failure) => return Ended::Failed(failure.message),
    }
    let image = ImageName::Identifier(image);
    match node.call(Call::Get { image, stale: false }).await {
        Answer::Got(_) => Ended::Came,
        Answer::Failed(Failure { kind: FailureKind::NotFound, .. }) => Ended::Dropped,
        // Also a refusal: the catalogue may only have to be reconciled.
        Answer::Failed(failure) => Ended::Failed(failure.message),
        other => Ended::Failed(format!("an unexpected answer: {other:?}")),
    }
}

impl Catalogue {
    /// Of the images of these entries, those that are to be fetched, and the others.
    fn mirrored_of(
        &self,
        ids: &[ContentId],
        now: Timestamp,
    ) -> Result<(BTreeSet<Identifier>, BTreeSet<Identifier>), Failure> {
        let (mut wanted, mut others) = (BTreeSet::new(), BTreeSet::new());
        if !self.trusted().policy.has_mirror() {
            return Ok((wanted, others));
        }
        let mut images = BTreeSet::new();
        for id in ids {
            let record = self.store.entry(id).map_err(store_failed)?;
            images.extend(record.map(|record| record.key.identifier));
        }
        for image in images {
            match self.mirrors(&image, now)? {
                true => wanted.insert(image),
                false => others.insert(image),
            };
        }
        Ok((wanted, others))
    }

    /// Every image that is to be fetched.
    fn mirrored_of_all(&self, now: Timestamp) -> Result<BTreeSet<Identifier>, Failure> {
        let mut wanted = BTreeSet::new();
        let policy = self.trusted().policy;
        if !policy.has_mirror() {
            return Ok(wanted);
        }
        for entry in self.store.entries() {
            let Some(entry) = Entry::read(entry.map_err(store_failed)?) else { continue };
            let image = entry.manifest.identifier;
            if policy.mirrors(&entry.manifest)
                && !wanted.contains(&image)
                && self.mirrors(&image, now)?
            {
                wanted.insert(image);
                // One more than have a place says that there are more.
                if wanted.len() > engine::MAX_MIRROR_WAITING {
                    break;
                }
            }
        }
        Ok(wanted)
    }

    /// True when an image is to be fetched: it is not here, and the rules want it for an
    /// entry by which it may be used, however old the catalogue is.
    fn mirrors(&self, image: &Identifier, now: Timestamp) -> Result<bool, Failure> {
        let policy = self.trusted().policy;
        let entries = self.entries_of(image)?;
        if !entries.iter().any(|entry| policy.mirrors(&entry.manifest)) {
            return Ok(false);
        }
        let judged = self.judge_all(entries, true, now)?;
        let wants = judged.iter().any(|(entry, judged)| {
            judged.verdict.is_allowed()
                && policy.mirrors(&entry.manifest)
                && self.holds(&entry.manifest).is_none()
        });
        Ok(wants)
    }
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// Reads the store, on a thread where it blocks nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let died = |died: tokio::task::JoinError| Failure::new(FailureKind::Failed, died.to_string());
    spawn_blocking(work).await.unwrap_or_else(|error| Err(died(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: usize) -> Vec<ContentId> {
        vec![ContentId::from_bytes([1; 32]); count]
    }

    #[test]
    fn the_first_look_and_one_at_too_much_is_at_everything() {
        let news = News::default();
        news.entries(ids(1));
        assert_eq!(news.take(), Changed::Everything, "nothing was looked at before");
        assert_eq!(news.take(), Changed::Entries(Vec::new()));
        news.entries(ids(MAX_CHANGED));
        assert_eq!(news.take(), Changed::Entries(ids(MAX_CHANGED)));
        news.entries(ids(MAX_CHANGED));
        news.entries(ids(1));
        news.entries(ids(1));
        assert_eq!(news.take(), Changed::Everything);
        news.everything();
        assert_eq!(news.take(), Changed::Everything);
    }
}
