//! What our server answers beside what nginx answers to the same requests for the same
//! file. Where the two differ, the reason stands here.

use std::fs::{self, File};

use crate::http::{Response, Shop, exchange};
use crate::site::skip;
use crate::web_server::{FILES, Nginx};

const BYTES: usize = 300_000;
const PAST: &str = "Tue, 15 Nov 1994 12:45:26 GMT";
const FUTURE: &str = "Fri, 31 Dec 2100 23:59:59 GMT";

/// So many ranges of ten bytes that do not touch.
fn ranges(count: usize) -> String {
    let ranges: Vec<String> =
        (0..count).map(|n| format!("{}-{}", 3000 * n, 3000 * n + 9)).collect();
    ranges.join(",")
}

/// Lines of a head, with `; ` between them. What stands in braces is put in for each server.
const REQUESTS: [&str; 65] = [
    "",
    "Range: bytes=0-0",
    "Range: bytes=0-9",
    "Range: bytes=-1",
    "Range: bytes=-300000",
    "Range: bytes=-300001",
    "Range: bytes=-0",
    "Range: bytes=299999-",
    "Range: bytes=299999-400000",
    "Range: bytes=300000-",
    "Range: bytes=300000-300001",
    "Range: bytes=0-99999999999999999999999999",
    "Range: bytes=99999999999999999999999999-",
    "Range: bytes=5-3",
    "Range: bytes=a-b",
    "Range: bytes=",
    "Range: bytes=-",
    "Range: bytes=1",
    "Range: bytes 0-9",
    "Range: pieces=0-9",
    "Range: BYTES=0-9",
    "Range: bytes= 0-9",
    "Range: bytes=0-9 , 20-29",
    "Range: bytes=0-9,20-29",
    "Range: bytes=20-29,0-9",
    "Range: bytes=0-9,10-19",
    "Range: bytes=0-9,5-14",
    "Range: bytes=0-9,0-9",
    "Range: bytes=0-9,-10",
    "Range: bytes=0-9,300000-",
    "Range: bytes=300000-,400000-",
    "Range: bytes=0-9,x",
    "Range: bytes=0-9,,20-29",
    "Range: bytes=0-,0-",
    "Range: bytes=0-,0-,0-",
    "Range: bytes={64}",
    "Range: bytes={100}",
    "Range: bytes=0-9; If-Range: {tag}",
    "Range: bytes=0-9; If-Range: W/{tag}",
    "Range: bytes=0-9; If-Range: \"other\"",
    "Range: bytes=0-9; If-Range: {date}",
    "Range: bytes=0-9; If-Range: {past}",
    "Range: bytes=0-9; If-Range: {future}",
    "Range: bytes=300000-; If-Range: \"other\"",
    "If-None-Match: {tag}",
    "If-None-Match: W/{tag}",
    "If-None-Match: \"a\", {tag} , \"b\"",
    "If-None-Match: \"a\",\"b\"",
    "If-None-Match: *",
    "If-None-Match: {tag}; Range: bytes=0-9",
    "If-None-Match: \"a\"; If-Modified-Since: {date}",
    "If-Match: {tag}",
    "If-Match: \"a\", {tag}",
    "If-Match: W/{tag}",
    "If-Match: \"a\"",
    "If-Match: *",
    "If-Match: {tag}; If-Unmodified-Since: {past}",
    "If-Modified-Since: {date}",
    "If-Modified-Since: {past}",
    "If-Modified-Since: {future}",
    "If-Modified-Since: yesterday",
    "If-Unmodified-Since: {date}",
    "If-Unmodified-Since: {past}",
    "If-Unmodified-Since: {future}",
    "If-Unmodified-Since: yesterday",
];

/// Where the two differ: what ours says, what nginx says, and why.
const DIFFERENCES: [(&str, u16, u16, &str); 18] = [
    (
        "Range: bytes=0-99999999999999999999999999",
        206,
        416,
        "a range may end anywhere beyond the end (RFC 9110 §14.1.2), also where 64 bits do",
    ),
    ("Range: bytes=5-3", 200, 416, INVALID),
    ("Range: bytes=a-b", 200, 416, INVALID),
    ("Range: bytes=-", 200, 416, INVALID),
    ("Range: bytes=1", 200, 416, INVALID),
    ("Range: bytes=0-9,x", 200, 416, INVALID),
    ("Range: bytes=0-9,,20-29", 206, 416, "a list may have empty elements (RFC 9110 §5.6.1.2)"),
    ("Range: bytes=0-9,10-19", 206, 206, JOINED),
    ("Range: bytes=0-9,5-14", 206, 206, JOINED),
    ("Range: bytes=0-9,0-9", 206, 206, JOINED),
    ("Range: bytes=0-,0-", 206, 200, JOINED),
    ("Range: bytes=0-,0-,0-", 416, 200, MANY),
    ("Range: bytes={100}", 416, 206, MANY),
    (
        "If-Match: {tag}; If-Unmodified-Since: {past}",
        200,
        412,
        "a tag counts, and then not the date (RFC 9110 §13.2.2)",
    ),
    (
        "If-Modified-Since: {future}",
        304,
        200,
        "it was not modified since then (RFC 9110 §13.1.3); nginx wants the date it has told",
    ),
    (
        "If-Unmodified-Since: yesterday",
        200,
        412,
        "what is no date is no condition (RFC 9110 §13.1.4)",
    ),
    ("get", 405, 400, "methods are words of any case (RFC 9110 §9.1), and this one is not known"),
    ("HEAD Range: bytes=0-9", 200, 206, "only GET has ranges (RFC 9110 §14.2)"),
];

const INVALID: &str = "a range that is none is ignored (RFC 9110 §14.2)";
const JOINED: &str = "ranges that touch or overlap are sent as one (RFC 9110 §15.3.7.2)";
const MANY: &str = "many or overlapping ranges are refused (RFC 9110 §14.2)";

const METHODS: [&str; 10] =
    ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "FOO"];

/// A server with the file: where, and what it says of it.
struct Server {
    address: String,
    path: String,
    tag: String,
    date: String,
}

impl Server {
    fn new(address: &str, path: &str) -> Server {
        let mut server = Server {
            address: address.to_owned(),
            path: path.to_owned(),
            tag: String::new(),
            date: String::new(),
        };
        let answer = server.ask("HEAD", &[]);
        server.tag = answer.header("ETag").unwrap().to_owned();
        server.date = answer.header("Last-Modified").unwrap().to_owned();
        server
    }

    fn ask(&self, method: &str, lines: &[&str]) -> Response {
        let mut head = format!("{method} {} HTTP/1.1\r\nHost: x\r\n", self.path);
        for line in lines {
            let line = line.replace("{tag}", &self.tag).replace("{date}", &self.date);
            let line = line.replace("{past}", PAST).replace("{future}", FUTURE);
            let line = line.replace("{64}", &ranges(64)).replace("{100}", &ranges(100));
            head.push_str(&line);
            head.push_str("\r\n");
        }
        head.push_str("Connection: close\r\n\r\n");
        exchange(&self.address, head.as_bytes())
    }
}

/// What both have to agree in.
#[derive(Debug, PartialEq)]
struct Told {
    status: u16,
    range: Option<String>,
    length: Option<String>,
    body: Vec<u8>,
    parts: Vec<(String, Vec<u8>)>,
}

impl Told {
    fn by(method: &str, response: &Response) -> Told {
        let header = |name| response.header(name).map(str::to_owned);
        let (status, range) = (response.status, header("Content-Range"));
        let is_multipart =
            header("Content-Type").is_some_and(|kind| kind.starts_with("multipart/byteranges"));
        let mut told = Told { status, range, length: None, body: Vec::new(), parts: Vec::new() };
        match status {
            // Boundaries are as long as each likes.
            206 if is_multipart && method == "GET" => told.parts = response.parts(),
            200 | 206 => {
                told.length = header("Content-Length");
                told.body.clone_from(&response.body);
            }
            // The words are each one's own.
            _ => {}
        }
        assert!(method != "HEAD" || response.body.is_empty());
        told
    }

    fn brief(&self) -> String {
        let Told { status, range, length, body, parts } = self;
        let parts: Vec<&String> = parts.iter().map(|(range, _)| range).take(5).collect();
        format!("{status} {range:?} {length:?} {} bytes {parts:?}", body.len())
    }
}

/// One request to both; what is not as it should be.
fn compare(servers: [&Server; 2], method: &str, request: &str) -> Option<String> {
    let lines: Vec<&str> = request.split("; ").filter(|line| !line.is_empty()).collect();
    let told = servers.map(|server| Told::by(method, &server.ask(method, &lines)));
    let named = match method {
        "GET" => request.to_owned(),
        "HEAD" if request.starts_with("Range") => format!("HEAD {request}"),
        "HEAD" => request.to_owned(),
        other => other.to_owned(),
    };
    let wanted = DIFFERENCES.iter().find(|(request, ..)| *request == named);
    let is_right = match wanted {
        Some((_, ours, theirs, _)) => {
            told[0] != told[1] && [*ours, *theirs] == [told[0].status, told[1].status]
        }
        None => told[0] == told[1],
    };
    let [ours, theirs] = told.map(|told| told.brief());
    (!is_right).then(|| format!("{method} {request}\n   ours:  {ours}\n   nginx: {theirs}"))
}

#[test]
fn the_same_requests_get_the_same_answers() {
    let shop = Shop::new(BYTES);
    let modified = fs::metadata(shop.stored()).unwrap().modified().unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("www")).unwrap();
    let copy = folder.path().join("www/image");
    fs::write(&copy, &shop.image).unwrap();
    File::open(copy).unwrap().set_modified(modified).unwrap();
    let Some(nginx) = Nginx::start(folder.path(), FILES, &["PORT"]) else {
        return skip("nginx is not installed");
    };
    let ours = Server::new(&shop.address, &shop.path());
    let theirs = Server::new(&nginx.address(), "/image");
    let servers = [&ours, &theirs];
    let mut wrong = Vec::new();
    for request in REQUESTS {
        wrong.extend(compare(servers, "GET", request));
        if !request.starts_with("Range") {
            wrong.extend(compare(servers, "HEAD", request));
        }
    }
    wrong.extend(compare(servers, "HEAD", "Range: bytes=0-9"));
    for method in METHODS {
        wrong.extend(compare(servers, method, ""));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let asked = |named: &str| {
        REQUESTS.contains(&named) || METHODS.contains(&named) || named == "HEAD Range: bytes=0-9"
    };
    assert!(DIFFERENCES.iter().all(|(named, ..)| asked(named)), "each is looked at");
}
