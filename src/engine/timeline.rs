//! Which entries of an image count: latest, current, superseded.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{ContentId, Email, EntryKey, Identifier, Timestamp};

/// What a timeline needs to know of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The document.
    pub id: ContentId,
    /// Its key.
    pub key: EntryKey,
    /// True when it takes the image back.
    pub deprecated: bool,
    /// When it expires.
    pub valid: Option<Timestamp>,
    /// True when this site's rules no longer allow it.
    pub withdrawn: bool,
}

/// Where an entry stands in its endorser's timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The latest of its endorser, neither expired nor deprecated.
    Current,
    /// The latest of its endorser, and it takes the image back.
    Deprecated,
    /// The latest of its endorser, and its time has passed.
    Expired,
    /// A newer entry of the same endorser stands.
    Superseded,
    /// This site's rules no longer allow it.
    Withdrawn,
}

impl Status {
    /// The word for it, as `--status` takes it.
    pub const fn word(self) -> &'static str {
        match self {
            Status::Current => "current",
            Status::Deprecated => "deprecated",
            Status::Expired => "expired",
            Status::Superseded => "superseded",
            Status::Withdrawn => "withdrawn",
        }
    }
}

/// The status of each of these entries, in their order. They must include
/// every entry of each (image, endorser) among them.
///
/// Of two documents under one key the deprecated one counts, then the one with
/// the smaller content id: every site chooses the same.
///
/// A withdrawn deprecation still deprecates: a policy that no longer admits an
/// endorser's word must not bring back an image that the endorser took back.
pub fn statuses(facts: &[Fact], now: Timestamp) -> Vec<Status> {
    let rank = |fact: &Fact| (fact.key.created, fact.deprecated, Reverse(fact.id));
    let mut latest: BTreeMap<(Identifier, &Email), &Fact> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| !fact.withdrawn || fact.deprecated) {
        let of_endorser = latest.entry((fact.key.identifier, &fact.key.email)).or_insert(fact);
        if rank(fact) > rank(of_endorser) {
            *of_endorser = fact;
        }
    }
    let status = |fact: &Fact| {
        let latest = latest.get(&(fact.key.identifier, &fact.key.email));
        if fact.withdrawn {
            Status::Withdrawn
        } else if latest.is_some_and(|latest| latest.id != fact.id) {
            Status::Superseded
        } else if fact.deprecated {
            Status::Deprecated
        } else if fact.valid.is_some_and(|valid| valid < now) {
            Status::Expired
        } else {
            Status::Current
        }
    };
    facts.iter().map(status).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sha1;

    fn fact(email: &str, created: i64, id: u8) -> Fact {
        Fact {
            id: ContentId::from_bytes([id; 32]),
            key: EntryKey {
                identifier: Identifier::from_sha1(Sha1::from_bytes([1; 20])),
                email: email.parse().unwrap(),
                created: Timestamp::from_seconds(created),
            },
            deprecated: false,
            valid: None,
            withdrawn: false,
        }
    }

    const NOW: Timestamp = Timestamp::from_seconds(1000);

    #[test]
    fn only_the_latest_of_each_endorser_is_current() {
        let facts = [fact("a@x", 1, 1), fact("a@x", 2, 2), fact("b@x", 1, 3)];
        assert_eq!(statuses(&facts, NOW), [Status::Superseded, Status::Current, Status::Current]);
    }

    #[test]
    fn a_newer_deprecation_or_expiry_hides_the_older_good_entry() {
        let deprecated = Fact { deprecated: true, ..fact("a@x", 2, 2) };
        let expired = Fact { valid: Some(Timestamp::from_seconds(999)), ..fact("b@x", 2, 4) };
        let facts = [fact("a@x", 1, 1), deprecated, fact("b@x", 1, 3), expired];
        assert_eq!(
            statuses(&facts, NOW),
            [Status::Superseded, Status::Deprecated, Status::Superseded, Status::Expired]
        );
    }

    #[test]
    fn an_equivocation_resolves_to_the_deprecation_then_to_the_smaller_id() {
        let deprecated = Fact { deprecated: true, ..fact("a@x", 1, 9) };
        let facts = [fact("a@x", 1, 1), deprecated];
        assert_eq!(statuses(&facts, NOW), [Status::Superseded, Status::Deprecated]);
        let facts = [fact("a@x", 1, 2), fact("a@x", 1, 1)];
        assert_eq!(statuses(&facts, NOW), [Status::Superseded, Status::Current]);
    }

    #[test]
    fn withdrawing_a_deprecation_does_not_bring_the_image_back() {
        let withdrawn = Fact { deprecated: true, withdrawn: true, ..fact("a@x", 2, 2) };
        let facts = [fact("a@x", 1, 1), withdrawn];
        assert_eq!(statuses(&facts, NOW), [Status::Superseded, Status::Withdrawn]);
    }
}
