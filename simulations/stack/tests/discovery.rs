//! What a search leaves behind.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod node;

use std::time::Duration;

use node::{Node, network, plain};
use suq::net::Event;
use suq_stack::in_virtual_time;
use tokio::time::{Instant, timeout_at};

/// What a node sees of another within a minute, in order.
async fn seen(node: &mut Node, of: &Node) -> Vec<&'static str> {
    let end = Instant::now() + Duration::from_secs(60);
    let mut seen = Vec::new();
    while let Ok(event) = timeout_at(end, node.events.recv()).await {
        match event.unwrap() {
            Event::Found { peer, .. } if peer == of.peer => seen.push("found"),
            Event::Connected { peer, .. } if peer == of.peer => seen.push("connected"),
            Event::Disconnected { peer } if peer == of.peer => seen.push("disconnected"),
            Event::DialFailed { peer, .. } if peer == of.peer => seen.push("not reached"),
            _ => {}
        }
    }
    seen
}

/// Otherwise everyone would be connected with everyone, until no place is left.
#[test]
fn a_connection_that_only_a_search_needed_ends_with_it() {
    in_virtual_time(async {
        let network = network();
        let mut a = Node::start(&network, 0, plain(0));
        let mut b = Node::start(&network, 1, plain(1));
        let mut c = Node::start(&network, 2, plain(2));
        b.connect(&mut c).await;
        a.net.dial(b.peer, vec![b.address.clone()]).await;
        let seen_here = seen(&mut a, &c).await;
        assert!(seen_here.contains(&"found"), "{seen_here:?}");
        assert_eq!(network.connections(3), [1, 2, 1]);
        // Whoever wants more than a search is connected, and stays it.
        a.net.dial(c.peer, vec![c.address.clone()]).await;
        let seen_here = seen(&mut a, &c).await;
        assert!(seen_here.contains(&"connected") && !seen_here.contains(&"disconnected"));
        assert_eq!(network.connections(3), [2, 2, 2]);
    });
}
