//! What a peer's messages do to its standing, and what becomes of late verdicts.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod node;

use std::collections::VecDeque;
use std::time::Duration;

use node::{Heard, Node, hear, network, plain, texts};
use suq::wire::GossipVerdict;
use suq_stack::in_virtual_time;
use tokio::time::{Instant, sleep, sleep_until};

const SECOND: Duration = Duration::from_secs(1);

/// Forged messages that are listened to before their sender is not any more.
const FORGERIES_HEARD: usize = 4;

/// Lets a node judge what it hears for some time: what starts with `forged` is rejected.
async fn judge(node: &mut Node, time: Duration) -> Vec<Heard> {
    let end = Instant::now() + time;
    let mut all = Vec::new();
    while let Ok(event) = tokio::time::timeout_at(end, node.events.recv()).await {
        let Some(heard) = hear(event.unwrap()) else { continue };
        let verdict = match heard.text.starts_with("forged") {
            true => GossipVerdict::Reject,
            false => GossipVerdict::Accept,
        };
        node.net.verdict(heard.id, verdict).await;
        all.push(heard);
    }
    all
}

#[test]
fn a_forging_peer_is_no_longer_listened_to_and_a_quiet_one_is() {
    in_virtual_time(async {
        let network = network();
        let middle = plain(1);
        let friends = [middle.identity.peer()];
        let mut forger = Node::start_closed(&network, 0, &friends).await;
        let mut quiet = Node::start_closed(&network, 2, &friends).await;
        let mut node = Node::start(&network, 1, middle);
        forger.connect(&mut node).await;
        quiet.connect(&mut node).await;
        // Hours without a word cost nothing.
        assert!(judge(&mut node, 3 * 3600 * SECOND).await.is_empty());
        for number in 0..20 {
            forger.publish(&format!("forged {number}")).await;
        }
        // Some of them arrive before the first verdicts; from then on nothing is heard.
        assert!(judge(&mut node, 60 * SECOND).await.len() >= FORGERIES_HEARD);
        forger.publish("forged again").await;
        forger.publish("good, of a forger").await;
        quiet.publish("good, of a quiet peer").await;
        let heard = texts(&judge(&mut node, 60 * SECOND).await);
        assert_eq!(heard, ["good, of a quiet peer".to_owned()].into());
        // Who comes back is still the same.
        node.net.disconnect(forger.peer).await;
        sleep(60 * SECOND).await;
        forger.connect(&mut node).await;
        forger.publish("good, of a forger that came back").await;
        assert!(judge(&mut node, 60 * SECOND).await.is_empty());
    });
}

#[test]
fn forgeries_one_by_one_are_heard_four_times() {
    in_virtual_time(async {
        let network = network();
        let mut forger = Node::start(&network, 0, plain(0));
        let mut node = Node::start(&network, 1, plain(1));
        forger.connect(&mut node).await;
        let mut heard = 0;
        for number in 0..20 {
            forger.publish(&format!("forged {number}")).await;
            heard += judge(&mut node, SECOND).await.len();
        }
        assert_eq!(heard, FORGERIES_HEARD);
        // It is forgiven in the end: 4 forgeries weigh as much as none after an hour or so.
        assert!(judge(&mut node, 3600 * SECOND).await.is_empty());
        forger.publish("good").await;
        assert_eq!(judge(&mut node, SECOND).await.len(), 1);
    });
}

/// What an honest peer passes on is never forged, but it may be of no interest here.
#[test]
fn messages_that_are_ignored_cost_their_sender_nothing() {
    in_virtual_time(async {
        let network = network();
        let mut honest = Node::start(&network, 0, plain(0));
        let mut node = Node::start(&network, 1, plain(1));
        honest.connect(&mut node).await;
        for number in 0..50 {
            honest.publish(&format!("of an unknown authority {number}")).await;
            let heard = node.hear_for(SECOND).await;
            assert_eq!(heard.len(), 1);
            node.net.verdict(heard[0].id, GossipVerdict::Ignore).await;
        }
    });
}

/// One peer sends hundreds of documents at once, and each verdict takes 20 seconds.
#[test]
fn what_is_accepted_late_in_a_flood_is_still_passed_on() {
    const FLOOD: usize = 400;
    const VERDICT: Duration = Duration::from_secs(20);
    in_virtual_time(async {
        let network = network();
        let middle = plain(1);
        let friends = [middle.identity.peer()];
        let mut flooder = Node::start_closed(&network, 0, &friends).await;
        let mut honest = Node::start_closed(&network, 2, &friends).await;
        let mut far = Node::start_closed(&network, 3, &friends).await;
        let mut node = Node::start(&network, 1, middle);
        flooder.connect(&mut node).await;
        honest.connect(&mut node).await;
        far.connect(&mut node).await;
        for number in 0..FLOOD {
            flooder.publish(&format!("{number} {}", "x".repeat(5000))).await;
        }
        honest.publish("of an honest peer").await;
        let judging = tokio::spawn(async move {
            let mut waiting: VecDeque<(Instant, Heard)> = VecDeque::new();
            loop {
                let due = waiting.front().map(|(due, _)| *due);
                tokio::select! {
                    event = node.events.recv() => {
                        let Some(event) = event else { return };
                        waiting.extend(hear(event).map(|heard| (Instant::now() + VERDICT, heard)));
                    }
                    () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                        if let Some((_, heard)) = waiting.pop_front() {
                            node.net.verdict(heard.id, GossipVerdict::Accept).await;
                        }
                    }
                }
            }
        });
        let early = far.hear_for(VERDICT - SECOND).await;
        assert!(early.is_empty(), "{} before their verdict", early.len());
        let heard = texts(&far.hear_for(VERDICT).await);
        assert!(heard.contains("of an honest peer"));
        assert_eq!(heard.len(), FLOOD + 1);
        judging.abort();
    });
}
