//! The header of a blob stream. After the reply come the raw bytes of the
//! ranges, in the order asked.

use serde::{Deserialize, Serialize};

use crate::model::Sha512;

/// Largest header either way, in bytes.
pub const MAX_BLOB_HEADER_BYTES: usize = 4096;

/// Ranges in one request.
pub const MAX_RANGES: usize = 64;

/// Asks for parts of a blob on a fresh stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRequest {
    /// The blob.
    pub sha512: Sha512,
    /// Which bytes, at most [`MAX_RANGES`] ranges.
    pub ranges: Vec<ByteRange>,
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
    /// The bytes follow.
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
