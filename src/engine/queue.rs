//! Documents on their way to a judgement: who waits for which, in what order, and
//! what was found of those that were looked at before.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::limits::{
    MAX_JUDGED, MAX_SETTLING, MAX_SYNC_WAITING, MAX_VERIFYING, MAX_WAITING, MAX_WAITING_BYTES,
    MAX_WAITING_PER_PEER, RESERVED_FOR_CALLS,
};
use super::{CallId, GossipId, JobId, WriteId};
use crate::model::{ContentId, Peer, Sha256, Timestamp};

/// Who brought a document and waits for its fate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// A call at this site.
    Call(CallId),
    /// A gossip message.
    Gossip(Peer, GossipId),
    /// The answer to our request for this content id.
    Sync(Peer, ContentId),
    /// An entry that is judged again because the rules changed.
    Rejudge(ContentId),
    /// Its time has come.
    Held,
}

impl Origin {
    pub(super) fn peer(&self) -> Option<Peer> {
        match self {
            Origin::Gossip(peer, _) | Origin::Sync(peer, _) => Some(*peer),
            Origin::Call(_) | Origin::Rejudge(_) | Origin::Held => None,
        }
    }
}

/// A document and everyone who waits for its fate.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) document: Arc<[u8]>,
    pub(super) origins: Vec<Origin>,
}

impl Candidate {
    fn is_from_sync(&self) -> bool {
        matches!(self.origins.first(), Some(Origin::Sync(..)))
    }

    /// The peer whose gossip it counts against.
    fn gossiper(&self) -> Option<Peer> {
        match self.origins.first() {
            Some(Origin::Gossip(peer, _)) => Some(*peer),
            _ => None,
        }
    }
}

/// What verifying a document's octets gave. It depends on nothing but them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// The content id; what this site thinks of it stands in the catalogue.
    Verified(ContentId),
    /// Why it is not verified.
    Unverified(Arc<str>),
}

/// Documents on their way.
#[derive(Debug, Default)]
pub(super) struct Admission {
    /// Those that wait or are being verified, by the digest of their octets:
    /// comparing many long documents that differ only at their ends would cost more
    /// than verifying them.
    candidates: BTreeMap<Sha256, Candidate>,
    waiting: VecDeque<Sha256>,
    verifying: BTreeMap<JobId, Sha256>,
    /// Waiting documents that sync asked for.
    waiting_for_sync: usize,
    /// Bytes of the others.
    waiting_bytes: usize,
    /// Waiting documents that each peer gossiped.
    waiting_of: BTreeMap<Peer, usize>,
    /// Documents dated ahead, by the time from which they may be judged.
    pub(super) held: BTreeMap<(Timestamp, ContentId), Arc<[u8]>>,
    /// Judged documents whose record is being written.
    pub(super) settling: BTreeMap<ContentId, WriteId>,
    /// What was found of the latest documents, so that none is verified again
    /// because it comes again.
    judged: BTreeMap<Sha256, Found>,
    judged_in_order: VecDeque<Sha256>,
    pub(super) unverified: u64,
}

impl Admission {
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.held.keys().next().map(|(due, _)| *due)
    }

    pub(super) fn len(&self) -> usize {
        self.candidates.len()
    }

    /// Documents being verified.
    pub(super) fn under_way(&self) -> usize {
        self.verifying.len()
    }

    pub(super) fn unverified(&self) -> u64 {
        self.unverified
    }

    /// True while sync may ask for more documents.
    pub(super) fn has_room_for_sync(&self) -> bool {
        self.waiting_for_sync < MAX_SYNC_WAITING && self.settling.len() < MAX_SETTLING
    }

    /// True when the document is here and waits for its time.
    pub(super) fn holds(&self, id: &ContentId) -> bool {
        self.held.keys().any(|(_, held)| held == id)
    }

    /// What is known of these octets from before.
    pub(super) fn found(&self, digest: &Sha256) -> Option<&Found> {
        self.judged.get(digest)
    }

    pub(super) fn remember(&mut self, digest: Sha256, found: Found) {
        if self.judged.insert(digest, found).is_none() {
            self.judged_in_order.push_back(digest);
        }
        if self.judged.len() > MAX_JUDGED
            && let Some(oldest) = self.judged_in_order.pop_front()
        {
            self.judged.remove(&oldest);
        }
    }

    /// Adds someone who waits for a document that is on its way already; gives the
    /// origin back when it is not.
    pub(super) fn join(&mut self, digest: &Sha256, origin: Origin) -> Option<Origin> {
        match self.candidates.get_mut(digest) {
            Some(candidate) => {
                candidate.origins.push(origin);
                None
            }
            None => Some(origin),
        }
    }

    /// Adds a document to the line; gives its origin back when there is no room.
    pub(super) fn enqueue(
        &mut self,
        digest: Sha256,
        document: Arc<[u8]>,
        origin: Origin,
    ) -> Result<(), Origin> {
        let Some(origin) = self.join(&digest, origin) else { return Ok(()) };
        let fits = self.waiting_bytes + document.len() <= MAX_WAITING_BYTES;
        let has_room = match origin {
            Origin::Gossip(peer, _) => fits && self.has_room_for(peer),
            Origin::Call(_) => self.waiting.len() < MAX_WAITING,
            Origin::Sync(..) | Origin::Rejudge(_) | Origin::Held => true,
        };
        if !has_room {
            return Err(origin);
        }
        let candidate = Candidate { document, origins: vec![origin] };
        self.count_waiting(&candidate, true);
        self.candidates.insert(digest, candidate);
        self.waiting.push_back(digest);
        Ok(())
    }

    /// True while one more document of this peer's gossip may wait: no peer may take
    /// all the room, and all peers together leave some to this site's own callers.
    fn has_room_for(&self, peer: Peer) -> bool {
        self.waiting.len() < MAX_WAITING - RESERVED_FOR_CALLS
            && self.waiting_of.get(&peer).is_none_or(|count| *count < MAX_WAITING_PER_PEER)
    }

    fn count_waiting(&mut self, candidate: &Candidate, waits: bool) {
        let step = |count: usize| if waits { count + 1 } else { count.saturating_sub(1) };
        if candidate.is_from_sync() {
            self.waiting_for_sync = step(self.waiting_for_sync);
        } else if waits {
            self.waiting_bytes += candidate.document.len();
        } else {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(candidate.document.len());
        }
        if let Some(peer) = candidate.gossiper() {
            let count = step(self.waiting_of.remove(&peer).unwrap_or(0));
            if count > 0 {
                self.waiting_of.insert(peer, count);
            }
        }
    }

    /// Puts a document before all others.
    pub(super) fn retry(&mut self, digest: Sha256, candidate: Candidate) {
        self.count_waiting(&candidate, true);
        self.candidates.insert(digest, candidate);
        self.waiting.push_front(digest);
    }

    /// The next document to verify, under this job.
    pub(super) fn start(&mut self, job: impl FnOnce() -> JobId) -> Option<(JobId, Arc<[u8]>)> {
        if self.verifying.len() >= MAX_VERIFYING {
            return None;
        }
        let digest = self.waiting.pop_front()?;
        // Invariant: what waits stands among the candidates.
        let candidate = self.candidates.remove(&digest)?;
        self.count_waiting(&candidate, false);
        let document = Arc::clone(&candidate.document);
        self.candidates.insert(digest, candidate);
        let job = job();
        self.verifying.insert(job, digest);
        Some((job, document))
    }

    /// The document of a job that ended, and everyone who waits for its fate.
    pub(super) fn end(&mut self, job: JobId) -> Option<(Sha256, Candidate)> {
        let digest = self.verifying.remove(&job)?;
        self.candidates.remove(&digest).map(|candidate| (digest, candidate))
    }
}
