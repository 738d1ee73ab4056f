//! A server that answers as its script says, on a port found free.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// What a client asked; header names in small letters.
#[derive(Debug, Clone)]
pub struct Request {
    pub line: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    #[allow(dead_code, reason = "images are only asked for")]
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// First and last byte that were asked for.
    pub fn range(&self) -> Option<(usize, usize)> {
        let (first, last) = self.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse().unwrap(), last.parse().unwrap()))
    }
}

/// One thing that the server does.
#[derive(Clone)]
pub enum Step {
    Send(Vec<u8>),
    /// Sends this again and again until the client has gone.
    Endless(Vec<u8>),
    /// Sends nothing more until the client has gone.
    Hang,
    Close,
    /// Connects to this address and carries bytes both ways.
    Tunnel(SocketAddr),
}

pub struct Server {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
    /// One permit for each client that went while the server hung.
    gone: Arc<Semaphore>,
}

impl Server {
    pub async fn start(
        script: impl Fn(usize, &Request) -> Vec<Step> + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let gone = Arc::new(Semaphore::new(0));
        let (script, all, left) = (Arc::new(script), Arc::clone(&seen), Arc::clone(&gone));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, all, left) = (Arc::clone(&script), Arc::clone(&all), left.clone());
                tokio::spawn(async move {
                    talk(stream, all, left, move |number, request| script(number, request)).await
                });
            }
        });
        Server { address, seen, gone }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until a client closed a connection on which the server hung.
    pub async fn client_gone(&self) {
        self.gone.acquire().await.unwrap().forget();
    }
}

async fn talk(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<Request>>>,
    gone: Arc<Semaphore>,
    script: impl Fn(usize, &Request) -> Vec<Step>,
) {
    while let Some(request) = read_request(&mut stream).await {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        for step in script(number, &request) {
            match step {
                Step::Send(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                Step::Endless(bytes) => while stream.write_all(&bytes).await.is_ok() {},
                Step::Hang => {
                    let mut rest = Vec::new();
                    let _ = stream.read_to_end(&mut rest).await;
                    gone.add_permits(1);
                    return;
                }
                Step::Close => return,
                Step::Tunnel(address) => {
                    let mut other = TcpStream::connect(address).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut other).await;
                    return;
                }
            }
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let line = lines.next().unwrap().to_owned();
    let path = line.split(' ').nth(1).unwrap().to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    let headers: BTreeMap<String, String> = headers.collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request { line, path, headers, body })
}

/// A head and nothing after it.
pub fn head(status: &str, headers: &[(&str, &str)]) -> Step {
    let mut text = format!("HTTP/1.1 {status}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    Step::Send(format!("{text}\r\n").into_bytes())
}

/// A whole answer with its length.
pub fn answer(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<Step> {
    let length = body.len().to_string();
    let mut all = vec![("Content-Length", length.as_str())];
    all.extend_from_slice(headers);
    vec![head(status, &all), Step::Send(body.to_vec())]
}

/// An answer in chunks, its end marked, its length not.
pub fn chunked(headers: &[(&str, &str)], body: &[u8]) -> Vec<Step> {
    let mut all = vec![("Transfer-Encoding", "chunked")];
    all.extend_from_slice(headers);
    let mut steps = vec![head("200 OK", &all)];
    for chunk in body.chunks(1000) {
        let mut bytes = format!("{:x}\r\n", chunk.len()).into_bytes();
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
        steps.push(Step::Send(bytes));
    }
    steps.push(Step::Send(b"0\r\n\r\n".to_vec()));
    steps
}

/// What a good server answers for a file.
pub fn file(request: &Request, content: &[u8], etag: &str) -> Vec<Step> {
    let same = request.header("if-range").is_none_or(|validator| validator == etag);
    match request.range().filter(|_| same) {
        None => answer("200 OK", &[("ETag", etag), ("Accept-Ranges", "bytes")], content),
        Some((first, last)) => {
            let last = last.min(content.len() - 1);
            let range = format!("bytes {first}-{last}/{}", content.len());
            let headers = [("ETag", etag), ("Content-Range", range.as_str())];
            answer("206 Partial Content", &headers, &content[first..=last])
        }
    }
}
