//! Servers that stall, cut, or never end.

use suq::fetch::{Client, Limits, Reason, SourceError};

use super::server::{Server, Step, answer, file, head};
use super::{LONG, SHORT, client, drain, error, image, settings};

fn client_with(limits: Limits) -> Client {
    Client::new(&suq::fetch::Settings { limits, ..settings() }).unwrap()
}

fn failed(error: &SourceError) -> &Reason {
    assert!(matches!(error, SourceError::Failed { .. }), "{error:?}");
    error.reason()
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let server = Server::start(|_, _| vec![Step::Hang]).await;
    let client = client_with(Limits { connect: LONG, answer: SHORT, stall: LONG });
    let found = error(client.open(&server.url("/"), 1).await);
    assert_eq!(failed(&found), &Reason::AnswerLimit(SHORT));
    server.client_gone().await;
}

#[tokio::test]
async fn a_server_that_accepts_and_does_not_speak_tls_is_given_up() {
    // The listener's backlog accepts; nobody reads.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client_with(Limits { connect: SHORT, answer: LONG, stall: LONG });
    let url = format!("https://{}/", listener.local_addr().unwrap());
    assert_eq!(failed(&error(client.open(&url, 1).await)), &Reason::ConnectLimit(SHORT));
}

#[tokio::test]
async fn nobody_there_is_an_error_for_now() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert!(matches!(failed(&error(client().open(&url, 1).await)), Reason::Connect(_)));
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up_with_what_came() {
    let content = image(1000);
    let server = Server::start(move |number, request| {
        let mut steps = file(request, &content, "\"a\"");
        if number == 1 {
            let Some(Step::Send(body)) = steps.last_mut() else { panic!("a body") };
            body.truncate(100);
            steps.push(Step::Hang);
        }
        steps
    })
    .await;
    let client = client_with(Limits { connect: LONG, answer: LONG, stall: SHORT });
    let source = client.open(&server.url("/"), 1000).await.unwrap();
    let mut body = source.read(0..1000).await.unwrap();
    let (found, end) = drain(&mut body).await;
    assert_eq!(found.len(), 100);
    assert_eq!(failed(&end.unwrap_err()), &Reason::Stalled(SHORT));
    server.client_gone().await;
}

#[tokio::test]
async fn a_first_answer_that_stalls_is_given_up() {
    let server = Server::start(|_, _| {
        vec![head("200 OK", &[("Content-Length", "1000")]), Step::Send(vec![1]), Step::Hang]
    })
    .await;
    let client = client_with(Limits { connect: LONG, answer: LONG, stall: SHORT });
    let found = error(client.open(&server.url("/"), 1000).await);
    assert_eq!(failed(&found), &Reason::Stalled(SHORT));
}

#[tokio::test]
async fn a_cut_connection_is_noticed() {
    let content = image(1000);
    let server = Server::start(move |number, request| {
        let mut steps = file(request, &content, "\"a\"");
        if number > 0 {
            let Some(Step::Send(body)) = steps.last_mut() else { panic!("a body") };
            body.truncate(100);
            steps.push(Step::Close);
        }
        steps
    })
    .await;
    let source = client().open(&server.url("/"), 1000).await.unwrap();
    for mut body in [source.read(0..1000).await.unwrap(), source.read_all().await.unwrap()] {
        let (found, end) = drain(&mut body).await;
        assert_eq!(found.len(), 100);
        assert!(matches!(failed(&end.unwrap_err()), Reason::Cut { found: 100, .. }));
    }
}

#[tokio::test]
async fn endless_heads_end() {
    let one = Server::start(|_, _| {
        vec![Step::Send(b"HTTP/1.1 200 OK\r\nX: ".to_vec()), Step::Endless(vec![b'a'; 1000])]
    })
    .await;
    let many = Server::start(|_, _| {
        vec![Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec()), Step::Endless(b"X: a\r\n".to_vec())]
    })
    .await;
    let garbage = Server::start(|_, _| vec![Step::Endless(b"SSH-2.0-OpenSSH\r\n".to_vec())]).await;
    for server in [one, many, garbage] {
        let found = error(client().open(&server.url("/"), 1000).await);
        assert!(matches!(failed(&found), Reason::Protocol(_)), "{found:?}");
    }
}

#[tokio::test]
async fn endless_bodies_end() {
    let chunk = b"4\r\nabcd\r\n".repeat(1000);
    let server = Server::start(move |_, request| {
        let endless = Step::Endless(chunk.clone());
        match request.range() {
            Some((first, last)) => {
                let range = format!("bytes {first}-{last}/1000");
                let headers = [("Transfer-Encoding", "chunked"), ("Content-Range", &range)];
                vec![head("206 Partial Content", &headers), endless]
            }
            None => vec![head("200 OK", &[("Transfer-Encoding", "chunked")]), endless],
        }
    })
    .await;
    let source = client().open(&server.url("/"), 1000).await.unwrap();
    let range = source.read(0..500).await.unwrap();
    let whole = source.read_all().await.unwrap();
    for (mut body, expected) in [(range, 500), (whole, 1000)] {
        let (found, end) = drain(&mut body).await;
        assert!(found.len() <= expected as usize);
        let found = end.unwrap_err();
        assert!(matches!(found, SourceError::Never { .. }));
        assert_eq!(found.reason(), &Reason::TooMuch { expected });
    }
}

#[tokio::test]
async fn a_dropped_body_closes_its_connection() {
    let server = Server::start(|number, request| match number {
        0 => file(request, &[7; 1000], "\"a\""),
        _ => {
            let headers = [("Content-Length", "1000"), ("Content-Range", "bytes 0-999/1000")];
            vec![head("206 Partial Content", &headers), Step::Send(vec![7; 100]), Step::Hang]
        }
    })
    .await;
    let source = client().open(&server.url("/"), 1000).await.unwrap();
    let mut body = source.read(0..1000).await.unwrap();
    assert!(body.next().await.unwrap().is_some());
    drop(body);
    server.client_gone().await;
}

#[tokio::test]
async fn a_dropped_decompressing_body_closes_its_connection() {
    let server = Server::start(|number, _| {
        let start = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
        match number {
            0 => answer("200 OK", &[], &start),
            _ => vec![head("200 OK", &[("Content-Length", "10")]), Step::Hang],
        }
    })
    .await;
    let source = client().open(&server.url("/"), 1000).await.unwrap();
    let body = source.read_all().await.unwrap();
    drop(body);
    server.client_gone().await;
}
