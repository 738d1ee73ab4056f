//! What is sent to a real node to do harm, or by programs that know no better: it is
//! bounded, answered and logged, and the node goes on. Slow clients and clients that take
//! nothing are in the tests of `src/http`, where nobody has to wait for them.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bombs;
mod crowds;
#[path = "../http/mod.rs"]
mod http;
mod paths;
#[path = "../site/mod.rs"]
mod site;
mod smuggled;

use std::io::{Read, Write};
use std::net::TcpStream;

use site::{Endorser, Site};

/// A running site that notes every answer.
struct Target {
    _folder: tempfile::TempDir,
    site: Site,
    address: String,
}

impl Target {
    fn new() -> Target {
        let folder = tempfile::tempdir().unwrap();
        let endorser = Endorser::new(folder.path());
        let mut site = Site::new(folder.path(), "target", &endorser);
        site.set("http", "access_log = \"stderr\"");
        site.start();
        let address = site.http();
        Target { _folder: folder, site, address }
    }

    /// Everything that comes back for these octets until the node closes. What is sent may
    /// not be taken to its end.
    fn send(&self, octets: &[u8]) -> String {
        self.exchange(octets, false)
    }

    /// The same of a client that then ends its side: what it still waits for may be lost.
    fn send_and_end(&self, octets: &[u8]) -> String {
        self.exchange(octets, true)
    }

    fn exchange(&self, octets: &[u8], ends: bool) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let mut writing = stream.try_clone().unwrap();
        let octets = octets.to_vec();
        let writer = std::thread::spawn(move || {
            let _ = writing.write_all(&octets);
            if ends {
                let _ = writing.shutdown(std::net::Shutdown::Write);
            }
        });
        let mut answer = Vec::new();
        // How a connection is cut depends on what was on its way.
        let _ = stream.read_to_end(&mut answer);
        writer.join().unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The statuses of the answers to these octets.
    fn statuses(&self, octets: &[u8]) -> Vec<u16> {
        let answers = self.send(octets);
        answers.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].parse().unwrap()).collect()
    }

    fn numbers(&self) -> String {
        let head = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        http::exchange(&self.address, head.as_bytes()).text()
    }

    /// How many connections failed for this reason.
    fn failed(&self, reason: &str) -> u64 {
        let name = format!("suq_http_connections_failed_total{{reason=\"{reason}\"}} ");
        let numbers = self.numbers();
        numbers.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
    }

    /// The node answers as ever.
    fn is_well(&self) {
        let head = "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        assert_eq!(http::exchange(&self.address, head.as_bytes()).text(), "ok\n");
    }
}
