//! Where a node can be reached.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::text::text_form;

/// Longest address accepted, in bytes: a DNS name of 253 with its protocols.
const MAX_BYTES: usize = 300;

/// A multiaddress such as `/ip4/192.0.2.1/tcp/4001`, checked only for shape:
/// what it means is for the network layer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(String);

impl Address {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text that cannot be a multiaddress.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an address: something like /ip4/192.0.2.1/tcp/4001 is needed")]
pub struct BadAddress {
    text: String,
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Address, BadAddress> {
        let fits = text.len() <= MAX_BYTES
            && text.len() > 1
            && text.starts_with('/')
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits {
            Ok(Address(text.to_owned()))
        } else {
            Err(BadAddress { text: text.chars().take(80).collect() })
        }
    }
}

text_form!(Address);

/// Whether others reach a node by the addresses that it listens on or announces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reachable {
    /// Peers are asked to try.
    #[default]
    Auto,
    /// They do.
    Yes,
    /// They do not: the node is behind NAT.
    No,
}
