//! Health and numbers of nodes that answer slowly or never, and slow bodies.

use super::*;
use crate::home::{Federation, Home};
use crate::model::{FederationId, Peer, Timestamp};
use crate::node::{
    Answer, Call, Counts, DiskView, MembershipView, MirrorView, Node, PolicyView, StatusView,
};

fn home(folder: &std::path::Path) -> Home {
    let id = FederationId::from_bytes([5; 32]);
    let federation = Federation { name: "test".into(), id, founders: Vec::new() };
    Home::create(&folder.join("home"), b"a key", &[], &federation).unwrap()
}

fn status_of(unready: &[&str]) -> Answer {
    let membership =
        MembershipView { closed: false, member: false, founder: false, expires: None, members: 0 };
    Answer::Status(Box::new(StatusView {
        name: "played".into(),
        peer: Peer::from_key([1; 32]),
        federation: "test".into(),
        federation_id: FederationId::from_bytes([5; 32]),
        membership,
        started: Timestamp::from_seconds(1_700_000_000),
        listening: Vec::new(),
        http: Vec::new(),
        https: Vec::new(),
        documents: Default::default(),
        counts: Counts::default(),
        blobs: 7,
        scrub: Default::default(),
        damaged: 0,
        disk: DiskView::default(),
        sent: 0,
        mirror: MirrorView::default(),
        connected: Vec::new(),
        reconciled: Vec::new(),
        alerts: Vec::new(),
        unready: unready.iter().map(|reason| (*reason).to_owned()).collect(),
        policy: PolicyView {
            file: String::new(),
            broken: None,
            warnings: Vec::new(),
            mirror: Vec::new(),
        },
        anchors: Vec::new(),
    }))
}

/// The interface of a node with this run loop.
async fn interface(
    shop: &Shop,
    limits: Limits,
    run_loop: impl FnMut(Call) -> Option<Answer> + Send + 'static,
) -> Http {
    let home = home(shop._folder.path());
    let node = Node::played(&home, run_loop);
    let settings = ApiSettings { origins: Vec::new(), tells_judgements: true };
    let catalogue = Some((Marketplace::new(node.clone(), true), Api::new(node, settings)));
    let options =
        Options { listen: vec!["127.0.0.1:0".parse().unwrap()], limits, ..Options::default() };
    let serving = Serving::new(None);
    Http::start(options, shop.blobs.clone(), catalogue, serving).await.unwrap()
}

async fn exchange(http: &Http, request: &str) -> String {
    let mut stream = TcpStream::connect(http.addresses()[0]).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

async fn get(http: &Http, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    exchange(http, &request).await
}

#[tokio::test]
async fn a_node_that_does_not_answer_is_not_healthy_and_has_numbers_all_the_same() {
    let shop = Shop::new();
    let http = interface(&shop, Limits { status: SHORT, ..patient() }, |_| None).await;
    for path in ["/healthz", "/readyz"] {
        let answer = get(&http, path).await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{path}: {answer}");
        assert!(answer.ends_with("\r\n\r\nthe node does not answer in time\n"), "{answer}");
    }
    let numbers = get(&http, "/metrics").await;
    assert!(numbers.starts_with("HTTP/1.1 200 "), "{numbers}");
    assert!(numbers.contains("\nsuq_node_responds 0\n"), "{numbers}");
    assert!(numbers.contains("\nsuq_http_connections 1\n"), "{numbers}");
    let failed = "\nsuq_http_requests_total{method=\"GET\",route=\"readyz\",status=\"5xx\"} 1\n";
    assert!(numbers.contains(failed), "{numbers}");
}

#[tokio::test]
async fn a_busy_node_is_asked_once_and_tells_what_it_last_knew() {
    let shop = Shop::new();
    let (asked, mut questions) = tokio::sync::mpsc::unbounded_channel();
    let mut first = true;
    let run_loop = move |call| {
        assert_eq!(call, Call::Status);
        asked.send(()).unwrap();
        std::mem::take(&mut first).then(|| status_of(&[]))
    };
    let http = interface(&shop, Limits { status: SHORT, ..patient() }, run_loop).await;
    // On a busy machine the first to ask may not wait long enough.
    while !get(&http, "/metrics").await.contains("\nsuq_blobs 7\n") {}
    // Until what it said is too old.
    let numbers = loop {
        let numbers = get(&http, "/metrics").await;
        if numbers.contains("\nsuq_node_responds 0\n") {
            break numbers;
        }
    };
    assert!(numbers.contains("\nsuq_blobs 7\n"), "{numbers}");
    for _ in 0..10 {
        assert!(get(&http, "/readyz").await.starts_with("HTTP/1.1 503 "));
    }
    questions.close();
    let mut times = 0;
    while questions.recv().await.is_some() {
        times += 1;
    }
    assert_eq!(times, 2, "whoever comes while it is asked waits for the same answer");
}

#[tokio::test]
async fn reasons_are_told_one_on_each_line_and_as_json() {
    let shop = Shop::new();
    let run_loop = |call| match call {
        Call::Ping => Some(Answer::Done),
        _ => Some(status_of(&["the policy \"x\"", "the store"])),
    };
    let http = interface(&shop, patient(), run_loop).await;
    assert!(get(&http, "/healthz").await.ends_with("\r\n\r\nok\n"));
    let answer = get(&http, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\nthe policy \"x\"\nthe store\n"), "{answer}");
    let accept = "Accept: application/json\r\nConnection: close\r\n\r\n";
    let answer = exchange(&http, &format!("GET /readyz HTTP/1.1\r\nHost: x\r\n{accept}")).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: application/json"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let reasons = serde_json::json!(["the policy \"x\"", "the store"]);
    assert_eq!(body, serde_json::json!({"ok": false, "reasons": reasons}));
    let answer = exchange(&http, &format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{accept}")).await;
    assert!(answer.ends_with("\r\n\r\n{\"ok\":true,\"reasons\":[]}\n"), "{answer}");
}

#[tokio::test]
async fn who_trickles_a_body_is_told_so() {
    let shop = Shop::new();
    let http = interface(&shop, Limits { body: SHORT, ..patient() }, |_| None).await;
    let head = "POST /metadata HTTP/1.1\r\nHost: x\r\nContent-Type: application/xml\r\n";
    let begun = format!("{head}Content-Length: 1000\r\n\r\n<rdf");
    let answer = exchange(&http, &begun).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("did not come in time"), "{answer}");
}
