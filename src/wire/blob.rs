//! The header of a blob stream. After the reply come the raw bytes of the
//! ranges, in the order asked.

use serde::{Deserialize, Serialize};

use crate::model::{Sha256, Sha512};

/// Largest header either way, in bytes.
pub const MAX_BLOB_HEADER_BYTES: usize = 4096;

/// Ranges in one request.
pub const MAX_RANGES: usize = 64;

/// The unit of transfer, of verification and of resumption, in bytes.
pub const PIECE_BYTES: u64 = 4 * 1024 * 1024;

/// Asks for parts of a blob on a fresh stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRequest {
    /// The blob.
    pub sha512: Sha512,
    /// What of it.
    pub ask: BlobAsk,
}

/// What of a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlobAsk {
    /// These bytes, at most [`MAX_RANGES`] ranges.
    Ranges(Vec<ByteRange>),
    /// The SHA-256 of every piece, one after the other: 32 bytes each.
    Pieces,
}

/// The SHA-256 of every piece of a blob, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PieceDigests(Vec<Sha256>);

impl PieceDigests {
    /// These digests.
    pub fn new(digests: Vec<Sha256>) -> PieceDigests {
        PieceDigests(digests)
    }

    /// Reads them as they are sent and kept: 32 octets each.
    pub fn from_octets(octets: &[u8]) -> Option<PieceDigests> {
        let (digests, rest) = octets.as_chunks::<32>();
        let digests = digests.iter().copied().map(Sha256::from_bytes).collect();
        rest.is_empty().then_some(PieceDigests(digests))
    }

    /// As they are sent and kept.
    pub fn to_octets(&self) -> Vec<u8> {
        self.0.iter().flat_map(|digest| *digest.as_bytes()).collect()
    }

    /// What a manifest signs.
    pub fn digest(&self) -> Sha256 {
        Sha256::of(&self.to_octets())
    }

    /// The digest of a piece.
    pub fn get(&self, piece: u32) -> Option<Sha256> {
        self.0.get(piece as usize).copied()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// `length` bytes from `offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByteRange {
    /// First byte.
    pub offset: u64,
    /// Number of bytes, at least 1.
    pub length: u64,
}

/// Answers a [`BlobRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlobReply {
    /// What was asked for follows.
    Found {
        /// Size of the whole blob.
        bytes: u64,
    },
    /// The blob is not here.
    NotFound,
    /// Too many transfers; try later or elsewhere.
    Busy,
    /// The request makes no sense, for instance a range past the end.
    Refused {
        /// For the log of the one who asked.
        text: String,
    },
}
