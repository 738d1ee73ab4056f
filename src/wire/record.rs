//! What the store keeps about documents.

use serde::{Deserialize, Serialize};

use crate::model::{EntryKey, Peer, Sha256, Timestamp};

/// What the store keeps of an entry beside its document, under its content id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRecord {
    /// The key it stands under.
    pub key: EntryKey,
    /// When this node first saw it.
    pub first_seen: Timestamp,
    /// The peer it came from; none when it was published here.
    pub from: Option<Peer>,
    /// True when its endorser has taken the image back.
    pub deprecated: bool,
    /// Admitted, or withdrawn later.
    pub fate: Fate,
    /// Digest of the policy and trust anchors that decided.
    pub rules: Sha256,
}

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// This site's rules allow it.
    Admitted,
    /// Rules that changed later no longer allow it: kept for audit, never used or served.
    Withdrawn {
        /// The rule that refuses it.
        rule: String,
        /// Why.
        reason: String,
    },
}

/// A verified document that this site did not admit. The document is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalRecord {
    /// The key it would stand under.
    pub key: EntryKey,
    /// The rule that refused it, such as `endorsers.blacklist`.
    pub rule: String,
    /// Why, for a site administrator; names the line of the policy file.
    pub reason: String,
    /// True when the signer is not trusted here (rather than refused by policy).
    pub untrusted: bool,
    /// Digest of the policy and trust anchors that decided.
    pub rules: Sha256,
    /// When it was last offered.
    pub last_offered: Timestamp,
}
