//! Settling: a judged document whose record is durable becomes known, and everyone
//! who brought it hears of it.

use std::sync::Arc;

use super::limits::MAX_NEWS;
use super::queue::Origin;
use super::{Alert, ChangeKind, Effect, Engine, Known, Record, Reply, Standing, Written};
use crate::model::{ContentId, EntryKey, Sha256, Timestamp};
use crate::policy::Verdict;
use crate::wire::GossipVerdict;

/// A judged document whose record is being written.
#[derive(Debug)]
pub(super) struct Settling {
    pub(super) id: ContentId,
    pub(super) key: EntryKey,
    pub(super) document: Arc<[u8]>,
    pub(super) origins: Vec<Origin>,
    pub(super) judgement: Judgement,
    /// The rules that decided.
    pub(super) rules: Sha256,
}

impl Settling {
    pub(super) fn rules(&self) -> Sha256 {
        self.rules
    }

    /// Someone else brought the same document meanwhile.
    pub(super) fn join(&mut self, origin: Origin) {
        self.origins.push(origin);
    }
}

/// What the rules said.
#[derive(Debug)]
pub(super) enum Judgement {
    Admitted { deprecated: bool },
    Refused(Verdict),
}

impl Judgement {
    fn standing(&self) -> Standing {
        match self {
            Judgement::Admitted { .. } => Standing::Admitted,
            Judgement::Refused(verdict) if verdict.is_untrusted() => Standing::Untrusted,
            Judgement::Refused(_) => Standing::Refused,
        }
    }

    fn change(&self) -> ChangeKind {
        match self {
            Judgement::Admitted { deprecated: false } => ChangeKind::Admitted,
            Judgement::Admitted { deprecated: true } => ChangeKind::Deprecated,
            Judgement::Refused(_) => ChangeKind::Refused,
        }
    }
}

impl Engine {
    /// The record is durable: now, and only now, everyone may hear of it.
    pub(super) fn settle(
        &mut self,
        settling: Settling,
        result: Result<(), String>,
        now: Timestamp,
    ) {
        let Settling { id, key, document, origins, judgement, rules } = settling;
        self.admission.settling.remove(&id);
        if let Err(reason) = result {
            return self.not_stored(origins, &reason, now);
        }
        let standing = judgement.standing();
        let gossip_verdict = self.relay_verdict(&judgement, &key, &origins, now);
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
                    Judgement::Admitted { .. } => {
                        self.reply(call, Reply::Published { key: key.clone(), id, already });
                    }
                    Judgement::Refused(verdict) => {
                        let (key, verdict) = (key.clone(), verdict.clone());
                        self.reply(call, Reply::Refused { key, verdict });
                    }
                },
                Origin::Gossip(_, gossip) => self.judge_gossip(gossip, gossip_verdict),
                Origin::Sync(peer, asked) => {
                    let right = self.check_asked(peer, asked, id, now);
                    let change = (right && !already).then_some((&key, judgement.change()));
                    self.document_settled(peer, asked, change, now);
                }
                Origin::Rejudge(_) | Origin::Held => {}
            }
        }
    }

    /// Whether what was gossiped is passed on.
    fn relay_verdict(
        &mut self,
        judgement: &Judgement,
        key: &EntryKey,
        origins: &[Origin],
        now: Timestamp,
    ) -> GossipVerdict {
        let gossips = || origins.iter().filter(|origin| matches!(origin, Origin::Gossip(..)));
        if gossips().next().is_none() {
            return GossipVerdict::Ignore;
        }
        let is_passed_on = match judgement.standing() {
            Standing::Untrusted => {
                gossips().filter_map(Origin::peer).for_each(|peer| {
                    self.peers.charge_untrusted(peer, now);
                });
                return GossipVerdict::Ignore;
            }
            Standing::Refused => self.relay_refused,
            Standing::Admitted | Standing::Withdrawn => true,
        };
        let takes_back = matches!(judgement, Judgement::Admitted { deprecated: true })
            && self.catalogue.has_entry_of(key);
        match is_passed_on && self.may_pass_on(&key.email, takes_back, now) {
            true => GossipVerdict::Accept,
            false => GossipVerdict::Ignore,
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
                Origin::Sync(peer, asked) => self.document_settled(peer, asked, None, now),
                Origin::Rejudge(_) | Origin::Held => {}
            }
        }
    }
}
