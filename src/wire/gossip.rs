//! What nodes tell everyone.

use serde::{Deserialize, Serialize};

/// A message of the federation's gossip topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gossip {
    /// A signed manifest, byte for byte.
    Manifest(#[serde(with = "serde_bytes")] Vec<u8>),
}
