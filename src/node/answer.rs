//! What a node answers: the shapes of `--json`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::CollectView;
use super::counts::Counts;
use super::live::Progress;
use super::mirror::MirrorView;
use crate::blobs::ScrubState;
use crate::engine::Share;
use crate::engine::timeline::Status;
use crate::engine::{Stats, SyncReport};
use crate::manifest::{Manifest, Signer};
use crate::model::{
    Address, ContentId, Email, EntryKey, FederationId, Identifier, Peer, Sha512, Timestamp,
};
use crate::policy::{Step, Verdict};
use crate::search::Rank;

/// The answer to a [`super::Call`]. Progress may come before any of the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// How far a transfer is; more answers follow.
    Progress(Progress),
    /// The transfer was under way before, and is this far; more answers follow.
    Attached(Progress),
    /// Done, nothing more to say.
    Done,
    /// How the node is.
    Status(Box<StatusView>),
    /// A ticket.
    Invite(InviteView),
    /// Peers.
    Peers(Vec<PeerView>),
    /// Members of the federation.
    Members(MembersView),
    /// A document is in the catalogue.
    Published {
        /// Its key.
        key: EntryKey,
        /// Its address.
        content_id: ContentId,
        /// True when it already was there.
        already: bool,
    },
    /// A document will be judged at its time.
    Waiting {
        /// Its key.
        key: EntryKey,
    },
    /// What reconciliations did, one for each peer.
    Synced(Vec<SyncReport>),
    /// How far reconciliations are; more answers follow.
    Syncing(Vec<SyncReport>),
    /// An image is in the store.
    Got(ImageView),
    /// Entries.
    Entries(Vec<EntryView>),
    /// What a search found.
    Found(FoundView),
    /// Connected peers that hold a blob.
    Holders(BTreeSet<Peer>),
    /// Every rule.
    Why(WhyView),
    /// The policy.
    Policy(PolicyView),
    /// Addresses of documents.
    Ids(Vec<ContentId>),
    /// Documents byte for byte; those that are gone are left out.
    Documents(Vec<String>),
    /// What a collection did.
    Collected(CollectView),
    /// It could not be done.
    Failed(Failure),
}

/// Why a call could not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind: decides the exit code.
    pub kind: FailureKind,
    /// What, which, and what to do.
    pub message: String,
}

/// The kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// Something went wrong.
    Failed,
    /// This site's rules refuse it.
    Refused,
    /// There is no such thing.
    NotFound,
    /// The document or image is not what it says.
    NotVerified,
    /// The node or its peers cannot be reached.
    Unreachable,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into() }
    }
}

/// How a node is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusView {
    /// The site's name.
    pub name: String,
    /// The node's name.
    pub peer: Peer,
    /// The federation's name.
    pub federation: String,
    /// The federation's id.
    pub federation_id: FederationId,
    /// How this node stands in it.
    pub membership: MembershipView,
    /// When it started.
    pub started: Timestamp,
    /// Where the node listens.
    pub listening: Vec<Address>,
    /// Where HTTP is answered,
    pub http: Vec<SocketAddr>,
    /// and where over TLS.
    pub https: Vec<SocketAddr>,
    /// Numbers of documents.
    pub documents: Stats,
    /// What was done since the start.
    pub counts: Counts,
    /// Blobs in the store.
    pub blobs: usize,
    /// Where the scrub is, which reads stored images again.
    pub scrub: ScrubState,
    /// Images that were found damaged and have not come again.
    pub damaged: usize,
    /// Bytes on the disk.
    pub disk: DiskView,
    /// Bytes of images that were sent to peers since the start.
    pub sent: u64,
    /// What the mirror rules have fetched.
    pub mirror: MirrorView,
    /// Connected peers.
    pub connected: Vec<Peer>,
    /// When the catalogue was last reconciled with each peer.
    pub reconciled: Vec<(Peer, Timestamp)>,
    /// Latest alerts, oldest first.
    pub alerts: Vec<String>,
    /// Why images should not be asked for here now, one line for each reason.
    pub unready: Vec<String>,
    /// Warnings about the policy, and why it refuses everything when it does.
    pub policy: PolicyView,
    /// Trusted authorities.
    pub anchors: Vec<String>,
}

/// Bytes on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskView {
    /// Of images, also of those on their way.
    pub blobs: u64,
    /// What they may take; none when it is up to the disk.
    pub quota: Option<u64>,
    /// Of the store; none when it cannot be found out.
    pub store: Option<u64>,
    /// What is free where the home is; none when it cannot be found out.
    pub free: Option<u64>,
}

/// A ticket for another site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteView {
    /// The ticket.
    pub ticket: String,
    /// The addresses in it.
    pub addresses: Vec<Address>,
    /// True when only members come in.
    pub is_closed: bool,
}

/// The members of a federation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembersView {
    /// True when only they come in.
    pub closed: bool,
    /// Everyone that a founder, or a member, let in.
    pub members: Vec<MemberView>,
}

/// A member of a federation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView {
    /// Its name.
    pub peer: Peer,
    /// True when its word counts from the beginning.
    pub founder: bool,
    /// Until when it is a member; none for founders.
    pub expires: Option<Timestamp>,
    /// True for this node.
    pub own: bool,
}

/// How a node stands in its federation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipView {
    /// True when only members come in here.
    pub closed: bool,
    /// True when this node is one.
    pub member: bool,
    /// True when its word counts from the beginning.
    pub founder: bool,
    /// Until when it is a member; none for founders.
    pub expires: Option<Timestamp>,
    /// How many there are.
    pub members: usize,
}

/// A peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerView {
    /// Its name.
    pub peer: Peer,
    /// True when a connection is open.
    pub connected: bool,
    /// Where it can be found.
    pub addresses: Vec<Address>,
    /// When the catalogue was last reconciled with it.
    pub reconciled: Option<Timestamp>,
    /// True when it is kept out.
    pub blocked: bool,
}

/// An entry of the catalogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntryView {
    /// Its address.
    pub content_id: ContentId,
    /// Where it stands in its endorser's timeline.
    pub status: Status,
    /// What it says.
    pub manifest: Manifest,
    /// When this node first saw it.
    pub first_seen: Timestamp,
    /// Whom it came from; none when it was published here.
    pub from: Option<Peer>,
    /// True when another document stands under the same key.
    pub equivocation: bool,
    /// True when the image's blob is in this store.
    pub blob_here: bool,
}

/// A page of what a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundView {
    /// How many entries there are in all.
    pub total: u64,
    /// This page of them: those whose words fit best first, then the newest endorsement.
    pub entries: Vec<EntryRow>,
    /// Where the next page begins; none when this is the last.
    pub next: Option<Rank>,
    /// How many of all of them have each value, the most frequent first, under the name of
    /// the filter: os, arch, kind, endorser.
    pub counts: BTreeMap<String, Vec<CountView>>,
}

/// How many entries have a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountView {
    /// The value.
    pub value: String,
    /// How many.
    pub count: u64,
}

/// An entry in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRow {
    /// The image.
    pub identifier: Identifier,
    /// The endorser's address.
    pub endorser: Email,
    /// When it was endorsed.
    pub endorsed: Timestamp,
    /// The document.
    pub content_id: ContentId,
    /// Where it stands in its endorser's timeline.
    pub status: Status,
    /// True when the image's blob is in this store.
    pub blob_here: bool,
    /// `dcterms:title`.
    pub title: Option<String>,
    /// `dcterms:description`.
    pub description: Option<String>,
    /// `dcterms:alternative`.
    pub tag: Option<String>,
    /// `slterms:os`.
    pub os: Option<String>,
    /// `slterms:os-version`.
    pub os_version: Option<String>,
    /// `slterms:os-arch`.
    pub os_arch: Option<String>,
    /// `slterms:kind`: machine or disk.
    pub kind: Option<String>,
    /// `dcterms:format`: raw or qcow2.
    pub format: Option<String>,
    /// Size of the uncompressed image in bytes.
    pub bytes: u64,
    /// The SHA-512 of the image, when the manifest has one.
    pub sha512: Option<Sha512>,
    /// Not to be used after this.
    pub valid: Option<Timestamp>,
    /// Why the image must not be used any more.
    pub deprecated: Option<String>,
    /// Where the image is said to be.
    pub locations: Vec<String>,
    /// When this node first saw the entry.
    pub first_seen: Timestamp,
}

impl From<EntryView> for EntryRow {
    fn from(entry: EntryView) -> EntryRow {
        let key = entry.manifest.key();
        let details = entry.manifest.details;
        EntryRow {
            identifier: key.identifier,
            endorser: key.email,
            endorsed: key.created,
            content_id: entry.content_id,
            status: entry.status,
            blob_here: entry.blob_here,
            title: details.title,
            description: details.description,
            tag: details.tag,
            os: details.os,
            os_version: details.os_version,
            os_arch: details.os_arch,
            kind: details.kind,
            format: details.format,
            bytes: entry.manifest.bytes,
            sha512: entry.manifest.checksums.sha512(),
            valid: details.valid,
            deprecated: details.deprecated,
            locations: details.locations,
            first_seen: entry.first_seen,
        }
    }
}

/// An image that is in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageView {
    /// The image.
    pub identifier: Identifier,
    /// The blob.
    pub sha512: Sha512,
    /// Its size.
    pub bytes: u64,
    /// Who vouches for it, and was believed.
    pub endorser: String,
    /// What each provider brought; nothing when it was already here.
    pub from: Vec<Share>,
}

/// Every rule that decides about an image's entries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WhyView {
    /// The image.
    pub identifier: Identifier,
    /// Its entries.
    pub entries: Vec<JudgedEntry>,
}

/// An entry, or a refused document, with what decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedEntry {
    /// The key it stands, or would stand, under.
    pub key: EntryKey,
    /// Its address.
    pub content_id: ContentId,
    /// Its status; none when it is not in the catalogue.
    pub status: Option<Status>,
    /// Who signed; none when the document is not kept.
    pub signer: Option<Signer>,
    /// The rules that were looked at for using the image now.
    pub verdict: Verdict,
    /// The mirror rules that were looked at; nothing where nothing is mirrored, and of what
    /// is not kept.
    pub mirror: Vec<Step>,
}

/// The policy of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyView {
    /// The file.
    pub file: String,
    /// Why it refuses everything; none when it could be read.
    pub broken: Option<String>,
    /// Items that can never match.
    pub warnings: Vec<String>,
    /// Which images this site fetches by itself, one line for each rule.
    pub mirror: Vec<String>,
}
