//! Redirects, and the addresses that strangers' URLs may not lead to.

use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use suq::fetch::{Access, Client, Lookup, Reason, Settings, SourceError};

use super::server::{Server, Step, answer, file};
use super::{all, client, error, settings};

/// Names of the tests: each with its addresses.
fn names(list: &[(&'static str, &[&str])]) -> Lookup {
    let list: Vec<(&str, Vec<IpAddr>)> = list
        .iter()
        .map(|(name, found)| (*name, found.iter().map(|text| text.parse().unwrap()).collect()))
        .collect();
    Arc::new(move |host| {
        let found = list.iter().find(|(name, _)| *name == host).map(|(_, found)| found.clone());
        Box::pin(async move { found.ok_or_else(|| std::io::Error::other("no such name")) })
    })
}

/// A client that may reach the test's server by its name only.
fn by_name() -> Client {
    let settings = Settings { allow: vec!["open.test".parse().unwrap()], ..settings() };
    let lookup = names(&[
        ("open.test", &["127.0.0.1"]),
        ("closed.test", &["127.0.0.1"]),
        ("private.test", &["10.0.0.1", "fd00::1"]),
        ("localhost", &["127.0.0.1", "::1"]),
    ]);
    Client::with_lookup(&settings, lookup).unwrap()
}

fn to(location: &str) -> Vec<Step> {
    answer("302 Found", &[("Location", location)], b"")
}

fn forbidden(error: &SourceError) -> bool {
    matches!(error, SourceError::Never { reason: Reason::ForbiddenAddress { .. }, .. })
}

#[tokio::test]
async fn redirects_are_followed_and_remembered() {
    let server = Server::start(|_, request| match request.path.as_str() {
        "/a" => answer("301 Moved", &[("Location", "b?x=1")], b"moved"),
        "/b?x=1" => answer("307 Temporary", &[("Location", "/c#part")], b""),
        _ => file(request, b"content", "\"a\""),
    })
    .await;
    let source = client().open(&server.url("/a"), 7).await.unwrap();
    assert_eq!(source.access(), Access::Ranges);
    assert_eq!(all(source.read(3..7).await.unwrap()).await, b"tent");
    let paths: Vec<String> = server.seen().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/a", "/b?x=1", "/c", "/c"]);
}

#[tokio::test]
async fn a_redirect_that_ran_out_is_asked_for_again() {
    let server = Server::start(|number, request| match request.path.as_str() {
        "/image" => to(if number == 0 { "/signed/1" } else { "/signed/2" }),
        "/signed/1" if number > 1 => answer("403 Expired", &[], b""),
        _ => file(request, b"content", "\"a\""),
    })
    .await;
    let source = client().open(&server.url("/image"), 7).await.unwrap();
    assert_eq!(all(source.read(3..7).await.unwrap()).await, b"tent");
    assert_eq!(all(source.read(0..3).await.unwrap()).await, b"con");
    let paths: Vec<String> = server.seen().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/image", "/signed/1", "/signed/1", "/image", "/signed/2", "/signed/2"]);
}

#[tokio::test]
async fn loops_end() {
    let server = Server::start(|number, _| to(&format!("/{number}"))).await;
    let found = error(client().open(&server.url("/"), 7).await);
    assert!(matches!(found, SourceError::Never { .. }));
    assert_eq!(found.reason(), &Reason::TooManyRedirects(suq::fetch::MAX_REDIRECTS));
    assert_eq!(server.seen().len(), suq::fetch::MAX_REDIRECTS + 1);
}

#[tokio::test]
async fn redirects_to_other_schemes_or_nowhere_are_refused() {
    for (location, scheme) in [("ftp://a.test/", true), ("file:///etc/passwd", true), ("//", false)]
    {
        let server = Server::start(move |_, _| to(location)).await;
        let found = error(client().open(&server.url("/"), 7).await);
        assert!(matches!(found, SourceError::Never { .. }), "{location}: {found:?}");
        assert_eq!(found.reason() == &Reason::Scheme, scheme, "{location}: {found:?}");
    }
    let server = Server::start(|_, _| answer("302 Found", &[], b"")).await;
    assert_eq!(error(client().open(&server.url("/"), 7).await).reason(), &Reason::Status(302));
}

/// The server's own port at addresses it may not be reached by.
const FORBIDDEN: [&str; 16] = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "127.0.0.1.",
    "%31%32%37.0.0.1",
    "0.0.0.0",
    "localhost",
    "closed.test",
    "private.test",
    "169.254.169.254",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
];

#[tokio::test]
async fn no_spelling_reaches_a_closed_address() {
    let client = by_name();
    for host in FORBIDDEN {
        let server = Server::start(move |_, request| match request.path.as_str() {
            "/start" => {
                let port = request.header("host").unwrap().rsplit(':').next().unwrap();
                to(&format!("http://{host}:{port}/end"))
            }
            _ => file(request, b"content", "\"a\""),
        })
        .await;
        let port = server.address.port();
        let direct = error(client.open(&format!("http://{host}:{port}/end"), 7).await);
        assert!(forbidden(&direct), "{host}: {direct:?}");
        let redirected = error(client.open(&format!("http://open.test:{port}/start"), 7).await);
        assert!(forbidden(&redirected), "{host}: {redirected:?}");
        assert_eq!(server.seen().len(), 1, "{host}");
    }
}

#[tokio::test]
async fn an_allowed_name_is_reached() {
    let server = Server::start(|_, request| file(request, b"content", "\"a\"")).await;
    let url = format!("http://open.test:{}/", server.address.port());
    assert!(by_name().open(&url, 7).await.is_ok());
}

#[tokio::test]
async fn only_the_open_ones_of_several_addresses_are_connected_to() {
    let server = Server::start(|_, request| file(request, b"content", "\"a\"")).await;
    let closed = TcpListener::bind(("127.0.0.2", server.address.port())).unwrap();
    closed.set_nonblocking(true).unwrap();
    let lookup = names(&[("mixed.test", &["127.0.0.2", "::1", "127.0.0.1"])]);
    let client = Client::with_lookup(&settings(), lookup).unwrap();
    let url = format!("http://mixed.test:{}/", server.address.port());
    assert!(client.open(&url, 7).await.is_ok());
    assert_eq!(closed.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_checked_at_every_connection() {
    let server = Server::start(|_, request| {
        let mut steps = file(request, b"content", "\"a\"");
        steps.push(Step::Close);
        steps
    })
    .await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let lookup: Lookup = Arc::new(move |_| {
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        let address: IpAddr = if first { "127.0.0.1" } else { "127.0.0.2" }.parse().unwrap();
        Box::pin(async move { Ok(vec![address]) })
    });
    let client = Client::with_lookup(&settings(), lookup).unwrap();
    let url = format!("http://rebound.test:{}/", server.address.port());
    assert!(client.open(&url, 7).await.is_ok());
    assert_eq!(asked.load(Ordering::Relaxed), 1, "one lookup, so that what is checked is used");
    let found = loop {
        // Until the pool has noticed that the first connection is closed.
        match client.open(&url, 7).await {
            Err(SourceError::Failed { .. }) | Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert!(forbidden(&found), "{found:?}");
}

#[tokio::test]
async fn user_and_password_do_not_follow_to_another_host() {
    let server = Server::start(|_, request| match request.path.as_str() {
        "/1" => to("/2"),
        "/2" => {
            let host = request.header("host").unwrap().replace("127.0.0.1", "open.test");
            to(&format!("http://{host}/3"))
        }
        _ => file(request, b"content", "\"a\""),
    })
    .await;
    let lookup = names(&[("open.test", &["127.0.0.1"])]);
    let client = Client::with_lookup(&settings(), lookup).unwrap();
    client.open(&format!("http://ann:secret@{}/1", server.address), 7).await.unwrap();
    let sent: Vec<bool> =
        server.seen().iter().map(|request| request.header("authorization").is_some()).collect();
    assert_eq!(sent, [true, true, false]);
}
