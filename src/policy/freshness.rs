//! Whether a catalogue is fresh enough to be used.

use std::time::Duration;

use super::rules::{Policy, Setting};
use super::{Outcome, Source, Step};

impl Policy {
    /// What the rules of `[freshness]` say of a catalogue that was reconciled so long ago,
    /// none for never, and lately with so many peers: up to and with the first that
    /// refuses.
    pub fn freshness(&self, reconciled: Option<Duration>, peers: usize) -> Vec<Step> {
        let age = self.age(reconciled);
        if age.outcome == Outcome::Refused { vec![age] } else { vec![age, self.peers(peers)] }
    }

    fn age(&self, reconciled: Option<Duration>) -> Step {
        let Setting { value, source } = self.max_age.clone();
        let rule = "freshness.max_age";
        match (value, reconciled) {
            (None, _) => not_used(rule),
            (Some(max), Some(age)) if age <= max => {
                let reason = format!("the catalogue was reconciled {} s ago", age.as_secs());
                step(rule, source, Outcome::Passed, reason)
            }
            (Some(_), age) => {
                let reason = match age {
                    Some(age) => format!("last reconciled {} s ago", age.as_secs()),
                    None => "the catalogue was never reconciled since the start".to_owned(),
                };
                let reason = format!("{reason}: try `suq sync`, or `suq get --stale`");
                step(rule, source, Outcome::Refused, reason)
            }
        }
    }

    fn peers(&self, peers: usize) -> Step {
        let Setting { value, source } = self.min_peers.clone();
        let rule = "freshness.min_peers";
        let peers = peers as u64;
        if value == 0 {
            not_used(rule)
        } else if peers >= value {
            step(rule, source, Outcome::Passed, format!("reconciled with {peers} peers"))
        } else {
            let reason = format!("reconciled with {peers} of {value} peers");
            step(rule, source, Outcome::Refused, reason)
        }
    }
}

fn step(rule: &str, source: Option<Source>, outcome: Outcome, reason: String) -> Step {
    Step { rule: rule.to_owned(), source, outcome, reason }
}

/// What the steps say of a rule that the policy does not have.
pub(super) fn not_used(rule: &str) -> Step {
    step(rule, None, Outcome::NotSet, "the policy does not use this rule".to_owned())
}
