//! The Marketplace of a real node, to clients of the StratusLab time: plain HTTP, no
//! `Expect`, and what they compare compared.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod http;
mod site;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime};

use http::{Response, exchange};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
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

#[test]
fn an_entry_comes_back_byte_for_byte() {
    let market = Market::new();
    let document = market.document(1, 3, |_| {});
    let answer = market.upload(&document);
    assert_eq!((answer.status, answer.text().as_str()), (201, "metadata entry created"));
    let (id, date) = (identifier(1), ago(3));
    let path = answer.header("Location").unwrap().to_owned();
    let path = path.strip_prefix("http://market.example:8081").unwrap();
    assert!(path.starts_with(&format!("/metadata/{id}/{JANE}/{}", &date.to_string()[..10])));

    let entry = market.get(path);
    assert!(entry.status == 200 && entry.body == document);
    let tag = entry.header("ETag").unwrap().to_owned();
    let length = document.len().to_string();
    for (name, value) in [
        ("Content-Type", "application/rdf+xml"),
        ("Content-Length", &length),
        ("Content-Disposition", &format!("attachment; filename={id}.xml")),
        ("Vary", "Accept, User-Agent"),
        ("Cache-Control", "no-cache"),
    ] {
        assert_eq!(entry.header(name), Some(value), "{name}");
        assert_eq!(market.ask("HEAD", path, &[], b"").header(name), Some(value), "HEAD: {name}");
    }
    assert!(market.ask("HEAD", path, &[], b"").body.is_empty());
    let slashes = format!("/{}//", path.replace('/', "//"));
    for other in [slashes, path.replace('@', "%40").replace(':', "%3A"), format!("{path}?x=y")] {
        assert_eq!(market.get(&other).body, document, "{other}");
    }
    let old = exchange(&market.address, format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes());
    assert_eq!(old.body, document);

    let same = market.ask("GET", path, &[&format!("If-None-Match: {tag}")], b"");
    assert!(same.status == 304 && same.body.is_empty() && same.header("ETag") == Some(&tag));
    assert_eq!(market.ask("GET", path, &["If-Match: \"x\""], b"").status, 412);
    let json = market.ask("GET", path, &["Accept: application/json"], b"");
    assert_ne!(json.header("ETag"), Some(&*tag), "another form is another thing");

    let graph: Value = serde_json::from_slice(&json.body).unwrap();
    let entry = &graph[format!("http://mp.stratuslab.eu/#{id}")];
    let title = json!([{ "type": "literal", "value": "Image <1> & more" }]);
    assert_eq!(entry["http://purl.org/dc/terms/title"], title);
    let endorsement = &entry["http://mp.stratuslab.eu/slreq#endorsement"][0];
    assert_eq!(endorsement["type"], "bnode");
    let endorser = &graph[endorsement["value"].as_str().unwrap()];
    let endorser = &endorser["http://mp.stratuslab.eu/slreq#endorser"][0]["value"];
    let email = &graph[endorser.as_str().unwrap()]["http://mp.stratuslab.eu/slreq#email"];
    assert_eq!(email[0]["value"], JANE);
    assert!(!json.text().contains("xmldsig"), "without the signature");

    let page = market.ask("GET", path, &["User-Agent: Mozilla/5.0", "Accept: */*"], b"");
    assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(page.text().contains("Image &lt;1&gt; &amp; more"), "{}", page.text());

    for other in [
        path.replace(&id, &identifier(2)),
        path.replace(JANE, "joe@example.org"),
        path.replace("T", "U"),
        format!("/metadata/{id}/{JANE}/1999-01-01T00:00:00Z"),
    ] {
        let none = market.get(&other);
        let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                    <error>metadata entry not found.</error>";
        assert_eq!((none.status, none.text().as_str()), (404, text), "{other}");
        assert_eq!(none.header("Content-Type"), Some("application/xml"));
    }
    let none = market.ask("GET", "/metadata/a/b/c", &["Accept: application/json"], b"");
    assert_eq!(none.text(), "{\"404\" : \"metadata entry not found.\"}");
}

#[test]
fn lists_hold_the_latest_that_are_valid_unless_more_is_asked_for() {
    let market = Market::new();
    let older = market.document(1, 9, |_| {});
    let newer = market.document(1, 2, |details| details.locations = vec!["pdisk:a:1".into()]);
    let other = market.document(2, 1, |details| {
        details.locations = vec!["https://example.org/x".into(), "pdisk:b:2".into()];
    });
    let expired = market.document(3, 8, |details| details.valid = Some(ago(7)));
    let good = market.document(4, 6, |_| {});
    let gone = market.document(4, 5, |details| details.deprecated = Some("a hole".into()));
    assert_eq!(market.get("/metadata").text(), list(&[]), "unfiltered, none are no error");
    let mut paths = Vec::new();
    for document in [&older, &newer, &other, &expired, &good, &gone] {
        paths.push(market.put(document));
    }
    let date = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let (one, jane) = (identifier(1), JANE);
    for (path, expected) in [
        ("/metadata".to_owned(), vec![&other, &newer]),
        ("//metadata//".to_owned(), vec![&other, &newer]),
        ("/metadata?status=valid&location=all".to_owned(), vec![&other, &newer]),
        ("/metadata?status=expired".to_owned(), vec![&expired]),
        ("/metadata?status=deprecated".to_owned(), vec![&gone]),
        ("/metadata?location=web".to_owned(), vec![&other]),
        ("/metadata?location=pdisk".to_owned(), vec![&other, &newer]),
        (format!("/metadata/{one}"), vec![&newer]),
        (format!("/metadata/{jane}/"), vec![&other, &newer]),
        (format!("/metadata/{jane}/{one}"), vec![&newer]),
        (format!("/metadata/{one}/{jane}"), vec![&newer]),
        (format!("/metadata?identifier={one}&email={jane}&created=null"), vec![&newer]),
        (format!("/metadata?email={one}"), vec![&newer]),
        (format!("/metadata/{}", date(&paths[0])), vec![&older]),
        (format!("/metadata/{one}?created={}", date(&paths[0])), vec![&older]),
        (format!("/metadata?created={}&status=expired", date(&paths[3])), vec![&expired]),
        (format!("/metadata/{}?status=deprecated", identifier(4)), vec![&gone]),
    ] {
        let answer = market.get(&path);
        let documents: Vec<&[u8]> = expected.iter().map(|document| document.as_slice()).collect();
        assert_eq!(answer.text(), list(&documents), "{path}");
        assert_eq!(answer.header("Content-Type"), Some("application/xml"));
        assert_eq!(answer.header("Content-Length"), Some(&*answer.body.len().to_string()));
        let old = exchange(&market.address, format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes());
        assert_eq!(old.body, answer.body);
    }
    for path in [
        format!("/metadata/{}", identifier(4)),
        format!("/metadata/{}", identifier(9)),
        "/metadata/joe@example.org".to_owned(),
        "/metadata/nothing".to_owned(),
        format!("/metadata/{one}?identifier={}", identifier(2)),
        format!("/metadata/{one}?created=1999-01-01T00:00:00Z"),
        format!("/metadata/{one}?status=expired"),
    ] {
        let answer = market.get(&path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().ends_with(&format!("<error>{NOTHING}</error>")), "{path}");
        let list = market.json(&path);
        assert_eq!((&list["aaData"], &list["rMsg"]), (&json!([]), &json!(NOTHING)), "{path}");
    }
    let page = market.ask("GET", "/metadata", &["Accept: text/html"], b"").text();
    assert!(page.contains(&format!("href=\"{}\"", paths[2])) && page.ends_with("</html>\n"));
}

#[test]
fn datatables_searches_sorts_and_pages() {
    let market = Market::new();
    for n in 1..=5 {
        let title = format!("Title \"{}\"", 9 - n);
        market.put(&market.document(n, u32::from(n), |details| {
            details.title = Some(title);
            details.os_version = (n != 3).then(|| format!("{n}.0"));
            details.os_arch = Some(if n % 2 == 0 { "i686" } else { "x86_64" }.into());
        }));
    }
    let whole = market.json("/metadata?sEcho=7&iDisplayStart=1&iDisplayLength=2");
    assert_eq!(whole["sEcho"], 7);
    assert_eq!((&whole["iTotalRecords"], &whole["iTotalDisplayRecords"]), (&json!(5), &json!(5)));
    assert_eq!(whole["rMsg"], "");
    assert_eq!(whole["aaData"].as_array().unwrap().len(), 2);
    let third = &market.json("/metadata?iSortCol_0=1")["aaData"][2];
    let created = third[6].as_str().unwrap();
    assert!(created.parse::<Timestamp>().is_ok());
    let row = json!([
        "",
        "os-3",
        "null",
        "x86_64",
        JANE,
        "machine",
        created,
        identifier(3),
        "null",
        "null",
        "Title \"6\""
    ]);
    assert_eq!(third, &row);

    for (query, expected) in [
        ("", "os-1 os-2 os-3 os-4 os-5"),
        ("iSortCol_0=1&sSortDir_0=desc", "os-5 os-4 os-3 os-2 os-1"),
        ("iSortCol_0=10&sSortDir_0=asc", "os-5 os-4 os-3 os-2 os-1"),
        ("iSortCol_0=2", "os-3 os-1 os-2 os-4 os-5"),
        ("iSortCol_0=3&sSortDir_0=asc", "os-2 os-4 os-1 os-3 os-5"),
        ("iDisplayStart=3&iDisplayLength=10", "os-4 os-5"),
        ("iDisplayStart=99&iDisplayLength=10", ""),
        ("iDisplayLength=-1", "os-1 os-2 os-3 os-4 os-5"),
        ("sSearch=I686", "os-2 os-4"),
        ("sSearch=i686+os-4", "os-4"),
        ("sSearch=null", ""),
        ("sSearch_1=OS-3", "os-3"),
        ("sSearch_3=x86&sSearch_1=5", "os-5"),
        ("sSearch_4=jane&sSearch_5=machine&sSearch_2=2", "os-2"),
        ("sSearch=.*", ""),
    ] {
        let expected: Vec<&str> = expected.split_whitespace().collect();
        assert_eq!(market.column(&format!("/metadata?{query}"), 1), expected, "{query}");
        // A form, and parameters without a word on the form of the answer.
        let form = ["Content-Type: application/x-www-form-urlencoded; charset=UTF-8"];
        let posted = market.ask("POST", "/metadata", &form, format!("sEcho=1&{query}").as_bytes());
        assert_eq!(posted.header("Content-Type"), Some("application/json"));
        let plain = market.get(&format!("/metadata?sEcho=1&{query}"));
        assert_eq!(posted.body, plain.body, "{query}");
        let list: Value = serde_json::from_slice(&posted.body).unwrap();
        assert_eq!(list["aaData"].as_array().unwrap().len(), expected.len(), "{query}");
    }
    let found = market.json(&format!("/metadata/{}?sSearch=os", identifier(1)));
    assert_eq!((&found["iTotalRecords"], &found["iTotalDisplayRecords"]), (&json!(5), &json!(1)));
    for query in ["iDisplayStart=x", "iSortCol_0=11", "iSortCol_0=-1", "sEcho=%3Cscript%3E"] {
        let answer = market.get(&format!("/metadata?sSearch=a&media=json&{query}"));
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().starts_with("{\"400\" : \""), "{}", answer.text());
    }
}

#[test]
fn long_lists_come_in_pieces() {
    let market = Market::new();
    let text = "x".repeat(30_000);
    let mut documents = Vec::new();
    for n in 1..=12 {
        let document = market.document(n, u32::from(n), |details| {
            details.description = Some(text.clone());
        });
        market.put(&document);
        documents.push(document);
    }
    let documents: Vec<&[u8]> = documents.iter().map(Vec::as_slice).collect();
    let answer = market.get("/metadata");
    assert_eq!(answer.text(), list(&documents));
    assert_eq!(answer.header("Content-Length"), Some(&*answer.body.len().to_string()));
    // Without a length a client of HTTP/1.0 reads to the end.
    let old = exchange(&market.address, b"GET /metadata?media=json HTTP/1.0\r\n\r\n");
    let list: Value = serde_json::from_slice(&old.body).unwrap();
    assert_eq!(list["aaData"].as_array().unwrap().len(), 12);
}

#[test]
fn uploads_are_judged() {
    let market = Market::new();
    let document = market.document(1, 3, |_| {});
    let rdf = ["Content-Type: application/rdf+xml; charset=utf-8"];
    assert_eq!(market.ask("POST", "/metadata/", &rdf, &document).status, 201);
    assert_eq!(market.upload(&document).status, 201, "again is no harm");
    let form = ["Content-Type: multipart/form-data; boundary=xx"];
    let file = |name: &str, document: &[u8]| {
        let head = format!(
            "--xx\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--xx\r\n\
             Content-Disposition: form-data; name=\"file\"{name}\r\n\
             Content-Type: application/xml\r\n\r\n"
        );
        [head.as_bytes(), document, b"\r\n--xx--\r\n"].concat()
    };
    let second = market.document(2, 3, |_| {});
    let sent = market.ask("POST", "/metadata", &form, &file("; filename=\"a.xml\"", &second));
    assert_eq!(sent.status, 201, "{}", sent.text());
    assert_eq!(market.site.entries(), 2);
    assert_eq!(market.get(&format!("/metadata/{}", identifier(2))).text(), list(&[&second]));
    market.put(&market.document(3, 1, |_| {}));
    let ahead = market.endorser_ahead();
    let waits = market.upload(&ahead);
    assert!(waits.status == 202 && waits.text().contains("judged at its date"));

    let stranger = Endorser::since(market.folder.path(), ago(90));
    let other = Market { endorser: stranger, ..Market::new() };
    let untrusted = other.document(7, 1, |_| {});
    let text = |document: &[u8]| String::from_utf8(document.to_vec()).unwrap();
    let changed = text(&market.document(5, 1, |_| {})).replace("x86_64", "i686");
    let unsigned = {
        let whole = text(&market.document(5, 1, |_| {}));
        let start = whole.find("<ds:Signature").unwrap();
        format!("{}</rdf:RDF>", &whole[..start])
    };
    for (document, status, says) in [
        (text(&market.document(3, 9, |_| {})), 400, "invalid metadata: older than latest entry"),
        (changed, 400, "invalid metadata: "),
        (unsigned, 400, "invalid metadata: "),
        ("<a>&lt;</b>".to_owned(), 400, "unable to parse metadata: "),
        ("<rdf/>".to_owned(), 400, "invalid metadata: "),
        (text(&untrusted), 403, "refused by this site's rules"),
    ] {
        let answer = market.upload(document.as_bytes());
        assert_eq!(answer.status, status, "{}", answer.text());
        let start = format!("{}<error>{says}", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        assert!(answer.text().starts_with(&start), "{}", answer.text());
        assert!(!answer.text().contains(&market.site.home.display().to_string()));
    }
    for (lines, body, status) in [
        (&form, file("", &second), 400),
        (&["Content-Type: multipart/form-data"], second.clone(), 400),
        (&["Content-Type: text/plain"], second.clone(), 415),
        (&["X: y"], second.clone(), 415),
        (&["Content-Type: application/xml"], vec![0xff, 0xfe], 400),
        (&["Content-Type: application/xml"], Vec::new(), 400),
    ] {
        let answer = market.ask("POST", "/metadata", lines, &body);
        assert_eq!(answer.status, status, "{lines:?}: {}", answer.text());
    }
    assert_eq!(market.site.entries(), 3);
    // A body that is said to be too large is not waited for.
    let huge = b"POST /metadata HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                 Content-Type: application/xml\r\nContent-Length: 99999999\r\n\r\n";
    assert_eq!(exchange(&market.address, huge).status, 413);
    // One whose length is not said is counted.
    let chunked = |body: &[u8]| {
        let head = "POST /metadata HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                    Content-Type: application/xml\r\nTransfer-Encoding: chunked\r\n\r\n";
        let length = format!("{:x}\r\n", body.len());
        let whole = [head.as_bytes(), length.as_bytes(), body, b"\r\n0\r\n\r\n"].concat();
        exchange(&market.address, &whole)
    };
    assert_eq!(chunked(&second).status, 201);
    assert_eq!(chunked(&vec![b' '; 279 * 1024]).status, 413);
    let broken = b"POST /metadata HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                   Content-Type: application/xml\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n";
    assert_eq!(exchange(&market.address, broken).status, 400);
    waits_for_continue(&market.address, &second);
    for (method, path, allow) in [
        ("PUT", "/metadata", "GET, HEAD, POST"),
        ("POST", "/metadata/x", "GET, HEAD"),
        ("DELETE", "/metadata/a/b/c", "GET, HEAD"),
        ("POST", "/endorsers", "GET, HEAD"),
    ] {
        let answer = market.ask(method, path, &[], b"");
        assert_eq!((answer.status, answer.header("Allow")), (405, Some(allow)), "{method} {path}");
    }
}

/// What `curl` does with a body that is not short.
fn waits_for_continue(address: &str, document: &[u8]) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /metadata HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n\
         Content-Type: application/xml\r\nContent-Length: {}\r\n\r\n",
        document.len()
    )
    .unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(document).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

impl Market {
    /// A document from tomorrow.
    fn endorser_ahead(&self) -> Vec<u8> {
        let document = self.document(6, 0, |_| {});
        let draft = suq::manifest::parse_unsigned(&document).unwrap();
        let draft = Draft {
            identifier: draft.identifier,
            bytes: draft.bytes,
            checksums: draft.checksums,
            details: draft.details,
            pieces: None,
        };
        self.endorser.sign(&draft, ago(0).plus(Duration::from_secs(86_400)))
    }
}

#[test]
fn a_site_need_not_take_uploads_and_a_client_may_not_send_for_ever() {
    let closed = Market::with(|site| {
        let settings = site.home.join("suq.toml");
        let text = fs::read_to_string(&settings).unwrap();
        fs::write(&settings, text.replace("[http]", "[http]\nuploads = false")).unwrap();
    });
    let document = closed.document(1, 1, |_| {});
    let answer = closed.upload(&document);
    assert_eq!(answer.status, 403);
    assert!(answer.text().ends_with("<error>read-only repository</error>"));
    assert_eq!(closed.site.entries(), 0);

    let open = Market::new();
    let statuses: Vec<u16> = (0..200).map(|_| open.upload(b"<a/>").status).collect();
    let first = statuses.iter().position(|status| *status == 429);
    assert!(first.is_some_and(|first| first >= 100), "{statuses:?}");
    assert!(statuses[..100].iter().all(|status| *status == 400));
    assert_eq!(open.get("/metadata").status, 200, "reading goes on");
}

#[test]
fn what_the_site_withdrew_is_deprecated_to_others() {
    let market = Market::new();
    let document = market.document(1, 1, |_| {});
    let path = market.put(&document);
    let policy = "[blacklistendorsers]\nemail1 = jane@example.org\n";
    fs::write(market.site.home.join("policy.cfg"), policy).unwrap();
    let run = market.site.run(&["policy", "reload"]);
    assert_eq!(run.code, 0, "{run:?}");
    site::wait_for("it is withdrawn", || market.get(&path).status == 404);
    assert_eq!(market.get("/metadata").text(), list(&[]));
    assert_eq!(market.get("/metadata?status=deprecated").text(), list(&[&document]));
    assert!(!market.get("/endorsers").text().contains(JANE));
    let answer = market.upload(&market.document(2, 1, |_| {}));
    assert_eq!(answer.status, 403, "{}", answer.text());
}

#[test]
fn tags_follow_an_image_that_changes() {
    let market = Market::new();
    let tagged =
        |n, days, tag: &str| market.document(n, days, |details| details.tag = Some(tag.to_owned()));
    let (old, new) = (tagged(1, 9, "stable/a b"), tagged(2, 5, "stable/a b"));
    market.put(&old);
    market.put(&new);
    market.put(&tagged(3, 1, "testing"));
    for path in [
        format!("/metadata/{JANE}?tag=stable%2Fa+b"),
        format!("/tag/{JANE}/stable%2Fa%20b"),
        format!("/tag//{JANE}/stable%2Fa%20b/"),
    ] {
        let answer = market.get(&path);
        assert_eq!((answer.status, answer.body), (200, new.clone()), "{path}");
    }
    market.put(&market.document(2, 3, |details| {
        details.tag = Some("stable/a b".into());
        details.deprecated = Some(String::new());
    }));
    market.put(&market.document(2, 2, |details| details.tag = Some("stable/a b".into())));
    assert_eq!(market.get(&format!("/tag/{JANE}/stable%2Fa%20b")).body, old, "2 was taken back");
    for path in [format!("/tag/{JANE}/none"), "/tag/joe@example.org/testing".to_owned()] {
        assert_eq!(market.get(&path).status, 404, "{path}");
    }
    let tags = market.get(&format!("/endorsers/{JANE}/tags")).text();
    assert!(tags.contains("<variable name=\"tag\"/>"), "{tags}");
    assert_eq!(tags.matches("<literal>stable/a b</literal>").count(), 1, "{tags}");
    assert!(tags.contains("<literal>testing</literal>"), "{tags}");
}

#[test]
fn endorsers_and_what_they_endorse() {
    let market = Market::new();
    market.put(&market.document(1, 50, |_| {}));
    market.put(&market.document(1, 10, |details| {
        details.description = Some("<b>&\"".into());
        details.locations = vec!["http://a/1".into(), "http://a/2".into()];
        details.deprecated = Some("a hole".into());
    }));
    let all = market.get("/endorsers");
    assert_eq!(all.header("Content-Type"), Some("application/xml"));
    let text = all.text();
    assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<sparql xmlns="));
    assert_eq!(text.matches("<result>").count(), 1, "{text}");
    for name in ["email", "subject", "issuer"] {
        assert!(text.contains(&format!("<variable name=\"{name}\"/>")));
        assert!(text.contains(&format!("<binding name=\"{name}\"><literal>")), "{text}");
    }
    let history = market.get(&format!("/endorsers/{JANE}")).text();
    assert_eq!(history.matches("<result>").count(), 3, "a row for each location: {history}");
    let recent = market.get(&format!("/endorsers/{JANE}/?range=30")).text();
    assert_eq!(recent.matches("<result>").count(), 2, "{recent}");
    assert!(recent.contains("<literal>&lt;b&gt;&amp;&quot;</literal>"), "{recent}");
    assert!(recent.contains("<binding name=\"deprecated\"><literal>a hole</literal></binding>"));
    suq::manifest::xml::check(history.as_bytes()).unwrap();
    assert_eq!(market.get(&format!("/endorsers/{JANE}?range=x")).status, 400);
    let none = market.get("/endorsers/joe@example.org").text();
    assert!(none.contains("<results>\n</results>"), "{none}");
    let page = market.ask("GET", "/endorsers", &["Accept: text/html"], b"");
    assert!(page.text().contains("<td>jane@example.org</td>"));
    assert!(page.header("Content-Security-Policy").unwrap().starts_with("default-src 'none'"));
}

#[test]
fn nothing_that_is_sent_is_taken_for_markup_or_for_a_header() {
    let market = Market::new();
    market.put(&market.document(1, 1, |_| {}));
    let long = "x".repeat(7000);
    let hostile = [
        "%22%27%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "%3C!DOCTYPE%20a%20[%3C!ENTITY%20x%20SYSTEM%20%22file:///etc/passwd%22%3E]%3E%26x;",
        "a%0d%0aSet-Cookie:%20x=y",
        "%00",
        "%ff%fe",
        "%EF%BF%BE%1b[31m",
        "]]%3E",
        "%22)%20.%20}%20DROP%20ALL%20%23",
        &long,
    ];
    let places = [
        "/metadata/*",
        "/metadata/*/*",
        "/metadata/*/*/*",
        "/metadata?identifier=*",
        "/metadata?email=*",
        "/metadata?created=*",
        "/metadata?status=*",
        "/metadata?location=*",
        "/metadata?media=*&identifier=none",
        "/metadata?sEcho=*",
        "/metadata?iDisplayStart=*",
        "/metadata?iDisplayLength=*",
        "/metadata?iSortCol_0=*",
        "/metadata?sSortDir_0=*",
        "/metadata?sSearch=*",
        "/metadata?sSearch_1=*&sEcho=1",
        "/metadata/a@b?tag=*",
        "/tag/*/a",
        "/tag/a@b/*",
        "/endorsers/*",
        "/endorsers/*/tags",
        "/endorsers/a@b?range=*",
        "/metadata/a/b/c/*",
    ];
    for hostile in hostile {
        for place in places {
            let path = place.replacen('*', hostile, 1).replace('*', "x");
            for accept in ["application/xml", "application/json", "text/html"] {
                let answer = market.ask("GET", &path, &[&format!("Accept: {accept}")], b"");
                let text = answer.text();
                assert!(matches!(answer.status, 200 | 400 | 404), "{path}: {}", answer.status);
                assert_eq!(answer.header("Set-Cookie"), None, "{path}");
                assert!(text.len() < 3000, "{path}: {} bytes", text.len());
                match answer.header("Content-Type").unwrap() {
                    "application/xml" => suq::manifest::xml::check(&answer.body)
                        .unwrap_or_else(|error| panic!("{path}: {error}: {text}")),
                    "application/json" => {
                        serde_json::from_str::<Value>(&text).unwrap();
                    }
                    "text/html; charset=utf-8" => {
                        assert!(!text.contains("<script"), "{path}: {text}");
                    }
                    other => panic!("{path}: {other}"),
                }
            }
        }
    }
    // What comes back in a header comes only from what was understood.
    let head = "POST /metadata HTTP/1.1\r\nHost: a<b>\"c\r\nConnection: close\r\n";
    let document = market.document(2, 1, |_| {});
    let head = format!(
        "{head}Content-Type: application/xml\r\nContent-Length: {}\r\n\r\n",
        document.len()
    );
    let answer = exchange(&market.address, &[head.as_bytes(), &document].concat());
    assert_eq!(answer.status, 201);
    assert!(answer.header("Location").unwrap().starts_with("/metadata/"), "no name of ours");
}

#[test]
fn an_upload_is_there_after_a_kill() {
    let mut market = Market::new();
    let document = market.document(1, 1, |_| {});
    let path = market.put(&document);
    market.site.kill();
    market.site.start();
    market.address = market.site.http();
    let answer = market.get(&path);
    assert_eq!(Sha256::digest(&answer.body), Sha256::digest(&document));
}
