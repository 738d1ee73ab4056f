//! What happens to the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    AskId, CallId, FetchId, GossipId, JobId, KnockId, LoadId, QuestionId, SyncReport, WriteId,
};
use crate::manifest::{PieceList, Trust, Verified};
use crate::membership::{Membership, Proven};
use crate::model::{Address, Checksums, ContentId, EntryKey, Identifier, Peer, Sha256, Sha512};
use crate::policy::{Policy, Verdict};
use crate::wire::{BlobName, Request, Response};

/// One thing that happened.
#[derive(Debug)]
pub enum Input {
    /// Someone at this site publishes a document; answered by a [`Reply`].
    Publish {
        /// Whom to answer.
        call: CallId,
        /// The document.
        document: Arc<[u8]>,
    },
    /// Someone at this site wants to reconcile now, with one peer or all;
    /// answered by [`Reply::Synced`].
    Sync {
        /// Whom to answer.
        call: CallId,
        /// With whom; none means every connected peer.
        peer: Option<Peer>,
    },
    /// Someone at this site wants a blob that its policy allows to use;
    /// answered by [`Reply::Fetched`] or [`Reply::NoProvider`].
    Fetch {
        /// Whom to answer.
        call: CallId,
        /// The blob and what it must match.
        wanted: Wanted,
    },
    /// This site may give up blobs, and wants to know which of them others hold;
    /// answered by [`Reply::Held`].
    Survey {
        /// Whom to answer.
        call: CallId,
        /// At most 1024 blobs with their sizes.
        blobs: BTreeMap<Sha512, u64>,
    },
    /// The caller went away; its work may go on, its reply is dropped.
    Hangup {
        /// The call.
        call: CallId,
    },
    /// A gossip message was heard.
    Heard {
        /// Who sent it.
        peer: Peer,
        /// Names the message in [`super::Effect::Judge`].
        gossip: GossipId,
        /// The document in it.
        document: Arc<[u8]>,
    },
    /// Someone at this site lets a peer into the federation, or takes that back;
    /// answered by [`Reply::Issued`].
    Issue {
        /// Whom to answer.
        call: CallId,
        /// What this node signed.
        statement: Box<Proven>,
    },
    /// A statement on a member was heard by gossip.
    HeardMembership {
        /// Who sent it.
        peer: Peer,
        /// Names the message in [`super::Effect::Judge`].
        gossip: GossipId,
        /// The statement.
        membership: Membership,
    },
    /// A stranger wants to come in.
    Knocked {
        /// Who.
        peer: Peer,
        /// Names the wish in [`super::Effect::AnswerKnock`].
        knock: KnockId,
        /// Why it says to belong here.
        chain: Vec<Membership>,
    },
    /// A peer lets this node in, at a new connection.
    Welcomed {
        /// The peer.
        peer: Peer,
        /// Why it says to belong here itself.
        chain: Vec<Membership>,
    },
    /// This site lets a peer in whatever the federation says, or no longer.
    Allowed {
        /// The peer.
        peer: Peer,
        /// False when it is let in only as a member.
        is_allowed: bool,
    },
    /// A connection to a peer is open.
    Connected {
        /// The peer.
        peer: Peer,
    },
    /// The last connection to a peer closed.
    Disconnected {
        /// The peer.
        peer: Peer,
    },
    /// A dial did not succeed.
    DialFailed {
        /// The peer.
        peer: Peer,
    },
    /// A peer can be found there: from a ticket, from the store, or it said so.
    PeerFound {
        /// The peer.
        peer: Peer,
        /// Its addresses.
        addresses: Vec<Address>,
    },
    /// Others say that a peer can be found there. Anyone can say that: it is tried
    /// while peers are wanted, and never takes the place of one that was met.
    PeerRumoured {
        /// The peer.
        peer: Peer,
        /// Its addresses.
        addresses: Vec<Address>,
    },
    /// A peer asks.
    Question {
        /// Who.
        peer: Peer,
        /// Names the question in [`super::Effect::Answer`].
        question: QuestionId,
        /// What.
        request: Request,
    },
    /// A peer answered, or cannot.
    Answered {
        /// The [`super::Effect::Ask`] it answers.
        ask: AskId,
        /// The answer, or why there is none.
        answer: Result<Response, String>,
    },
    /// A verification ended.
    Verified {
        /// The [`super::Effect::Verify`] it answers.
        job: JobId,
        /// The proof and this site's trust, or why the document is not verified.
        outcome: Result<(Box<Verified>, Trust), String>,
        /// The trust anchors that were used.
        anchors: Sha256,
    },
    /// A write is durable, or failed as a whole.
    Stored {
        /// The [`super::Effect::Store`] it answers.
        write: WriteId,
        /// Why it failed.
        result: Result<(), String>,
    },
    /// Documents were read; those that are gone are missing.
    Loaded {
        /// The [`super::Effect::Load`] it answers.
        load: LoadId,
        /// The documents found, in the order asked.
        documents: Vec<(ContentId, Arc<[u8]>)>,
    },
    /// A transfer ended.
    FetchEnded {
        /// The [`super::Effect::Fetch`] it answers.
        fetch: FetchId,
        /// How.
        outcome: FetchOutcome,
    },
    /// The policy or the trust anchors changed.
    RulesChanged(Rules),
    /// The time of [`super::Engine::deadline`] has come.
    Tick,
}

/// What this site allows.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The policy.
    pub policy: Arc<Policy>,
    /// Digest of the trust anchors.
    pub anchors: Sha256,
}

impl Rules {
    /// Digest of the policy and the anchors together.
    pub fn digest(&self) -> Sha256 {
        let mut both = [0u8; 64];
        both[..32].copy_from_slice(self.policy.digest().as_bytes());
        both[32..].copy_from_slice(self.anchors.as_bytes());
        Sha256::of(&both)
    }
}

/// A blob that is to be fetched, and everything it must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The image.
    pub identifier: Identifier,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its checksums; every one is verified.
    pub checksums: Checksums,
    /// Its pieces, where the manifest signs them.
    pub pieces: Option<PieceList>,
    /// Where else than at peers it may be had.
    pub locations: Vec<String>,
}

impl Wanted {
    /// The strongest name that the manifest gives the blob.
    pub fn name(&self) -> BlobName {
        match self.checksums.sha512() {
            Some(sha512) => BlobName::Sha512(sha512),
            None => BlobName::Sha1(self.identifier.sha1()),
        }
    }
}

/// Who has a blob.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// A peer.
    Peer(Peer),
    /// A location of the manifest.
    Url(String),
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Provider::Peer(peer) => write!(f, "{peer}"),
            Provider::Url(url) => write!(f, "{url}"),
        }
    }
}

/// What a provider brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Who.
    pub from: Provider,
    /// How much.
    pub bytes: u64,
}

/// How a transfer ended. Each names the peers that sent wrong bytes, and what was wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchOutcome {
    /// The blob is in the store, verified.
    Complete {
        /// What each provider brought.
        shares: Vec<Share>,
        /// Who lied.
        blamed: Vec<(Peer, String)>,
    },
    /// Every provider failed, lied or left: others may do better.
    Starved {
        /// What happened to each.
        failures: Vec<(Provider, String)>,
        /// Who lied.
        blamed: Vec<(Peer, String)>,
    },
    /// This node cannot take the blob, for instance because the disk is full.
    Failed {
        /// What happened and what to do.
        reason: String,
        /// Who lied.
        blamed: Vec<(Peer, String)>,
    },
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The document is in the catalogue, durably.
    Published {
        /// Its key.
        key: EntryKey,
        /// Its address.
        id: ContentId,
        /// True when it already was there.
        already: bool,
    },
    /// The document is dated ahead and will be judged at its time.
    Waiting {
        /// Its key.
        key: EntryKey,
    },
    /// The document is not verified.
    Unverified {
        /// What is wrong with it.
        reason: String,
    },
    /// This site's rules refuse the document.
    Refused {
        /// Its key.
        key: EntryKey,
        /// Every rule that was looked at.
        verdict: Verdict,
    },
    /// The statement on a member is durable here and told to others.
    Issued {
        /// Whom it is about.
        member: Peer,
        /// Why that peer belongs to the federation now; empty when it does not.
        chain: Vec<Membership>,
    },
    /// Reconciliation ended.
    Synced(Vec<SyncReport>),
    /// The blob is in the store, verified.
    Fetched {
        /// What each provider brought.
        shares: Vec<Share>,
    },
    /// No peer that can be reached holds the blob.
    NoProvider {
        /// How many peers were asked.
        asked: usize,
        /// What went wrong with those that held it.
        failures: Vec<(Provider, String)>,
    },
    /// Which connected peers say to hold the blobs.
    Held(BTreeMap<Sha512, BTreeSet<Peer>>),
    /// The node could not do it.
    Failed {
        /// What went wrong and what to do.
        reason: String,
    },
    /// The node has too much to do.
    Busy,
}
