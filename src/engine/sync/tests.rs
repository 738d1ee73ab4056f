//! Sessions, question by question.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::engine::limits::{MAX_BATCHES, MAX_PAGES};
use crate::engine::{Input, Known, QuestionId, Rules, Standing, Start};
use crate::model::{EntryKey, Identifier, Sha1, Sha256};
use crate::policy::Policy;
use crate::wire::{MAX_DOCUMENTS, MAX_LISTED};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const PEER: Peer = Peer::from_key([1; 32]);
const OTHER: Peer = Peer::from_key([2; 32]);

fn known(number: usize) -> Known {
    let digest = Sha256::of(&number.to_be_bytes());
    Known {
        id: ContentId::from_bytes(*digest.as_bytes()),
        key: EntryKey {
            identifier: Identifier::from_sha1(Sha1::from_bytes([3; 20])),
            email: "jane@example.org".parse().unwrap(),
            created: Timestamp::from_seconds(1_700_000_000 + number as i64),
        },
        standing: Standing::Admitted,
    }
}

fn engine(known: impl Iterator<Item = Known>) -> Engine {
    let policy = Arc::new(Policy::parse("policy.cfg", "").unwrap());
    let rules = Rules { policy, anchors: Sha256::of(b"none") };
    Engine::new(Start {
        judged_under: Some(rules.digest()),
        rules,
        known: known.collect(),
        peers: Vec::new(),
        relay_refused: true,
        door: None,
        seed: 1,
    })
}

/// What the engine asks peers.
fn asked(effects: Vec<Effect>) -> Vec<(AskId, Peer, Request)> {
    let ask = |effect| match effect {
        Effect::Ask { ask, peer, request } => Some((ask, peer, request)),
        _ => None,
    };
    effects.into_iter().filter_map(ask).collect()
}

fn answer_of(engine: &mut Engine, request: Request) -> Response {
    let question = Input::Question { peer: OTHER, question: QuestionId(1), request };
    let answer = |effect| match effect {
        Effect::Answer { response, .. } => Some(response),
        _ => None,
    };
    engine.handle(question, NOW).into_iter().find_map(answer).unwrap()
}

/// Reconciles until documents are asked for; gives those questions.
fn learn(asker: &mut Engine, other: &mut Engine) -> Vec<(AskId, Peer, Request)> {
    let mut questions = asked(asker.handle(Input::Connected { peer: PEER }, NOW));
    let mut documents = Vec::new();
    while let Some((ask, peer, request)) = questions.pop() {
        if let Request::Documents(_) = request {
            documents.push((ask, peer, request));
            continue;
        }
        let answer = Ok(answer_of(other, request));
        questions.extend(asked(asker.handle(Input::Answered { ask, answer }, NOW)));
    }
    documents
}

fn report(engine: &Engine) -> SyncReport {
    engine.syncs().next().cloned().unwrap()
}

fn answered(engine: &mut Engine, ask: AskId, response: Response) -> Vec<(AskId, Peer, Request)> {
    asked(engine.handle(Input::Answered { ask, answer: Ok(response) }, NOW))
}

#[test]
fn few_differences_are_found_range_by_range_and_many_by_the_list() {
    for (step, listed) in [(2000, false), (10, true)] {
        let mut other = engine((0..20_000).map(known));
        let mut asker = engine((0..20_000).filter(|n| n % step != 7).map(known));
        learn(&mut asker, &mut other);
        let report = report(&asker);
        assert_eq!(report.missing, 20_000 / step as u64);
        assert_eq!(report.listed, listed, "{report:?}");
        assert!(report.bytes < 700_000, "{report:?}");
    }
}

#[test]
fn recent_differences_are_never_listed_however_many() {
    let mut other = engine((0..30_000).map(known));
    let mut asker = engine((0..10_000).map(known));
    learn(&mut asker, &mut other);
    let report = report(&asker);
    assert_eq!((report.missing, report.listed), (20_000, false));
    assert!(report.bytes < 20_000 * 32 * 6 / 5 + 2000, "{report:?}");
}

#[test]
fn a_list_has_pages_and_holds_no_refusals() {
    let count = MAX_LISTED + 10;
    let refused = |n: usize| Known {
        standing: if n == 5 { Standing::Refused } else { Standing::Admitted },
        ..known(n)
    };
    let mut other = engine((0..count).map(refused));
    let begin = Position { seconds: 0, id: ContentId::from_bytes([0; 32]) };
    let Response::List { ids, next } = answer_of(&mut other, Request::List(begin)) else {
        panic!()
    };
    assert_eq!(ids.len(), 32 * (MAX_LISTED - 1));
    let Response::List { ids, next } = answer_of(&mut other, Request::List(next.unwrap())) else {
        panic!()
    };
    assert_eq!((ids.len(), next), (320, None));
}

/// An asker whose session has gone over to the peer's list, with the question for a page.
fn listing() -> (Engine, AskId, Position) {
    let mut other = engine((0..5_000).map(known));
    let mut asker = engine((0..5_000).filter(|n| n % 3 != 0).map(known));
    let mut questions = asked(asker.handle(Input::Connected { peer: PEER }, NOW));
    loop {
        let (ask, _, request) = questions.pop().unwrap();
        if let Request::List(position) = request {
            return (asker, ask, position);
        }
        let answer = answer_of(&mut other, request);
        questions = answered(&mut asker, ask, answer);
    }
}

#[test]
fn a_list_that_goes_back_or_has_no_end_ends_the_session() {
    let (mut asker, ask, position) = listing();
    answered(&mut asker, ask, Response::List { ids: vec![7; 32], next: Some(position) });
    assert_eq!(asker.syncs().count(), 0, "the same place again");

    let (mut asker, mut ask, position) = listing();
    for page in 0..=u64::from(MAX_PAGES) {
        let next = Position { seconds: position.seconds + page + 1, ..position };
        let questions =
            answered(&mut asker, ask, Response::List { ids: Vec::new(), next: Some(next) });
        match questions.first() {
            Some((next, ..)) => ask = *next,
            None => break,
        }
    }
    assert_eq!(asker.syncs().count(), 0, "pages without end");

    let (mut asker, ask, _) = listing();
    answered(&mut asker, ask, Response::List { ids: vec![7; 33], next: None });
    assert_eq!(asker.syncs().count(), 0, "half an id");
}

#[test]
fn what_a_session_learnt_is_asked_for_by_the_next_without_reconciling() {
    let mut other = engine((0..3_000).map(known));
    let mut asker = engine((0..1_000).map(known));
    let first = learn(&mut asker, &mut other);
    assert_eq!(first.len(), MAX_BATCHES);
    let _ = asker.handle(Input::Disconnected { peer: PEER }, NOW);
    let again = asked(asker.handle(Input::Connected { peer: PEER }, NOW));
    let ids = |questions: &[(AskId, Peer, Request)]| -> BTreeSet<ContentId> {
        let documents = |(_, _, request): &(AskId, Peer, Request)| match request {
            Request::Documents(ids) => ids.clone(),
            other => panic!("{other:?}"),
        };
        questions.iter().flat_map(documents).collect()
    };
    assert_eq!(ids(&again), ids(&first), "what was under way did not come");
    assert_eq!(report(&asker).missing, 2_000);
}

#[test]
fn two_peers_share_the_work_and_one_that_is_silent_leaves_it_to_the_other() {
    let mut other = engine((0..1_000).map(known));
    let mut asker = engine((0..500).map(known));
    let from_first = learn(&mut asker, &mut other);
    let mut questions = asked(asker.handle(Input::Connected { peer: OTHER }, NOW));
    let mut from_second = Vec::new();
    while let Some((ask, peer, request)) = questions.pop() {
        assert_eq!(peer, OTHER);
        match request {
            Request::Documents(ids) => {
                from_second.extend(ids);
                // It has nothing to give either: the next ones are asked for.
                let nothing = Response::Documents { documents: Vec::new(), more: false };
                questions.extend(answered(&mut asker, ask, nothing));
            }
            request => {
                let answer = answer_of(&mut other, request);
                questions.extend(answered(&mut asker, ask, answer));
            }
        }
    }
    assert_eq!(from_first.len(), MAX_BATCHES);
    let share = MAX_BATCHES * MAX_DOCUMENTS;
    assert_eq!(from_second.len(), 500 - share, "what the first was not asked for");
    // The silent one's time is over.
    let late = asker.deadline().unwrap();
    assert!(late <= NOW.plus(ANSWER_TIME));
    let questions = asked(asker.handle(Input::Tick, NOW.plus(ANSWER_TIME)));
    let ids = |(_, peer, request): &(AskId, Peer, Request)| match request {
        Request::Documents(ids) if *peer == OTHER => ids.len(),
        _ => 0,
    };
    assert_eq!(questions.iter().map(ids).sum::<usize>(), share);
}

#[test]
fn a_peer_that_answers_in_the_last_moment_does_not_hold_a_session_for_ever() {
    let mut other = engine((0..2_000).map(known));
    let mut asker = engine((0..1_000).map(known));
    let mut open = learn(&mut asker, &mut other);
    let mut now = NOW;
    let mut answers = 0;
    while asker.syncs().count() > 0 {
        now = now.plus(ANSWER_TIME - Duration::from_secs(1));
        let Some((ask, ..)) = open.pop() else { break };
        let nothing = Response::Documents { documents: Vec::new(), more: false };
        open.extend(asked(asker.handle(Input::Answered { ask, answer: Ok(nothing) }, now)));
        answers += 1;
        assert!(answers < 20, "it still holds the session");
    }
    assert!(now <= NOW.plus(SESSION_TIME + ANSWER_TIME));
    assert_eq!(asker.syncs().count(), 0);
}
