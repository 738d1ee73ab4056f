//! What nodes tell everyone.

use serde::{Deserialize, Serialize};

use crate::membership::Membership;

/// A message of the federation's gossip topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gossip {
    /// A signed manifest, byte for byte.
    Manifest(#[serde(with = "serde_bytes")] Vec<u8>),
    /// A member lets someone in, or takes that back.
    Membership(Membership),
}

/// What becomes of a gossip message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GossipVerdict {
    /// Pass it on.
    Accept,
    /// Do not pass it on, and hold it against the sender.
    Reject,
    /// Do not pass it on.
    Ignore,
}
