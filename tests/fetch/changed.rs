//! Files that become other files while they are read.

use suq::fetch::{Client, Reason, Source, SourceError};

use super::server::{Server, Step, answer, file};
use super::{all, client, error, image};

/// Opens a good file of 1000 bytes; later questions are answered as the test says.
async fn opened(
    etag: &'static str,
    later: impl Fn() -> Vec<Step> + Send + Sync + 'static,
) -> (Server, Source) {
    let content = image(1000);
    let server = Server::start(move |number, request| match number {
        0 => file(request, &content, etag),
        _ => later(),
    })
    .await;
    let source = Client::open(&client(), &server.url("/"), 1000).await.unwrap();
    (server, source)
}

fn part(headers: &[(&str, &str)], bytes: usize) -> Vec<Step> {
    answer("206 Partial Content", headers, &vec![0; bytes])
}

fn reason(error: SourceError) -> Reason {
    assert!(matches!(error, SourceError::Changed { .. }), "{error:?}");
    error.reason().clone()
}

#[tokio::test]
async fn a_whole_answer_for_a_range_means_changed() {
    let (_server, source) = opened("\"a\"", || answer("200 OK", &[], &[0; 1000])).await;
    assert_eq!(reason(error(source.read(0..10).await)), Reason::OtherRange);
}

#[tokio::test]
async fn a_shorter_file_means_changed() {
    let shorter = || answer("416 No", &[("Content-Range", "bytes */500")], b"");
    let (_server, source) = opened("\"a\"", shorter).await;
    assert_eq!(reason(error(source.read(900..910).await)), Reason::OtherLength);
}

#[tokio::test]
async fn another_etag_length_or_range_means_changed() {
    for (range, etag, expected) in [
        ("bytes 0-9/1000", "\"b\"", Reason::OtherValidator),
        ("bytes 0-9/1001", "\"a\"", Reason::OtherLength),
        ("bytes 1-10/1000", "\"a\"", Reason::OtherRange),
        ("bytes 0-8/1000", "\"a\"", Reason::OtherRange),
        ("bytes 0-9", "\"a\"", Reason::OtherRange),
    ] {
        let later = move || part(&[("Content-Range", range), ("ETag", etag)], 10);
        let (_server, source) = opened("\"a\"", later).await;
        assert_eq!(reason(error(source.read(0..10).await)), expected, "{range} {etag}");
    }
}

#[tokio::test]
async fn a_range_with_another_number_of_bytes_means_changed() {
    let later = || part(&[("Content-Range", "bytes 0-9/1000")], 11);
    let (_server, source) = opened("\"a\"", later).await;
    assert_eq!(reason(error(source.read(0..10).await)), Reason::OtherRange);
}

#[tokio::test]
async fn if_range_may_leave_out_what_it_proved() {
    let later = || part(&[("Content-Range", "bytes 0-9/1000")], 10);
    let (_server, source) = opened("\"a\"", later).await;
    assert_eq!(all(source.read(0..10).await.unwrap()).await, [0; 10]);
}

#[tokio::test]
async fn a_weak_etag_is_compared_but_not_sent() {
    let later = || part(&[("Content-Range", "bytes 0-9/1000"), ("ETag", "W/\"b\"")], 10);
    let (server, source) = opened("W/\"a\"", later).await;
    assert_eq!(reason(error(source.read(0..10).await)), Reason::OtherValidator);
    assert_eq!(server.seen()[1].header("if-range"), None);
}

#[tokio::test]
async fn a_date_serves_where_there_is_no_etag() {
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    let server = Server::start(|number, request| {
        let (first, last) = request.range().unwrap();
        let range = format!("bytes {first}-{last}/1000");
        let date = if number == 2 { "Mon, 07 Nov 1994 08:49:37 GMT" } else { DATE };
        part(&[("Content-Range", &range), ("Last-Modified", date)], last - first + 1)
    })
    .await;
    let source = client().open(&server.url("/"), 1000).await.unwrap();
    assert_eq!(all(source.read(5..9).await.unwrap()).await, [0; 4]);
    assert_eq!(server.seen()[1].header("if-range"), Some(DATE));
    assert_eq!(reason(error(source.read(5..9).await)), Reason::OtherValidator);
}

#[tokio::test]
async fn reading_everything_notices_it_too() {
    let (_server, source) =
        opened("\"a\"", || answer("200 OK", &[("ETag", "\"b\"")], &[0; 1000])).await;
    assert_eq!(reason(error(source.read_all().await)), Reason::OtherValidator);
    let (_server, source) = opened("\"a\"", || answer("200 OK", &[], &[0; 999])).await;
    assert_eq!(reason(error(source.read_all().await)), Reason::OtherLength);
}
