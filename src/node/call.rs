//! What a node can be asked.

use serde::{Deserialize, Serialize};

use super::{Collect, ImageName};
use crate::engine::timeline::Status;
use crate::model::{ContentId, Email, Peer, Sha512, Timestamp};
use crate::search::Rank;

/// One question or order to a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// How the node is. Needs a running node.
    Status,
    /// Nothing: whether the node answers. Needs a running node.
    Ping,
    /// Stop. Needs a running node.
    Stop,
    /// A ticket for another site. Needs a running node.
    Invite {
        /// Whom it makes a member of a closed federation.
        member: Option<Peer>,
        /// For how long.
        days: u32,
    },
    /// Take a peer's membership back. Needs a running node.
    Revoke(Peer),
    /// The members of a closed federation. Needs a running node.
    Members,
    /// Connected and remembered peers. Needs a running node.
    Peers,
    /// Remember the peer of a ticket and connect to it. Needs a running node.
    AddPeer(String),
    /// Let a peer in. Needs a running node.
    AllowPeer(Peer),
    /// Keep a peer out. Needs a running node.
    BlockPeer(Peer),
    /// Publish a document. Needs a running node.
    Publish(String),
    /// Reconcile now. Needs a running node.
    Sync(Option<Peer>),
    /// How far the reconciliations under way are. Needs a running node.
    Syncs,
    /// Judge an image anew and have its blob here. Needs a running node when
    /// the blob has to be fetched.
    Get {
        /// The image.
        image: ImageName,
        /// True to take what the catalogue says however old it is.
        stale: bool,
    },
    /// Which connected peers hold a blob of this size. Needs a running node.
    Holders {
        /// The blob.
        sha512: Sha512,
        /// Its size.
        bytes: u64,
    },
    /// Read policy and trust again, and judge everything by them. Needs a running node.
    Reload,
    /// Entries that fit a query.
    Search(Query),
    /// An image with its current entries.
    Show(ImageName),
    /// Every entry of an image.
    Timeline(ImageName),
    /// Every rule that decides about an image's entries.
    Why {
        /// The image.
        image: ImageName,
        /// Only of this endorser.
        email: Option<Email>,
        /// Only the entry of this date.
        created: Option<Timestamp>,
    },
    /// What this site's rules say of a document, without admitting it.
    Check(String),
    /// The policy with its warnings.
    Policy,
    /// The admitted documents that this site first saw since a time, of some images
    /// or of all.
    Documents {
        /// None for the beginning.
        since: Option<Timestamp>,
        /// None for all.
        images: Vec<ImageName>,
    },
    /// Documents byte for byte.
    Read(Vec<ContentId>),
    /// Take away images that the quota has no place for, and leftovers. A running node
    /// asks its peers for other copies; without one nobody is known to have any.
    Collect(Collect),
}

/// What to search for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Each must occur, or begin a word, in title, description, system, tag, endorser or identifier.
    pub words: Vec<String>,
    /// `slterms:os`.
    pub os: Option<String>,
    /// `slterms:os-version`.
    pub os_version: Option<String>,
    /// `slterms:os-arch`.
    pub arch: Option<String>,
    /// `slterms:kind`.
    pub kind: Option<String>,
    /// The endorser's address.
    pub endorser: Option<Email>,
    /// `dcterms:alternative`.
    pub tag: Option<String>,
    /// Which entries.
    #[serde(default)]
    pub status: StatusFilter,
    /// Where the page begins: what the page before gave as `next`.
    #[serde(default)]
    pub after: Option<Rank>,
    /// Entries of a page; 50 when it is left out, and [`MAX_PAGE`] at the most.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// Entries of a page, at the most.
pub const MAX_PAGE: usize = 1000;

/// Which entries a query wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StatusFilter {
    /// Usable ones.
    #[default]
    Current,
    /// Latest entries that deprecate.
    Deprecated,
    /// Latest entries that have expired.
    Expired,
    /// Entries that a newer one of the same endorser replaces.
    Superseded,
    /// Entries that this site's rules no longer allow.
    Withdrawn,
    /// Every entry.
    All,
}

impl StatusFilter {
    /// The status that is wanted; none for all.
    pub const fn status(self) -> Option<Status> {
        match self {
            StatusFilter::Current => Some(Status::Current),
            StatusFilter::Deprecated => Some(Status::Deprecated),
            StatusFilter::Expired => Some(Status::Expired),
            StatusFilter::Superseded => Some(Status::Superseded),
            StatusFilter::Withdrawn => Some(Status::Withdrawn),
            StatusFilter::All => None,
        }
    }
}

impl Call {
    /// True when the store alone can answer it.
    pub fn needs_no_node(&self) -> bool {
        matches!(
            self,
            Call::Search(_)
                | Call::Show(_)
                | Call::Timeline(_)
                | Call::Why { .. }
                | Call::Check(_)
                | Call::Policy
                | Call::Documents { .. }
                | Call::Read(_)
                | Call::Get { .. }
                | Call::Collect(_)
        )
    }
}
