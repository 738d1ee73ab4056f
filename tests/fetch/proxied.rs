//! Proxies.

use std::process::Command;
use std::sync::Arc;

use suq::fetch::{Client, Lookup, Proxies, Reason, Settings, SettingsError, SourceError};

use super::server::{Server, answer, file};
use super::{all, error, settings};

/// A site that reaches others through a proxy only, and no private address itself.
fn behind(proxy: &str) -> Settings {
    let proxies = Proxies::These {
        http: proxy.to_owned(),
        https: proxy.to_owned(),
        no: "direct.test,.inside.test".to_owned(),
    };
    Settings { allow: vec!["direct.test".parse().unwrap()], proxies, ..settings() }
}

/// Knows the site's own names only, as behind most proxies.
fn inside_names() -> Lookup {
    Arc::new(|host| {
        let found = match host.as_str() {
            "direct.test" => Ok(vec![[127, 0, 0, 1].into()]),
            "database.site.test" => Ok(vec![[10, 0, 0, 1].into()]),
            _ => Err(std::io::Error::other("no such name")),
        };
        Box::pin(async move { found })
    })
}

#[tokio::test]
async fn http_goes_through_the_proxy() {
    let proxy = Server::start(|_, request| file(request, b"content", "\"a\"")).await;
    let settings = behind(&format!("http://ann:secret@{}", proxy.address));
    let client = Client::with_lookup(&settings, inside_names()).unwrap();
    let source = client.open("http://images.test:81/x?y", 7).await.unwrap();
    assert_eq!(all(source.read(3..7).await.unwrap()).await, b"tent");
    assert_eq!(source.host(), "images.test:81");
    for request in proxy.seen() {
        assert_eq!(request.line, "GET http://images.test:81/x?y HTTP/1.1");
        assert_eq!(request.header("host"), Some("images.test:81"));
        assert_eq!(request.header("proxy-authorization"), Some("Basic YW5uOnNlY3JldA=="));
    }
}

#[tokio::test]
async fn a_proxy_is_no_way_around_the_guard() {
    let proxy = Server::start(|_, request| match request.path.as_str() {
        "http://images.test/" => answer("302 Found", &[("Location", "http://10.1.1.1/")], b""),
        _ => file(request, b"content", "\"a\""),
    })
    .await;
    let settings = behind(&format!("http://{}", proxy.address));
    let client = Client::with_lookup(&settings, inside_names()).unwrap();
    for url in [
        "http://127.0.0.1/",
        "http://169.254.169.254/",
        "https://[::1]/",
        "http://database.site.test/",
        "https://database.site.test/",
        "http://images.test/",
    ] {
        let found = error(client.open(url, 7).await);
        let forbidden =
            matches!(found, SourceError::Never { reason: Reason::ForbiddenAddress { .. }, .. });
        assert!(forbidden, "{url}: {found:?}");
    }
    assert_eq!(proxy.seen().len(), 1);
}

#[tokio::test]
async fn no_proxy_is_direct() {
    let proxy = Server::start(|_, _| answer("502 No", &[], b"")).await;
    let server = Server::start(|_, request| file(request, b"content", "\"a\"")).await;
    let settings = behind(&format!("http://{}", proxy.address));
    let client = Client::with_lookup(&settings, inside_names()).unwrap();
    let url = format!("http://direct.test:{}/", server.address.port());
    client.open(&url, 7).await.unwrap();
    assert_eq!((server.seen().len(), proxy.seen().len()), (1, 0));
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named() {
    let proxy = Server::start(|_, _| answer("407 No", &[], b"")).await;
    let settings = behind(&format!("http://{}", proxy.address));
    let client = Client::with_lookup(&settings, inside_names()).unwrap();
    let found = error(client.open("https://images.test/", 7).await);
    assert!(matches!(found, SourceError::Failed { reason: Reason::Proxy(_), .. }), "{found:?}");
    assert_eq!(proxy.seen()[0].line, "CONNECT images.test:443 HTTP/1.1");
}

#[test]
fn other_kinds_of_proxies_are_refused_at_once() {
    for proxy in ["socks5://127.0.0.1:1080", "https://ann:secret@127.0.0.1:3128"] {
        let found = Client::new(&behind(proxy)).err().unwrap();
        assert!(matches!(found, SettingsError::Proxy(_)));
        assert!(!found.to_string().contains("secret"));
    }
}

/// Named by [`the_environment_names_proxies`], which runs it in a process with the
/// variables set; otherwise there is nothing to ask.
#[tokio::test]
async fn child_with_variables() {
    let Ok(url) = std::env::var("SUQ_TEST_URL") else { return };
    let settings = Settings { proxies: Proxies::Environment, ..settings() };
    let client = Client::with_lookup(&settings, inside_names()).unwrap();
    client.open(&url, 7).await.unwrap();
}

#[tokio::test]
async fn the_environment_names_proxies() {
    for (variable, no) in [("http_proxy", "no_proxy"), ("HTTP_PROXY", "NO_PROXY")] {
        let server = Server::start(|_, request| file(request, b"content", "\"a\"")).await;
        let run = async |url: String| {
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args(["--exact", "proxied::child_with_variables"]);
            for name in ["http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY", "REQUEST_METHOD"] {
                child.env_remove(name);
            }
            child.env(variable, format!("http://{}", server.address));
            child.env(no, "127.0.0.0/8").env("SUQ_TEST_URL", url);
            let done = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
        };
        run("http://images.test/x".to_owned()).await;
        run(server.url("/direct")).await;
        let lines: Vec<String> = server.seen().into_iter().map(|request| request.line).collect();
        assert_eq!(lines, ["GET http://images.test/x HTTP/1.1", "GET /direct HTTP/1.1"]);
    }
}
