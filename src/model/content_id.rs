//! The address of a signed document.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;

use super::text::byte_form;
use super::{BadDigest, Sha256};

/// What a manifest says and who signed it, in 32 bytes.
///
/// SHA-256 over the SHA-256 of the canonical octets that the signature covers
/// followed by the SHA-256 of the signing certificate. Two files that differ
/// only in line ends, comments or base64 layout have the same content id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentId([u8; 32]);

impl ContentId {
    /// The content id of a document with these canonical octets, signed with this certificate.
    pub fn of(canonical_octets: &Sha256, certificate: &Sha256) -> ContentId {
        let mut both = [0u8; 64];
        both[..32].copy_from_slice(canonical_octets.as_bytes());
        both[32..].copy_from_slice(certificate.as_bytes());
        ContentId(*Sha256::of(&both).as_bytes())
    }

    /// The content id with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> ContentId {
        ContentId(bytes)
    }

    /// The bytes of the content id.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for ContentId {
    type Err = BadDigest;

    fn from_str(text: &str) -> Result<ContentId, BadDigest> {
        text.parse::<Sha256>().map(|digest| ContentId(*digest.as_bytes()))
    }
}

byte_form!(ContentId, 32);
