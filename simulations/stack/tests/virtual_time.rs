//! Everything waits in virtual time, and it is the node's own libp2p that waits.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod node;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use node::{Node, network, plain};
use suq::net::Event;
use suq::wire::Request;
use suq_stack::in_virtual_time;
use tokio::time::{Instant, sleep};

/// The packages of a lock file: name, version, and whether it comes from a registry.
fn locked(path: &str) -> Vec<(String, String, bool)> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let lock: toml::Table = text.parse().unwrap();
    let text = |package: &toml::Value, field: &str| package[field].as_str().unwrap().to_owned();
    let packages = lock["package"].as_array().unwrap().iter();
    packages.map(|p| (text(p, "name"), text(p, "version"), p.get("source").is_some())).collect()
}

#[test]
fn no_clock_but_ours_is_linked() {
    for clock in ["futures-timer", "web-time"] {
        let found: Vec<_> =
            locked("Cargo.lock").into_iter().filter(|(name, ..)| name == clock).collect();
        assert!(matches!(found.as_slice(), [(_, _, false)]), "{found:?}");
    }
}

#[test]
fn the_protocols_are_those_of_the_node() {
    let is_protocol =
        |name: &str| ["libp2p", "yamux", "multistream", "snow"].iter().any(|p| name.starts_with(p));
    let theirs: BTreeMap<String, String> = locked("../../Cargo.lock")
        .into_iter()
        .filter(|(name, ..)| is_protocol(name))
        .map(|(name, version, _)| (name, version))
        .collect();
    assert!(theirs.len() > 10, "{theirs:?}");
    for (name, version, _) in locked("Cargo.lock") {
        if is_protocol(&name) {
            assert_eq!(theirs.get(&name), Some(&version), "{name}: run cargo update here");
        }
    }
}

/// A wait in real time would let hours of virtual time pass: nothing else is going on.
#[test]
fn a_question_without_an_answer_ends_in_virtual_time() {
    in_virtual_time(async {
        let network = network();
        let mut a = Node::start(&network, 0, plain(0));
        let mut b = Node::start(&network, 1, plain(1));
        a.connect(&mut b).await;
        let asked = Instant::now();
        a.net.ask(1, b.peer, Request::Documents(vec![])).await;
        let answer = a
            .wait(|event| match event {
                Event::Answer { answer, .. } => Some(answer),
                _ => None,
            })
            .await;
        assert!(answer.is_err());
        let waited = asked.elapsed();
        assert!((30..31).contains(&waited.as_secs()), "{waited:?}");
    });
}

/// Gossip keeps a message for so many of its own heartbeats.
#[test]
fn the_heartbeats_of_gossip_pass_in_virtual_time() {
    in_virtual_time(async {
        let network = network();
        let middle = plain(1);
        let friends = [middle.identity.peer()];
        let mut a = Node::start_closed(&network, 0, &friends).await;
        let mut c = Node::start_closed(&network, 2, &friends).await;
        let mut b = Node::start(&network, 1, middle);
        a.connect(&mut b).await;
        b.connect(&mut c).await;
        for (text, wait, is_passed_on) in [("in time", 100, true), ("late", 140, false)] {
            a.publish(text).await;
            let heard = b.wait(node::hear).await;
            sleep(Duration::from_secs(wait)).await;
            b.net.verdict(heard.id, suq::wire::GossipVerdict::Accept).await;
            let passed_on = !c.hear_for(Duration::from_secs(20)).await.is_empty();
            assert_eq!(passed_on, is_passed_on, "{text}");
        }
    });
}
