//! What a policy says, parsed.

use std::time::Duration;

use serde::Serialize;

use super::mirror::Mirror;
use super::{PolicyError, Source};
use crate::manifest::Manifest;
use crate::model::{Email, Identifier, Sha256};

/// An item of a list with the line it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Item<T> {
    pub(super) value: T,
    pub(super) source: Source,
}

/// A whitelist and a blacklist; an empty whitelist is no filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Lists<T> {
    pub(super) whitelist: Vec<Item<T>>,
    pub(super) blacklist: Vec<Item<T>>,
    /// The line of the whitelist, also when every item of it can never match:
    /// such a list still filters.
    pub(super) whitelist_source: Option<Source>,
}

impl<T> Default for Lists<T> {
    fn default() -> Lists<T> {
        Lists { whitelist: Vec::new(), blacklist: Vec::new(), whitelist_source: None }
    }
}

/// What makes a signer trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Require {
    /// A chain to an anchor, or a pin.
    Anchored,
    /// A pin.
    Pinned,
    /// Nothing: whoever signed.
    Any,
}

/// What becomes of documents that rest on SHA-1, DSA or MD5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Legacy {
    /// Allowed when endorsed before 2017.
    Archive,
    /// Allowed.
    Accept,
    /// Refused.
    Refuse,
}

/// A setting with the line it comes from; none when it is the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Setting<T> {
    pub(super) value: T,
    pub(super) source: Option<Source>,
}

/// Allowed values of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Allowed {
    /// The option, such as `os`.
    pub(super) field: &'static str,
    /// In lower case.
    pub(super) values: Vec<String>,
    pub(super) source: Source,
}

impl Allowed {
    /// Whether a manifest's field has one of the values, and why or why not.
    pub(super) fn judge(&self, manifest: &Manifest) -> (bool, String) {
        let Allowed { field, values, .. } = self;
        let details = &manifest.details;
        let value = match *field {
            "os" => details.os.as_deref(),
            "os-version" => details.os_version.as_deref(),
            "os-arch" => details.os_arch.as_deref(),
            "format" => details.format.as_deref(),
            "kind" => details.kind.as_deref(),
            "hypervisor" => details.hypervisor.as_deref(),
            _ => Some(details.image_type.as_str()),
        };
        let value = value.unwrap_or("not given");
        if values.iter().any(|allowed| allowed.eq_ignore_ascii_case(value)) {
            (true, format!("{field} is {value}"))
        } else {
            (false, format!("{field} is {value}; allowed: {}", values.join(", ")))
        }
    }
}

/// An item that loads but can never match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Its line.
    pub source: Source,
    /// The item.
    pub item: String,
    /// Why it can never match.
    pub reason: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: `{}` can never match: {}", self.source, self.item, self.reason)
    }
}

/// A site's policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// Why everything is refused: the file cannot be read.
    pub(super) broken: Option<String>,
    pub(super) require: Setting<Require>,
    pub(super) legacy: Setting<Legacy>,
    pub(super) require_valid_certificate_now: Setting<bool>,
    pub(super) refuse_stale_revocations: Setting<bool>,
    pub(super) endorsers: Lists<Email>,
    /// Hex of any length, in lower case.
    pub(super) checksums: Lists<String>,
    pub(super) images: Lists<Identifier>,
    pub(super) required: Vec<Allowed>,
    pub(super) minimum_endorsements: Setting<u64>,
    /// In bytes.
    pub(super) max_image_size: Setting<Option<u64>>,
    pub(super) max_entries: Setting<u64>,
    pub(super) max_entries_per_endorser: Setting<u64>,
    pub(super) max_age: Setting<Option<Duration>>,
    pub(super) min_peers: Setting<u64>,
    #[serde(skip)]
    pub(super) mirror: Mirror,
    #[serde(skip)]
    pub(super) warnings: Vec<Warning>,
}

/// Entries of a catalogue unless the policy says otherwise: 10 GB on the disk, and a
/// thousand times what all of StratusLab had.
const MAX_ENTRIES: u64 = 2_000_000;

/// Entries of one endorser unless the policy says otherwise.
const MAX_ENTRIES_PER_ENDORSER: u64 = 100_000;

fn default<T>(value: T) -> Setting<T> {
    Setting { value, source: None }
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            broken: None,
            require: default(Require::Anchored),
            legacy: default(Legacy::Archive),
            require_valid_certificate_now: default(false),
            refuse_stale_revocations: default(false),
            endorsers: Lists::default(),
            checksums: Lists::default(),
            images: Lists::default(),
            required: Vec::new(),
            minimum_endorsements: default(0),
            max_image_size: default(None),
            max_entries: default(MAX_ENTRIES),
            max_entries_per_endorser: default(MAX_ENTRIES_PER_ENDORSER),
            max_age: default(None),
            min_peers: default(0),
            mirror: Mirror::default(),
            warnings: Vec::new(),
        }
    }
}

impl Policy {
    /// The policy of a site whose file cannot be read: it refuses everything,
    /// with this reason.
    pub fn refuse_all(error: &PolicyError) -> Policy {
        Policy { broken: Some(error.to_string()), ..Policy::default() }
    }

    /// Why everything is refused; none for a policy that was read.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// Whether its file says whom to trust.
    pub fn says_whom_to_trust(&self) -> bool {
        self.require.source.is_some()
    }

    /// The same policy for entries whose signers somebody else has judged: whoever signed,
    /// unless its file says whom to trust.
    pub fn of_judged_signers(mut self) -> Policy {
        if !self.says_whom_to_trust() {
            self.require.value = Require::Any;
        }
        self
    }

    /// Items that can never match.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The longest time since the last reconciliation that the policy allows.
    pub fn max_age(&self) -> Option<Duration> {
        self.max_age.value
    }

    /// Changes when a verdict, or the line it names, could change.
    pub fn digest(&self) -> Sha256 {
        // The serialised form holds every rule with its line, and nothing else.
        let text = serde_json::to_vec(self).unwrap_or_default();
        Sha256::of(&text)
    }
}
