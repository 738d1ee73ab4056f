//! The roll: every statement that counts, and whom they let in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Membership, Proven};
use crate::model::{Peer, Sha256, Timestamp};

/// Statements in a roll: a thousand sites, renewed and taken back. At 320 bytes
/// each, all of them fit into one answer.
pub const MAX_STATEMENTS: usize = 2048;

/// Members that one who is no founder may let in.
const MAX_ISSUED: usize = 64;

/// Statements from a founder down to a member: every one was let in by the one before.
pub const MAX_CHAIN: usize = 8;

/// How far ahead of this node's clock a statement may be dated.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(10 * 60);

/// Who belongs to the federation, and why.
#[derive(Debug, Clone, Default)]
pub struct Roll {
    founders: BTreeSet<Peer>,
    /// The latest statement of each issuer on each member.
    statements: BTreeMap<(Peer, Peer), Proven>,
}

/// What became of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is kept: it was not known.
    New,
    /// It, or a later one, was here.
    Known,
    /// It does not count: of the past or the future, or its issuer is no member.
    Worthless,
    /// There is no room for it.
    Full,
}

impl Roll {
    /// The roll of a federation before anyone was let in.
    pub fn new(founders: BTreeSet<Peer>) -> Roll {
        Roll { founders, statements: BTreeMap::new() }
    }

    /// True for the peers that the federation began with.
    pub fn is_founder(&self, peer: Peer) -> bool {
        self.founders.contains(&peer)
    }

    /// What would become of a statement.
    pub fn weigh(&self, proven: &Proven, now: Timestamp) -> Taken {
        self.weigh_among(&self.members(now), proven, now)
    }

    fn weigh_among(&self, members: &BTreeSet<Peer>, proven: &Proven, now: Timestamp) -> Taken {
        let statement = proven.statement();
        let key = (statement.member, statement.issuer);
        let before = self.statements.get(&key).map(|known| known.statement().issued);
        if before.is_some_and(|before| before >= statement.issued) {
            return Taken::Known;
        }
        let is_now = statement.issued <= now.plus(CLOCK_TOLERANCE) && statement.expires > now;
        if !is_now || !members.contains(&statement.issuer) {
            return Taken::Worthless;
        }
        let of_issuer = self.statements.keys().filter(|(_, issuer)| *issuer == statement.issuer);
        let is_over = !self.is_founder(statement.issuer) && of_issuer.count() >= MAX_ISSUED;
        match before.is_none() && (is_over || self.statements.len() >= MAX_STATEMENTS) {
            true => Taken::Full,
            false => Taken::New,
        }
    }

    /// Keeps the statements that count, in whatever order they come; those that were new.
    pub fn learn(&mut self, statements: Vec<Proven>, now: Timestamp) -> Vec<Proven> {
        let mut learned = Vec::new();
        let mut rest = statements;
        // Each round may make the issuers of the next one members.
        for _ in 0..MAX_CHAIN {
            let members = self.members(now);
            let before = learned.len();
            let mut later = Vec::new();
            for proven in rest {
                match self.weigh_among(&members, &proven, now) {
                    Taken::New => {
                        let statement = proven.statement();
                        self.statements
                            .insert((statement.member, statement.issuer), proven.clone());
                        learned.push(proven);
                    }
                    Taken::Worthless => later.push(proven),
                    Taken::Known | Taken::Full => {}
                }
            }
            rest = later;
            if learned.len() == before {
                break;
            }
        }
        learned
    }

    /// Drops what has expired; whom those statements were about, and by whom.
    pub fn forget_expired(&mut self, now: Timestamp) -> Vec<(Peer, Peer)> {
        let expired = self.statements.iter().filter(|(_, known)| known.statement().expires <= now);
        let expired: Vec<(Peer, Peer)> = expired.map(|(key, _)| *key).collect();
        expired.iter().for_each(|key| {
            self.statements.remove(key);
        });
        expired
    }

    /// When the next statement expires.
    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.statements.values().map(|known| known.statement().expires).min()
    }

    /// Every member: the founders, and whom members let in.
    pub fn members(&self, now: Timestamp) -> BTreeSet<Peer> {
        self.reached(now).into_keys().collect()
    }

    /// The statements that make a peer a member, the founder's first; empty for a
    /// founder, none for a stranger.
    pub fn chain(&self, peer: Peer, now: Timestamp) -> Option<Vec<Membership>> {
        let reached = self.reached(now);
        let mut chain = Vec::new();
        let mut at = peer;
        while let Some(issuer) = *reached.get(&at)? {
            chain.push(self.statements.get(&(at, issuer))?.membership().clone());
            at = issuer;
        }
        chain.reverse();
        Some(chain)
    }

    /// Until when a peer is a member, at the most; none for founders and strangers.
    pub fn expires(&self, peer: Peer, now: Timestamp) -> Option<Timestamp> {
        let issuer = (*self.reached(now).get(&peer)?)?;
        Some(self.statements.get(&(peer, issuer))?.statement().expires)
    }

    /// All statements, by member and issuer.
    pub fn statements(&self) -> impl Iterator<Item = &Proven> {
        self.statements.values()
    }

    /// Equal for equal rolls.
    pub fn digest(&self) -> Sha256 {
        let mut octets = Vec::new();
        for ((member, issuer), known) in &self.statements {
            octets.extend_from_slice(member.key());
            octets.extend_from_slice(issuer.key());
            octets.extend_from_slice(&known.statement().issued.millis().to_be_bytes());
        }
        Sha256::of(&octets)
    }

    /// Every member with the one who let it in, over the fewest steps from a founder.
    fn reached(&self, now: Timestamp) -> BTreeMap<Peer, Option<Peer>> {
        let mut reached: BTreeMap<Peer, Option<Peer>> =
            self.founders.iter().map(|founder| (*founder, None)).collect();
        for _ in 0..MAX_CHAIN {
            let lets_in = |((member, issuer), known): (&(Peer, Peer), &Proven)| {
                let statement = known.statement();
                let counts = !statement.revoked && statement.expires > now;
                let is_new = !reached.contains_key(member) && reached.contains_key(issuer);
                (counts && is_new && !self.is_banished(*member, now)).then_some((*member, *issuer))
            };
            let next: Vec<(Peer, Peer)> = self.statements.iter().filter_map(lets_in).collect();
            if next.is_empty() {
                break;
            }
            for (member, issuer) in next {
                reached.entry(member).or_insert(Some(issuer));
            }
        }
        reached
    }

    /// True when a founder's latest word is that the peer is no member, whoever else
    /// let it in.
    fn is_banished(&self, peer: Peer, now: Timestamp) -> bool {
        self.founders.iter().any(|founder| {
            self.statements.get(&(peer, *founder)).is_some_and(|known| {
                let statement = known.statement();
                statement.revoked && statement.expires > now
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Statement;
    use super::super::statement::tests::{FEDERATION, peer, sign};
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn says(issuer: u8, member: u8, at: u64, revoked: bool) -> Proven {
        let issued = NOW.plus(Duration::from_secs(at));
        let statement = Statement {
            federation: FEDERATION,
            member: peer(member),
            issuer: peer(issuer),
            issued,
            expires: issued.plus(Duration::from_secs(1000)),
            revoked,
        };
        sign(statement, issuer).unwrap()
    }

    fn take(roll: &mut Roll, proven: Proven) -> Taken {
        let taken = roll.weigh(&proven, NOW);
        assert_eq!(roll.learn(vec![proven], NOW).len(), usize::from(taken == Taken::New));
        taken
    }

    /// A roll with the founder 1.
    fn roll(statements: &[(u8, u8)]) -> Roll {
        let mut roll = Roll::new([peer(1)].into());
        for (issuer, member) in statements {
            assert_eq!(take(&mut roll, says(*issuer, *member, 0, false)), Taken::New);
        }
        roll
    }

    fn members(roll: &Roll) -> Vec<u8> {
        let members = roll.members(NOW);
        (0..20).filter(|number| members.contains(&peer(*number))).collect()
    }

    #[test]
    fn members_let_others_in_and_strangers_do_not() {
        let mut roll = roll(&[(1, 2), (2, 3), (3, 4)]);
        assert_eq!(take(&mut roll, says(9, 8, 0, false)), Taken::Worthless);
        assert_eq!(take(&mut roll, says(9, 9, 0, false)), Taken::Worthless);
        assert_eq!(members(&roll), [1, 2, 3, 4]);
        assert_eq!(roll.chain(peer(4), NOW).unwrap().len(), 3);
        assert_eq!(roll.chain(peer(1), NOW), Some(Vec::new()));
        assert_eq!(roll.chain(peer(9), NOW), None);
    }

    #[test]
    fn a_chain_convinces_a_roll_that_knows_only_the_founders() {
        let chain = roll(&[(1, 2), (2, 3), (3, 4)]).chain(peer(4), NOW).unwrap();
        let mut chain: Vec<Proven> =
            chain.into_iter().map(|one| one.prove(&FEDERATION).unwrap()).collect();
        chain.reverse();
        let mut other = roll(&[]);
        assert_eq!(other.learn(chain, NOW).len(), 3, "in whatever order");
        assert_eq!(members(&other), [1, 2, 3, 4]);
    }

    #[test]
    fn whoever_issued_it_or_a_founder_takes_it_back_with_all_that_rests_on_it() {
        let mut issuer = roll(&[(1, 2), (2, 3), (3, 4)]);
        assert_eq!(take(&mut issuer, says(2, 3, 5, true)), Taken::New);
        assert_eq!(members(&issuer), [1, 2]);
        // An old statement that comes again changes nothing.
        assert_eq!(take(&mut issuer, says(2, 3, 0, false)), Taken::Known);
        assert_eq!(members(&issuer), [1, 2]);

        let mut founder = roll(&[(1, 2), (2, 3), (3, 4), (2, 4)]);
        assert_eq!(take(&mut founder, says(1, 4, 5, true)), Taken::New);
        assert_eq!(members(&founder), [1, 2, 3], "whoever else let it in");
        assert_eq!(take(&mut founder, says(1, 4, 6, false)), Taken::New);
        assert_eq!(members(&founder), [1, 2, 3, 4], "and the founder lets it in again");

        let mut other = roll(&[(1, 2), (1, 3), (2, 4)]);
        assert_eq!(take(&mut other, says(3, 4, 5, true)), Taken::New);
        assert_eq!(members(&other), [1, 2, 3, 4], "another member's word takes nothing back");
    }

    #[test]
    fn what_expires_is_forgotten_and_its_members_with_it() {
        let mut roll = roll(&[(1, 2), (2, 3)]);
        let later = roll.next_expiry().unwrap();
        assert_eq!(roll.members(later), [peer(1)].into());
        assert_eq!(roll.forget_expired(later).len(), 2);
        assert_eq!(roll.next_expiry(), None);
        assert_eq!(roll.weigh(&says(1, 2, 0, false), later), Taken::Worthless);
        assert_eq!(take(&mut roll, says(1, 5, 3000, false)), Taken::Worthless, "dated ahead");
    }

    #[test]
    fn one_member_cannot_fill_the_roll() {
        let mut roll = roll(&[(1, 2)]);
        let taken: Vec<Taken> =
            (10..100).map(|member| take(&mut roll, says(2, member, 0, false))).collect();
        assert_eq!(taken.iter().filter(|taken| **taken == Taken::New).count(), MAX_ISSUED);
        assert_eq!(taken.last(), Some(&Taken::Full));
        assert_eq!(take(&mut roll, says(1, 101, 0, false)), Taken::New, "a founder may");
    }

    #[test]
    fn two_that_vouch_for_each_other_are_strangers() {
        let mut roll = roll(&[(1, 2), (2, 3), (3, 2)]);
        assert_eq!(take(&mut roll, says(1, 2, 5, true)), Taken::New);
        assert_eq!(members(&roll), [1]);
        // A longer chain than anybody follows lets nobody in.
        let deep: Vec<(u8, u8)> = (1..=MAX_CHAIN as u8).map(|n| (n, n + 1)).collect();
        let mut roll = super::tests::roll(&deep);
        let last = MAX_CHAIN as u8 + 1;
        assert!(members(&roll).contains(&last));
        take(&mut roll, says(last, last + 1, 0, false));
        assert!(!members(&roll).contains(&(last + 1)));
    }
}
