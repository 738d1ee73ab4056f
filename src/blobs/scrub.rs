//! Where the scrub is, across restarts.

use std::fs;
use std::io::Write;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::{BlobError, Blobs};
use crate::model::{Sha512, Timestamp};

/// The state of the scrub, which reads every blob again, one round after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScrubState {
    /// When the round under way, or the last one, began.
    pub began: Option<Timestamp>,
    /// When it was over; none while it is under way.
    pub ended: Option<Timestamp>,
    /// The last blob of it that was read.
    pub after: Option<Sha512>,
    /// Blobs that were ever read again.
    pub read: u64,
    /// Of them, those that were damaged.
    pub damaged: u64,
    /// Of those, the ones that were fetched again.
    pub repaired: u64,
}

impl ScrubState {
    /// True while a round is under way.
    pub fn is_under_way(&self) -> bool {
        self.began.is_some() && self.ended.is_none()
    }

    /// How long it is until the next round, which begins `period` after the last one
    /// began; none when one is under way or due.
    pub fn wait(&self, period: Duration, now: Timestamp) -> Option<Duration> {
        let due = self.ended.and(self.began)?.plus(period);
        (due > now).then(|| due.since(now))
    }

    /// Begins a round.
    pub fn begin(&mut self, now: Timestamp) {
        (self.began, self.ended, self.after) = (Some(now), None, None);
    }
}

impl Blobs {
    /// Where the scrub is; at the beginning when that cannot be read.
    pub fn scrub_state(&self) -> ScrubState {
        let read = fs::read(self.root.join("scrub")).ok();
        read.and_then(|octets| serde_json::from_slice(&octets).ok()).unwrap_or_default()
    }

    /// Keeps where the scrub is. Not synced: what a power loss takes is read once more.
    pub fn set_scrub_state(&self, state: &ScrubState) -> Result<(), BlobError> {
        let path = self.root.join("scrub");
        let write = || {
            let mut file = NamedTempFile::new_in(&self.root)?;
            file.write_all(&serde_json::to_vec(state)?)?;
            file.persist(&path).map_err(|error| error.error)
        };
        write().map(drop).map_err(BlobError::io(&path))
    }

    /// The blob that the scrub reads next; none at the end of a round.
    pub fn next_to_scrub(&self, state: &ScrubState) -> Result<Option<Sha512>, BlobError> {
        let is_next = |name: &Sha512| state.after.is_none_or(|after| *name > after);
        Ok(self.names()?.into_iter().find(is_next))
    }
}
