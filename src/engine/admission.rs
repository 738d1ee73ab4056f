//! Admission: from a document someone sent to an entry, a refusal or nothing.
//!
//! A document is verified once, however many peers send it at the same time;
//! everyone who sent it waits on the same [`Candidate`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::limits::{
    CLOCK_TOLERANCE, MAX_HELD, MAX_NEWS, MAX_SYNC_WAITING, MAX_VERIFYING, MAX_WAITING,
    MAX_WAITING_PER_PEER, MAX_WRITING, RESERVED_FOR_CALLS,
};
use super::{
    Alert, CallId, Effect, Engine, GossipId, JobId, Known, Record, Reply, Standing, Written,
};
use crate::manifest::{Trust, Verified};
use crate::model::{ContentId, EntryKey, Peer, Sha256, Timestamp};
use crate::policy::{Context, Purpose, Verdict};
use crate::wire::{GossipVerdict, MAX_DOCUMENT_BYTES, RefusalRecord};

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

/// A document and everyone who waits for its fate.
#[derive(Debug)]
struct Candidate {
    document: Arc<[u8]>,
    /// Of the document: comparing many long documents that differ only at their
    /// ends would cost more than verifying them.
    digest: Sha256,
    origins: Vec<Origin>,
}

/// A judged document whose record is being written.
#[derive(Debug)]
pub(super) struct Settling {
    id: ContentId,
    key: EntryKey,
    document: Arc<[u8]>,
    origins: Vec<Origin>,
    judgement: Judgement,
    /// The rules that decided.
    rules: Sha256,
}

impl Settling {
    pub(super) fn rules(&self) -> Sha256 {
        self.rules
    }
}

#[derive(Debug)]
enum Judgement {
    Admitted,
    Refused(Verdict),
}

/// Documents on their way.
#[derive(Debug, Default)]
pub(super) struct Admission {
    verifying: BTreeMap<JobId, Candidate>,
    waiting: VecDeque<Candidate>,
    /// Waiting documents that sync asked for.
    waiting_for_sync: usize,
    /// Documents dated ahead, by the time from which they may be judged.
    held: BTreeMap<(Timestamp, ContentId), Arc<[u8]>>,
    unverified: u64,
}

impl Admission {
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.held.keys().next().map(|(due, _)| *due)
    }

    pub(super) fn len(&self) -> usize {
        self.verifying.len() + self.waiting.len()
    }

    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    pub(super) fn unverified(&self) -> u64 {
        self.unverified
    }

    /// True while sync may ask for more documents.
    pub(super) fn has_room_for_sync(&self) -> bool {
        self.waiting_for_sync < MAX_SYNC_WAITING
    }

    /// True when the document is here and waits for its time.
    pub(super) fn holds(&self, id: &ContentId) -> bool {
        self.held.keys().any(|(_, held)| held == id)
    }

    /// Adds a document to the line; gives its origin back when there is no room.
    pub(super) fn enqueue(&mut self, document: Arc<[u8]>, origin: Origin) -> Result<(), Origin> {
        let digest = Sha256::of(&document);
        let same = |candidate: &&mut Candidate| candidate.digest == digest;
        if let Some(candidate) = self.verifying.values_mut().chain(&mut self.waiting).find(same) {
            candidate.origins.push(origin);
            return Ok(());
        }
        let has_room = match origin {
            Origin::Gossip(peer, _) => self.has_room_for(peer),
            Origin::Call(_) => self.waiting.len() < MAX_WAITING,
            Origin::Sync(..) | Origin::Rejudge(_) | Origin::Held => true,
        };
        if !has_room {
            return Err(origin);
        }
        let candidate = Candidate { document, digest, origins: vec![origin] };
        self.waiting_for_sync += usize::from(candidate.is_from_sync());
        self.waiting.push_back(candidate);
        Ok(())
    }

    /// True while one more document of this peer's gossip may wait: no peer may take
    /// all the room, and all peers together leave some to this site's own callers.
    fn has_room_for(&self, peer: Peer) -> bool {
        let is_its = |candidate: &&Candidate| matches!(candidate.origins.first(), Some(Origin::Gossip(from, _)) if *from == peer);
        self.waiting.len() < MAX_WAITING - RESERVED_FOR_CALLS
            && self.waiting.iter().filter(is_its).count() < MAX_WAITING_PER_PEER
    }

    fn retry(&mut self, candidate: Candidate) {
        self.waiting_for_sync += usize::from(candidate.is_from_sync());
        self.waiting.push_front(candidate);
    }

    fn next(&mut self) -> Option<Candidate> {
        if self.verifying.len() >= MAX_VERIFYING {
            return None;
        }
        let candidate = self.waiting.pop_front()?;
        self.waiting_for_sync -= usize::from(candidate.is_from_sync());
        Some(candidate)
    }
}

impl Candidate {
    fn is_from_sync(&self) -> bool {
        matches!(self.origins.first(), Some(Origin::Sync(..)))
    }
}

impl Engine {
    pub(super) fn publish(&mut self, call: CallId, document: Arc<[u8]>) {
        if document.len() > MAX_DOCUMENT_BYTES {
            let reason = too_large(document.len());
            return self.reply(call, Reply::Unverified { reason });
        }
        if self.admission.enqueue(document, Origin::Call(call)).is_err() {
            self.reply(call, Reply::Busy);
        }
    }

    pub(super) fn heard(
        &mut self,
        peer: Peer,
        gossip: GossipId,
        document: Arc<[u8]>,
        now: Timestamp,
    ) {
        if document.len() > MAX_DOCUMENT_BYTES {
            self.judge_gossip(gossip, GossipVerdict::Reject);
        } else if !self.peers.may_gossip(peer, now) {
            // Too fast; what is worth having comes by sync.
            self.judge_gossip(gossip, GossipVerdict::Ignore);
        } else if self.admission.enqueue(document, Origin::Gossip(peer, gossip)).is_err() {
            // Not the sender's fault; sync brings the document again.
            self.judge_gossip(gossip, GossipVerdict::Ignore);
        }
    }

    /// Takes a document that a peer sent on our request.
    pub(super) fn received(&mut self, peer: Peer, asked: ContentId, document: Arc<[u8]>) {
        // Documents that sync asked for always have room: it asks for no more
        // than there is.
        let _ = self.admission.enqueue(document, Origin::Sync(peer, asked));
    }

    pub(super) fn start_verifications(&mut self) {
        while self.writes.len() + self.admission.verifying.len() < MAX_WRITING {
            let Some(candidate) = self.admission.next() else { break };
            let job = JobId(self.ids.next());
            self.outbox.push(Effect::Verify { job, document: Arc::clone(&candidate.document) });
            self.admission.verifying.insert(job, candidate);
        }
    }

    pub(super) fn release_held(&mut self, now: Timestamp) {
        while let Some(entry) = self.admission.held.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let document = entry.remove();
            let _ = self.admission.enqueue(document, Origin::Held);
        }
    }

    pub(super) fn verified(
        &mut self,
        job: JobId,
        outcome: Result<(Box<Verified>, Trust), String>,
        anchors: Sha256,
        now: Timestamp,
    ) {
        let Some(candidate) = self.admission.verifying.remove(&job) else { return };
        if anchors != self.rules.anchors {
            // Judged by anchors that no longer hold: once more, before the others.
            return self.admission.retry(candidate);
        }
        match outcome {
            Ok((verified, trust)) => self.judge(candidate, *verified, &trust, now),
            Err(reason) => self.discard(candidate.origins, &reason, now),
        }
    }

    /// A document that is not verified leaves nothing but a counter.
    fn discard(&mut self, origins: Vec<Origin>, reason: &str, now: Timestamp) {
        self.admission.unverified += 1;
        for origin in origins {
            match origin {
                Origin::Call(call) => {
                    self.reply(call, Reply::Unverified { reason: reason.to_owned() });
                }
                Origin::Gossip(peer, gossip) => {
                    self.judge_gossip(gossip, GossipVerdict::Reject);
                    self.blame(peer, reason, now);
                }
                Origin::Sync(peer, asked) => {
                    self.blame(peer, reason, now);
                    self.document_settled(peer, asked, false, now);
                }
                Origin::Rejudge(id) => self.rejudged_as_broken(id, reason),
                Origin::Held => {}
            }
        }
    }

    fn judge(&mut self, candidate: Candidate, verified: Verified, trust: &Trust, now: Timestamp) {
        let id = verified.content_id();
        let rejudged = candidate.origins.contains(&Origin::Rejudge(id));
        if let Some(standing) = self.catalogue.standing(&id).filter(|_| !rejudged) {
            return self.already_known(candidate, &verified, trust, standing, now);
        }
        let key = verified.manifest().key();
        let context = self.admission_context(trust, now);
        let rules = context.rules;
        let ahead = key.created > now.plus(CLOCK_TOLERANCE) && !rejudged;
        // What is refused anyway does not take a place among those that wait.
        if ahead && self.rules.policy.judge(&verified, &context).is_allowed() {
            return self.hold(candidate, id, &key, now);
        }
        let admitted = self.rules.policy.admit(verified, &context);
        if rejudged {
            let others = candidate.origins.into_iter().filter(|o| *o != Origin::Rejudge(id));
            let Candidate { document, digest, .. } = candidate;
            let others = Candidate { document, digest, origins: others.collect() };
            return self.rejudged(id, key, admitted, others.origins, now);
        }
        let (record, judgement) = match admitted {
            Ok(admitted) => {
                let from = candidate.origins.iter().find_map(Origin::peer);
                let admitted = Box::new(admitted);
                (Record::Entry { admitted, first_seen: now, from }, Judgement::Admitted)
            }
            Err(verdict) => {
                let record = refusal_record(&key, &verdict, now);
                (Record::Refusal { id, record }, Judgement::Refused(verdict))
            }
        };
        let Candidate { document, origins, .. } = candidate;
        let settling = Settling { id, key, document, origins, judgement, rules };
        self.store(vec![record], Written::Document(Box::new(settling)));
    }

    pub(super) fn admission_context<'a>(&self, trust: &'a Trust, now: Timestamp) -> Context<'a> {
        Context { now, trust, purpose: Purpose::Admission, rules: self.rules.digest() }
    }

    /// The record is durable: now, and only now, everyone may hear of it.
    pub(super) fn settle(
        &mut self,
        settling: Settling,
        result: Result<(), String>,
        now: Timestamp,
    ) {
        let Settling { id, key, document, origins, judgement, rules } = settling;
        if let Err(reason) = result {
            return self.not_stored(origins, &reason, now);
        }
        let (standing, gossip_verdict) = match &judgement {
            Judgement::Admitted => (Standing::Admitted, GossipVerdict::Accept),
            Judgement::Refused(verdict) if verdict.is_untrusted() => {
                (Standing::Untrusted, GossipVerdict::Ignore)
            }
            Judgement::Refused(_) if !self.relay_refused => {
                (Standing::Refused, GossipVerdict::Ignore)
            }
            Judgement::Refused(_) => (Standing::Refused, GossipVerdict::Accept),
        };
        // Two copies that differ in bytes but not in content may have been
        // judged side by side.
        let already = self.catalogue.standing(&id).is_some();
        if standing == Standing::Admitted
            && !already
            && let Some(first) = self.catalogue.rival(&key, id)
        {
            let alert = Alert::Equivocation { key: key.clone(), first, second: id };
            self.outbox.push(Effect::Alert(alert));
        }
        // The rules may have changed while the record was being written: then the
        // refusal was dropped with the others, and the entry is judged again.
        let is_stale = rules != self.rules.digest();
        let is_dropped = is_stale && standing != Standing::Admitted;
        if !already && !is_dropped {
            self.catalogue.insert(Known { id, key: key.clone(), standing });
        }
        if is_stale && standing == Standing::Admitted {
            self.rejudge.add(id);
        }
        if let Some(forgotten) = self.catalogue.forget_refusal() {
            self.store(vec![Record::ForgetRefusal(forgotten)], Written::Nothing);
        }
        if standing == Standing::Admitted && self.is_news(&origins) {
            self.outbox.push(Effect::Announce { document });
        }
        for origin in origins {
            match origin {
                Origin::Call(call) => match &judgement {
                    Judgement::Admitted => {
                        self.reply(call, Reply::Published { key: key.clone(), id, already });
                    }
                    Judgement::Refused(verdict) => {
                        let (key, verdict) = (key.clone(), verdict.clone());
                        self.reply(call, Reply::Refused { key, verdict });
                    }
                },
                Origin::Gossip(peer, gossip) => {
                    if standing == Standing::Untrusted {
                        self.peers.brought_a_stranger(peer);
                    }
                    self.judge_gossip(gossip, gossip_verdict);
                }
                Origin::Sync(peer, asked) => {
                    let right = self.check_asked(peer, asked, id, now);
                    let admitted = right && standing == Standing::Admitted;
                    self.document_settled(peer, asked, admitted, now);
                }
                Origin::Rejudge(_) | Origin::Held => {}
            }
        }
    }

    /// True for what peers may not have heard: what was published here, and what
    /// a small sync brought, for instance after a partition healed. A site that
    /// catches up with thousands of documents keeps quiet.
    fn is_news(&self, origins: &[Origin]) -> bool {
        let gossiped = origins.iter().any(|origin| matches!(origin, Origin::Gossip(..)));
        !gossiped
            && origins.iter().any(|origin| match origin {
                Origin::Call(_) => true,
                Origin::Sync(peer, _) => self.sync_missing(*peer) <= MAX_NEWS,
                Origin::Gossip(..) | Origin::Rejudge(_) | Origin::Held => false,
            })
    }

    /// A document that cannot be stored is not acknowledged; sync brings it again.
    fn not_stored(&mut self, origins: Vec<Origin>, reason: &str, now: Timestamp) {
        for origin in origins {
            match origin {
                Origin::Call(call) => {
                    self.reply(call, Reply::Failed { reason: reason.to_owned() });
                }
                Origin::Gossip(_, gossip) => self.judge_gossip(gossip, GossipVerdict::Ignore),
                Origin::Sync(peer, asked) => self.document_settled(peer, asked, false, now),
                Origin::Rejudge(_) | Origin::Held => {}
            }
        }
    }

    fn already_known(
        &mut self,
        candidate: Candidate,
        verified: &Verified,
        trust: &Trust,
        standing: Standing,
        now: Timestamp,
    ) {
        let id = verified.content_id();
        let key = verified.manifest().key();
        for origin in candidate.origins {
            match origin {
                Origin::Call(call) if standing == Standing::Admitted => {
                    // Announced again: whoever publishes twice wants it heard.
                    let document = Arc::clone(&candidate.document);
                    self.outbox.push(Effect::Announce { document });
                    self.reply(call, Reply::Published { key: key.clone(), id, already: true });
                }
                Origin::Call(call) => {
                    let context = self.admission_context(trust, now);
                    let verdict = self.rules.policy.judge(verified, &context);
                    self.reply(call, Reply::Refused { key: key.clone(), verdict });
                }
                // Passed on when it came first. What comes now is a copy with
                // other bytes, which must not travel once more.
                Origin::Gossip(_, gossip) => self.judge_gossip(gossip, GossipVerdict::Ignore),
                Origin::Sync(peer, asked) => {
                    self.check_asked(peer, asked, id, now);
                    self.document_settled(peer, asked, false, now);
                }
                Origin::Rejudge(_) | Origin::Held => {}
            }
        }
    }

    fn hold(&mut self, candidate: Candidate, id: ContentId, key: &EntryKey, now: Timestamp) {
        let due = key.created.minus(CLOCK_TOLERANCE);
        self.admission.held.insert((due, id), candidate.document);
        if self.admission.held.len() > MAX_HELD {
            // The one that lies furthest ahead can best be fetched again.
            self.admission.held.pop_last();
        }
        for origin in candidate.origins {
            match origin {
                Origin::Call(call) => self.reply(call, Reply::Waiting { key: key.clone() }),
                Origin::Gossip(_, gossip) => self.judge_gossip(gossip, GossipVerdict::Ignore),
                Origin::Sync(peer, asked) => self.document_settled(peer, asked, false, now),
                Origin::Rejudge(_) | Origin::Held => {}
            }
        }
    }

    /// A peer that sends another document than was asked for is at fault.
    fn check_asked(&mut self, peer: Peer, asked: ContentId, id: ContentId, now: Timestamp) -> bool {
        if asked != id {
            self.blame(peer, "it sent another document than was asked for", now);
        }
        asked == id
    }

    fn judge_gossip(&mut self, gossip: GossipId, verdict: GossipVerdict) {
        self.outbox.push(Effect::Judge { gossip, verdict });
    }
}

impl Origin {
    fn peer(&self) -> Option<Peer> {
        match self {
            Origin::Gossip(peer, _) | Origin::Sync(peer, _) => Some(*peer),
            Origin::Call(_) | Origin::Rejudge(_) | Origin::Held => None,
        }
    }
}

pub(super) fn refusal_record(key: &EntryKey, verdict: &Verdict, now: Timestamp) -> RefusalRecord {
    let (rule, reason) = refusal_text(verdict);
    RefusalRecord {
        key: key.clone(),
        rule,
        reason,
        untrusted: verdict.is_untrusted(),
        rules: verdict.rules,
        last_offered: now,
    }
}

/// The rule that refused, and why, with the line it stands in.
pub(super) fn refusal_text(verdict: &Verdict) -> (String, String) {
    match verdict.refusal() {
        Some(step) => {
            let reason = match &step.source {
                Some(source) => format!("{} ({source})", step.reason),
                None => step.reason.clone(),
            };
            (step.rule.clone(), reason)
        }
        None => (String::new(), String::new()),
    }
}

fn too_large(bytes: usize) -> String {
    format!("the document has {bytes} bytes; at most {MAX_DOCUMENT_BYTES} are allowed")
}
