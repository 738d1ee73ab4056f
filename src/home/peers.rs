//! Peers that are let in or kept out.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::{Home, HomeError};
use crate::model::Peer;

/// The lists that `suq peers allow` and `suq peers block` keep.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PeerLists {
    /// Peers that may connect when membership is closed.
    pub allowed: BTreeSet<Peer>,
    /// Peers that may never connect.
    pub blocked: BTreeSet<Peer>,
}

impl Home {
    /// The lists; empty when there are none.
    pub fn peer_lists(&self) -> Result<PeerLists, HomeError> {
        let file = self.root().join("peers.toml");
        if !file.exists() {
            return Ok(PeerLists::default());
        }
        let text = Home::read_text(&file)?;
        toml::from_str(&text).map_err(|error| HomeError::Invalid { file, what: error.to_string() })
    }

    /// Writes the lists.
    pub fn set_peer_lists(&self, lists: &PeerLists) -> Result<(), HomeError> {
        let mut text = "# Written by `suq peers`.\n".to_owned();
        for (name, peers) in [("allowed", &lists.allowed), ("blocked", &lists.blocked)] {
            let peers: Vec<String> = peers.iter().map(|peer| format!("\"{peer}\"")).collect();
            let _ = writeln!(text, "{name} = [{}]", peers.join(", "));
        }
        self.replace("peers.toml", &text)
    }
}
