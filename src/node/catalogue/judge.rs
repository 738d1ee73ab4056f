//! The judgement of every use, and why.

use std::time::Duration;

use super::{Catalogue, Entry, Trusted, store_failed};
use crate::blobs::Blob;
use crate::engine::Wanted;
use crate::engine::timeline::{self, Fact, Status};
use crate::manifest::{Manifest, Verified};
use crate::model::{Checksums, Email, Identifier, Sha256, Timestamp};
use crate::node::{Failure, FailureKind, ImageName, ImageView, JudgedEntry, WhyView};
use crate::policy::{Context, Outcome, Purpose, Step, Verdict};
use crate::wire::{Fate, RefusalRecord};

/// An image whose use this site's rules allow now.
#[derive(Debug, Clone)]
pub(in crate::node) struct Allowed {
    pub(in crate::node) wanted: Wanted,
    pub(in crate::node) endorser: Email,
}

impl Catalogue {
    /// Judges every current entry of an image anew; the image may be used when
    /// one of them passes.
    pub(in crate::node) fn allowed(
        &self,
        image: &ImageName,
        stale: bool,
        now: Timestamp,
    ) -> Result<Allowed, Failure> {
        let identifier = self.identifier(image)?;
        let entries = self.entries_of(&identifier)?;
        if entries.is_empty() {
            return Err(self.nothing_about(&identifier));
        }
        let mut reasons = Vec::new();
        for (entry, judged) in self.judge_all(entries, stale, now)? {
            if judged.verdict.is_allowed() {
                let manifest = entry.manifest;
                let wanted = Wanted {
                    identifier,
                    bytes: manifest.bytes,
                    checksums: manifest.checksums,
                    pieces: manifest.pieces,
                    locations: manifest.details.locations,
                };
                let endorser = manifest.endorsement.email;
                return Ok(Allowed { wanted, endorser });
            }
            // What a newer entry of the same endorser replaces is no reason.
            if judged.status != Some(Status::Superseded) {
                reasons.push(format!("{}: {}", judged.key, refusal(&judged.verdict)));
            }
        }
        let message = format!(
            "{identifier} is refused by this site's rules:\n  {}\nSee `suq why {identifier}`",
            reasons.join("\n  ")
        );
        Err(Failure::new(FailureKind::Refused, message))
    }

    /// The image, when it may be used and is here.
    pub(super) fn get_stored(
        &self,
        image: &ImageName,
        stale: bool,
        now: Timestamp,
    ) -> Result<ImageView, Failure> {
        let allowed = self.allowed(image, stale, now)?;
        self.stored(&allowed).ok_or_else(|| {
            let message = format!(
                "{} is not in this store, and no node is running to fetch it: start one with \
                 `suq serve`",
                allowed.wanted.identifier
            );
            Failure::new(FailureKind::Unreachable, message)
        })
    }

    /// The blob of an allowed image, when it is here. It counts as used.
    pub(in crate::node) fn stored(&self, allowed: &Allowed) -> Option<ImageView> {
        let Wanted { identifier, bytes, checksums, .. } = &allowed.wanted;
        let blob = self.blob(identifier, *bytes, checksums)?;
        self.blobs.mark_used(&blob.sha512);
        Some(ImageView {
            identifier: *identifier,
            sha512: blob.sha512,
            bytes: blob.bytes,
            endorser: allowed.endorser.to_string(),
            from: Vec::new(),
        })
    }

    /// The blob that a manifest describes, when it is here.
    pub(in crate::node) fn holds(&self, manifest: &Manifest) -> Option<Blob> {
        self.blob(&manifest.identifier, manifest.bytes, &manifest.checksums)
    }

    fn blob(&self, image: &Identifier, bytes: u64, checksums: &Checksums) -> Option<Blob> {
        let blob = self.blobs.by_sha1(&image.sha1())?;
        // SHA-1 alone is never enough when the manifest has more.
        let named = checksums.sha512().is_none_or(|sha512| sha512 == blob.sha512);
        (named && blob.bytes == bytes).then_some(blob)
    }

    /// Every rule for using each entry now, and for what was refused.
    pub fn why(
        &self,
        image: &ImageName,
        email: Option<&Email>,
        created: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<WhyView, Failure> {
        let identifier = self.identifier(image)?;
        let judged = self.judge_all(self.entries_of(&identifier)?, false, now)?;
        let mut entries: Vec<JudgedEntry> = judged.into_iter().map(|(_, judged)| judged).collect();
        entries.extend(self.refusals_of(&identifier)?);
        entries.retain(|entry| {
            email.is_none_or(|email| *email == entry.key.email)
                && created.is_none_or(|created| created == entry.key.created)
        });
        if entries.is_empty() {
            return Err(self.nothing_about(&identifier));
        }
        Ok(WhyView { identifier, entries })
    }

    /// What the rules say of a document that is not admitted by this.
    pub(super) fn check(&self, document: &str, now: Timestamp) -> Result<WhyView, Failure> {
        let verified = self
            .verifier
            .verify(document.as_bytes())
            .map_err(|error| Failure::new(FailureKind::NotVerified, error.to_string()))?;
        let identifier = verified.manifest().identifier;
        let verdict = self.judge_use(&verified, (true, 1), false, now);
        let entry = JudgedEntry {
            key: verified.manifest().key(),
            content_id: verified.content_id(),
            status: None,
            signer: Some(verified.signer().clone()),
            verdict,
            mirror: self.trusted().policy.judge_mirror(verified.manifest()),
        };
        Ok(WhyView { identifier, entries: vec![entry] })
    }

    pub(in crate::node) fn judge_all(
        &self,
        entries: Vec<Entry>,
        stale: bool,
        now: Timestamp,
    ) -> Result<Vec<(Entry, JudgedEntry)>, Failure> {
        let facts: Vec<Fact> = entries.iter().map(Entry::fact).collect();
        let statuses = timeline::statuses(&facts, now);
        let current = statuses.iter().filter(|status| **status == Status::Current).count();
        let mut judged = Vec::new();
        for (entry, status) in entries.into_iter().zip(statuses) {
            // A document is proven again before it is relied on: disks rot.
            let verified = self.verifier.verify(&entry.document).map_err(|error| {
                let message = format!("the stored entry {} is damaged: {error}", entry.id);
                Failure::new(FailureKind::NotVerified, message)
            })?;
            let verdict = match &entry.record.fate {
                Fate::Withdrawn { rule, reason } => withdrawn(rule, reason, entry.record.rules),
                Fate::Admitted => {
                    let latest = status != Status::Superseded;
                    self.judge_use(&verified, (latest, current), stale, now)
                }
            };
            let view = JudgedEntry {
                key: entry.manifest.key(),
                content_id: entry.id,
                status: Some(status),
                signer: Some(verified.signer().clone()),
                verdict,
                mirror: self.trusted().policy.judge_mirror(&entry.manifest),
            };
            judged.push((entry, view));
        }
        Ok(judged)
    }

    /// How long ago the catalogue was reconciled, none for never, and with how many peers
    /// lately.
    pub(in crate::node) fn reconciled(&self, now: Timestamp) -> (Option<Duration>, usize) {
        let max_age = self.trusted().policy.max_age();
        let reconciled = self.live.reconciled();
        let ages = || reconciled.iter().map(|(_, time)| now.since(*time));
        let is_recent = |age: &Duration| max_age.is_none_or(|max| *age <= max);
        (ages().min(), ages().filter(is_recent).count())
    }

    fn judge_use(
        &self,
        verified: &Verified,
        (latest, endorsements): (bool, usize),
        stale: bool,
        now: Timestamp,
    ) -> Verdict {
        let Trusted { policy, anchors } = self.trusted();
        // Whoever takes a stale catalogue takes it for a fresh one.
        let (reconciled, reconciled_peers) =
            if stale { (Some(Duration::ZERO), usize::MAX) } else { self.reconciled(now) };
        let purpose = Purpose::Use { latest, endorsements, reconciled, reconciled_peers };
        let trust = anchors.check(verified);
        let rules = self.trusted().rules().digest();
        policy.judge(verified, &Context { now, trust: &trust, purpose, rules })
    }

    fn refusals_of(&self, identifier: &Identifier) -> Result<Vec<JudgedEntry>, Failure> {
        let mut refused = Vec::new();
        for refusal in self.store.refusals() {
            let (content_id, record) = refusal.map_err(store_failed)?;
            if record.key.identifier == *identifier {
                let verdict = refused_verdict(&record);
                let key = record.key;
                refused.push(JudgedEntry {
                    key,
                    content_id,
                    status: None,
                    signer: None,
                    verdict,
                    mirror: Vec::new(),
                });
            }
        }
        Ok(refused)
    }

    /// Why there is no entry: it was refused, or nobody endorsed it.
    pub(super) fn nothing_about(&self, identifier: &Identifier) -> Failure {
        match self.refusals_of(identifier) {
            Err(failure) => failure,
            Ok(refused) if refused.is_empty() => {
                let message = format!("no entry of the catalogue describes {identifier}");
                Failure::new(FailureKind::NotFound, message)
            }
            Ok(refused) => {
                let reasons: Vec<String> = refused
                    .iter()
                    .map(|entry| format!("{}: {}", entry.key, refusal(&entry.verdict)))
                    .collect();
                let message = format!(
                    "{identifier} is refused by this site's rules:\n  {}\nSee `suq why {identifier}`",
                    reasons.join("\n  ")
                );
                Failure::new(FailureKind::Refused, message)
            }
        }
    }
}

fn refusal(verdict: &Verdict) -> String {
    verdict.refusal().map_or_else(String::new, |step| match &step.source {
        Some(source) => format!("{} ({}, {source})", step.reason, step.rule),
        None => format!("{} ({})", step.reason, step.rule),
    })
}

fn one_refusal(rule: &str, reason: &str, rules: Sha256) -> Verdict {
    let step = Step {
        rule: rule.to_owned(),
        source: None,
        outcome: Outcome::Refused,
        reason: reason.to_owned(),
    };
    Verdict { steps: vec![step], rules }
}

fn withdrawn(rule: &str, reason: &str, rules: Sha256) -> Verdict {
    one_refusal(rule, &format!("withdrawn: {reason}"), rules)
}

fn refused_verdict(record: &RefusalRecord) -> Verdict {
    one_refusal(&record.rule, &record.reason, record.rules)
}
