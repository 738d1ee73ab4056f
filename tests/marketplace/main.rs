//! The Marketplace of a real node, to clients of the StratusLab time: plain HTTP, no
//! `Expect`, and what they compare compared.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api;
mod endorsers;
mod hostile;
#[path = "../http/mod.rs"]
mod http;
mod lists;
#[path = "../site/mod.rs"]
mod site;
mod sparql;
mod uploads;

use std::time::{Duration, SystemTime};

use http::{Response, exchange};
use serde_json::Value;
use site::{Endorser, Site};
use suq::manifest::{Details, Draft};
use suq::model::{Algorithm, Checksum, Identifier, Sha1, Timestamp};

const LIST_HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?><metadata>";
const NOTHING: &str = "no metadata matching query found";
const JANE: &str = "jane@example.org";

/// A site, and an endorser that it trusts.
struct Market {
    folder: tempfile::TempDir,
    endorser: Endorser,
    site: Site,
    address: String,
}

impl Market {
    fn new() -> Market {
        Market::with(|_| {})
    }

    /// With a home that was changed before it started.
    fn with(change: impl FnOnce(&Site)) -> Market {
        let folder = tempfile::tempdir().unwrap();
        let endorser = Endorser::since(folder.path(), ago(90));
        let mut site = Site::new(folder.path(), "market", &endorser);
        change(&site);
        site.start();
        let address = site.http();
        Market { folder, endorser, site, address }
    }

    /// A document of image `n`, endorsed so many days ago.
    fn document(&self, n: u8, days_ago: u32, change: impl FnOnce(&mut Details)) -> Vec<u8> {
        let sha1 = Sha1::from_bytes([n; 20]);
        let mut details = Details {
            image_type: "base".into(),
            kind: Some("machine".into()),
            os: Some(format!("os-{n}")),
            os_version: Some("12".into()),
            os_arch: Some("x86_64".into()),
            title: Some(format!("Image <{n}> & more")),
            ..Details::default()
        };
        change(&mut details);
        let draft = Draft {
            identifier: Identifier::from_sha1(sha1),
            bytes: 1,
            checksums: [Checksum::new(Algorithm::Sha1, &sha1.to_string()).unwrap()]
                .into_iter()
                .collect(),
            details,
            pieces: None,
        };
        self.endorser.sign(&draft, ago(days_ago))
    }

    fn ask(&self, method: &str, path: &str, lines: &[&str], body: &[u8]) -> Response {
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let length = match body.len() {
            0 => String::new(),
            length => format!("Content-Length: {length}\r\n"),
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: market.example:8081\r\nConnection: close\r\n{length}{lines}\r\n"
        );
        exchange(&self.address, &[head.as_bytes(), body].concat())
    }

    fn get(&self, path: &str) -> Response {
        self.ask("GET", path, &[], b"")
    }

    fn upload(&self, document: &[u8]) -> Response {
        self.ask("POST", "/metadata", &["Content-Type: application/xml"], document)
    }

    /// Uploads it; its path.
    fn put(&self, document: &[u8]) -> String {
        let answer = self.upload(document);
        assert_eq!(answer.status, 201, "{}", answer.text());
        let location = answer.header("Location").unwrap();
        location.strip_prefix("http://market.example:8081").unwrap().to_owned()
    }

    fn json(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, &["Accept: application/json"], b"");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.header("Content-Type"), Some("application/json"));
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// The column of a list as DataTables gets it.
    fn column(&self, path: &str, column: usize) -> Vec<String> {
        let list = self.json(path);
        let rows = list["aaData"].as_array().unwrap().iter();
        rows.map(|row| row[column].as_str().unwrap().to_owned()).collect()
    }
}

fn ago(days: u32) -> Timestamp {
    Timestamp::from(SystemTime::now()).minus(Duration::from_secs(86_400) * days).whole_seconds()
}

fn identifier(n: u8) -> String {
    Identifier::from_sha1(Sha1::from_bytes([n; 20])).to_string()
}

/// The list of these documents.
fn list(documents: &[&[u8]]) -> String {
    let bare = |document: &&[u8]| {
        let text = String::from_utf8(document.to_vec()).unwrap();
        text.split_once("?>").unwrap().1.to_owned()
    };
    format!("{LIST_HEAD}{}</metadata>", documents.iter().map(bare).collect::<String>())
}
