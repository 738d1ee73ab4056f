//! Transfers between real networks on the loopback, from peers that do not always do
//! what they should.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Barrier, mpsc, watch};

use super::*;
use crate::blobs::Hashed;
use crate::engine::{Provider, ProviderId, Share};
use crate::fetch::{Client, Proxies, Settings};
use crate::manifest::PieceList;
use crate::model::{Address, Algorithm, FederationId, Identifier, Reachable};
use crate::net::{self, BlobStream, Event, Identity, Limits, Net};
use crate::wire::{BlobAsk, BlobReply, BlobRequest, PIECE_BYTES, decode, encode};

const PATIENCE: Duration = Duration::from_secs(60);

/// What a patched peer does with a request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Deed {
    Honest,
    /// Changes the first byte of whatever it sends.
    Lies,
    /// Answers that it has it, and sends nothing.
    Stalls,
    /// Sends half a piece and closes the stream.
    Leaves,
    /// Said that it holds the image, and does not.
    Claims,
    /// Sends another list of pieces, and otherwise the image.
    LiesAboutPieces,
}

struct Image {
    octets: Arc<Vec<u8>>,
    hashed: Hashed,
}

fn image(pieces: usize) -> Image {
    let mut random = fastrand::Rng::with_seed(11);
    let length = pieces * PIECE_BYTES as usize - 1000;
    let octets: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &octets).unwrap();
    let hashed = crate::blobs::hash_file(file.path(), &Algorithm::ALL, |_| {}).unwrap();
    Image { octets: Arc::new(octets), hashed }
}

impl Image {
    fn wanted(&self, signed: bool) -> Arc<Wanted> {
        Arc::new(Wanted {
            identifier: Identifier::from_sha1(self.hashed.checksums.sha1().unwrap()),
            bytes: self.hashed.bytes,
            checksums: self.hashed.checksums.clone(),
            pieces: signed.then(|| self.hashed.piece_list()),
            locations: Vec::new(),
        })
    }

    fn sha512(&self) -> Sha512 {
        self.hashed.checksums.sha512().unwrap()
    }
}

struct Node {
    net: Net,
    peer: Peer,
    address: Address,
    events: mpsc::Receiver<Event>,
}

async fn start() -> (Node, mpsc::Receiver<(Peer, BlobStream)>) {
    let identity = Identity::generate();
    let peer = identity.peer();
    let (net, mut events, streams) = net::start(net::Config {
        identity,
        federation: FederationId::from_bytes([3; 32]),
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        announce: Vec::new(),
        closed: false,
        reachable: Reachable::Yes,
        relay: false,
        mdns: false,
        blocked: BTreeSet::new(),
        limits: Limits::default(),
    })
    .unwrap();
    let address = loop {
        if let Some(Event::Listening { address }) = events.recv().await {
            break address;
        }
    };
    (Node { net, peer, address, events }, streams)
}

/// What honest peers wait for before they send, so that the others are not too late to
/// do harm.
#[derive(Clone)]
struct Gate(watch::Receiver<bool>, Arc<watch::Sender<bool>>, Arc<Barrier>);

impl Gate {
    /// Opens when a liar's piece was taken, or when all peers are asked.
    fn new(deeds: &[Deed]) -> Gate {
        let (open, opened) = watch::channel(!deeds.contains(&Deed::Lies));
        let all_honest = deeds.iter().all(|deed| *deed == Deed::Honest);
        let together = if all_honest { deeds.len() } else { 1 };
        Gate(opened, Arc::new(open), Arc::new(Barrier::new(together)))
    }
}

/// A peer that serves the image as its deed has it.
async fn provider(image: &Image, deed: Deed, gate: Gate) -> Node {
    let (node, mut streams) = start().await;
    let is_first = Arc::new(AtomicBool::new(true));
    let (octets, pieces) = (Arc::clone(&image.octets), image.hashed.pieces.to_octets());
    tokio::spawn(async move {
        while let Some((_, stream)) = streams.recv().await {
            let serving = serve(
                stream,
                Arc::clone(&octets),
                pieces.clone(),
                deed,
                gate.clone(),
                is_first.clone(),
            );
            tokio::spawn(serving);
        }
    });
    node
}

async fn serve(
    mut stream: BlobStream,
    octets: Arc<Vec<u8>>,
    mut pieces: Vec<u8>,
    deed: Deed,
    mut gate: Gate,
    is_first: Arc<AtomicBool>,
) {
    let Ok(header) = read_header(&mut stream).await else { return };
    let request: BlobRequest = decode(&header).unwrap();
    if deed == Deed::Claims {
        return drop(write_header(&mut stream, &encode(&BlobReply::NotFound)).await);
    }
    let found = BlobReply::Found { bytes: octets.len() as u64 };
    write_header(&mut stream, &encode(&found)).await.unwrap();
    let is_list = request.ask == BlobAsk::Pieces;
    let sent = match request.ask {
        BlobAsk::Pieces => {
            pieces[0] ^= u8::from(deed == Deed::LiesAboutPieces);
            pieces
        }
        BlobAsk::Ranges(ranges) => {
            let range = ranges[0];
            let (from, to) = (range.offset as usize, (range.offset + range.length) as usize);
            let mut sent = octets[from..to].to_vec();
            match deed {
                Deed::Stalls => std::future::pending().await,
                Deed::Leaves => sent.truncate(PIECE_BYTES as usize / 2),
                Deed::Lies => sent[0] ^= 1,
                _ => {
                    if is_first.swap(false, Ordering::Relaxed) {
                        // With honest peers alone: none sends before all are asked.
                        gate.2.wait().await;
                    }
                    gate.0.wait_for(|open| *open).await.unwrap();
                }
            }
            sent
        }
    };
    // Whoever has enough closes the stream.
    let _ = stream.write_all(&sent).await;
    let _ = stream.shutdown().await;
    if deed == Deed::Lies && !is_list {
        // The other side closes the stream when it has taken what was sent.
        let _ = stream.read(&mut [0]).await;
        gate.1.send_replace(true);
    }
}

struct Ended {
    outcome: FetchOutcome,
    providers: Vec<Peer>,
    octets: Option<Vec<u8>>,
    leftovers: usize,
    /// Bytes of images that are not whole.
    left_on_disk: u64,
}

/// Fetches an image from providers with these deeds.
async fn fetch(image: &Image, signed: bool, deeds: &[Deed]) -> Ended {
    fetch_wanted(image, image.wanted(signed), deeds).await
}

async fn fetch_wanted(image: &Image, wanted: Arc<Wanted>, deeds: &[Deed]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let (mut own, _streams) = start().await;
    let (sender, holders) = mpsc::unbounded_channel();
    let mut nodes = Vec::new();
    let gate = Gate::new(deeds);
    for deed in deeds {
        let node = provider(image, *deed, gate.clone()).await;
        own.net.dial(node.peer, vec![node.address.clone()]).await;
        let wanted = node.peer;
        while !matches!(own.events.recv().await, Some(Event::Connected { peer, .. }) if peer == wanted)
        {
        }
        sender.send((node.peer, image.sha512())).unwrap();
        nodes.push(node);
    }
    let allow = vec!["127.0.0.1".parse().unwrap()];
    let here = Settings { allow, proxies: Proxies::None, ..Settings::default() };
    let transfer = Transfer {
        blobs: blobs.clone(),
        streams: own.net.blob_streams().clone(),
        live: Live::default(),
        client: Client::new(&here).unwrap(),
        rate: Rate::new(None),
        buffers: Buffers::new(),
        wanted,
        holders,
    };
    let outcome = tokio::time::timeout(PATIENCE, transfer.run()).await.expect("it ends");
    let partial = folder.path().join("partial");
    let left: Vec<_> = std::fs::read_dir(partial).unwrap().map(Result::unwrap).collect();
    let images = left.iter().filter(|entry| entry.path().extension().is_none());
    Ended {
        outcome,
        left_on_disk: images.map(|image| image.metadata().unwrap().blocks()).sum(),
        leftovers: left.len(),
        providers: nodes.iter().map(|node| node.peer).collect(),
        octets: std::fs::read(blobs.path(&image.sha512())).ok(),
    }
}

impl Ended {
    /// The image is here, and these providers were blamed for wrong bytes.
    fn is_right(&self, image: &Image, blamed: &[usize]) -> Vec<Share> {
        let FetchOutcome::Complete { shares, blamed: found } = &self.outcome else {
            panic!("{:?}", self.outcome)
        };
        assert_eq!(self.octets.as_ref(), Some(&*image.octets));
        assert_eq!(self.leftovers, 0);
        let found: BTreeSet<Peer> = found.iter().map(|(peer, _)| *peer).collect();
        let blamed: BTreeSet<Peer> = blamed.iter().map(|place| self.providers[*place]).collect();
        assert_eq!(found, blamed);
        shares.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_honest_peers_share_the_work() {
    let image = image(12);
    for signed in [true, false] {
        let ended = fetch(&image, signed, &[Deed::Honest; 3]).await;
        let shares = ended.is_right(&image, &[]);
        let sum: u64 = shares.iter().map(|share| share.bytes).sum();
        assert_eq!(sum, image.hashed.bytes, "nothing is counted twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stalls_leaves_or_has_nothing_costs_only_its_own_pieces() {
    let image = image(8);
    let deeds = [Deed::Stalls, Deed::Leaves, Deed::Claims, Deed::Honest];
    for signed in [true, false] {
        let ended = fetch(&image, signed, &deeds).await;
        let shares = ended.is_right(&image, &[]);
        let honest = Provider::Peer(ended.providers[3]);
        assert_eq!(shares, [Share { from: honest, bytes: image.hashed.bytes }]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_piece_that_is_wrong_is_noticed_at_once() {
    let image = image(6);
    let ended = fetch(&image, true, &[Deed::Lies, Deed::Honest]).await;
    ended.is_right(&image, &[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn unsigned_pieces_that_are_wrong_are_traced_to_their_sender() {
    let image = image(6);
    for deeds in [&[Deed::Lies, Deed::Honest, Deed::Honest][..], &[Deed::Lies, Deed::Honest]] {
        let ended = fetch(&image, false, deeds).await;
        ended.is_right(&image, &[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_unsigned_image_only_what_was_wrong_is_fetched_again() {
    let image = image(12);
    let ended = fetch(&image, false, &[Deed::Lies, Deed::Honest, Deed::Honest]).await;
    let shares = ended.is_right(&image, &[0]);
    let liar = Provider::Peer(ended.providers[0]);
    // No piece of an honest peer is fetched again from the other one. Of the liar, those
    // after the first of each request are right.
    let honest = shares.iter().filter(|share| share.from != liar);
    assert!(honest.map(|share| share.bytes).sum::<u64>() <= image.hashed.bytes, "{shares:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_false_list_of_an_unsigned_image_keeps_nothing_wrong() {
    let image = image(6);
    let ended = fetch(&image, false, &[Deed::Lies, Deed::LiesAboutPieces]).await;
    ended.is_right(&image, &[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_liar_alone_is_blamed_and_nothing_is_kept_of_it() {
    let image = image(3);
    for signed in [true, false] {
        let ended = fetch(&image, signed, &[Deed::Lies]).await;
        let FetchOutcome::Starved { failures, blamed } = &ended.outcome else {
            panic!("{:?}", ended.outcome)
        };
        assert_eq!((failures.len(), blamed.len()), (1, 1));
        assert_eq!(blamed[0].0, ended.providers[0]);
        assert_eq!(ended.octets, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_list_of_pieces_is_not_believed() {
    let image = image(3);
    let ended = fetch(&image, true, &[Deed::LiesAboutPieces, Deed::Honest]).await;
    ended.is_right(&image, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_contradicts_itself_is_the_fault_of_no_peer() {
    let mut image = image(3);
    let signed = image.wanted(true).pieces;
    assert!(matches!(signed, Some(PieceList { piece_bytes: 4_194_304, .. })));
    let sha256 = "0".repeat(64);
    let wrong = crate::model::Checksum::new(Algorithm::Sha256, &sha256).unwrap();
    image.hashed.checksums.insert(wrong);
    let ended = fetch(&image, true, &[Deed::Honest]).await;
    let FetchOutcome::Failed { reason, blamed } = &ended.outcome else {
        panic!("{:?}", ended.outcome)
    };
    assert!(reason.contains("SHA-256") && blamed.is_empty(), "{reason}");
    assert_eq!((ended.octets, ended.left_on_disk), (None, 0));
}

/// A web server with an image; without `ranges` it sends everything whatever is asked.
/// When `changed` is set, the byte after the first piece is wrong.
async fn web_server(image: &Image, ranges: bool, changed: bool) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/disk.img", listener.local_addr().unwrap());
    let mut octets = (*image.octets).clone();
    octets[PIECE_BYTES as usize] ^= u8::from(changed);
    let octets = Arc::new(octets);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&octets), ranges));
        }
    });
    url
}

async fn answer(mut stream: tokio::net::TcpStream, octets: Arc<Vec<u8>>, ranges: bool) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(octet) => head.push(octet),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let range = head.lines().find_map(|line| line.strip_prefix("range: bytes="));
    let range = range.filter(|_| ranges).map(|range| {
        let (first, last) = range.split_once('-').unwrap();
        (first.parse::<usize>().unwrap(), last.parse::<usize>().unwrap())
    });
    let total = octets.len();
    let (status, first, last) = match range {
        Some((first, last)) => ("206 Partial Content", first, last.min(total - 1)),
        None => ("200 OK", 0, total - 1),
    };
    let mut answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", last + 1 - first);
    if range.is_some() {
        answer.push_str(&format!("Content-Range: bytes {first}-{last}/{total}\r\n"));
    }
    answer.push_str("Connection: close\r\n\r\n");
    let _ = stream.write_all(answer.as_bytes()).await;
    // Whoever has enough closes the connection.
    let _ = stream.write_all(&octets[first..=last]).await;
    let _ = stream.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn locations_bring_an_image_alone_with_ranges_or_without() {
    let image = image(5);
    for (signed, ranges) in [(true, true), (false, false)] {
        let url = web_server(&image, ranges, false).await;
        let mut wanted = (*image.wanted(signed)).clone();
        wanted.locations = vec![url.clone()];
        let ended = fetch_wanted(&image, Arc::new(wanted), &[]).await;
        let shares = ended.is_right(&image, &[]);
        assert_eq!(shares, [Share { from: Provider::Url(url), bytes: image.hashed.bytes }]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_that_rotted_is_left_for_a_peer() {
    let image = image(5);
    for (signed, ranges) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut wanted = (*image.wanted(signed)).clone();
        wanted.locations = vec![
            web_server(&image, ranges, true).await,
            "file:///etc/passwd".to_owned(),
            "http://127.0.0.1:1/nobody-listens".to_owned(),
        ];
        let ended = fetch_wanted(&image, Arc::new(wanted), &[Deed::Honest]).await;
        ended.is_right(&image, &[]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_and_locations_bring_an_image_together() {
    let image = image(12);
    for (signed, ranges) in [(true, true), (false, false)] {
        let mut wanted = (*image.wanted(signed)).clone();
        wanted.locations = vec![web_server(&image, ranges, false).await];
        let ended = fetch_wanted(&image, Arc::new(wanted), &[Deed::Honest; 2]).await;
        let shares = ended.is_right(&image, &[]);
        let sum: u64 = shares.iter().map(|share| share.bytes).sum();
        assert_eq!(sum, image.hashed.bytes);
    }
}

#[tokio::test]
async fn what_one_brought_alone_is_not_held_against_the_next() {
    let image = image(3);
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let checksums = image.hashed.checksums.clone();
    let mut incoming =
        Incoming::begin(&blobs, Expected { bytes: image.hashed.bytes, checksums }).unwrap();
    let mut sources = Sources::default();
    sources.pieces(3);
    for (piece, octets) in (0_u32..).zip(image.octets.chunks(PIECE_BYTES as usize)) {
        let mut octets = octets.to_vec();
        octets[0] ^= u8::from(piece == 0);
        let length = octets.len() as u64;
        assert!(incoming.take(piece, &bytes::Bytes::from(octets)).unwrap());
        sources.add_peer(Peer::from_key([piece as u8; 32]), image.sha512());
        // The second has brought the most.
        let length = if piece == 1 { 2 * length } else { length };
        sources.note(&keeper::Kept::Piece { from: ProviderId(piece as usize), piece, length });
    }
    let Finished::Wrong(wrong, error) = incoming.finish().unwrap() else { panic!() };
    // Nobody of them can be asked for a list.
    let (own, _streams) = start().await;
    let (streams, wanted) = (own.net.blob_streams(), image.wanted(false));
    let incoming = sources.trace(wrong, error, streams, &wanted).await.unwrap();
    assert_eq!(incoming.here(), [false, true, false]);
    assert_eq!(sources.usable(), [ProviderId(1)]);
    // It leaves, and another one is to bring everything: also what the second brought.
    sources.ended(ProviderId(1), Err("it left".to_owned()));
    assert!(sources.try_another());
    let incoming = sources.keep_of_trial(Box::new(incoming)).await.unwrap();
    assert_eq!(incoming.here(), [false; 3]);
    assert_eq!(sources.blamed(), []);
}
