//! HTTP as it is on the wire, and a site with one image to ask for.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(unreachable_pub, missing_docs)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use crate::site::{Endorser, Site};

/// An answer.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header that is there once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.head.lines().filter_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        });
        let value = values.next();
        assert_eq!(values.next(), None, "{name} once: {}", self.head);
        value
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The parts of a `multipart/byteranges`: their ranges and bytes.
    pub fn parts(&self) -> Vec<(String, Vec<u8>)> {
        let kind = self.header("Content-Type").unwrap();
        let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap();
        let delimiter = format!("\r\n--{boundary}");
        let places: Vec<usize> = (0..self.body.len())
            .filter(|at| self.body[*at..].starts_with(delimiter.as_bytes()))
            .collect();
        assert_eq!(&self.body[*places.last().unwrap()..], format!("{delimiter}--\r\n").as_bytes());
        let part = |ends: &[usize]| {
            let part = &self.body[ends[0] + delimiter.len()..ends[1]];
            let end = part.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
            let head = String::from_utf8(part[..end].to_vec()).unwrap();
            assert!(head.contains("\r\nContent-Type: application/octet-stream"), "{head}");
            let range = head.lines().find_map(|line| line.strip_prefix("Content-Range: "));
            (range.unwrap().to_owned(), part[end + 4..].to_vec())
        };
        places.windows(2).map(part).collect()
    }
}

/// Sends these octets; what comes back until the other side closes.
pub fn exchange(address: &str, octets: &[u8]) -> Response {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(octets).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head[9..12].parse().unwrap();
    Response { status, head, body: answer[end + 4..].to_vec() }
}

/// A running site with one image.
pub struct Shop {
    pub folder: tempfile::TempDir,
    pub site: Site,
    pub address: String,
    pub image: Vec<u8>,
    pub sha512: String,
    pub sha1: String,
}

impl Shop {
    /// With an image of so many bytes, of which no two neighbours repeat.
    pub fn new(bytes: usize) -> Shop {
        let folder = tempfile::tempdir().unwrap();
        let endorser = Endorser::new(folder.path());
        let mut site = Site::new(folder.path(), "shop", &endorser);
        let mut random = fastrand::Rng::with_seed(bytes as u64);
        let image: Vec<u8> = (0..bytes).map(|_| random.u8(..)).collect();
        let file = folder.path().join("image");
        fs::write(&file, &image).unwrap();
        let run = site.run(&["blob", "add", &file.display().to_string(), "--json"]);
        assert_eq!(run.code, 0, "{run:?}");
        let added: serde_json::Value = serde_json::from_str(&run.output).unwrap();
        let name = |algorithm: &str| added[0][algorithm].as_str().unwrap().to_owned();
        let (sha512, sha1) = (name("sha512"), name("sha1"));
        site.start();
        let address = site.http();
        Shop { folder, site, address, image, sha512, sha1 }
    }

    /// The file in the store.
    pub fn stored(&self) -> PathBuf {
        self.site.home.join("blobs").join(&self.sha512[..2]).join(&self.sha512)
    }

    /// The path by SHA-512.
    pub fn path(&self) -> String {
        format!("/blobs/sha512/{}", self.sha512)
    }

    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.path())
    }

    /// One request on a connection of its own, with some more lines in its head.
    pub fn ask(&self, method: &str, path: &str, more: &[&str]) -> Response {
        let more: String = more.iter().map(|line| format!("{line}\r\n")).collect();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n");
        exchange(&self.address, head.as_bytes())
    }

    /// `GET` of the image by SHA-512.
    pub fn get(&self, more: &[&str]) -> Response {
        self.ask("GET", &self.path(), more)
    }
}
