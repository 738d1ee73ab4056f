//! Judging every entry again when the policy or the trust anchors changed.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::admission::refusal_text;
use super::limits::{REJUDGE_BATCH, REJUDGE_RETRY};
use super::queue::Origin;
use super::{Alert, CallId, Effect, Engine, LoadId, Record, Reply, Rules, Standing, Written};
use crate::model::{ContentId, EntryKey, Sha256, Timestamp};
use crate::policy::{Admitted, Verdict};
use crate::wire::GossipVerdict;

/// Entries that wait to be judged again.
#[derive(Debug, Default)]
pub(super) struct Rejudge {
    waiting: VecDeque<ContentId>,
    load: Option<LoadId>,
    /// Entries of the batch under way that are not settled.
    batch: BTreeSet<ContentId>,
    /// True from the change of rules until the last entry is judged and all of it
    /// is written.
    running: bool,
    /// Entries whose new standing the store did not take.
    unwritten: BTreeSet<ContentId>,
    /// True while the store keeps refusals that are to be forgotten.
    refusals_kept: bool,
    /// When the store is tried again.
    retry: Option<Timestamp>,
}

impl Rejudge {
    pub(super) fn is_load(&self, load: LoadId) -> bool {
        self.load == Some(load)
    }

    pub(super) fn left(&self) -> usize {
        self.waiting.len() + self.batch.len()
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.retry
    }

    /// Judges one more entry, which was admitted by the rules of before.
    pub(super) fn add(&mut self, id: ContentId) {
        self.waiting.push_back(id);
        self.running = true;
    }
}

impl Engine {
    pub(super) fn rules_changed(&mut self, rules: Rules, now: Timestamp) {
        let changed = rules.digest() != self.rules.digest();
        self.rules = rules;
        if changed {
            self.begin_rejudging();
            self.sync.forget_left();
            // Documents that were refused are offered again.
            let peers: Vec<_> = self.peers.connected().collect();
            for peer in peers {
                self.end_session(peer, Some("the rules of this site changed".into()), now);
                self.sync.make_due(peer);
            }
        }
    }

    pub(super) fn begin_rejudging(&mut self) {
        self.drop_refusals();
        self.rejudge.waiting = self.catalogue.entries().map(|(id, _)| id).collect();
        self.rejudge.running = true;
    }

    fn drop_refusals(&mut self) {
        self.catalogue.drop_refusals();
        self.rejudge.refusals_kept = true;
        self.store(vec![Record::DropRefusals], Written::Refusals);
    }

    pub(super) fn continue_rejudging(&mut self, now: Timestamp) {
        if self.rejudge.retry.is_some_and(|due| due <= now) {
            self.rejudge.retry = None;
            if self.rejudge.refusals_kept {
                self.drop_refusals();
            }
            self.rejudge.waiting.extend(&self.rejudge.unwritten);
        }
        if !self.rejudge.running || self.rejudge.load.is_some() || !self.rejudge.batch.is_empty() {
            return;
        }
        let batch = REJUDGE_BATCH.min(self.rejudge.waiting.len());
        if batch == 0 {
            return self.end_rejudging();
        }
        let ids: Vec<ContentId> = self.rejudge.waiting.drain(..batch).collect();
        let load = LoadId(self.ids.next());
        self.rejudge.load = Some(load);
        self.rejudge.batch = ids.iter().copied().collect();
        self.outbox.push(Effect::Load { load, ids });
    }

    /// Records that everything is judged by the rules, once all of it is durable: a
    /// crash before means that the next start judges anew.
    fn end_rejudging(&mut self) {
        let digest = self.rules.digest();
        let is_stale = |written: &Written| match written {
            Written::Document(settling) => settling.rules() != digest,
            _ => false,
        };
        let unfinished = self.rejudge.retry.is_some()
            || self.rejudge.refusals_kept
            || self.writes.values().any(is_stale);
        if !unfinished {
            self.rejudge.running = false;
            self.store(vec![Record::Rules(digest)], Written::Rules);
        }
    }

    pub(super) fn rejudge_loaded(&mut self, documents: Vec<(ContentId, Arc<[u8]>)>) {
        self.rejudge.load = None;
        self.rejudge.batch = documents.iter().map(|(id, _)| *id).collect();
        for (id, document) in documents {
            let _ = self.admission.enqueue(Sha256::of(&document), document, Origin::Rejudge(id));
        }
    }

    pub(super) fn refusals_dropped(&mut self, result: &Result<(), String>, now: Timestamp) {
        self.rejudge.refusals_kept = result.is_err();
        self.try_again_unless(result, now);
    }

    pub(super) fn rules_written(&mut self, result: &Result<(), String>, now: Timestamp) {
        self.rejudge.running |= result.is_err();
        self.try_again_unless(result, now);
    }

    fn try_again_unless(&mut self, result: &Result<(), String>, now: Timestamp) {
        if result.is_err() {
            self.rejudge.retry.get_or_insert(now.plus(REJUDGE_RETRY));
        }
    }

    /// An entry has been judged under the new rules.
    pub(super) fn rejudged(
        &mut self,
        id: ContentId,
        key: EntryKey,
        judged: Result<Admitted, Verdict>,
        others: Vec<Origin>,
        now: Timestamp,
    ) {
        self.tell_others(others, id, &key, &judged, now);
        let before = self.catalogue.standing(&id);
        let (after, record) = match judged {
            Ok(admitted) => {
                (Standing::Admitted, Record::Restoration { admitted: Box::new(admitted) })
            }
            Err(verdict) => {
                let (rule, reason) = refusal_text(&verdict);
                let record = Record::Withdrawal { id, rule, reason, rules: verdict.rules };
                (Standing::Withdrawn, record)
            }
        };
        if before == Some(after) && !self.rejudge.unwritten.contains(&id) {
            self.rejudge.batch.remove(&id);
            return;
        }
        if let Record::Withdrawal { rule, .. } = &record {
            let alert = Alert::Withdrawn { key, rule: rule.clone() };
            self.outbox.push(Effect::Alert(alert));
            // Withheld at once: a crash before the write only means that the
            // entry is judged again.
            self.catalogue.set_standing(id, Standing::Withdrawn);
        }
        self.store(vec![record], Written::Standing(id, after));
    }

    /// A stored document that no longer verifies is never used again.
    pub(super) fn rejudged_as_broken(&mut self, id: ContentId, reason: &str) {
        self.catalogue.set_standing(id, Standing::Withdrawn);
        let record = Record::Withdrawal {
            id,
            rule: "verified".to_owned(),
            reason: reason.to_owned(),
            rules: self.rules.digest(),
        };
        self.store(vec![record], Written::Standing(id, Standing::Withdrawn));
    }

    pub(super) fn standing_written(
        &mut self,
        id: ContentId,
        standing: Standing,
        result: &Result<(), String>,
        now: Timestamp,
    ) {
        self.rejudge.batch.remove(&id);
        if result.is_ok() {
            self.rejudge.unwritten.remove(&id);
            self.catalogue.set_standing(id, standing);
        } else {
            self.rejudge.unwritten.insert(id);
        }
        self.try_again_unless(result, now);
    }

    /// Whoever sent the same document while it was judged again.
    fn tell_others(
        &mut self,
        others: Vec<Origin>,
        id: ContentId,
        key: &EntryKey,
        judged: &Result<Admitted, Verdict>,
        now: Timestamp,
    ) {
        for origin in others {
            match origin {
                Origin::Call(call) => self.tell_caller(call, id, key, judged),
                Origin::Gossip(_, gossip) => {
                    let verdict = GossipVerdict::Ignore;
                    self.outbox.push(Effect::Judge { gossip, verdict });
                }
                Origin::Sync(peer, asked) => self.document_settled(peer, asked, None, now),
                Origin::Rejudge(_) | Origin::Held => {}
            }
        }
    }

    fn tell_caller(
        &mut self,
        call: CallId,
        id: ContentId,
        key: &EntryKey,
        judged: &Result<Admitted, Verdict>,
    ) {
        let key = key.clone();
        let reply = match judged {
            Ok(_) => Reply::Published { key, id, already: true },
            Err(verdict) => Reply::Refused { key, verdict: verdict.clone() },
        };
        self.reply(call, reply);
    }
}
