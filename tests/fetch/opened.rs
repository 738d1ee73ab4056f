//! What one question finds out.

use std::time::Duration;

use suq::fetch::{Access, Reason, SourceError};

use super::server::{Server, Step, answer, chunked, file, head};
use super::{all, client, drain, error, image};

#[tokio::test]
async fn ranges_are_found_by_one_question_and_read_by_one_each() {
    let content = image(1_000_000);
    let served = content.clone();
    let server = Server::start(move |_, request| file(request, &served, "\"a\"")).await;
    let source = client().open(&server.url("/image"), 1_000_000).await.unwrap();
    assert_eq!(source.access(), Access::Ranges);
    assert_eq!(source.format(), None);
    assert_eq!(all(source.read(10..700_000).await.unwrap()).await, content[10..700_000]);
    assert_eq!(all(source.read(999_999..1_000_000).await.unwrap()).await, content[999_999..]);
    assert_eq!(all(source.read_all().await.unwrap()).await, content);

    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[0].header("range"), Some("bytes=0-63"));
    assert_eq!(seen[1].header("range"), Some("bytes=10-699999"));
    assert_eq!(seen[1].header("if-range"), Some("\"a\""));
    assert_eq!(seen[3].header("range"), None);
    for request in seen {
        assert_eq!(request.header("accept-encoding"), Some("identity"));
        assert!(request.header("user-agent").unwrap().starts_with("suq/"));
        assert_eq!(request.header("authorization"), None);
    }
}

#[tokio::test]
async fn an_image_shorter_than_the_first_question_has_ranges_too() {
    let server = Server::start(|_, request| file(request, b"tiny", "\"a\"")).await;
    let source = client().open(&server.url("/"), 4).await.unwrap();
    assert_eq!(source.access(), Access::Ranges);
    assert_eq!(all(source.read(0..4).await.unwrap()).await, b"tiny");
}

#[tokio::test]
async fn ranges_outside_of_the_image_are_not_asked_for() {
    let server = Server::start(|_, request| file(request, b"tiny", "\"a\"")).await;
    let source = client().open(&server.url("/"), 4).await.unwrap();
    for (start, end) in [(0, 5), (4, 4), (3, 2)] {
        let found = error(source.read(start..end).await);
        assert_eq!(found.reason(), &Reason::NoSuchRange { start, end });
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_server_without_ranges_is_read_from_the_start() {
    let content = image(300_000);
    let served = content.clone();
    let server = Server::start(move |_, _| answer("200 OK", &[], &served)).await;
    let source = client().open(&server.url("/"), 300_000).await.unwrap();
    assert_eq!(source.access(), Access::Sequential);
    assert!(matches!(error(source.read(0..9).await).reason(), Reason::NoSuchRange { .. }));
    assert_eq!(all(source.read_all().await.unwrap()).await, content);
}

#[tokio::test]
async fn a_server_that_gets_ranges_wrong_is_read_without() {
    let content = image(1000);
    for wrong in
        ["bytes 1-64/1000", "bytes 0-63/*", "bytes 0-62/1000", "bytes 0-63", "pages 0-63/9"]
    {
        let served = content.clone();
        let server = Server::start(move |_, request| match request.range() {
            Some(_) => {
                let headers = [("Content-Range", wrong)];
                answer("206 Partial Content", &headers, &served[..64])
            }
            None => answer("200 OK", &[], &served),
        })
        .await;
        let source = client().open(&server.url("/"), 1000).await.unwrap();
        assert_eq!(source.access(), Access::Sequential, "{wrong}");
        assert_eq!(all(source.read_all().await.unwrap()).await, content, "{wrong}");
    }
}

#[tokio::test]
async fn another_size_is_an_error_that_says_both() {
    let ranges = Server::start(|_, request| file(request, &[7; 999], "\"a\"")).await;
    let plain = Server::start(|_, _| answer("200 OK", &[], &[7; 999])).await;
    for server in [ranges, plain] {
        let found = error(client().open(&server.url("/secret?token=1"), 1000).await);
        assert!(matches!(found, SourceError::Never { .. }));
        let words = found.to_string();
        for word in ["999", "1000", &server.address.to_string()] {
            assert!(words.contains(word), "{words}");
        }
        assert!(!words.contains("secret") && !words.contains("token"), "{words}");
    }
    let empty = Server::start(|_, _| {
        answer("416 Range Not Satisfiable", &[("Content-Range", "bytes */0")], b"")
    })
    .await;
    let found = error(client().open(&empty.url("/"), 1000).await);
    assert_eq!(found.reason(), &Reason::Size { found: 0, expected: 1000 });
}

#[tokio::test]
async fn without_a_length_the_bytes_are_counted() {
    let content = image(5000);
    for (bytes, reason) in [
        (5000, None),
        (5001, Some(Reason::TooLittle { found: 5000, expected: 5001 })),
        (4999, Some(Reason::TooMuch { expected: 4999 })),
    ] {
        let served = content.clone();
        let server = Server::start(move |_, _| chunked(&[], &served)).await;
        let source = client().open(&server.url("/"), bytes).await.unwrap();
        assert_eq!(source.access(), Access::Sequential);
        let (found, end) = drain(&mut source.read_all().await.unwrap()).await;
        assert!(content.starts_with(&found) && found.len() as u64 <= bytes);
        assert_eq!(end.err().map(|error| error.reason().clone()), reason);
    }
}

#[tokio::test]
async fn an_end_without_a_mark_may_be_a_cut() {
    let server = Server::start(|_, _| {
        vec![head("200 OK", &[("Connection", "close")]), Step::Send(vec![7; 500]), Step::Close]
    })
    .await;
    let source = client().open(&server.url("/"), 1000).await.unwrap();
    let (_, end) = drain(&mut source.read_all().await.unwrap()).await;
    let reason = Reason::TooLittle { found: 500, expected: 1000 };
    assert!(matches!(end, Err(SourceError::Failed { reason: found, .. }) if found == reason));
}

#[tokio::test]
async fn statuses_say_what_to_do_next() {
    let never = |error: &SourceError| matches!(error, SourceError::Never { .. });
    let failed = |error: &SourceError| matches!(error, SourceError::Failed { .. });
    let client = client();
    let ask = async |status: &'static str| {
        let server = Server::start(move |_, _| answer(status, &[], b"no")).await;
        error(client.open(&server.url("/"), 2).await)
    };
    for status in ["400 No", "401 No", "403 No", "404 No", "410 No", "204 No", "300 No", "505 No"] {
        let found = ask(status).await;
        assert!(never(&found), "{status}: {found:?}");
    }
    for status in ["408 No", "500 No", "502 No", "504 No"] {
        let found = ask(status).await;
        assert!(failed(&found), "{status}: {found:?}");
    }
}

#[tokio::test]
async fn a_busy_server_is_left_alone_for_a_bounded_time() {
    for (status, after, seconds) in [("503 No", "7", 7), ("429 No", "99999999", 600)] {
        let server =
            Server::start(move |_, _| answer(status, &[("Retry-After", after)], b"")).await;
        let SourceError::Busy { wait, .. } = error(client().open(&server.url("/"), 2).await) else {
            panic!("it is busy");
        };
        assert_eq!(wait, Duration::from_secs(seconds));
    }
}

#[test]
fn what_is_handed_out_may_go_to_other_threads() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<suq::fetch::Body>();
    send::<suq::fetch::Source>();
    sync::<suq::fetch::Source>();
    sync::<suq::fetch::Client>();
}

#[tokio::test]
async fn only_http_is_spoken() {
    for url in
        ["ftp://a.example/x", "file:///etc/passwd", "data:,x", "gopher://a.example/", "x", ""]
    {
        let found = error(client().open(url, 1).await);
        assert!(matches!(found, SourceError::Never { .. }), "{url}: {found:?}");
    }
    let long = format!("http://a.example/{}", "x".repeat(suq::fetch::MAX_URL_BYTES));
    assert!(matches!(error(client().open(&long, 1).await).reason(), Reason::BadUrl(_)));
}

#[tokio::test]
async fn user_and_password_reach_the_server_and_nobody_else() {
    let server = Server::start(|_, _| answer("403 No", &[], b"")).await;
    let url = format!("http://ann:p%40ss@{}/x", server.address);
    let found = error(client().open(&url, 1).await);
    let words = format!("{found} {found:?}");
    assert!(!words.contains("ann") && !words.contains("p%40ss") && !words.contains("p@ss"));
    let seen = server.seen();
    assert_eq!(seen[0].header("authorization"), Some("Basic YW5uOnBAc3M="));
    assert_eq!(seen[0].line, "GET /x HTTP/1.1");
    assert_eq!(seen[0].header("host"), Some(server.address.to_string().as_str()));
}
