//! Peers that speak the protocols badly, over real connections.

use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt};
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Stream, StreamProtocol, Swarm, SwarmBuilder};
use libp2p::{identify, noise, tcp, yamux};

use super::*;
use crate::net::behaviour::Protocols;
use crate::net::identity::peer_id;
use crate::net::limits::STREAMS_PER_PEER;
use crate::wire::{Knock, MAX_REQUEST_BYTES, decode, encode};

#[derive(NetworkBehaviour)]
struct Raw {
    streams: libp2p_stream::Behaviour,
    identify: Toggle<identify::Behaviour>,
}

/// Somebody with a socket.
struct Attacker {
    control: libp2p_stream::Control,
    closed: tokio::sync::oneshot::Receiver<()>,
    victim: PeerId,
}

fn sync_protocol() -> StreamProtocol {
    Protocols::of(&FederationId::from_bytes([1; 32])).unwrap().sync
}

fn swarm(says_what_it_is: bool) -> Swarm<Raw> {
    SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|key| {
            let identify = identify::Config::new("/suq/id/1".to_owned(), key.public());
            let identify = says_what_it_is.then(|| identify::Behaviour::new(identify));
            Raw { streams: libp2p_stream::Behaviour::new(), identify: identify.into() }
        })
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(PATIENCE))
        .build()
}

/// Connects to a node, as a member or as somebody who says nothing.
async fn attack(node: &mut TestNode, as_member: bool) -> Attacker {
    let mut swarm = swarm(as_member);
    let mut control = swarm.behaviour().streams.new_control();
    let mut incoming = control.accept(sync_protocol()).unwrap();
    let address: Multiaddr = node.address.as_str().parse().unwrap();
    swarm.dial(address).unwrap();
    let victim = peer_id(node.peer).unwrap();
    let (closing, closed) = tokio::sync::oneshot::channel();
    let (connecting, connected) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut connecting = Some(connecting);
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished { .. } => {
                    let _ = connecting.take().map(|sender| sender.send(()));
                }
                SwarmEvent::ConnectionClosed { .. } => break,
                _ => {}
            }
        }
        let _ = closing.send(());
    });
    tokio::spawn(async move { while incoming.next().await.is_some() {} });
    connected.await.unwrap();
    if as_member {
        node.wait(|event| matches!(event, Event::Connected { .. }).then_some(())).await;
    }
    Attacker { control, closed, victim }
}

impl Attacker {
    async fn open(&self) -> Stream {
        let mut control = self.control.clone();
        control.open_stream(self.victim, sync_protocol()).await.unwrap()
    }

    /// What comes back for these octets.
    async fn send(&self, octets: &[u8]) -> Vec<u8> {
        let mut stream = self.open().await;
        // The other side may stop reading under way.
        let _ = stream.write_all(octets).await;
        let _ = stream.close().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        answer
    }
}

async fn question(node: &mut TestNode) -> (ArrivalId, Request) {
    node.wait(|event| match event {
        Event::Question { id, request, .. } => Some((id, request)),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn nonsense_is_answered_and_what_is_too_long_is_not_read() {
    let mut node = TestNode::start(config(1)).await;
    let attacker = attack(&mut node, true).await;
    let knock = encode(&Knock { chain: Vec::new() });
    let deep = vec![0x81; 10_000];
    for nonsense in [b"\xff\xff".as_slice(), b"", &knock, &deep] {
        let answer: Response = decode(&attacker.send(nonsense).await).unwrap();
        let is_refused = matches!(answer, Response::Error { code: ErrorCode::Malformed, .. });
        assert!(is_refused, "{answer:?}");
    }
    let mut newer = encode(&Request::Documents(Vec::new()));
    let version = newer.iter().position(|octet| *octet == 1).unwrap();
    newer[version] = 9;
    let answer: Response = decode(&attacker.send(&newer).await).unwrap();
    assert!(matches!(answer, Response::Error { code: ErrorCode::Version, .. }), "{answer:?}");
    let too_long = vec![0; MAX_REQUEST_BYTES + 100_000];
    assert_eq!(attacker.send(&too_long).await, b"");
    // It is still spoken to.
    let asked =
        tokio::spawn(async move { attacker.send(&encode(&Request::Documents(Vec::new()))).await });
    let (id, _) = question(&mut node).await;
    node.net.answer(id, Response::Documents { documents: Vec::new(), more: false }).await;
    let answer: Response = decode(&asked.await.unwrap()).unwrap();
    assert!(matches!(answer, Response::Documents { .. }));
}

#[tokio::test]
async fn streams_that_are_never_finished_keep_nobody_else_out() {
    let mut node = TestNode::start(config(1)).await;
    let attacker = attack(&mut node, true).await;
    let mut held = Vec::new();
    for _ in 0..2 * STREAMS_PER_PEER {
        let mut stream = attacker.open().await;
        let _ = stream.write_all(b"\xa2").await;
        let _ = stream.flush().await;
        held.push(stream);
    }
    let mut honest = TestNode::start(config(1)).await;
    honest.connect(&mut node).await;
    honest.net.ask(1, node.peer, Request::Documents(Vec::new())).await;
    let (_, request) = question(&mut node).await;
    assert_eq!(request, Request::Documents(Vec::new()));
}

#[tokio::test]
async fn whoever_connects_and_says_nothing_is_hung_up_on() {
    let mut node = TestNode::start(config(1)).await;
    let attacker = attack(&mut node, false).await;
    let waited = tokio::time::timeout(PATIENCE, attacker.closed).await;
    assert!(waited.is_ok(), "a place is held for ever");
}
