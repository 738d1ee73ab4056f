mod operations;

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;

use super::*;
use crate::blobs::Blob;

/// More than every buffer between two ends together.
const BYTES: u64 = 24 * 1024 * 1024;

/// What a client that does nothing is given, where it must be hung up on.
const SHORT: Duration = Duration::from_millis(20);

/// What nothing takes, where nothing must be hung up on.
const LONG: Duration = Duration::from_secs(3600);

struct Shop {
    _folder: tempfile::TempDir,
    blobs: Blobs,
    blob: Blob,
}

impl Shop {
    fn new() -> Shop {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&folder.path().join("blobs")).unwrap();
        let file = folder.path().join("image");
        std::fs::File::create(&file).unwrap().set_len(BYTES).unwrap();
        let blob = blobs.add(&file, None, |_| {}).unwrap();
        Shop { _folder: folder, blobs, blob }
    }

    fn connections(&self, limits: Limits) -> Connections {
        let (blobs, serving) = (self.blobs.clone(), Serving::new(None));
        let access = Access { traffic: Traffic::new(), is_logged: false, proxies: Arc::default() };
        let ending = CancellationToken::new();
        let router = router(blobs, None, &limits, serving, (&access, None, &ending));
        Connections::new(router, limits, access, ending)
    }

    async fn http(&self, limits: Limits) -> Http {
        let listen = vec!["127.0.0.1:0".parse().unwrap()];
        let options = Options { listen, limits, ..Options::default() };
        Http::start(options, self.blobs.clone(), None, Serving::new(None)).await.unwrap()
    }

    fn request(&self) -> Vec<u8> {
        let mut request = Vec::new();
        write!(request, "GET /blobs/sha512/{} HTTP/1.1\r\nHost: x\r\n\r\n", self.blob.sha512)
            .unwrap();
        request
    }
}

fn patient() -> Limits {
    Limits { stalled: LONG, request: LONG, ..Limits::default() }
}

/// A client of these connections, which end when the other value does.
fn client(connections: &Connections) -> (DuplexStream, tokio::task::JoinHandle<()>) {
    let (client, server) = duplex(64 * 1024);
    let connections = connections.clone();
    let here = client::Client::new([127, 0, 0, 1].into(), false);
    (client, tokio::spawn(async move { connections.serve(server, here).await }))
}

async fn status(stream: &mut (impl AsyncReadExt + Unpin)) -> u16 {
    let mut line = [0; 12];
    stream.read_exact(&mut line).await.unwrap();
    String::from_utf8_lossy(&line[9..]).parse().unwrap()
}

#[tokio::test]
async fn who_takes_nothing_is_hung_up_on() {
    let shop = Shop::new();
    let connections = shop.connections(Limits { stalled: SHORT, ..patient() });
    let (mut client, served) = client(&connections);
    client.write_all(&shop.request()).await.unwrap();
    served.await.unwrap();
    let mut taken = Vec::new();
    client.read_to_end(&mut taken).await.unwrap();
    assert!(taken.starts_with(b"HTTP/1.1 200") && (taken.len() as u64) < BYTES);
}

/// Takes a few bytes after the others until there are no more.
async fn sip(client: &mut DuplexStream) -> u64 {
    let mut taken = 0;
    loop {
        match client.read(&mut [0; 16]).await.unwrap() {
            0 => return taken,
            bytes => taken += bytes as u64,
        }
    }
}

#[tokio::test]
async fn who_takes_too_little_is_hung_up_on() {
    let shop = Shop::new();
    // No client is fast enough, and a millisecond does not last for so many sips.
    let millisecond = Duration::from_millis(1);
    let hasty = Limits { stalled: millisecond, slowest: u64::MAX, ..patient() };
    let (mut slow, _served) = client(&shop.connections(hasty));
    slow.write_all(&shop.request()).await.unwrap();
    assert!(sip(&mut slow).await < BYTES);
    let request = shop.request();
    let ending = [&request[..request.len() - 2], b"Connection: close\r\n\r\n"].concat();
    let (mut slow, served) = client(&shop.connections(patient()));
    slow.write_all(&ending).await.unwrap();
    assert!(sip(&mut slow).await > BYTES);
    served.await.unwrap();
}

#[tokio::test]
async fn who_trickles_a_request_is_hung_up_on() {
    let shop = Shop::new();
    let connections = shop.connections(Limits { request: SHORT, ..patient() });
    let (mut client, served) = client(&connections);
    client.write_all(b"GET / HTTP/1.1\r\nHost: x").await.unwrap();
    let mut pause = tokio::time::interval(Duration::from_millis(1));
    while client.write_all(b"x").await.is_ok() {
        pause.tick().await;
    }
    served.await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"", "not because it was too long");
}

#[tokio::test]
async fn who_asks_for_nothing_is_hung_up_on() {
    let shop = Shop::new();
    let connections = shop.connections(Limits { request: SHORT, ..patient() });
    for begun in ["", "GET /blobs/sha1/00 HTTP/1.1\r\nHos"] {
        let (mut client, served) = client(&connections);
        client.write_all(begun.as_bytes()).await.unwrap();
        served.await.unwrap();
    }
    // Also between two requests.
    let (mut client, served) = client(&connections);
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    served.await.unwrap();
    assert_eq!(status(&mut client).await, 404);
}

#[tokio::test]
async fn answers_with_images_are_counted() {
    let shop = Shop::new();
    let connections = shop.connections(Limits { answers: 1, ..patient() });
    let (mut first, served) = client(&connections);
    first.write_all(&shop.request()).await.unwrap();
    assert_eq!(status(&mut first).await, 200);
    let (mut second, _) = client(&connections);
    second.write_all(&shop.request()).await.unwrap();
    let mut refused = vec![0; 4096];
    let length = second.read(&mut refused).await.unwrap();
    let refused = String::from_utf8_lossy(&refused[..length]).into_owned();
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.to_lowercase().contains("retry-after: 5\r\n"), "{refused}");
    // Its place is free when the first has gone.
    drop(first);
    served.await.unwrap();
    // What was being read for it is first read to its end.
    for _ in 0..10_000 {
        let (mut third, _) = client(&connections);
        third.write_all(&shop.request()).await.unwrap();
        if status(&mut third).await == 200 {
            return;
        }
    }
    panic!("no place became free");
}

#[tokio::test]
async fn connections_are_counted() {
    let shop = Shop::new();
    let http = shop.http(Limits { connections: 1, ..patient() }).await;
    let mut first = TcpStream::connect(http.addresses()[0]).await.unwrap();
    let mut second = TcpStream::connect(http.addresses()[0]).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    second.write_all(request).await.unwrap();
    for _ in 0..20 {
        first.write_all(request).await.unwrap();
        assert_eq!(status(&mut first).await, 404);
        let mut rest = vec![0; 4096];
        assert!(first.read(&mut rest).await.unwrap() > 0);
    }
    let waiting = second.try_read(&mut [0; 1]).unwrap_err();
    assert_eq!(waiting.kind(), io::ErrorKind::WouldBlock);
    drop(first);
    assert_eq!(status(&mut second).await, 404);
}

#[tokio::test]
async fn the_end_waits_for_answers_and_for_nothing_else() {
    let shop = Shop::new();
    let http = shop.http(patient()).await;
    let address = http.addresses()[0];
    let mut idle = TcpStream::connect(address).await.unwrap();
    let mut reader = TcpStream::connect(address).await.unwrap();
    reader.write_all(&shop.request()).await.unwrap();
    assert_eq!(status(&mut reader).await, 200);
    let ended = tokio::spawn(http.stop(LONG));
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0, "it is hung up on");
    assert!(!ended.is_finished(), "an answer is on its way");
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(&[0; 1000]) && rest.len() as u64 > BYTES);
    ended.await.unwrap();
    TcpStream::connect(address).await.unwrap_err();
}

#[tokio::test]
async fn the_end_does_not_wait_for_ever() {
    let shop = Shop::new();
    let http = shop.http(patient()).await;
    let mut reader = TcpStream::connect(http.addresses()[0]).await.unwrap();
    reader.write_all(&shop.request()).await.unwrap();
    assert_eq!(status(&mut reader).await, 200);
    http.stop(SHORT).await;
    let mut rest = Vec::new();
    // How a connection is cut depends on what was on its way.
    let _ = reader.read_to_end(&mut rest).await;
    assert!((rest.len() as u64) < BYTES);
}

#[tokio::test]
async fn a_blob_that_became_shorter_is_never_taken_for_a_whole() {
    let shop = Shop::new();
    let connections = shop.connections(patient());
    let (mut client, served) = client(&connections);
    client.write_all(&shop.request()).await.unwrap();
    assert_eq!(status(&mut client).await, 200);
    let path = shop.blobs.path(&shop.blob.sha512);
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(1000).unwrap();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    served.await.unwrap();
    assert!((rest.len() as u64) < BYTES, "the connection ends early, so the client knows");
}
