//! What nodes ask each other, one answer to each question.

use serde::{Deserialize, Serialize};

use crate::membership::Membership;
use crate::model::{ContentId, Sha1, Sha256, Sha512};

/// Largest reconciliation frame, in bytes. Recent differences need a few
/// hundred; widely different sets take more rounds instead of larger frames.
pub const MAX_RECONCILE_FRAME_BYTES: usize = 128 * 1024;

/// Ids in one page of a list: what fits an answer, at 32 bytes each.
pub const MAX_LISTED: usize = 32_000;

/// Documents asked for in one request: 64 of 5 kB fill a third of an answer.
pub const MAX_DOCUMENTS: usize = 64;

/// Digests asked about in one request.
pub const MAX_HOLDINGS: usize = 64;

/// A question to one peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// A frame of range-based reconciliation (negentropy v1) over what the sender knows.
    Reconcile(#[serde(with = "serde_bytes")] Vec<u8>),
    /// The ids of the documents that the peer hands out, from this place on: cheaper
    /// than reconciliation when a large part differs.
    List(Position),
    /// Documents by content id, at most [`MAX_DOCUMENTS`].
    Documents(Vec<ContentId>),
    /// Which of these blobs the peer holds, at most [`MAX_HOLDINGS`].
    Holdings(Vec<BlobName>),
    /// The memberships of a closed federation, unless the peer's have this digest.
    Members(Sha256),
}

/// A place in the order of reconciliation: endorsement date, then content id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Of the endorsement date: whole seconds since 1970, 0 for those before.
    pub seconds: u64,
    /// Of the document.
    pub id: ContentId,
}

/// A blob by either of its names: old manifests list no SHA-512.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlobName {
    /// By SHA-1, the number behind an image's identifier.
    Sha1(Sha1),
    /// By SHA-512, the name it is stored and transferred under.
    Sha512(Sha512),
}

/// The answer to a [`Request`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// The next frame.
    Reconcile(#[serde(with = "serde_bytes")] Vec<u8>),
    /// A page of the list that was asked for, in its order.
    List {
        /// At most [`MAX_LISTED`] content ids, one after the other without anything between.
        #[serde(with = "serde_bytes")]
        ids: Vec<u8>,
        /// Where the next page begins; none when this is the last.
        next: Option<Position>,
    },
    /// The documents the peer has; what is missing is not listed. When the
    /// answer is full, `more` is true and the rest must be asked for again.
    Documents {
        /// Documents, in the order asked.
        documents: Vec<Document>,
        /// True when some that were asked for did not fit.
        more: bool,
    },
    /// The blobs the peer holds.
    Holdings(Vec<Holding>),
    /// Every membership that the peer knows, at most
    /// [`crate::membership::MAX_STATEMENTS`]; none when it knows the same.
    Members(Vec<Membership>),
    /// The question was not answered.
    Error {
        /// What kind of failure.
        code: ErrorCode,
        /// For the log of the one who asked.
        text: String,
    },
}

/// A signed manifest, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The content id that was asked for.
    pub id: ContentId,
    /// The document.
    #[serde(with = "serde_bytes")]
    pub octets: Vec<u8>,
}

/// A blob that a peer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// The name that was asked about.
    pub name: BlobName,
    /// The name to ask for its bytes under.
    pub sha512: Sha512,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Why a question was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// The version of the message is not known.
    Version,
    /// The message is malformed or over a limit.
    Malformed,
    /// Too much is being asked; try later.
    Busy,
    /// The node failed; try another.
    Failed,
}
