//! The judgement: every rule in its order, until one refuses.

use super::freshness;
use super::rules::{Legacy, Lists, Policy, Require, Setting};
use super::verdict::TRUST_RULE;
use super::{Context, Entries, Outcome, Purpose, Source, Step, Verdict};
use crate::manifest::{Manifest, Profile, Signer, Trust, Verified};
use crate::model::Timestamp;

/// 2017-01-01: what was endorsed earlier may rest on SHA-1.
const ARCHIVE_END: Timestamp = Timestamp::from_seconds(1_483_228_800);

impl Policy {
    /// Judges a document: every rule that was looked at, in order, up to and
    /// with the first that refuses.
    pub fn judge(&self, document: &Verified, context: &Context<'_>) -> Verdict {
        self.judge_values(document.manifest(), document.signer(), context)
    }

    pub(super) fn judge_values(
        &self,
        manifest: &Manifest,
        signer: &Signer,
        context: &Context<'_>,
    ) -> Verdict {
        let mut judge = Judge { policy: self, manifest, signer, context, steps: Vec::new() };
        // `None` means that a rule refused; the steps say which.
        let _ = judge.all();
        Verdict { steps: judge.steps, rules: context.rules }
    }
}

struct Judge<'j> {
    policy: &'j Policy,
    manifest: &'j Manifest,
    signer: &'j Signer,
    context: &'j Context<'j>,
    steps: Vec<Step>,
}

/// Goes on while rules pass.
type Next = Option<()>;

impl Judge<'_> {
    fn all(&mut self) -> Next {
        if let Some(reason) = &self.policy.broken {
            return self.refuse("policy.readable", None, reason.clone());
        }
        self.trust()?;
        self.revocations()?;
        self.legacy()?;
        self.valid_certificate()?;
        self.endorsers()?;
        self.checksums()?;
        self.images()?;
        self.required()?;
        self.size()?;
        match &self.context.purpose {
            Purpose::Admission { entries } => self.quotas(*entries),
            Purpose::Use { latest, endorsements, reconciled, reconciled_peers } => {
                self.current(*latest)?;
                self.endorsements(*endorsements)?;
                self.freshness(*reconciled, *reconciled_peers)
            }
        }
    }

    fn step(&mut self, rule: &str, source: Option<Source>, outcome: Outcome, reason: String) {
        self.steps.push(Step { rule: rule.to_owned(), source, outcome, reason });
    }

    fn pass(&mut self, rule: &str, source: Option<Source>, reason: impl Into<String>) -> Next {
        self.step(rule, source, Outcome::Passed, reason.into());
        Some(())
    }

    fn refuse(&mut self, rule: &str, source: Option<Source>, reason: impl Into<String>) -> Next {
        self.step(rule, source, Outcome::Refused, reason.into());
        None
    }

    fn not_set(&mut self, rule: &str) -> Next {
        self.steps.push(freshness::not_used(rule));
        Some(())
    }

    fn trust(&mut self) -> Next {
        let Setting { value, source } = self.policy.require.clone();
        match (value, self.context.trust) {
            (Require::Any, _) => self.pass(TRUST_RULE, source, "any signer is accepted"),
            (_, Trust::Pinned) => self.pass(TRUST_RULE, source, "the certificate is pinned"),
            (Require::Anchored, Trust::Anchored { anchor, .. }) => {
                self.pass(TRUST_RULE, source, format!("the certificate chains to `{anchor}`"))
            }
            (Require::Pinned, Trust::Anchored { .. }) => {
                self.refuse(TRUST_RULE, source, "the certificate is not pinned at this site")
            }
            (_, Trust::Untrusted { reason }) => {
                self.refuse(TRUST_RULE, source, format!("the signer is not trusted: {reason}"))
            }
        }
    }

    fn revocations(&mut self) -> Next {
        const RULE: &str = "trust.stale_revocations";
        let Setting { value, source } = self.policy.refuse_stale_revocations.clone();
        let Trust::Anchored { revocations_until: Some(until), .. } = self.context.trust else {
            return self.not_set(RULE);
        };
        if *until >= self.context.now {
            self.pass(RULE, source, format!("the revocation lists are good until {until}"))
        } else if value {
            let reason = format!("a revocation list went stale at {until}: fetch a new one");
            self.refuse(RULE, source, reason)
        } else {
            self.pass(RULE, source, format!("STALE: a revocation list was good until {until}"))
        }
    }

    fn legacy(&mut self) -> Next {
        const RULE: &str = "trust.legacy";
        let Setting { value, source } = self.policy.legacy.clone();
        if self.signer.profile == Profile::Modern {
            let algorithms = &self.signer.algorithms;
            return self.pass(RULE, source, format!("signed with {algorithms}"));
        }
        let created = self.manifest.endorsement.created;
        match value {
            Legacy::Accept => self.pass(RULE, source, "legacy signatures are accepted"),
            Legacy::Archive if created < ARCHIVE_END => {
                self.pass(RULE, source, "a legacy signature of the archive, from before 2017")
            }
            Legacy::Archive => self.refuse(
                RULE,
                source,
                format!("a legacy signature ({}) of {created}", self.signer.algorithms),
            ),
            Legacy::Refuse => self.refuse(
                RULE,
                source,
                format!("legacy signatures ({}) are refused", self.signer.algorithms),
            ),
        }
    }

    fn valid_certificate(&mut self) -> Next {
        const RULE: &str = "trust.require_valid_certificate_now";
        let Setting { value, source } = self.policy.require_valid_certificate_now.clone();
        let Signer { not_before, not_after, .. } = self.signer;
        if !value {
            self.not_set(RULE)
        } else if (*not_before..=*not_after).contains(&self.context.now) {
            self.pass(RULE, source, format!("the certificate is valid until {not_after}"))
        } else {
            let reason = format!("the certificate is valid from {not_before} to {not_after} only");
            self.refuse(RULE, source, reason)
        }
    }

    fn endorsers(&mut self) -> Next {
        let email = &self.manifest.endorsement.email;
        let name = format!("endorser {email}");
        self.lists("endorsers", &self.policy.endorsers, &name, |item| item == email)
    }

    fn checksums(&mut self) -> Next {
        let listed = |item: &String| self.manifest.checksums.iter().any(|(_, value)| value == item);
        self.lists("checksums", &self.policy.checksums, "a checksum of the image", listed)
    }

    fn images(&mut self) -> Next {
        let identifier = self.manifest.identifier;
        let name = format!("image {identifier}");
        self.lists("images", &self.policy.images, &name, |item| *item == identifier)
    }

    fn lists<T>(
        &mut self,
        what: &str,
        lists: &Lists<T>,
        name: &str,
        matches: impl Fn(&T) -> bool,
    ) -> Next {
        let rule = format!("{what}.whitelist");
        match (&lists.whitelist_source, lists.whitelist.iter().find(|item| matches(&item.value))) {
            (None, _) => self.not_set(&rule)?,
            (Some(_), Some(item)) => {
                self.pass(&rule, Some(item.source.clone()), format!("{name} is whitelisted"))?;
            }
            (Some(source), None) => {
                let reason = format!("{name} is not on the whitelist");
                return self.refuse(&rule, Some(source.clone()), reason);
            }
        }
        let rule = format!("{what}.blacklist");
        match lists.blacklist.iter().find(|item| matches(&item.value)) {
            Some(item) => {
                self.refuse(&rule, Some(item.source.clone()), format!("{name} is blacklisted"))
            }
            None if lists.blacklist.is_empty() => self.not_set(&rule),
            None => {
                let source = lists.blacklist.first().map(|item| item.source.clone());
                self.pass(&rule, source, format!("{name} is not blacklisted"))
            }
        }
    }

    fn required(&mut self) -> Next {
        for allowed in &self.policy.required {
            let rule = format!("require.{}", allowed.field);
            let source = Some(allowed.source.clone());
            match allowed.judge(self.manifest) {
                (true, reason) => self.pass(&rule, source, reason)?,
                (false, reason) => return self.refuse(&rule, source, reason),
            }
        }
        Some(())
    }

    fn size(&mut self) -> Next {
        const RULE: &str = "limits.max_image_size";
        let Setting { value, source } = self.policy.max_image_size.clone();
        let bytes = self.manifest.bytes;
        match value {
            None => self.not_set(RULE),
            Some(max) if bytes <= max => self.pass(RULE, source, format!("{bytes} bytes")),
            Some(max) => {
                let reason = format!("the image has {bytes} bytes; at most {max} are allowed");
                self.refuse(RULE, source, reason)
            }
        }
    }

    fn quotas(&mut self, entries: Option<Entries>) -> Next {
        let Some(entries) = entries else { return Some(()) };
        let email = &self.manifest.endorsement.email;
        let of_endorser = (
            "limits.max_entries_per_endorser",
            &self.policy.max_entries_per_endorser,
            entries.of_endorser,
            format!("{email} has"),
        );
        let of_all = (
            "limits.max_entries",
            &self.policy.max_entries,
            entries.of_all,
            "there are".to_owned(),
        );
        for (rule, Setting { value, source }, count, who) in [of_endorser, of_all] {
            let source = source.clone();
            if count >= *value {
                let reason = format!("{who} {count} entries; at most {value} are allowed");
                return self.refuse(rule, source, reason);
            }
            self.pass(rule, source, format!("{who} {count} of {value} entries"))?;
        }
        Some(())
    }

    fn current(&mut self, latest: bool) -> Next {
        let email = &self.manifest.endorsement.email;
        if !latest {
            let reason = format!("{email} has a newer entry for this image");
            return self.refuse("use.latest", None, reason);
        }
        self.pass("use.latest", None, format!("the latest entry of {email}"))?;
        if let Some(reason) = &self.manifest.details.deprecated {
            let reason = format!("{email} deprecated the image: {reason}");
            return self.refuse("use.not_deprecated", None, reason);
        }
        self.pass("use.not_deprecated", None, "the endorser has not deprecated it")?;
        match self.manifest.details.valid {
            Some(valid) if valid < self.context.now => {
                self.refuse("use.not_expired", None, format!("it expired at {valid}"))
            }
            Some(valid) => self.pass("use.not_expired", None, format!("valid until {valid}")),
            None => self.pass("use.not_expired", None, "it does not expire"),
        }
    }

    fn endorsements(&mut self, count: usize) -> Next {
        const RULE: &str = "endorsements.minimum";
        let Setting { value, source } = self.policy.minimum_endorsements.clone();
        let count = count as u64;
        if value == 0 {
            self.not_set(RULE)
        } else if count >= value {
            self.pass(RULE, source, format!("{count} endorsers vouch for it"))
        } else {
            self.refuse(RULE, source, format!("{count} of {value} endorsers vouch for it"))
        }
    }

    fn freshness(&mut self, reconciled: Option<std::time::Duration>, peers: usize) -> Next {
        self.steps.extend(self.policy.freshness(reconciled, peers));
        self.steps.last().filter(|step| step.outcome != Outcome::Refused).map(drop)
    }
}

#[cfg(test)]
pub(super) mod tests;
