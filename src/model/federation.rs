//! The random id of a federation.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;

use super::text::byte_form;
use super::{BadDigest, Sha256};

/// 32 random bytes, drawn once when a federation is founded.
///
/// It stands in every protocol name, so nodes of different federations have no
/// protocol in common.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FederationId([u8; 32]);

impl FederationId {
    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> FederationId {
        FederationId(bytes)
    }

    /// The bytes of the id.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for FederationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for FederationId {
    type Err = BadDigest;

    fn from_str(text: &str) -> Result<FederationId, BadDigest> {
        text.parse::<Sha256>().map(|digest| FederationId(*digest.as_bytes()))
    }
}

byte_form!(FederationId, 32);
