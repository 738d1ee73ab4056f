//! Many connections, and many requests on one.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::Target;
use super::site::wait_for;

/// What one client may have: said once more, so that a change is noticed.
const PER_CLIENT: usize = 64;

/// A connection that stays open; none when it was refused.
fn served(address: &str) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).unwrap();
    let _ = stream.write_all(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut status = [0; 12];
    let is_served = stream.read_exact(&mut status).is_ok() && &status == b"HTTP/1.1 200";
    is_served.then_some(stream)
}

/// Asks from another address of this machine.
fn status_from(client: &str, address: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(client.parse().unwrap(), 0)).unwrap();
        let stream = socket.connect(address.parse().unwrap()).await.unwrap();
        stream.into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    let mut stream = stream;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap().to_owned()
}

#[test]
fn one_client_cannot_take_all_connections() {
    let target = Target::new();
    let address = target.address.clone();
    let mut held: Vec<TcpStream> = Vec::new();
    // Connections of `/healthz` before may not be counted out yet.
    wait_for("one client has all that it may have", || {
        held.extend(served(&address));
        held.len() == PER_CLIENT
    });
    // Who has asked already hears it in whole, too.
    let answer = target.send(&b"POST /metadata HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100));
    assert!(answer.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{answer}");
    assert!(head.contains("Retry-After: 5") && head.contains("Connection: close"), "{answer}");
    // Others are served.
    assert_eq!(status_from("127.0.0.2", &address), "HTTP/1.1 200 OK");
    assert!(target.site.log().contains("reason=\"crowded\""), "{}", target.site.log());
    // Whoever ends one may have another.
    drop(held.pop());
    wait_for("another may come", || served(&address).is_some());
    drop(held);
    wait_for("there is room again", || {
        let from_here =
            target.send(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        from_here.starts_with("HTTP/1.1 200")
    });
    assert!(target.failed("crowded") >= 1);
}

#[test]
fn requests_in_one_go_are_answered_one_after_the_other() {
    let target = Target::new();
    let mut requests = Vec::new();
    for n in 0..2000 {
        let path = if n % 2 == 0 { "/healthz" } else { "/nothing" };
        write!(requests, "GET {path} HTTP/1.1\r\nHost: x\r\nX-Request-Id: n{n}\r\n\r\n").unwrap();
    }
    requests.extend_from_slice(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let answers = target.send(&requests);
    let ids: Vec<&str> =
        answers.lines().filter_map(|line| line.strip_prefix("x-request-id: n")).collect();
    let expected: Vec<String> = (0..2000).map(|n| n.to_string()).collect();
    assert_eq!(ids, expected);
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 1001);
    assert_eq!(answers.matches("HTTP/1.1 404 Not Found").count(), 1000);
}

#[test]
fn a_client_that_sends_and_never_reads_is_bounded() {
    let target = Target::new();
    let mut stream = TcpStream::connect(&target.address).unwrap();
    stream.set_nonblocking(true).unwrap();
    let request = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
    // Until the buffers of both sides are full: the node reads no more than it answers.
    let mut sent = 0_usize;
    let mut idle = 0;
    while idle < 50 && sent < 1 << 30 {
        match stream.write(&request) {
            Ok(bytes) => (sent, idle) = (sent + bytes, 0),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                idle += 1;
                target.is_well();
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(sent < 1 << 27, "{sent} bytes were taken");
    target.is_well();
}
