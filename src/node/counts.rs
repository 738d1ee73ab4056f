//! What a node has done since it started, in numbers.

use serde::{Deserialize, Serialize};

use crate::engine::FetchOutcome;
use crate::wire::GossipVerdict;

/// Numbers since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Verdicts on gossiped messages.
    pub gossip: GossipCounts,
    /// Images that are fetched.
    pub transfers: TransferCounts,
}

/// Verdicts on gossiped messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GossipCounts {
    /// Passed on.
    pub accepted: u64,
    /// Not passed on, and held against nobody.
    pub ignored: u64,
    /// Held against the sender.
    pub rejected: u64,
}

/// Images that are fetched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferCounts {
    /// Now under way.
    pub running: u64,
    /// That ended with the image in the store.
    pub finished: u64,
    /// That nobody could bring to an end.
    pub starved: u64,
    /// That this node could not take, for instance because its disk is full.
    pub failed: u64,
}

impl GossipCounts {
    pub(super) fn add(&mut self, verdict: GossipVerdict) {
        match verdict {
            GossipVerdict::Accept => self.accepted += 1,
            GossipVerdict::Ignore => self.ignored += 1,
            GossipVerdict::Reject => self.rejected += 1,
        }
    }
}

impl TransferCounts {
    pub(super) fn begin(&mut self) {
        self.running += 1;
    }

    pub(super) fn end(&mut self, outcome: &FetchOutcome) {
        self.running = self.running.saturating_sub(1);
        match outcome {
            FetchOutcome::Complete { .. } => self.finished += 1,
            FetchOutcome::Starved { .. } => self.starved += 1,
            FetchOutcome::Failed { .. } => self.failed += 1,
        }
    }
}
