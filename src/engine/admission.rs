//! Admission: from a document someone sent to an entry, a refusal or nothing.
//!
//! A document is verified once, however many peers send it at the same time;
//! everyone who sent it waits on the same [`Candidate`].

use std::sync::Arc;

use super::limits::{CLOCK_TOLERANCE, HASTENED_SYNC, MAX_HELD, MAX_WRITING};
use super::queue::{Candidate, Found, Origin};
use super::settle::{Judgement, Settling};
use super::{CallId, Effect, Engine, GossipId, JobId, Record, Reply, Standing, Written};
use crate::manifest::{Trust, Verified};
use crate::model::{ContentId, EntryKey, Peer, Sha256, Timestamp};
use crate::policy::{Context, Entries, Purpose, Verdict};
use crate::wire::{GossipVerdict, MAX_DOCUMENT_BYTES, RefusalRecord};

impl Engine {
    pub(super) fn publish(&mut self, call: CallId, document: Arc<[u8]>, now: Timestamp) {
        if document.len() > MAX_DOCUMENT_BYTES {
            let reason = too_large(document.len());
            return self.reply(call, Reply::Unverified { reason });
        }
        if self.take_in(document, Origin::Call(call), now).is_err() {
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
            // Too fast. Others may send the same, which the network will not show
            // again: what is worth having comes by sync.
            self.sync.hasten(now.plus(HASTENED_SYNC));
            self.judge_gossip(gossip, GossipVerdict::Ignore);
        } else if self.take_in(document, Origin::Gossip(peer, gossip), now).is_err() {
            // Not the sender's fault; sync brings the document again.
            self.sync.hasten(now.plus(HASTENED_SYNC));
            self.judge_gossip(gossip, GossipVerdict::Ignore);
        }
    }

    /// Takes a document that a peer sent on our request.
    pub(super) fn received(
        &mut self,
        peer: Peer,
        asked: ContentId,
        document: Arc<[u8]>,
        now: Timestamp,
    ) {
        // Documents that sync asked for always have room: it asks for no more
        // than there is.
        let _ = self.take_in(document, Origin::Sync(peer, asked), now);
    }

    /// Has a document judged, unless that was done before; gives its origin back when
    /// there is no room.
    fn take_in(
        &mut self,
        document: Arc<[u8]>,
        origin: Origin,
        now: Timestamp,
    ) -> Result<(), Origin> {
        let digest = Sha256::of(&document);
        let Some(origin) = self.admission.join(&digest, origin) else { return Ok(()) };
        match self.admission.found(&digest) {
            Some(Found::Unverified(reason)) => {
                let reason = Arc::clone(reason);
                self.discard(vec![origin], &reason, now);
                Ok(())
            }
            // A caller hears every rule that decided, and that takes another look.
            Some(Found::Verified(id)) if !matches!(origin, Origin::Call(_)) => {
                let id = *id;
                match self.settle_known(id, origin, now) {
                    Some(origin) => self.admission.enqueue(digest, document, origin),
                    None => Ok(()),
                }
            }
            _ => self.admission.enqueue(digest, document, origin),
        }
    }

    /// Answers who brought a document that was verified before; gives the origin back
    /// when it has to be judged once more, since nothing of it was kept.
    fn settle_known(&mut self, id: ContentId, origin: Origin, now: Timestamp) -> Option<Origin> {
        if self.catalogue.standing(&id).is_none() && !self.admission.holds(&id) {
            let write = self.admission.settling.get(&id);
            return match write.and_then(|write| self.writes.get_mut(write)) {
                Some(Written::Document(settling)) => {
                    settling.join(origin);
                    None
                }
                _ => Some(origin),
            };
        }
        match origin {
            Origin::Gossip(_, gossip) => self.judge_gossip(gossip, GossipVerdict::Ignore),
            Origin::Sync(peer, asked) => {
                self.check_asked(peer, asked, id, now);
                self.document_settled(peer, asked, None, now);
            }
            Origin::Call(_) | Origin::Rejudge(_) | Origin::Held => return Some(origin),
        }
        None
    }

    pub(super) fn start_verifications(&mut self) {
        while self.writes.len() + self.admission.under_way() < MAX_WRITING {
            let started = self.admission.start(|| JobId(self.ids.next()));
            let Some((job, document)) = started else { break };
            self.outbox.push(Effect::Verify { job, document });
        }
    }

    pub(super) fn release_held(&mut self, now: Timestamp) {
        while let Some(entry) = self.admission.held.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let document = entry.remove();
            let _ = self.admission.enqueue(Sha256::of(&document), document, Origin::Held);
        }
    }

    pub(super) fn verified(
        &mut self,
        job: JobId,
        outcome: Result<(Box<Verified>, Trust), String>,
        anchors: Sha256,
        now: Timestamp,
    ) {
        let Some((digest, candidate)) = self.admission.end(job) else { return };
        if anchors != self.rules.anchors {
            // Judged by anchors that no longer hold: once more, before the others.
            return self.admission.retry(digest, candidate);
        }
        match outcome {
            Ok((verified, trust)) => {
                self.admission.remember(digest, Found::Verified(verified.content_id()));
                self.judge(candidate, *verified, &trust, now);
            }
            Err(reason) => {
                self.admission.remember(digest, Found::Unverified(Arc::from(reason.as_str())));
                self.discard(candidate.origins, &reason, now);
            }
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
                    self.document_settled(peer, asked, None, now);
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
        let entries = (!rejudged).then(|| self.entries_beside(&verified)).flatten();
        let context = self.admission_context(trust, entries, now);
        let rules = context.rules;
        let ahead = key.created > now.plus(CLOCK_TOLERANCE) && !rejudged;
        // What is refused anyway does not take a place among those that wait.
        if ahead && self.rules.policy.judge(&verified, &context).is_allowed() {
            return self.hold(candidate, id, &key, now);
        }
        let admitted = self.rules.policy.admit(verified, &context);
        if rejudged {
            let others = candidate.origins.into_iter().filter(|o| *o != Origin::Rejudge(id));
            return self.rejudged(id, key, admitted, others.collect(), now);
        }
        let (record, judgement) = match admitted {
            Ok(admitted) => {
                let from = candidate.origins.iter().find_map(Origin::peer);
                let admitted = Box::new(admitted);
                let deprecated = admitted.verified().manifest().is_deprecated();
                let judgement = Judgement::Admitted { deprecated };
                (Record::Entry { admitted, first_seen: now, from }, judgement)
            }
            Err(verdict) => {
                let record = refusal_record(&key, &verdict, now);
                (Record::Refusal { id, record }, Judgement::Refused(verdict))
            }
        };
        let Candidate { document, origins, .. } = candidate;
        let settling = Settling { id, key, document, origins, judgement, rules };
        let write = self.store(vec![record], Written::Document(Box::new(settling)));
        self.admission.settling.insert(id, write);
    }

    fn admission_context<'a>(
        &self,
        trust: &'a Trust,
        entries: Option<Entries>,
        now: Timestamp,
    ) -> Context<'a> {
        Context { now, trust, purpose: Purpose::Admission { entries }, rules: self.rules.digest() }
    }

    /// How full the catalogue is for a document; none for one that takes an image back
    /// that the same endorser has an entry for: no quota hides it.
    fn entries_beside(&self, verified: &Verified) -> Option<Entries> {
        let manifest = verified.manifest();
        let key = manifest.key();
        let takes_back = manifest.is_deprecated() && self.catalogue.has_entry_of(&key);
        (!takes_back).then(|| Entries {
            of_endorser: self.catalogue.entries_of_endorser(&key.email),
            of_all: self.catalogue.entry_count(),
        })
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
                    let context = self.admission_context(trust, None, now);
                    let verdict = self.rules.policy.judge(verified, &context);
                    self.reply(call, Reply::Refused { key: key.clone(), verdict });
                }
                // Passed on when it came first. What comes now is a copy with
                // other bytes, which must not travel once more.
                Origin::Gossip(_, gossip) => self.judge_gossip(gossip, GossipVerdict::Ignore),
                Origin::Sync(peer, asked) => {
                    self.check_asked(peer, asked, id, now);
                    self.document_settled(peer, asked, None, now);
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
                Origin::Sync(peer, asked) => self.document_settled(peer, asked, None, now),
                Origin::Rejudge(_) | Origin::Held => {}
            }
        }
    }

    /// A peer that sends another document than was asked for is at fault.
    pub(super) fn check_asked(
        &mut self,
        peer: Peer,
        asked: ContentId,
        id: ContentId,
        now: Timestamp,
    ) -> bool {
        if asked != id {
            self.blame(peer, "it sent another document than was asked for", now);
        }
        asked == id
    }

    pub(super) fn judge_gossip(&mut self, gossip: GossipId, verdict: GossipVerdict) {
        self.outbox.push(Effect::Judge { gossip, verdict });
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
