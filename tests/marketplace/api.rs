//! The JSON interface.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::*;

/// A stream that brings nothing for so long is broken.
const SILENCE: Duration = Duration::from_secs(60);

impl Market {
    fn api(&self, path: &str) -> Value {
        let answer = self.get(&format!("/api/v1{path}"));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.header("Content-Type"), Some("application/json"));
        serde_json::from_slice(&answer.body).unwrap()
    }

    fn problem(&self, path: &str) -> (u16, Value) {
        let answer = self.get(path);
        assert_eq!(answer.header("Content-Type"), Some("application/problem+json"), "{path}");
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(problem["status"], answer.status);
        (answer.status, problem)
    }

    /// What a search finds, by the identifiers, in order.
    fn found(&self, query: &str) -> Vec<String> {
        let found = self.api(&format!("/entries?{query}"));
        let entries = found["entries"].as_array().unwrap().iter();
        entries.map(|entry| entry["identifier"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn entries_are_searched_filtered_counted_and_paged() {
    let market = Market::new();
    market.put(&market.document(1, 9, |details| details.title = Some("Debian for physics".into())));
    market.put(&market.document(2, 8, |details| details.description = Some("a Debian".into())));
    market.put(&market.document(3, 7, |details| details.os_arch = Some("i686".into())));
    market.put(&market.document(1, 2, |details| {
        details.title = Some("Debian for physics".into());
        details.deprecated = Some("hole".into());
    }));
    assert_eq!(market.found(""), [identifier(3), identifier(2)]);
    assert_eq!(market.found("words=debian"), [identifier(2)]);
    assert_eq!(market.found("words=debian&status=all"), [1, 1, 2].map(identifier));
    assert_eq!(market.found("words=phys&status=deprecated"), [identifier(1)]);
    assert_eq!(market.found("status=superseded"), [identifier(1)]);
    assert_eq!(market.found("arch=I686&endorser=jane@example.org"), [identifier(3)]);
    assert_eq!(market.found("endorser=john@example.org"), [""; 0]);

    let first = market.api("/entries?status=all&limit=3");
    assert_eq!(first["total"], 4);
    let arches = serde_json::json!([
        { "value": "x86_64", "count": 3 },
        { "value": "i686", "count": 1 },
    ]);
    assert_eq!(first["counts"]["arch"], arches);
    // What comes between the pages changes nothing in them.
    market.put(&market.document(4, 1, |_| {}));
    let next = first["next"].as_str().unwrap();
    let second = market.api(&format!("/entries?status=all&limit=3&after={next}"));
    assert_eq!(second["total"], 5);
    assert_eq!(second["next"], Value::Null);
    let shown = |page: &Value| -> Vec<String> {
        let entries = page["entries"].as_array().unwrap().iter();
        entries.map(|entry| entry["content_id"].to_string()).collect()
    };
    assert_eq!((shown(&first).len(), shown(&second).len()), (3, 1));
    assert!(!shown(&first).contains(&shown(&second)[0]));

    for (query, says) in [
        ("limit=0", "limit is 0"),
        ("limit=1001", "limit is 1001"),
        ("limit=x", "limit"),
        ("after=x", "no place in a list"),
        ("status=good", "unknown variant"),
        ("endorser=x", "endorser: "),
        ("colour=red", "unknown field"),
        ("os=a&os=b", "duplicate field"),
    ] {
        let (status, problem) = market.problem(&format!("/api/v1/entries?{query}"));
        assert_eq!(status, 400, "{query}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{query}: {problem}");
    }
}

#[test]
fn an_entry_and_its_image_say_everything() {
    let market = Market::new();
    let path = market.put(&market.document(1, 3, |details| details.inbound_ports = vec![22]));
    let entry = &market.api("/entries")["entries"][0];
    assert_eq!(entry["document"], Value::from(path));
    let id = entry["content_id"].as_str().unwrap();
    let detail = market.api(&format!("/entries/{id}"));
    assert_eq!(detail["identifier"], identifier(1));
    assert_eq!(detail["inbound_ports"], serde_json::json!([22]));
    assert_eq!(detail["checksums"]["SHA-1"], "01".repeat(20));
    assert_eq!(detail["equivocation"], false);

    market.put(&market.document(1, 1, |details| details.deprecated = Some("hole".into())));
    let image = market.api(&format!("/images/{}", identifier(1)));
    let statuses: Vec<&Value> =
        image["entries"].as_array().unwrap().iter().map(|entry| &entry["status"]).collect();
    assert_eq!(statuses, ["superseded", "deprecated"]);
    assert_eq!(image["blob"], Value::Null);

    let judged = market.api(&format!("/images/{}/judgement", identifier(1)));
    assert_eq!(judged["allowed"], false);
    let refusals: Vec<&Value> = judged["entries"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|entry| entry["steps"].as_array().unwrap())
        .filter(|step| step["outcome"] == "refused")
        .collect();
    assert_eq!(refusals.len(), 2, "{judged:#}");
    let holders = market.api(&format!("/images/{}/holders", identifier(1)));
    assert_eq!(
        holders,
        serde_json::json!({
            "identifier": identifier(1), "here": false, "peers": []
        })
    );
    let endorsers = market.api("/endorsers");
    assert_eq!(endorsers["endorsers"][0]["endorser"], JANE);
    assert_eq!(endorsers["endorsers"][0]["entries"], 2);
    assert_eq!(endorsers["endorsers"][0]["deprecated"], 1);

    let nobody = identifier(9);
    for (path, status) in [
        (format!("/api/v1/entries/{}", "0".repeat(64)), 404),
        ("/api/v1/entries/x".to_owned(), 400),
        (format!("/api/v1/images/{nobody}"), 404),
        (format!("/api/v1/images/{nobody}/judgement"), 404),
        (format!("/api/v1/images/{nobody}/holders"), 404),
        ("/api/v1/images/x".to_owned(), 400),
        ("/api/v1/nothing".to_owned(), 404),
    ] {
        assert_eq!(market.problem(&path).0, status, "{path}");
    }
    let posted = market.ask("POST", "/api/v1/entries", &[], b"");
    assert_eq!((posted.status, posted.header("Allow")), (405, Some("GET, HEAD")));
}

#[test]
fn an_answer_is_not_sent_again_to_who_has_it() {
    let market = Market::new();
    market.put(&market.document(1, 3, |_| {}));
    let first = market.get("/api/v1/entries");
    let tag = first.header("ETag").unwrap().to_owned();
    let known = format!("If-None-Match: {tag}");
    let again = market.ask("GET", "/api/v1/entries", &[&known], b"");
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.header("ETag"), Some(&*tag));
    market.put(&market.document(2, 3, |_| {}));
    assert_eq!(market.ask("GET", "/api/v1/entries", &[&known], b"").status, 200);
    let wants = format!("If-Match: {tag}");
    assert_eq!(market.ask("GET", "/api/v1/entries", &[&wants], b"").status, 412);
    let head = market.ask("HEAD", "/api/v1/entries", &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

/// A client that follows the changes.
struct Follower(BufReader<TcpStream>);

impl Follower {
    fn new(market: &Market, lines: &str) -> Follower {
        let mut stream = TcpStream::connect(&market.address).unwrap();
        stream.set_read_timeout(Some(SILENCE)).unwrap();
        let head = format!(
            "GET /api/v1/changes HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n{lines}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut follower = Follower(BufReader::new(stream));
        assert_eq!(follower.line(), "HTTP/1.1 200 OK");
        while !follower.line().is_empty() {}
        follower
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The next change with its id.
    fn next(&mut self) -> (u64, Value) {
        let (mut id, mut data) = (None, None);
        while id.is_none() || data.is_none() {
            let line = self.line();
            id = id.or(line.strip_prefix("id: ").map(|id| id.parse().unwrap()));
            data = data
                .or(line.strip_prefix("data: ").map(|data| serde_json::from_str(data).unwrap()));
        }
        (id.unwrap(), data.unwrap())
    }
}

#[test]
fn changes_are_followed_and_none_is_missed() {
    let mut market = Market::new();
    market.put(&market.document(1, 9, |_| {}));
    let mut follower = Follower::new(&market, "");
    market.put(&market.document(2, 8, |_| {}));
    let (second, change) = follower.next();
    assert_eq!(change["identifier"], identifier(2));
    assert_eq!((&change["became"], &change["deprecates"]), (&"admitted".into(), &false.into()));
    drop(follower);
    market.put(&market.document(1, 3, |details| details.deprecated = Some("hole".into())));

    // Who was away goes on where it was.
    let mut follower = Follower::new(&market, &format!("Last-Event-ID: {second}\r\n"));
    let (third, change) = follower.next();
    assert_eq!((third, &change["deprecates"]), (second + 1, &true.into()));
    let page = market.api("/changes?after=1&limit=1");
    assert_eq!(page["changes"][0]["number"], second);
    assert_eq!((&page["last"], &page["more"]), (&third.into(), &true.into()));

    // What the rules withdraw is a change too.
    let policy = market.site.home.join("policy.cfg");
    std::fs::write(policy, format!("[blacklistendorsers]\nx = {JANE}\n")).unwrap();
    assert_eq!(market.site.run(&["policy", "reload"]).code, 0);
    assert_eq!(follower.next().1["became"], "withdrawn");
    assert_eq!(market.found("status=withdrawn").len(), 3);

    // The node does not wait for who follows.
    market.site.stop();
    let mut rest = Vec::new();
    follower.0.read_to_end(&mut rest).unwrap();
}

#[test]
fn a_site_tells_what_it_wants_to_tell_to_whom_it_wants() {
    let market = Market::new();
    let stranger = Endorser::since(market.folder.path(), ago(90));
    let other = Market { endorser: stranger, ..Market::new() };
    market.upload(&other.document(7, 1, |_| {}));
    let refusals = market.api("/refusals");
    assert_eq!(refusals["refusals"][0]["identifier"], identifier(7));
    assert_eq!(refusals["refusals"][0]["untrusted"], true);
    let site = market.api("/site");
    assert_eq!((&site["name"], &site["documents"]["untrusted"]), (&"market".into(), &1.into()));
    assert_eq!(market.api("/peers"), serde_json::json!({ "peers": [] }));
    let origin = ["Origin: https://portal.example.org"];
    let asked = market.ask("GET", "/api/v1/site", &origin, b"");
    assert_eq!(asked.header("Access-Control-Allow-Origin"), None);

    let silent = Market::with(|site| {
        let file = site.home.join("suq.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.replace("# judgements = true", "judgements = false");
        let text = text.replace("# origins = []", "origins = [\"https://portal.example.org\"]");
        std::fs::write(file, text).unwrap();
    });
    silent.put(&silent.document(1, 3, |_| {}));
    let image = format!("/api/v1/images/{}", identifier(1));
    for path in [
        "/api/v1/refusals",
        "/api/v1/peers",
        &format!("{image}/judgement"),
        &format!("{image}/holders"),
    ] {
        assert_eq!(silent.problem(path).0, 403, "{path}");
    }
    assert_eq!(silent.api("/site")["alerts"], Value::Null);
    let allowed = |origin: &str| {
        let asked = silent.ask("GET", "/api/v1/site", &[&format!("Origin: {origin}")], b"");
        asked.header("Access-Control-Allow-Origin").map(str::to_owned)
    };
    assert_eq!(
        allowed("https://portal.example.org").as_deref(),
        Some("https://portal.example.org")
    );
    assert_eq!(allowed("https://evil.example.org"), None);
}

#[test]
fn the_index_is_made_again_when_it_is_lost() {
    let mut market = Market::new();
    market.put(&market.document(1, 3, |_| {}));
    assert_eq!(market.found(""), [identifier(1)]);
    market.site.stop();
    let index = market.site.home.join("search-1");
    assert!(index.join("meta.json").exists());
    std::fs::remove_dir_all(&index).unwrap();
    let alone = market.site.run(&["search", "image", "--json"]);
    let alone: Value = serde_json::from_str(&alone.output).unwrap();
    assert_eq!(alone["entries"][0]["identifier"], identifier(1));
    market.site.start();
    market.address = market.site.http();
    assert_eq!(market.found(""), [identifier(1)]);
}
