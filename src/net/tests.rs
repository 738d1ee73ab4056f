mod hostile;

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::*;
use crate::model::Sha256;
use crate::wire::ErrorCode;

/// Nothing on a loopback takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

struct TestNode {
    net: Net,
    events: mpsc::Receiver<Event>,
    streams: mpsc::Receiver<(Peer, BlobStream)>,
    peer: Peer,
    address: Address,
}

fn config(federation: u8) -> Config {
    Config {
        identity: Identity::generate(),
        federation: FederationId::from_bytes([federation; 32]),
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        announce: Vec::new(),
        closed: false,
        reachable: Reachable::Yes,
        relay: false,
        mdns: false,
        blocked: BTreeSet::new(),
        limits: Limits::default(),
    }
}

impl TestNode {
    async fn start(config: Config) -> TestNode {
        let mut node = TestNode::start_unheard(config);
        node.listens().await;
        node
    }

    /// A node without an address.
    fn start_unheard(config: Config) -> TestNode {
        let peer = config.identity.peer();
        let (net, events, streams) = start(config).unwrap();
        let address = "/ip4/192.0.2.1/tcp/1".parse().unwrap();
        TestNode { net, events, streams, peer, address }
    }

    /// Waits until the node has an address.
    async fn listens(&mut self) {
        let listening = |event| match event {
            Event::Listening { address } => Some(address),
            _ => None,
        };
        self.address = self.wait(listening).await;
    }

    /// The next event that `pick` takes; others are passed over.
    async fn wait<T>(&mut self, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        let search = async {
            loop {
                let event = self.events.recv().await.expect("the network runs");
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, search).await.expect("the event comes")
    }

    async fn connect(&mut self, other: &mut TestNode) {
        self.net.dial(other.peer, vec![other.address.clone()]).await;
        let (here, there) = (self.peer, other.peer);
        self.wait(|event| connected(&event, there)).await;
        other.wait(|event| connected(&event, here)).await;
    }

    async fn hear(&mut self) -> (ArrivalId, Vec<u8>) {
        self.wait(|event| match event {
            Event::Gossip { id, message: Gossip::Manifest(octets), .. } => Some((id, octets)),
            _ => None,
        })
        .await
    }
}

fn connected(event: &Event, wanted: Peer) -> Option<()> {
    matches!(event, Event::Connected { peer, .. } if *peer == wanted).then_some(())
}

fn message(text: &str) -> Gossip {
    Gossip::Manifest(text.as_bytes().to_vec())
}

#[tokio::test]
async fn a_question_gets_its_answer() {
    let (mut a, mut b) = (TestNode::start(config(1)).await, TestNode::start(config(1)).await);
    a.connect(&mut b).await;
    let request = Request::Reconcile(vec![0x61]);
    a.net.ask(7, b.peer, request.clone()).await;
    let (id, asked) = b
        .wait(|event| match event {
            Event::Question { id, request, .. } => Some((id, request)),
            _ => None,
        })
        .await;
    assert_eq!(asked, request);
    let response = Response::Error { code: ErrorCode::Busy, text: "later".into() };
    b.net.answer(id, response.clone()).await;
    let answer = a
        .wait(|event| match event {
            Event::Answer { ask: 7, answer } => Some(answer),
            _ => None,
        })
        .await;
    assert_eq!(answer, Ok(response));
}

#[tokio::test]
async fn a_question_to_nobody_is_answered_with_an_error() {
    let mut a = TestNode::start(config(1)).await;
    a.net.ask(1, Peer::from_key([9; 32]), Request::Documents(vec![])).await;
    let answer = a
        .wait(|event| match event {
            Event::Answer { answer, .. } => Some(answer),
            _ => None,
        })
        .await;
    assert!(answer.is_err());
}

/// On a line a — b — c, c hears only what b accepts. What c must not hear was
/// sent before what it does hear.
#[tokio::test]
async fn the_verdict_decides_what_is_passed_on() {
    // The ends must not find each other.
    let closed = || Config { closed: true, ..config(1) };
    let mut a = TestNode::start(closed()).await;
    let mut c = TestNode::start(closed()).await;
    let mut b = TestNode::start(config(1)).await;
    a.net.let_in([b.peer].into(), Vec::new()).await;
    c.net.let_in([b.peer].into(), Vec::new()).await;
    a.connect(&mut b).await;
    b.connect(&mut c).await;
    for (text, verdict) in [
        ("ignored", GossipVerdict::Ignore),
        ("rejected", GossipVerdict::Reject),
        ("accepted", GossipVerdict::Accept),
    ] {
        a.net.publish(message(text)).await;
        let (id, octets) = b.hear().await;
        assert_eq!(octets, text.as_bytes());
        b.net.verdict(id, verdict).await;
    }
    let (_, octets) = c.hear().await;
    assert_eq!(octets, b"accepted");
}

#[tokio::test]
async fn what_is_published_before_anyone_is_there_waits() {
    let (a, mut b) = (TestNode::start(config(1)).await, TestNode::start(config(1)).await);
    a.net.publish(message("early")).await;
    // The message may come before the other's protocols are known.
    a.net.dial(b.peer, vec![b.address.clone()]).await;
    assert_eq!(b.hear().await.1, b"early");
}

#[tokio::test]
async fn nodes_of_other_federations_are_not_spoken_to() {
    let (mut a, b) = (TestNode::start(config(1)).await, TestNode::start(config(2)).await);
    a.net.dial(b.peer, vec![b.address.clone()]).await;
    a.wait(|event| match event {
        Event::Connected { .. } => panic!("connected across federations"),
        Event::DialFailed { peer, .. } => (peer == b.peer).then_some(()),
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn blocking_hangs_up_at_once_and_keeps_out() {
    let (mut a, mut b) = (TestNode::start(config(1)).await, TestNode::start(config(1)).await);
    a.connect(&mut b).await;
    a.net.block(b.peer).await;
    let gone = |event| matches!(event, Event::Disconnected { .. }).then_some(());
    a.wait(gone).await;
    b.wait(gone).await;
    b.net.dial(a.peer, vec![a.address.clone()]).await;
    let outcome = b
        .wait(|event| match event {
            Event::Connected { .. } => Some("connected"),
            Event::DialFailed { .. } | Event::Disconnected { .. } => Some("kept out"),
            _ => None,
        })
        .await;
    assert_eq!(outcome, "kept out");
}

/// The stranger itself is open: it would tell and ask everything.
#[tokio::test]
async fn a_stranger_to_a_closed_node_learns_nothing() {
    let closed = Config { closed: true, ..config(1) };
    let mut closed = TestNode::start(closed).await;
    let mut friend = TestNode::start(config(1)).await;
    closed.net.let_in([friend.peer].into(), Vec::new()).await;
    friend.connect(&mut closed).await;
    friend.net.publish(message("for friends")).await;
    let (id, _) = closed.hear().await;
    closed.net.verdict(id, GossipVerdict::Accept).await;

    let mut stranger = TestNode::start(config(1)).await;
    stranger.net.dial(closed.peer, vec![closed.address.clone()]).await;
    stranger.net.ask(1, closed.peer, Request::Members(Sha256::of(b""))).await;
    let stream = stranger.net.blob_streams().clone();
    let opened = stream.open(closed.peer).await;
    assert!(opened.is_err(), "a stranger opened a blob stream");
    let mut failures = 0;
    while failures < 2 {
        stranger
            .wait(|event| match event {
                Event::Answer { answer: Err(_), .. } | Event::DialFailed { .. } => Some(()),
                Event::Found { .. }
                | Event::Connected { .. }
                | Event::Gossip { .. }
                | Event::Answer { .. } => panic!("a stranger hears {event:?}"),
                _ => None,
            })
            .await;
        failures += 1;
    }
}

/// Neither knows the other: one knocks, the other's node believes it.
#[tokio::test]
async fn whoever_knocks_and_is_believed_comes_in() {
    let closed = || Config { closed: true, ..config(1) };
    let mut host = TestNode::start(closed()).await;
    let mut guest = TestNode::start(closed()).await;
    guest.net.dial(host.peer, vec![host.address.clone()]).await;
    let (peer, id) = host
        .wait(|event| match event {
            Event::Knock { peer, id, .. } => Some((peer, id)),
            _ => None,
        })
        .await;
    assert_eq!(peer, guest.peer);
    host.net.let_in([peer].into(), Vec::new()).await;
    host.net.answer_knock(id, DoorAnswer::Welcome(Vec::new())).await;
    let welcome = |event| matches!(event, Event::Welcome { .. }).then_some(());
    guest.wait(welcome).await;
    guest.net.let_in([host.peer].into(), Vec::new()).await;
    guest.connect(&mut host).await;

    // Who is let in no longer is hung up on at once.
    host.net.let_in(BTreeSet::new(), Vec::new()).await;
    guest.wait(|event| matches!(event, Event::Disconnected { .. }).then_some(())).await;
    guest.net.dial(host.peer, vec![host.address.clone()]).await;
    let id = host
        .wait(|event| match event {
            Event::Knock { id, .. } => Some(id),
            _ => None,
        })
        .await;
    host.net.answer_knock(id, DoorAnswer::Closed).await;
    guest
        .wait(|event| match event {
            Event::Connected { .. } => panic!("it was let in again"),
            Event::DialFailed { .. } => Some(()),
            _ => None,
        })
        .await;
}

/// Each of five knows only the one before it.
#[tokio::test]
async fn who_knows_one_site_finds_all() {
    let mut nodes = vec![TestNode::start(config(1)).await];
    for _ in 1..5 {
        let mut next = TestNode::start(config(1)).await;
        if let Some(known) = nodes.last_mut() {
            next.connect(known).await;
        }
        nodes.push(next);
    }
    let mut last = nodes.pop().unwrap();
    let mut missing: BTreeSet<Peer> = nodes[..3].iter().map(|node| node.peer).collect();
    last.wait(|event| {
        if let Event::Found { peer, .. } | Event::Connected { peer, .. } = event {
            missing.remove(&peer);
        }
        missing.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_announced_address_is_told_to_others() {
    let announced: Address = "/ip4/127.0.0.9/tcp/7777".parse().unwrap();
    let mut a = TestNode::start(config(1)).await;
    let b = TestNode::start(Config { announce: vec![announced.clone()], ..config(1) }).await;
    a.net.dial(b.peer, vec![b.address.clone()]).await;
    let told = a.wait(|event| match event {
        Event::Connected { addresses, .. } => Some(addresses),
        _ => None,
    });
    assert!(told.await.contains(&announced));
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let a = TestNode::start(config(1)).await;
    let taken = Config { listen: vec![a.address.clone()], ..config(1) };
    let error = start(taken).err().unwrap();
    assert!(matches!(error, NetError::Listen { .. }), "{error}");
    assert!(error.to_string().contains(a.address.as_str()), "{error}");
}

#[tokio::test]
async fn a_stream_carries_every_byte() {
    let (mut a, mut b) = (TestNode::start(config(1)).await, TestNode::start(config(1)).await);
    a.connect(&mut b).await;
    let bytes: Vec<u8> = (0..8_000_000u32).map(|n| (n % 251) as u8).collect();
    let mut sender = a.net.blob_streams().open(b.peer).await.unwrap();
    let sent = bytes.clone();
    let send = tokio::spawn(async move {
        sender.write_all(&sent).await.unwrap();
        sender.shutdown().await.unwrap();
    });
    let (from, mut receiver) = b.streams.recv().await.unwrap();
    assert_eq!(from, a.peer);
    let mut received = Vec::new();
    receiver.read_to_end(&mut received).await.unwrap();
    assert!(received == bytes);
    send.await.unwrap();
}

/// Two nodes that nobody reaches meet by way of a third. It carries what they say, but
/// no images.
#[tokio::test]
async fn nodes_that_nobody_reaches_meet_by_way_of_another() {
    let mut carrier = TestNode::start(Config { relay: true, ..config(1) }).await;
    let hidden = || Config { listen: Vec::new(), reachable: Reachable::No, ..config(1) };
    let mut a = TestNode::start_unheard(hidden());
    let mut b = TestNode::start_unheard(hidden());
    b.connect(&mut carrier).await;
    b.listens().await;
    assert!(b.address.as_str().contains("p2p-circuit"), "{}", b.address);
    a.connect(&mut b).await;
    a.net.ask(7, b.peer, Request::Members(Sha256::of(b""))).await;
    let question = |event| match event {
        Event::Question { id, .. } => Some(id),
        _ => None,
    };
    let id = b.wait(question).await;
    b.net.answer(id, Response::Members(Vec::new())).await;
    let answer = |event| match event {
        Event::Answer { ask: 7, answer } => Some(answer),
        _ => None,
    };
    assert_eq!(a.wait(answer).await, Ok(Response::Members(Vec::new())));
    a.net.publish(message("carried")).await;
    assert_eq!(b.hear().await.1, b"carried");
    let refused = a.net.blob_streams().open(b.peer).await.err().unwrap().to_string();
    assert!(refused.contains("no direct connection"), "{refused}");
    a.net.blob_streams().open(carrier.peer).await.unwrap();
}

/// A name is looked up when a peer is dialled.
#[tokio::test]
async fn an_address_may_be_a_name() {
    let (mut a, b) = (TestNode::start(config(1)).await, TestNode::start(config(1)).await);
    let port = b.address.as_str().rsplit('/').next().unwrap().to_owned();
    let name = format!("/dns4/localhost/tcp/{port}").parse().unwrap();
    a.net.dial(b.peer, vec![name]).await;
    a.wait(|event| connected(&event, b.peer)).await;
}
