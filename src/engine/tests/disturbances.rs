//! Full disks, rules that change under way, and peers that take what they can.

use std::sync::Arc;
use std::time::Duration;

use super::*;

fn rules(blacklisted: &str) -> Rules {
    let text = format!("[blacklistendorsers]\nx = {blacklisted}\n");
    let policy = Arc::new(Policy::parse("policy.cfg", &text).unwrap());
    Rules { policy, anchors: WORLD.anchors.digest() }
}

impl Bench {
    /// Ends every write and load until nothing waits; the records, in order. Loads
    /// find this document.
    fn settle(&mut self, document: &Arc<[u8]>) -> Vec<Record> {
        let mut written = Vec::new();
        loop {
            let waits = |e: &Effect| matches!(e, Effect::Store { .. } | Effect::Load { .. });
            let Some(place) = self.effects.iter().position(waits) else { return written };
            match self.effects.remove(place) {
                Effect::Store { write, records } => {
                    written.extend(records);
                    self.feed(Input::Stored { write, result: Ok(()) });
                }
                Effect::Load { load, ids } => {
                    let documents = ids.into_iter().map(|id| (id, Arc::clone(document)));
                    self.feed(Input::Loaded { load, documents: documents.collect() });
                }
                _ => {}
            }
        }
    }

    fn sends_away(&self, peer: Peer) -> bool {
        self.effects.iter().any(|e| matches!(e, Effect::Disconnect { peer: gone } if *gone == peer))
    }
}

#[test]
fn what_is_being_written_while_the_rules_change_is_judged_by_the_new_ones() {
    let mut bench = Bench::new();
    let document = document(&WORLD.trusted, NOW, "good");
    bench.hear(1, PEER, &document);
    bench.feed(Input::RulesChanged(rules("jane@example.org")));
    let written = bench.settle(&document);
    let stats = bench.engine.stats();
    assert_eq!((stats.admitted, stats.withdrawn), (0, 1));
    // A crash before the entry is judged again must not find that all of it is.
    assert!(matches!(
        written[..],
        [Record::Entry { .. }, Record::DropRefusals, Record::Withdrawal { .. }, Record::Rules(_)]
    ));
}

#[test]
fn a_refusal_of_before_the_rules_changed_is_not_remembered() {
    let mut bench = Bench::new();
    let document = document(&WORLD.blacklisted, NOW, "once bad");
    bench.hear(1, PEER, &document);
    bench.feed(Input::RulesChanged(rules("nobody@example.org")));
    bench.settle(&document);
    assert_eq!(bench.engine.stats().refused, 0);
    bench.hear(2, PEER, &document);
    bench.settle(&document);
    assert_eq!(bench.engine.stats().admitted, 1);
}

#[test]
fn a_full_disk_delays_a_change_of_rules_and_loses_nothing_of_it() {
    let mut bench = Bench::new();
    let document = document(&WORLD.trusted, NOW, "good");
    bench.hear(1, PEER, &document);
    bench.settle(&document);
    bench.feed(Input::RulesChanged(rules("jane@example.org")));
    for _ in 0..2 {
        let place = bench.effects.iter().position(|e| matches!(e, Effect::Load { .. }));
        if let Some(Effect::Load { load, ids }) = place.map(|place| bench.effects.remove(place)) {
            let documents = vec![(ids[0], Arc::clone(&document))];
            bench.feed(Input::Loaded { load, documents });
        }
        bench.end_write(Err("disk full".into()));
    }
    bench.settle(&document);
    assert_eq!(bench.engine.deadline(), Some(bench.now.plus(limits::REJUDGE_RETRY)));
    bench.now = bench.now.plus(limits::REJUDGE_RETRY);
    bench.feed(Input::Tick);
    let written = bench.settle(&document);
    assert!(
        matches!(written[..], [Record::DropRefusals, Record::Withdrawal { .. }, Record::Rules(_)]),
        "{written:?}"
    );
}

#[test]
fn whoever_was_sent_away_is_not_let_in_again_for_a_while() {
    let mut bench = Bench::new();
    bench.feed(Input::Connected { peer: PEER });
    while !bench.sends_away(PEER) {
        bench.engine.blame(PEER, "it lies", NOW);
        bench.feed(Input::Tick);
    }
    bench.effects.clear();
    bench.feed(Input::Disconnected { peer: PEER });
    bench.feed(Input::Connected { peer: PEER });
    assert!(bench.sends_away(PEER) && bench.engine.connected_peers().count() == 0);
    bench.effects.clear();
    bench.now = bench.now.plus(limits::BANISHMENT);
    bench.feed(Input::Connected { peer: PEER });
    assert!(!bench.sends_away(PEER) && bench.engine.connected_peers().count() == 1);
}

#[test]
fn a_reconciliation_that_brings_nothing_gives_its_place_up() {
    let mut bench = Bench::new();
    bench.feed(Input::Connected { peer: PEER });
    assert_eq!(bench.engine.pending().sessions, 1);
    assert!(bench.engine.deadline().unwrap() <= NOW.plus(limits::SESSION_PATIENCE));
    bench.now = NOW.plus(limits::SESSION_PATIENCE);
    bench.feed(Input::Tick);
    assert_eq!(bench.engine.pending().sessions, 0);
}

#[test]
fn no_more_is_verified_while_the_disk_does_not_come_after() {
    let mut bench = Bench::new();
    for number in 0..limits::MAX_WRITING as u64 + 100 {
        let peer = Peer::from_key([number as u8; 32]);
        bench.hear(number, peer, &document(&WORLD.trusted, NOW, &format!("number {number}")));
    }
    assert_eq!(bench.engine.pending().writes, limits::MAX_WRITING);
    let waiting = bench.engine.pending().admitting;
    assert!(waiting > 0);
    bench.end_write(Ok(()));
    assert_eq!(bench.engine.pending().admitting, waiting - 1);
}

#[test]
fn strangers_take_no_place_among_what_is_dated_ahead() {
    let mut bench = Bench::new();
    let created = NOW.plus(Duration::from_secs(3600));
    bench.hear(1, PEER, &document(&WORLD.stranger, created, "tomorrow"));
    let records = bench.end_write(Ok(()));
    assert!(matches!(&records[..], [Record::Refusal { record, .. }] if record.untrusted));
    assert_eq!(bench.engine.pending().held, 0);
}

#[test]
fn a_peer_that_brings_strangers_is_soon_not_listened_to() {
    let mut bench = Bench::new();
    let brings = |bench: &mut Bench, gossip, key| {
        bench.hear(gossip, PEER, &document(key, NOW, &format!("number {gossip}")));
        bench.settle(&Arc::from([]));
        bench.verdicts().len()
    };
    let budget = limits::GOSSIP_AHEAD.as_secs() / limits::UNTRUSTED_COST.as_secs();
    for gossip in 0..budget {
        assert_eq!(brings(&mut bench, gossip, &WORLD.stranger), 1);
    }
    let before = bench.verifications;
    brings(&mut bench, budget, &WORLD.trusted);
    assert_eq!(bench.verifications, before);
    bench.now = bench.now.plus(limits::UNTRUSTED_COST * 2);
    brings(&mut bench, budget, &WORLD.trusted);
    assert_eq!(bench.engine.stats().admitted, 1);
}

#[test]
fn a_reconciliation_that_failed_is_followed_by_another_soon() {
    let mut bench = Bench::new();
    bench.feed(Input::Connected { peer: PEER });
    let ask = bench.effects.iter().find_map(|e| match e {
        Effect::Ask { ask, .. } => Some(*ask),
        _ => None,
    });
    bench.feed(Input::Answered { ask: ask.unwrap(), answer: Err("no answer".into()) });
    assert_eq!(bench.engine.deadline(), Some(NOW.plus(limits::SYNC_RETRY)));
    bench.now = NOW.plus(limits::SYNC_RETRY);
    bench.feed(Input::Tick);
    assert_eq!(bench.engine.pending().sessions, 1);
}

#[test]
fn a_peer_that_closes_at_once_is_dialled_less_and_less() {
    let mut bench = Bench::new();
    bench.feed(Input::PeerFound { peer: PEER, addresses: vec![address(1)] });
    for _ in 0..10 {
        bench.feed(Input::Connected { peer: PEER });
        bench.feed(Input::Disconnected { peer: PEER });
    }
    bench.now = NOW.plus(limits::MAX_REDIAL / 2 - Duration::from_secs(1));
    dials(&mut bench);
    bench.feed(Input::Tick);
    assert!(dials(&mut bench).is_empty());
    bench.now = NOW.plus(limits::MAX_REDIAL);
    bench.feed(Input::Tick);
    assert_eq!(dials(&mut bench).len(), 1);
}
