//! What a reconciliation did.

use serde::{Deserialize, Serialize};

use crate::engine::limits::MAX_CHANGES;
use crate::model::{EntryKey, Peer, Timestamp};

/// What one reconciliation did, or has done so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncReport {
    /// With whom.
    pub peer: Peer,
    /// Questions about ids.
    pub rounds: u32,
    /// Bytes of those questions and their answers.
    pub bytes: u64,
    /// True when so much differed that the peer's list was read.
    pub listed: bool,
    /// Documents the peer had and this node did not know.
    pub missing: u64,
    /// How many of them arrived.
    pub received: u64,
    /// New entries among them, deprecations not counted.
    pub admitted: u64,
    /// New entries that take an image back.
    pub deprecated: u64,
    /// How many this site's rules refused.
    pub refused: u64,
    /// The first hundred of the changes behind the three numbers.
    pub changes: Vec<Change>,
    /// Why it ended early; none when it is complete, or under way.
    pub failure: Option<String>,
    /// When it ended; when it began while it is under way.
    pub ended: Timestamp,
}

/// One document that a reconciliation brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The key it stands, or would stand, under.
    pub key: EntryKey,
    /// What it changed.
    pub kind: ChangeKind,
}

/// What a document changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// A new entry.
    Admitted,
    /// A new entry that takes an image back.
    Deprecated,
    /// This site's rules refuse it, or do not trust its signer.
    Refused,
}

impl SyncReport {
    pub(super) fn of(peer: Peer, began: Timestamp) -> SyncReport {
        SyncReport {
            peer,
            rounds: 0,
            bytes: 0,
            listed: false,
            missing: 0,
            received: 0,
            admitted: 0,
            deprecated: 0,
            refused: 0,
            changes: Vec::new(),
            failure: None,
            ended: began,
        }
    }

    pub(super) fn note(&mut self, key: &EntryKey, kind: ChangeKind) {
        match kind {
            ChangeKind::Admitted => self.admitted += 1,
            ChangeKind::Deprecated => self.deprecated += 1,
            ChangeKind::Refused => self.refused += 1,
        }
        if self.changes.len() < MAX_CHANGES {
            self.changes.push(Change { key: key.clone(), kind });
        }
    }
}
