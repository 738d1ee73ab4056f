//! Who comes in, input by input.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::engine::{Effect, Engine, Input, Rules, Start};
use crate::membership::Statement;
use crate::net::Identity;
use crate::policy::Policy;

const FEDERATION: FederationId = FederationId::from_bytes([1; 32]);
const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const GUEST: Peer = Peer::from_key([9; 32]);

/// A founder, a member, and the member's node.
struct Bench {
    founder: Identity,
    member: Identity,
    engine: Engine,
    now: Timestamp,
    effects: Vec<Effect>,
}

fn says(issuer: &Identity, member: Peer, at: Timestamp, revoked: bool) -> Proven {
    let statement = Statement {
        federation: FEDERATION,
        member,
        issuer: issuer.peer(),
        issued: at,
        expires: at.plus(Duration::from_secs(1000)),
        revoked,
    };
    statement.sign(|octets| issuer.sign(octets)).unwrap()
}

impl Bench {
    fn new() -> Bench {
        let (founder, member) = (Identity::generate(), Identity::generate());
        let policy = Arc::new(Policy::parse("policy.cfg", "").unwrap());
        let rules = Rules { policy, anchors: Sha256::of(b"anchors") };
        let door = DoorStart {
            federation: FEDERATION,
            own: member.peer(),
            founders: [founder.peer()].into(),
            statements: vec![says(&founder, member.peer(), NOW, false)],
            allowed: BTreeSet::new(),
            now: NOW,
        };
        let engine = Engine::new(Start {
            judged_under: Some(rules.digest()),
            rules,
            known: Vec::new(),
            peers: Vec::new(),
            relay_refused: true,
            door: Some(door),
            seed: 1,
        });
        let mut bench = Bench { founder, member, engine, now: NOW, effects: Vec::new() };
        bench.feed(Input::Tick);
        bench
    }

    fn feed(&mut self, input: Input) {
        let effects = self.engine.handle(input, self.now);
        self.effects.extend(effects);
    }

    /// Ends the write that waits.
    fn end_write(&mut self, result: Result<(), String>) {
        let is_write = |effect: &Effect| matches!(effect, Effect::Store { .. });
        let place = self.effects.iter().position(is_write).expect("a write waits");
        let Effect::Store { write, .. } = self.effects.remove(place) else { panic!() };
        self.feed(Input::Stored { write, result });
    }

    /// Whom the network was told to let in last.
    fn let_in(&self) -> Option<&BTreeSet<Peer>> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::LetIn { members, .. } => Some(members),
            _ => None,
        })
    }

    fn answers(&self) -> Vec<&DoorAnswer> {
        self.effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::AnswerKnock { answer, .. } => Some(answer),
                _ => None,
            })
            .collect()
    }

    fn verdicts(&self) -> Vec<GossipVerdict> {
        let verdict = |effect: &Effect| match effect {
            Effect::Judge { verdict, .. } => Some(*verdict),
            _ => None,
        };
        self.effects.iter().filter_map(verdict).collect()
    }

    fn knock(&mut self, chain: Vec<Membership>) {
        self.feed(Input::Knocked { peer: GUEST, knock: KnockId(1), chain });
    }

    fn hear(&mut self, proven: &Proven) {
        let membership = proven.membership().clone();
        let gossip = GossipId(1);
        self.feed(Input::HeardMembership { peer: self.founder.peer(), gossip, membership });
    }
}

#[test]
fn a_stranger_with_a_membership_comes_in_when_it_is_durable() {
    let mut bench = Bench::new();
    assert_eq!(bench.let_in(), Some(&[bench.founder.peer()].into()));
    bench.knock(Vec::new());
    assert_eq!(bench.answers(), [&DoorAnswer::Closed]);

    let membership = says(&bench.founder, GUEST, NOW, false);
    bench.knock(vec![membership.membership().clone()]);
    assert_eq!(bench.answers().len(), 1, "nothing is said before it is written");
    bench.end_write(Err("disk full".into()));
    assert_eq!(bench.answers()[1], &DoorAnswer::Closed);

    bench.knock(vec![membership.membership().clone()]);
    bench.end_write(Ok(()));
    let own = says(&bench.founder, bench.member.peer(), NOW, false).membership().clone();
    assert_eq!(bench.answers()[2], &DoorAnswer::Welcome(vec![own]));
    assert!(bench.let_in().unwrap().contains(&GUEST));
}

#[test]
fn a_membership_of_a_stranger_or_of_another_federation_opens_nothing() {
    let mut bench = Bench::new();
    let stranger = Identity::generate();
    let own_word = says(&stranger, GUEST, NOW, false).membership().clone();
    bench.knock(vec![own_word]);
    let statement = says(&bench.founder, GUEST, NOW, false).statement().clone();
    let elsewhere = Statement { federation: FederationId::from_bytes([2; 32]), ..statement };
    let elsewhere = elsewhere.sign(|octets| bench.founder.sign(octets)).unwrap();
    bench.knock(vec![elsewhere.membership().clone()]);
    assert_eq!(bench.answers(), [&DoorAnswer::Closed, &DoorAnswer::Closed]);
}

#[test]
fn what_is_heard_of_members_is_passed_on_once_and_only_when_it_counts() {
    let mut bench = Bench::new();
    let membership = says(&bench.founder, GUEST, NOW, false);
    bench.hear(&membership);
    assert!(bench.verdicts().is_empty());
    bench.end_write(Ok(()));
    bench.hear(&membership);
    bench.hear(&says(&Identity::generate(), GUEST, NOW, false));
    let expected = [GossipVerdict::Accept, GossipVerdict::Ignore, GossipVerdict::Ignore];
    assert_eq!(bench.verdicts(), expected);
}

#[test]
fn a_membership_is_taken_back_by_who_gave_it_and_ends_by_itself() {
    let mut bench = Bench::new();
    let given = says(&bench.member, GUEST, NOW, false);
    bench.feed(Input::Issue { call: CallId(1), statement: Box::new(given) });
    bench.end_write(Ok(()));
    let issued = |effect: &Effect| matches!(effect, Effect::Reply { reply: Reply::Issued { chain, .. }, .. } if chain.len() == 2);
    assert!(bench.effects.iter().any(issued), "the chain leads from the founder to the guest");
    let told = |effect: &Effect| matches!(effect, Effect::AnnounceMembership { .. });
    assert!(bench.effects.iter().any(told));
    assert!(bench.let_in().unwrap().contains(&GUEST));

    let back = says(&bench.member, GUEST, NOW.plus(Duration::from_secs(1)), true);
    bench.feed(Input::Issue { call: CallId(2), statement: Box::new(back) });
    bench.end_write(Ok(()));
    assert!(!bench.let_in().unwrap().contains(&GUEST));

    // The node's own membership ends: it says so.
    bench.now = NOW.plus(Duration::from_secs(1000));
    assert!(bench.engine.deadline().unwrap() <= bench.now);
    bench.feed(Input::Tick);
    let excluded = |effect: &Effect| matches!(effect, Effect::Alert(Alert::Excluded));
    assert!(bench.effects.iter().any(excluded));
}

#[test]
fn peers_exchange_what_they_know_of_members() {
    let (mut here, mut there) = (Bench::new(), Bench::new());
    here.feed(Input::Connected { peer: GUEST });
    let asked = here.effects.iter().find_map(|effect| match effect {
        Effect::Ask { ask, request: Request::Members(digest), .. } => Some((*ask, *digest)),
        _ => None,
    });
    let (ask, digest) = asked.expect("a new peer is asked");
    assert_eq!(here.engine.members_response(digest), Response::Members(Vec::new()));
    let Response::Members(theirs) = there.engine.members_response(digest) else { panic!() };
    assert_eq!(theirs.len(), 1);
    // Of another founder: it proves nothing here, and costs nothing.
    here.feed(Input::Answered { ask, answer: Ok(Response::Members(theirs)) });
    assert!(!here.effects.iter().any(|effect| matches!(effect, Effect::Store { .. })));
    there.feed(Input::Allowed { peer: GUEST, is_allowed: true });
    assert!(there.let_in().unwrap().contains(&GUEST), "the site itself lets it in");
}
