//! What peers and endorsers may cause in a time, and what no rate holds back.

use super::*;
use crate::manifest::deprecate;
use crate::wire::{ErrorCode, Request, Response};

fn numbered(key: &SigningKey, number: usize) -> Arc<[u8]> {
    let created = NOW.minus(Duration::from_secs(number as u64 + 10));
    document(key, created, &format!("number {number}"))
}

impl Bench {
    /// Ends every write that waits.
    fn end_writes(&mut self) {
        while self.effects.iter().any(|effect| matches!(effect, Effect::Store { .. })) {
            self.end_write(Ok(()));
        }
    }
}

#[test]
fn of_an_endorser_that_floods_no_more_is_passed_on_but_what_takes_an_image_back() {
    let mut bench = Bench::new();
    let good = document(&WORLD.trusted, NOW.minus(Duration::from_secs(1)), "good");
    bench.hear(0, PEER, &good);
    bench.end_writes();
    let email = "jane@example.org".parse().unwrap();
    while bench.engine.may_pass_on(&email, false, NOW) {}
    bench.verdicts();
    bench.hear(1, PEER, &numbered(&WORLD.trusted, 1));
    bench.end_writes();
    let key = &WORLD.trusted;
    let taken_back = deprecate(&good, "a hole", key, None, NOW, SigningStyle::Modern).unwrap();
    bench.hear(2, PEER, &taken_back.into_octets());
    bench.end_writes();
    let expected = [(1, GossipVerdict::Ignore), (2, GossipVerdict::Accept)];
    assert_eq!(bench.verdicts(), expected);
    assert_eq!(bench.engine.stats().admitted, 3, "it is admitted all the same");
    // A deprecation of an image that it never had an entry for is a document like others.
    bench.engine.catalogue = catalogue::Catalogue::default();
    let other = numbered(&WORLD.trusted, 5);
    let other = deprecate(&other, "a hole", key, None, NOW, SigningStyle::Modern).unwrap();
    bench.hear(3, PEER, &other.into_octets());
    bench.end_writes();
    assert_eq!(bench.verdicts(), [(3, GossipVerdict::Ignore)]);
}

#[test]
fn certificates_that_anyone_makes_use_up_what_a_peer_may_gossip() {
    let mut bench = Bench::new();
    let allowed = limits::GOSSIP_AHEAD.as_secs() / limits::UNTRUSTED_COST.as_secs();
    for number in 0..2 * allowed as usize {
        bench.hear(number as u64, PEER, &numbered(&WORLD.stranger, number));
        bench.end_writes();
    }
    let looked_at = bench.verifications as u64;
    assert!(looked_at <= allowed && looked_at > allowed / 2, "{looked_at} of {allowed}");
    bench.hear(999, OTHER, &document(&WORLD.trusted, NOW, "good"));
    bench.end_writes();
    assert_eq!(bench.engine.stats().admitted, 1, "others are heard");
}

#[test]
fn gossip_that_had_to_be_passed_over_is_soon_asked_for() {
    let mut bench = Bench::new();
    bench.feed(Input::Connected { peer: OTHER });
    while bench.engine.peers.may_gossip(PEER, NOW) {}
    bench.hear(1, PEER, &document(&WORLD.trusted, NOW, "good"));
    assert_eq!(bench.verifications, 0);
    assert!(bench.engine.deadline().unwrap() <= NOW.plus(limits::HASTENED_SYNC));
}

#[test]
fn whoever_asks_too_much_is_told_to_come_later() {
    let mut bench = Bench::new();
    bench.feed(Input::Connected { peer: PEER });
    bench.effects.clear();
    let most = limits::ASKING_AHEAD.as_millis() / limits::RECONCILE_COST.as_millis();
    let ask = |bench: &mut Bench| {
        let request = Request::Reconcile(vec![0x61]);
        bench.feed(Input::Question { peer: PEER, question: QuestionId(1), request });
        match bench.effects.pop() {
            Some(Effect::Answer { response, .. }) => response,
            other => panic!("{other:?}"),
        }
    };
    for _ in 0..most {
        assert!(matches!(ask(&mut bench), Response::Reconcile(_)));
    }
    assert!(matches!(ask(&mut bench), Response::Error { code: ErrorCode::Busy, .. }));
    bench.now = bench.now.plus(limits::RECONCILE_COST);
    assert!(matches!(ask(&mut bench), Response::Reconcile(_)));
}

#[test]
fn a_quota_refuses_what_is_new_and_never_what_takes_an_image_back() {
    let mut bench = Bench::new();
    let policy = "[limits]\nmax_entries_per_endorser = 1\n";
    let policy = Arc::new(Policy::parse("policy.cfg", policy).unwrap());
    bench.feed(Input::RulesChanged(Rules { policy, anchors: WORLD.anchors.digest() }));
    bench.end_writes();
    bench.effects.clear();
    let good = document(&WORLD.trusted, NOW.minus(Duration::from_secs(1)), "good");
    let key = &WORLD.trusted;
    let taken_back = deprecate(&good, "a hole", key, None, NOW, SigningStyle::Modern).unwrap();
    for document in [good, numbered(key, 1), taken_back.into_octets()] {
        bench.hear(1, PEER, &document);
        bench.end_writes();
    }
    let stats = bench.engine.stats();
    assert_eq!((stats.admitted, stats.refused), (2, 1));
}

#[test]
fn large_documents_that_wait_are_bounded_by_their_size() {
    let mut bench = Bench::new();
    let large = limits::MAX_WAITING_BYTES / 300;
    let most = 300 + limits::MAX_VERIFYING;
    let mut waiting = 0;
    for number in 0..most as u64 + 50 {
        let peer = Peer::from_key([number as u8; 32]);
        let mut document = number.to_string().into_bytes();
        document.resize(large, b' ');
        let gossip = GossipId(number);
        let input = Input::Heard { peer, gossip, document: document.into() };
        let effects = bench.engine.handle(input, NOW);
        let refused = effects.iter().any(|effect| matches!(effect, Effect::Judge { .. }));
        waiting += usize::from(!refused);
    }

    assert!((most - 2..=most).contains(&waiting), "{waiting}");
}
