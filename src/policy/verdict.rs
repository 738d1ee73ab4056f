//! What a judgement looks at and what it says.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::manifest::Trust;
use crate::model::{Sha256, Timestamp};

/// Everything a judgement may depend on besides the document and the policy.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// The time of the judgement.
    pub now: Timestamp,
    /// What this site thinks of the signer.
    pub trust: &'a Trust,
    /// What is being decided.
    pub purpose: Purpose,
    /// Digest of the policy and the trust anchors together; recorded with the verdict.
    pub rules: Sha256,
}

/// What is being decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Whether a document enters the catalogue. Deprecated and expired ones may:
    /// they are how a site learns not to use an image.
    Admission {
        /// How full the catalogue is; none when the document has its place whatever
        /// the quotas say: it is an entry already, or it takes an image back.
        entries: Option<Entries>,
    },
    /// Whether an image may be handed out now.
    Use {
        /// True when the entry is the latest of its endorser.
        latest: bool,
        /// Number of endorsers with a current entry for the image that this
        /// site admitted.
        endorsements: usize,
        /// How long ago the catalogue was last reconciled with a peer; none
        /// when it never was.
        reconciled: Option<Duration>,
        /// With how many different peers within the policy's `max_age`.
        reconciled_peers: usize,
    },
}

/// How many entries a catalogue has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entries {
    /// Of the document's endorser.
    pub of_endorser: u64,
    /// Of all.
    pub of_all: u64,
}

/// A line of a policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The file as it was named when it was read.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What one rule said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The rule is set and allows the document.
    Passed,
    /// The rule is set and refuses it.
    Refused,
    /// The policy does not use this rule.
    NotSet,
}

impl Outcome {
    /// The word for it, as JSON has it.
    pub const fn word(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Refused => "refused",
            Outcome::NotSet => "not-set",
        }
    }
}

/// One rule that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The rule, such as `endorsers.blacklist`.
    pub rule: String,
    /// The line it comes from; none for a default.
    pub source: Option<Source>,
    /// What it said.
    pub outcome: Outcome,
    /// Why, in words for a site administrator.
    pub reason: String,
}

/// The rule of the first step: whether the signer is trusted here.
pub(super) const TRUST_RULE: &str = "trust.require";

/// Every rule that was looked at, in order, up to and with the first refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The rules, in the order they were looked at.
    pub steps: Vec<Step>,
    /// Digest of the policy and trust anchors that decided.
    pub rules: Sha256,
}

impl Verdict {
    /// The step that refused; none when everything passed.
    pub fn refusal(&self) -> Option<&Step> {
        self.steps.iter().find(|step| step.outcome == Outcome::Refused)
    }

    /// True when no step refused.
    pub fn is_allowed(&self) -> bool {
        self.refusal().is_none()
    }

    /// True when it was refused because the signer is not trusted here, rather
    /// than by this site's own choice of images.
    pub fn is_untrusted(&self) -> bool {
        self.refusal().is_some_and(|step| step.rule == TRUST_RULE)
    }
}
