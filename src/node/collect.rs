//! Collection of images: what goes when they take more than their quota.
//!
//! In three steps: a plan is made on a thread, peers are asked which of the images
//! they hold, and on a thread again goes what may go.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::catalogue::{Allowed, Catalogue};
use super::jobs::{Done, Jobs};
use super::run::RunLoop;
use super::{Answer, Failure, FailureKind};
use crate::blobs::{Blob, BlobError, Evicted, Kept, Plan, Stored};
use crate::engine::timeline::{self, Fact, Status};
use crate::engine::{Input, Wanted};
use crate::model::{Identifier, Sha512, Timestamp};

/// What to collect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collect {
    /// Only say what would go.
    pub dry_run: bool,
    /// Also take away last known copies.
    pub force: bool,
    /// Bytes that are to fit under the quota besides.
    pub room: u64,
    /// Another quota than the site's, in bytes.
    pub quota: Option<u64>,
}

/// What a collection did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectView {
    /// True when nothing was done.
    pub dry_run: bool,
    /// Bytes of the disk that images may take; none when it is up to the disk.
    pub quota: Option<u64>,
    /// Bytes that they took before.
    pub before: u64,
    /// Bytes that they take now, or would.
    pub after: u64,
    /// What went, least recently used first.
    pub removed: Vec<CollectedView>,
    /// What would have gone, and why it stays.
    pub kept: Vec<KeptView>,
    /// Leftovers of transfers and crashes that went.
    pub leftovers: usize,
    /// Bytes of the disk that those took.
    pub leftover_bytes: u64,
    /// Bytes that are still to go: nothing more may.
    pub excess: u64,
}

/// A stored image, for whoever collects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectedView {
    /// The image.
    pub identifier: Identifier,
    /// The blob.
    pub sha512: Sha512,
    /// Its size.
    pub bytes: u64,
    /// Bytes of the disk that it takes.
    pub disk_bytes: u64,
    /// When it was last used.
    pub used: Timestamp,
}

/// A stored image that stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptView {
    /// The image.
    #[serde(flatten)]
    pub image: CollectedView,
    /// Why.
    pub reason: KeptReason,
}

/// Why an image stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeptReason {
    /// It is being read, or was used meanwhile.
    InUse,
    /// It was pinned meanwhile.
    Pinned,
    /// A current entry names it meanwhile.
    Named,
    /// No other site that could be asked holds it.
    LastCopy,
}

/// What follows a collection.
pub(super) enum Then {
    /// Its answer.
    Answer(oneshot::Sender<Answer>),
    /// The transfer that it makes room for.
    Fetch(Box<Allowed>, oneshot::Sender<Answer>),
}

/// A collection under way.
pub(super) struct Collecting {
    order: Collect,
    plan: Plan,
    then: Then,
}

impl From<BlobError> for Failure {
    fn from(error: BlobError) -> Failure {
        Failure::new(FailureKind::Failed, error.to_string())
    }
}

impl Catalogue {
    /// A collection from beginning to end, where nobody can be asked.
    pub(super) fn collect_alone(
        &self,
        order: &Collect,
        now: Timestamp,
    ) -> Result<CollectView, Failure> {
        let plan = self.plan(order, now)?;
        self.carry_out(order, &plan, &BTreeSet::new(), now)
    }

    fn plan(&self, order: &Collect, now: Timestamp) -> Result<Plan, Failure> {
        let quota = order.quota.or(self.blobs.quota());
        self.blobs.plan(quota, order.room, |blob| self.is_named(blob, now))
    }

    /// Takes away what may go; `held` are those that others hold.
    fn carry_out(
        &self,
        order: &Collect,
        plan: &Plan,
        held: &BTreeSet<Sha512>,
        now: Timestamp,
    ) -> Result<CollectView, Failure> {
        let evicted = self.blobs.evict(plan, order.dry_run, |blob| {
            let is_last = !order.force && !held.contains(&blob.sha512);
            Ok::<_, Failure>(match self.is_named(blob, now)? {
                true => Some(Kept::Named),
                false => is_last.then_some(Kept::LastCopy),
            })
        })?;
        let swept = self.blobs.sweep(now, order.dry_run)?;
        let Evicted { removed, kept } = evicted;
        let gone: u64 = removed.iter().map(|stored| stored.disk_bytes).sum();
        Ok(CollectView {
            dry_run: order.dry_run,
            quota: plan.quota,
            before: plan.used,
            after: plan.used.saturating_sub(gone).saturating_sub(swept.bytes),
            removed: removed.iter().map(view).collect(),
            kept: kept.iter().map(kept_view).collect(),
            leftovers: swept.files,
            leftover_bytes: swept.bytes,
            excess: plan.excess.saturating_sub(gone).saturating_sub(swept.bytes),
        })
    }

    /// True when a current entry names this blob.
    fn is_named(&self, blob: &Blob, now: Timestamp) -> Result<bool, Failure> {
        let entries = self.entries_of(&Identifier::from_sha1(blob.sha1))?;
        let facts: Vec<Fact> = entries.iter().map(|entry| entry.fact()).collect();
        let statuses = timeline::statuses(&facts, now);
        Ok(entries.iter().zip(statuses).any(|(entry, status)| {
            let sha512 = entry.manifest.checksums.sha512();
            status == Status::Current && sha512.is_none_or(|sha512| sha512 == blob.sha512)
        }))
    }

    /// What has to be collected so that an image can be fetched; none when it fits.
    fn room_for(&self, wanted: &Wanted, now: Timestamp) -> Option<(Collect, Plan)> {
        self.blobs.quota()?;
        let room = self.blobs.room_for(&wanted.checksums, wanted.bytes);
        let order = Collect { room, ..Collect::default() };
        // Without a plan the transfer says what is wrong.
        let plan = self.plan(&order, now).ok()?;
        (!plan.evictable.is_empty()).then_some((order, plan))
    }
}

fn view(stored: &Stored) -> CollectedView {
    let Stored { blob, disk_bytes, used, .. } = *stored;
    let identifier = Identifier::from_sha1(blob.sha1);
    CollectedView { identifier, sha512: blob.sha512, bytes: blob.bytes, disk_bytes, used }
}

fn kept_view((stored, kept): &(Stored, Kept)) -> KeptView {
    let reason = match kept {
        Kept::InUse => KeptReason::InUse,
        Kept::Pinned => KeptReason::Pinned,
        Kept::Named => KeptReason::Named,
        Kept::LastCopy => KeptReason::LastCopy,
    };
    KeptView { image: view(stored), reason }
}

impl Jobs {
    /// Begins a collection on call.
    pub(super) fn plan(&self, order: Collect, now: Timestamp, reply: oneshot::Sender<Answer>) {
        self.blocking(move |catalogue| match catalogue.plan(&order, now) {
            Ok(plan) => {
                Some(Done::Planned(Box::new(Collecting { order, plan, then: Then::Answer(reply) })))
            }
            Err(failure) => {
                let _ = reply.send(Answer::Failed(failure));
                None
            }
        });
    }

    /// Takes away what may go, then goes on with what follows.
    fn carry_out(&self, collecting: Box<Collecting>, held: BTreeSet<Sha512>, now: Timestamp) {
        self.blocking(move |catalogue| {
            let Collecting { order, plan, then } = *collecting;
            let collected = catalogue.carry_out(&order, &plan, &held, now);
            match (then, collected) {
                (Then::Answer(reply), collected) => {
                    let answer = collected.map_or_else(Answer::Failed, Answer::Collected);
                    let _ = reply.send(answer);
                    None
                }
                (Then::Fetch(allowed, reply), collected) => {
                    if let Err(failure) = collected {
                        tracing::warn!("no room was made: {failure}");
                    }
                    Some(Done::Allowed(allowed, reply))
                }
            }
        });
    }
}

/// What comes before an image is fetched: a collection when it does not fit.
pub(super) fn before_fetching(
    catalogue: &Catalogue,
    allowed: Allowed,
    now: Timestamp,
    reply: oneshot::Sender<Answer>,
) -> Done {
    let allowed = Box::new(allowed);
    match catalogue.room_for(&allowed.wanted, now) {
        None => Done::Allowed(allowed, reply),
        Some((order, plan)) => {
            let then = Then::Fetch(allowed, reply);
            Done::Planned(Box::new(Collecting { order, plan, then }))
        }
    }
}

impl RunLoop {
    /// Asks peers what they hold before anything goes.
    pub(super) async fn planned(&mut self, collecting: Box<Collecting>) {
        let needs_nobody = collecting.order.force || collecting.plan.evictable.is_empty();
        if needs_nobody {
            let now = self.clock();
            return self.jobs.carry_out(collecting, BTreeSet::new(), now);
        }
        let blobs: BTreeMap<Sha512, u64> =
            collecting.plan.evictable.iter().map(|s| (s.blob.sha512, s.blob.bytes)).collect();
        let call = self.next_call();
        self.collecting.insert(call, collecting);
        self.take(Input::Survey { call, blobs }).await;
    }

    /// Goes on when peers have answered, or could not be asked.
    pub(super) fn surveyed(&mut self, collecting: Box<Collecting>, held: BTreeSet<Sha512>) {
        let now = self.clock();
        self.jobs.carry_out(collecting, held, now);
    }
}
