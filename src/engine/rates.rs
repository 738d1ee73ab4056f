//! Rates: what peers and endorsers may cause in a time.
//!
//! Each event uses up some time of whoever caused it; whoever is too far ahead of the
//! clock waits (the generic cell rate algorithm, ITU-T I.371).

use std::collections::BTreeMap;
use std::time::Duration;

use super::Engine;
use super::limits::{
    HOLDINGS_COST, LIST_COST, MAX_WATCHED_ENDORSERS, MEMBERS_COST, RECONCILE_COST, RELAY_AHEAD,
    RELAY_COST, SERVE_COST,
};
use crate::model::{Email, Timestamp};
use crate::wire::Request;

/// The time that somebody has used up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Paid(Option<Timestamp>);

impl Paid {
    /// Pays for an event; false, and nothing is paid, when that leads further ahead of
    /// the clock than is allowed.
    pub(super) fn pay(&mut self, cost: Duration, ahead: Duration, now: Timestamp) -> bool {
        let paid = self.0.map_or(now, |paid| paid.max(now)).plus(cost);
        let is_allowed = paid.since(now) <= ahead;
        if is_allowed {
            self.0 = Some(paid);
        }
        is_allowed
    }

    /// Pays whatever it leads to, but never for longer than is allowed.
    pub(super) fn charge(&mut self, cost: Duration, ahead: Duration, now: Timestamp) {
        let paid = self.0.map_or(now, |paid| paid.max(now)).plus(cost);
        self.0 = Some(paid.min(now.plus(ahead)));
    }

    fn is_even(&self, now: Timestamp) -> bool {
        self.0.is_none_or(|paid| paid <= now)
    }
}

/// What is passed on of each endorser.
#[derive(Debug, Default)]
pub(super) struct Relaying(BTreeMap<Email, Paid>);

impl Relaying {
    /// True when one more document of this endorser may be passed on.
    fn may_pass_on(&mut self, endorser: &Email, now: Timestamp) -> bool {
        if self.0.len() >= MAX_WATCHED_ENDORSERS && !self.0.contains_key(endorser) {
            self.0.retain(|_, paid| !paid.is_even(now));
            if self.0.len() >= MAX_WATCHED_ENDORSERS {
                return false;
            }
        }
        self.0.entry(endorser.clone()).or_default().pay(RELAY_COST, RELAY_AHEAD, now)
    }
}

impl Engine {
    /// True when a gossiped document may be passed on. What takes an image back that
    /// this site admitted always may: no flood of the same endorser hides it.
    pub(super) fn may_pass_on(
        &mut self,
        endorser: &Email,
        takes_back: bool,
        now: Timestamp,
    ) -> bool {
        takes_back || self.relaying.may_pass_on(endorser, now)
    }
}

/// What answering a question costs the peer that asks.
pub(super) fn cost(request: &Request) -> Duration {
    match request {
        Request::Reconcile(_) => RECONCILE_COST,
        Request::List(_) => LIST_COST,
        Request::Documents(ids) => {
            SERVE_COST.saturating_mul(u32::try_from(ids.len()).unwrap_or(u32::MAX))
        }
        Request::Holdings(_) => HOLDINGS_COST,
        Request::Members(_) => MEMBERS_COST,
    }
}
