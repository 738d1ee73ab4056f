//! The fates of a document, input by input.

mod disturbances;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::*;
use crate::manifest::pki::authority::{Authority, KeyKind};
use crate::manifest::pki::{AnchorFile, Anchors, SigningKey};
use crate::manifest::{Details, Draft, SigningStyle, Verifier};
use crate::model::{Algorithm, Checksum, Identifier, Sha1};
use crate::policy::Policy;
use crate::wire::GossipVerdict;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const PEER: Peer = Peer::from_key([1; 32]);
const OTHER: Peer = Peer::from_key([2; 32]);

struct World {
    trusted: SigningKey,
    blacklisted: SigningKey,
    stranger: SigningKey,
    anchors: Anchors,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let authority = Authority::new("One", NOW).unwrap();
    let other = Authority::new("Two", NOW).unwrap();
    let key = |authority: &Authority, email| {
        authority.endorser(email, Some(email), KeyKind::EcP256, NOW).unwrap()
    };
    let bytes = authority.certificate_pem().unwrap();
    World {
        trusted: key(&authority, "jane@example.org"),
        blacklisted: key(&authority, "mallory@example.org"),
        stranger: key(&other, "stranger@example.org"),
        anchors: Anchors::new([AnchorFile { name: "ca.pem".into(), bytes }], &[]).unwrap(),
    }
});

fn document(key: &SigningKey, created: Timestamp, title: &str) -> Arc<[u8]> {
    let sha1 = Sha1::from_bytes([3; 20]);
    let checksum = Checksum::new(Algorithm::Sha1, &sha1.to_string()).unwrap();
    let draft = Draft {
        identifier: Identifier::from_sha1(sha1),
        bytes: 1,
        checksums: [checksum].into_iter().collect(),
        details: Details {
            image_type: "base".into(),
            title: Some(title.into()),
            ..Details::default()
        },
        pieces: None,
    };
    draft.sign(key, None, created, SigningStyle::Modern).unwrap().into_octets()
}

/// An engine whose verifications end at once; writes end when the test says so.
struct Bench {
    engine: Engine,
    now: Timestamp,
    /// Effects other than verifications, in order.
    effects: Vec<Effect>,
    verifications: usize,
}

impl Bench {
    fn new() -> Bench {
        let text = "[blacklistendorsers]\nx = mallory@example.org\n";
        let policy = Arc::new(Policy::parse("policy.cfg", text).unwrap());
        let rules = Rules { policy, anchors: WORLD.anchors.digest() };
        let engine = Engine::new(Start {
            judged_under: Some(rules.digest()),
            rules,
            known: Vec::new(),
            peers: Vec::new(),
            relay_refused: true,
            door: None,
            seed: 1,
        });
        Bench { engine, now: NOW, effects: Vec::new(), verifications: 0 }
    }

    fn feed(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            for effect in self.engine.handle(input, self.now) {
                match effect {
                    Effect::Verify { job, document } => {
                        self.verifications += 1;
                        inputs.push(verified(job, &document));
                    }
                    other => self.effects.push(other),
                }
            }
        }
    }

    fn hear(&mut self, gossip: u64, peer: Peer, document: &Arc<[u8]>) {
        let document = Arc::clone(document);
        self.feed(Input::Heard { peer, gossip: GossipId(gossip), document });
    }

    /// Takes the one write that waits, and ends it.
    fn end_write(&mut self, result: Result<(), String>) -> Vec<Record> {
        let place = self.effects.iter().position(|e| matches!(e, Effect::Store { .. })).unwrap();
        let Effect::Store { write, records } = self.effects.remove(place) else { panic!() };
        self.feed(Input::Stored { write, result });
        records
    }

    fn verdicts(&mut self) -> Vec<(u64, GossipVerdict)> {
        let verdict = |effect: Effect| match effect {
            Effect::Judge { gossip, verdict } => Some((gossip.0, verdict)),
            _ => None,
        };
        self.effects.drain(..).filter_map(verdict).collect()
    }
}

fn verified(job: JobId, document: &[u8]) -> Input {
    let outcome = match Verifier::new().verify(document) {
        Ok(verified) => {
            let trust = WORLD.anchors.check(&verified);
            Ok((Box::new(verified), trust))
        }
        Err(error) => Err(error.to_string()),
    };
    Input::Verified { job, outcome, anchors: WORLD.anchors.digest() }
}

#[test]
fn what_is_not_verified_is_rejected_and_leaves_nothing() {
    let mut bench = Bench::new();
    bench.hear(1, PEER, &Arc::from(b"<nonsense/>".as_slice()));
    assert_eq!(bench.verdicts(), [(1, GossipVerdict::Reject)]);
    assert_eq!(bench.engine.stats().unverified, 1);
}

#[test]
fn what_is_admitted_is_passed_on_only_when_it_is_durable() {
    let mut bench = Bench::new();
    bench.hear(1, PEER, &document(&WORLD.trusted, NOW, "good"));
    assert!(!bench.effects.iter().any(|effect| matches!(effect, Effect::Judge { .. })));
    assert_eq!(bench.engine.stats().admitted, 0);
    let records = bench.end_write(Ok(()));
    assert!(matches!(records[..], [Record::Entry { from: Some(PEER), .. }]));
    assert_eq!(bench.verdicts(), [(1, GossipVerdict::Accept)]);
    assert_eq!(bench.engine.stats().admitted, 1);
}

#[test]
fn what_cannot_be_written_is_not_acknowledged() {
    let mut bench = Bench::new();
    bench.hear(1, PEER, &document(&WORLD.trusted, NOW, "good"));
    bench.end_write(Err("disk full".into()));
    assert_eq!(bench.engine.stats().admitted, 0);
    assert_eq!(bench.verdicts(), [(1, GossipVerdict::Ignore)]);
}

#[test]
fn the_untrusted_is_ignored_and_what_policy_refuses_is_passed_on() {
    let mut bench = Bench::new();
    bench.hear(1, PEER, &document(&WORLD.stranger, NOW, "untrusted"));
    let records = bench.end_write(Ok(()));
    assert!(
        matches!(&records[..], [Record::Refusal { record, .. }] if record.untrusted),
        "{records:?}"
    );
    bench.hear(2, PEER, &document(&WORLD.blacklisted, NOW, "blacklisted"));
    let records = bench.end_write(Ok(()));
    let [Record::Refusal { record, .. }] = &records[..] else { panic!("{records:?}") };
    assert_eq!(record.rule, "endorsers.blacklist");
    assert!(record.reason.contains("policy.cfg:2"), "{}", record.reason);
    let expected = [(1, GossipVerdict::Ignore), (2, GossipVerdict::Accept)];
    assert_eq!(bench.verdicts(), expected);
    let stats = bench.engine.stats();
    assert_eq!((stats.admitted, stats.untrusted, stats.refused), (0, 1, 1));
}

#[test]
fn one_document_from_many_is_verified_once() {
    let mut bench = Bench::new();
    let document = document(&WORLD.trusted, NOW, "good");
    let heard = |gossip, peer| Input::Heard {
        peer,
        gossip: GossipId(gossip),
        document: Arc::clone(&document),
    };
    // The second arrives while the first is being verified.
    let effects = bench.engine.handle(heard(1, PEER), NOW);
    let [Effect::Verify { job, document }] = &effects[..] else { panic!("{effects:?}") };
    assert!(bench.engine.handle(heard(2, OTHER), NOW).is_empty());
    bench.feed(verified(*job, document));
    bench.end_write(Ok(()));
    let expected = [(1, GossipVerdict::Accept), (2, GossipVerdict::Accept)];
    assert_eq!(bench.verdicts(), expected);
}

#[test]
fn what_is_dated_ahead_waits_for_its_time() {
    let mut bench = Bench::new();
    let created = NOW.plus(Duration::from_secs(3600));
    bench.hear(1, PEER, &document(&WORLD.trusted, created, "tomorrow"));
    assert_eq!(bench.verdicts(), [(1, GossipVerdict::Ignore)]);
    bench.now = bench.engine.deadline().unwrap();
    while bench.now < created.minus(Duration::from_secs(601)) {
        bench.feed(Input::Tick);
        bench.now = bench.engine.deadline().unwrap();
    }
    assert!(bench.effects.is_empty(), "{:?}", bench.effects);
    bench.feed(Input::Tick);
    bench.end_write(Ok(()));
    assert_eq!(bench.engine.stats().admitted, 1);
}

#[test]
fn two_documents_under_one_key_raise_an_alert_and_both_stay() {
    let mut bench = Bench::new();
    for (gossip, title) in [(1, "one"), (2, "another")] {
        bench.hear(gossip, PEER, &document(&WORLD.trusted, NOW, title));
        bench.end_write(Ok(()));
    }
    let alert = |effect: &Effect| matches!(effect, Effect::Alert(Alert::Equivocation { .. }));
    assert_eq!(bench.effects.iter().filter(|effect| alert(effect)).count(), 1);
    assert_eq!(bench.engine.stats().admitted, 2);
}

#[test]
fn a_peer_that_goes_on_sending_nonsense_is_disconnected() {
    let mut bench = Bench::new();
    bench.feed(Input::Connected { peer: PEER });
    for number in 0..100 {
        let nonsense = format!("<nonsense number=\"{number}\"/>").into_bytes();
        bench.hear(number, PEER, &Arc::from(nonsense));
    }
    let gone = |effect: &Effect| matches!(effect, Effect::Disconnect { peer: PEER });
    assert!(bench.effects.iter().any(gone));
}

#[test]
fn a_caller_hears_of_refusals_with_every_rule() {
    let mut bench = Bench::new();
    let document = document(&WORLD.blacklisted, NOW, "mine");
    bench.feed(Input::Publish { call: CallId(7), document });
    bench.end_write(Ok(()));
    let reply = bench.effects.iter().find_map(|effect| match effect {
        Effect::Reply { call: CallId(7), reply: Reply::Refused { verdict, .. } } => Some(verdict),
        _ => None,
    });
    assert_eq!(reply.unwrap().refusal().unwrap().rule, "endorsers.blacklist");
    let announced = |effect: &Effect| matches!(effect, Effect::Announce { .. });
    assert!(!bench.effects.iter().any(announced), "what is refused here is not published");
}

fn dials(bench: &mut Bench) -> Vec<(Peer, Vec<Address>)> {
    let (dials, others) = std::mem::take(&mut bench.effects)
        .into_iter()
        .partition(|effect| matches!(effect, Effect::Dial { .. }));
    bench.effects = others;
    let dial = |effect| match effect {
        Effect::Dial { peer, addresses } => (peer, addresses),
        other => panic!("{other:?}"),
    };
    Vec::into_iter(dials).map(dial).collect()
}

fn address(port: usize) -> Address {
    format!("/ip4/192.0.2.1/tcp/{port}").parse().unwrap()
}

#[test]
fn rumours_push_out_no_peer_that_was_met_and_none_of_its_addresses() {
    let mut bench = Bench::new();
    bench.feed(Input::PeerFound { peer: PEER, addresses: vec![address(1)] });
    assert_eq!(dials(&mut bench), [(PEER, vec![address(1)])]);
    for number in 0..2000_usize {
        let mut key = [7; 32];
        key[..8].copy_from_slice(&number.to_be_bytes());
        let (peer, addresses) = (Peer::from_key(key), vec![address(number)]);
        bench.feed(Input::PeerRumoured { peer, addresses: addresses.clone() });
        bench.feed(Input::PeerRumoured { peer: PEER, addresses });
        bench.feed(Input::DialFailed { peer });
    }
    assert_eq!(bench.engine.peers.count(), 1 + limits::MAX_RUMOURED);
    dials(&mut bench);
    bench.feed(Input::DialFailed { peer: PEER });
    bench.now = bench.now.plus(limits::MAX_REDIAL);
    bench.feed(Input::Tick);
    let again = dials(&mut bench).into_iter().find(|(peer, _)| *peer == PEER).unwrap().1;
    // What it said itself first, then the latest of what others say: it may have moved.
    assert_eq!(again, [1, 1999, 1998, 1997, 1996].map(address));
}

#[test]
fn no_more_peers_are_dialled_than_are_wanted() {
    let mut bench = Bench::new();
    let peers: Vec<Peer> = (0..100).map(|number| Peer::from_key([number; 32])).collect();
    for peer in &peers {
        bench.feed(Input::PeerFound { peer: *peer, addresses: vec![address(1)] });
    }
    let dialled = dials(&mut bench);
    assert_eq!(dialled.len(), limits::WANTED_PEERS);
    assert_eq!(bench.engine.peers.deadline(), None, "nothing waits for a time");
    // A place that became free goes to another.
    bench.feed(Input::DialFailed { peer: dialled[0].0 });
    let next = dials(&mut bench);
    assert_eq!(next.len(), 1);
    assert!(!dialled.contains(&next[0]));
}

/// Feeds documents that all differ without ending any verification; how many found
/// no room.
fn without_room(bench: &mut Bench, peer: Peer, count: u64) -> usize {
    let mut without = 0;
    for number in 0..count {
        let document = format!("<flood>{number} of {peer}</flood>").into_bytes().into();
        let input = Input::Heard { peer, gossip: GossipId(number), document };
        let effects = bench.engine.handle(input, bench.now);
        without += effects.iter().filter(|e| matches!(e, Effect::Judge { .. })).count();
    }
    without
}

#[test]
fn one_peer_cannot_take_the_room_of_others_and_peers_leave_some_to_callers() {
    let mut bench = Bench::new();
    let share = limits::MAX_WAITING_PER_PEER + limits::MAX_VERIFYING;
    assert_eq!(without_room(&mut bench, PEER, share as u64 + 10), 10);
    assert_eq!(without_room(&mut bench, OTHER, 100), 0);
    for number in 10..20 {
        without_room(&mut bench, Peer::from_key([number; 32]), 300);
    }
    assert_eq!(without_room(&mut bench, Peer::from_key([99; 32]), 1), 1);
    for number in 0..limits::RESERVED_FOR_CALLS as u64 {
        let document = format!("<own>{number}</own>").into_bytes().into();
        let effects =
            bench.engine.handle(Input::Publish { call: CallId(number), document }, bench.now);
        assert!(effects.is_empty(), "it waits: {effects:?}");
    }
}

#[test]
fn a_peer_that_gossips_too_fast_is_not_listened_to_for_a_while() {
    let mut bench = Bench::new();
    let burst = (limits::GOSSIP_AHEAD.as_millis() / limits::GOSSIP_COST.as_millis()) as u32;
    let heard = |bench: &mut Bench, peer| bench.engine.peers.may_gossip(peer, bench.now);
    assert!((0..burst).all(|_| heard(&mut bench, PEER)));
    assert!(!heard(&mut bench, PEER));
    assert!(heard(&mut bench, OTHER), "others are");
    bench.now = bench.now.plus(limits::GOSSIP_COST);
    assert!(heard(&mut bench, PEER) && !heard(&mut bench, PEER));
    let before = bench.verifications;
    bench.hear(1, PEER, &document(&WORLD.trusted, NOW, "good"));
    assert_eq!(bench.verdicts(), [(1, GossipVerdict::Ignore)]);
    assert_eq!(bench.verifications, before);
}

#[test]
fn a_document_that_comes_again_is_not_judged_again_under_the_same_rules() {
    let mut bench = Bench::new();
    let good = document(&WORLD.trusted, NOW, "good");
    bench.hear(1, PEER, &good);
    // Verified, and its record is being written.
    bench.hear(2, OTHER, &good);
    bench.end_write(Ok(()));
    assert_eq!(bench.verdicts(), [(1, GossipVerdict::Accept), (2, GossipVerdict::Accept)]);
    // Gossip has forgotten it.
    bench.now = bench.now.plus(Duration::from_secs(3600));
    bench.hear(3, OTHER, &good);
    assert_eq!(bench.verdicts(), [(3, GossipVerdict::Ignore)]);
    assert_eq!(bench.verifications, 1);

    let refused = document(&WORLD.blacklisted, NOW, "refused");
    let nonsense = Arc::from(b"<nonsense/>".as_slice());
    for gossip in [4, 5] {
        bench.hear(gossip, PEER, &refused);
        if gossip == 4 {
            bench.end_write(Ok(()));
        }
        bench.hear(gossip + 10, PEER, &nonsense);
    }
    let expected = [
        (4, GossipVerdict::Accept),
        (14, GossipVerdict::Reject),
        (5, GossipVerdict::Ignore),
        (15, GossipVerdict::Reject),
    ];
    assert_eq!(bench.verdicts(), expected);
    assert_eq!(bench.verifications, 3);
}

#[test]
fn what_was_refused_is_judged_again_when_the_rules_change() {
    let mut bench = Bench::new();
    let refused = document(&WORLD.blacklisted, NOW, "refused");
    bench.hear(1, PEER, &refused);
    bench.end_write(Ok(()));
    let policy = Arc::new(Policy::parse("policy.cfg", "").unwrap());
    bench.feed(Input::RulesChanged(Rules { policy, anchors: WORLD.anchors.digest() }));
    bench.effects.clear();
    bench.hear(2, PEER, &refused);
    bench.end_write(Ok(()));
    assert_eq!(bench.verdicts(), [(2, GossipVerdict::Accept)]);
    assert_eq!((bench.verifications, bench.engine.stats().admitted), (2, 1));
}
