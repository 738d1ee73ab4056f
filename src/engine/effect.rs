//! What the engine asks of the world.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{AskId, CallId, FetchId, GossipId, JobId, KnockId, LoadId, QuestionId, Reply, WriteId};
use crate::membership::{Membership, Proven};
use crate::model::{Address, ContentId, EntryKey, Peer, Sha256, Timestamp};
use crate::policy::Admitted;
use crate::wire::{BlobName, DoorAnswer, GossipVerdict, RefusalRecord, Request, Response};

/// One thing to do. Each effect that carries an id is answered by exactly one
/// input with the same id.
#[derive(Debug)]
pub enum Effect {
    /// Verify a document and say what this site thinks of its signer; answered
    /// by [`super::Input::Verified`].
    Verify {
        /// Names the answer.
        job: JobId,
        /// The document as it was received.
        document: Arc<[u8]>,
    },
    /// Make these records durable; answered by [`super::Input::Stored`].
    Store {
        /// Names the answer.
        write: WriteId,
        /// What to keep.
        records: Vec<Record>,
    },
    /// Read documents of the store; answered by [`super::Input::Loaded`].
    Load {
        /// Names the answer.
        load: LoadId,
        /// Which, in this order.
        ids: Vec<ContentId>,
    },
    /// Tell every peer of a document; it is durable here.
    Announce {
        /// The document as it was received.
        document: Arc<[u8]>,
    },
    /// Tell every peer of a statement on a member; it is durable here.
    AnnounceMembership {
        /// The statement.
        membership: Membership,
    },
    /// Let in these peers and no others, and hang up on those that are gone.
    LetIn {
        /// Who belongs to the federation.
        members: BTreeSet<Peer>,
        /// Why this node does: what it shows at other doors.
        chain: Vec<Membership>,
    },
    /// Answer a stranger who wants to come in.
    AnswerKnock {
        /// The wish.
        knock: KnockId,
        /// The answer.
        answer: DoorAnswer,
    },
    /// What becomes of a gossip message that was heard.
    Judge {
        /// The message.
        gossip: GossipId,
        /// Its fate.
        verdict: GossipVerdict,
    },
    /// Ask a peer; answered by [`super::Input::Answered`].
    Ask {
        /// Names the answer.
        ask: AskId,
        /// Whom.
        peer: Peer,
        /// What.
        request: Request,
    },
    /// Answer a peer's question.
    Answer {
        /// The question.
        question: QuestionId,
        /// The answer.
        response: Response,
    },
    /// Answer a peer's question about blobs from what is on this disk.
    AnswerHoldings {
        /// The question.
        question: QuestionId,
        /// The blobs it is about.
        names: Vec<BlobName>,
    },
    /// Fetch a blob's missing bytes from all providers; answered by
    /// [`super::Input::FetchEnded`].
    Fetch {
        /// Names the answer.
        fetch: FetchId,
        /// The blob and what it must match.
        wanted: Arc<super::Wanted>,
    },
    /// A peer holds a blob that is being fetched.
    Provide {
        /// The transfer.
        fetch: FetchId,
        /// Who said to hold it.
        peer: Peer,
        /// The name that peer serves it under.
        sha512: crate::model::Sha512,
    },
    /// Open a connection.
    Dial {
        /// To whom.
        peer: Peer,
        /// Where it may be.
        addresses: Vec<Address>,
    },
    /// Close the connections to a peer that misbehaves.
    Disconnect {
        /// Whom.
        peer: Peer,
    },
    /// Answer someone at this site.
    Reply {
        /// The call.
        call: CallId,
        /// The answer.
        reply: Reply,
    },
    /// Tell the operators of this site.
    Alert(Alert),
}

/// One thing to keep.
#[derive(Debug)]
pub enum Record {
    /// An admitted document, as an entry.
    Entry {
        /// The document with the proof that it was admitted.
        admitted: Box<Admitted>,
        /// When this node first saw it.
        first_seen: Timestamp,
        /// Whom it came from; none when it was published here.
        from: Option<Peer>,
    },
    /// A document that was refused.
    Refusal {
        /// The document.
        id: ContentId,
        /// Why.
        record: RefusalRecord,
    },
    /// An entry that the rules no longer allow.
    Withdrawal {
        /// The entry.
        id: ContentId,
        /// The rule that refuses it now.
        rule: String,
        /// Why.
        reason: String,
        /// The rules that decided.
        rules: Sha256,
    },
    /// A withdrawn entry that the rules allow again.
    Restoration {
        /// The proof that it was admitted.
        admitted: Box<Admitted>,
    },
    /// Forget one refusal, to make room.
    ForgetRefusal(ContentId),
    /// Forget every refusal: the rules changed, so the documents are to be judged anew.
    DropRefusals,
    /// Every entry has been judged under these rules.
    Rules(Sha256),
    /// Who is a member, in the place of what the same issuer said before.
    Membership(Box<Proven>),
    /// Forget a statement that has expired.
    ForgetMembership {
        /// Whom it is about.
        member: Peer,
        /// Who made it.
        issuer: Peer,
    },
    /// Where a peer can be found.
    Peer {
        /// The peer.
        peer: Peer,
        /// Its addresses.
        addresses: Vec<Address>,
    },
}

/// What the operators of a site should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alert {
    /// An endorser signed two different documents under one key.
    Equivocation {
        /// The key.
        key: EntryKey,
        /// The document that was there.
        first: ContentId,
        /// The document that came.
        second: ContentId,
    },
    /// A peer lost its standing by what it sent.
    Misbehaviour {
        /// The peer.
        peer: Peer,
        /// What it did last.
        reason: String,
    },
    /// An admitted entry is no longer allowed by this site's rules.
    Withdrawn {
        /// The entry.
        key: EntryKey,
        /// The rule that refuses it.
        rule: String,
    },
    /// This node is no longer a member of its federation.
    Excluded,
    /// The store refused a write; nothing of it was acknowledged.
    StoreFailed {
        /// What the store said.
        reason: String,
    },
}
