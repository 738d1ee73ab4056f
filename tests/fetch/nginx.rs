//! Against nginx, where it is installed.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use suq::fetch::{
    Access, Client, Format, Identity, Pattern, Proxies, Reason, Settings, SettingsError,
    SourceError,
};

use super::authority::Authority;
use super::server::{Server, Step};
use super::web_server::Nginx;
use super::{all, drain, error, image, settings};

const BYTES: usize = 3_000_000;

/// An nginx with an image that it hands out in many ways.
struct Web {
    nginx: Nginx,
    folder: tempfile::TempDir,
}

const SERVERS: &str = r#"
    server {
        listen 127.0.0.1:PORT;
        root FOLDER/www;
        location /whole/ { alias FOLDER/www/; max_ranges 0; }
        location /gzip/ { alias FOLDER/www/; gzip on; gzip_types *; gzip_min_length 1; }
        location /packed/ { alias FOLDER/www/; gzip_static always; }
        location /slow/ { alias FOLDER/www/; limit_rate 50k; }
        location /old { return 301 /image; }
        location /secure { return 302 https://127.0.0.1:TLS/image; }
        location /inside { return 302 http://169.254.169.254/latest; }
        location /busy { add_header Retry-After 9 always; return 503; }
    }
    server {
        listen 127.0.0.1:TLS ssl;
        root FOLDER/www;
        ssl_certificate FOLDER/server.pem;
        ssl_certificate_key FOLDER/server.key;
        ssl_client_certificate FOLDER/authority.pem;
        ssl_verify_client optional;
        location /grid/ {
            if ($ssl_client_verify != SUCCESS) { return 403; }
            alias FOLDER/www/;
        }
        location /slow/ { alias FOLDER/www/; limit_rate 50k; }
        location /down { return 302 http://127.0.0.1:PORT/image; }
    }
"#;

impl Web {
    fn start() -> Option<Web> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("www")).unwrap();
        fs::write(folder.path().join("www/image"), image(BYTES)).unwrap();
        let authority = Authority::new(folder.path());
        authority.issue("server", 2);
        authority.issue("client", 3);
        authority.grid_folder();
        let Some(nginx) = Nginx::start(folder.path(), SERVERS, &["PORT", "TLS"]) else {
            eprintln!("skipped: nginx is not installed");
            return None;
        };
        Some(Web { nginx, folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn http(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.nginx.ports[0])
    }

    fn https(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.nginx.ports[1])
    }

    fn trusting(&self) -> Settings {
        Settings { trust: Some(self.path("authority.pem")), ..settings() }
    }

    fn identity(&self, host: &str) -> Identity {
        Identity {
            certificate: self.path("client.pem"),
            key: self.path("client.key"),
            hosts: vec![host.parse::<Pattern>().unwrap()],
        }
    }
}

async fn open(settings: &Settings, url: &str) -> Result<suq::fetch::Source, SourceError> {
    Client::new(settings).unwrap().open(url, BYTES as u64).await
}

#[tokio::test]
async fn ranges_redirects_and_a_changed_file() {
    let Some(web) = Web::start() else { return };
    for path in ["/image", "/old", "/gzip/image"] {
        let source = open(&settings(), &web.http(path)).await.unwrap();
        assert_eq!(source.access(), Access::Ranges, "{path}");
        let (one, other) =
            tokio::join!(source.read(0..2_000_000), source.read(2_000_000..3_000_000));
        let (one, other) = tokio::join!(all(one.unwrap()), all(other.unwrap()));
        assert!([one, other].concat() == image(BYTES), "{path}");
    }
    let source = open(&settings(), &web.http("/image")).await.unwrap();
    let mut longer = fs::OpenOptions::new().append(true).open(web.path("www/image")).unwrap();
    longer.write_all(b"more").unwrap();
    let found = error(source.read(0..100).await);
    assert!(matches!(found, SourceError::Changed { .. }), "{found:?}");
    let found = error(open(&settings(), &web.http("/image")).await);
    let reason = Reason::Size { found: BYTES as u64 + 4, expected: BYTES as u64 };
    assert_eq!(found.reason(), &reason);
}

#[tokio::test]
async fn without_ranges_and_compressed() {
    let Some(web) = Web::start() else { return };
    let source = open(&settings(), &web.http("/whole/image")).await.unwrap();
    assert_eq!(source.access(), Access::Sequential);
    assert!(all(source.read_all().await.unwrap()).await == image(BYTES));

    let file = fs::File::create(web.path("www/image.gz")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    packed.write_all(&image(BYTES)).unwrap();
    packed.finish().unwrap();
    for path in ["/image.gz", "/packed/image", "/whole/image.gz"] {
        let source = open(&settings(), &web.http(path)).await.unwrap();
        assert_eq!(source.format(), Some(Format::Gzip), "{path}");
        assert!(all(source.read_all().await.unwrap()).await == image(BYTES), "{path}");
    }
}

#[tokio::test]
async fn refusals() {
    let Some(web) = Web::start() else { return };
    let found = error(open(&settings(), &web.http("/missing")).await);
    assert_eq!(found.reason(), &Reason::Status(404));
    let found = error(open(&settings(), &web.http("/inside")).await);
    assert!(matches!(found.reason(), Reason::ForbiddenAddress { .. }));
    let found = error(open(&settings(), &web.http("/busy")).await);
    assert!(matches!(found, SourceError::Busy { wait, .. } if wait.as_secs() == 9));
}

#[tokio::test]
async fn a_server_that_dies_is_an_error_for_now() {
    let Some(mut web) = Web::start() else { return };
    let urls = [web.http("/slow/image"), web.https("/slow/image")];
    let mut bodies = Vec::new();
    for url in &urls {
        let source = open(&web.trusting(), url).await.unwrap();
        let mut body = source.read(0..BYTES as u64).await.unwrap();
        assert!(body.next().await.unwrap().is_some());
        bodies.push(body);
    }
    web.nginx.kill();
    for mut body in bodies {
        let (found, end) = drain(&mut body).await;
        assert!(found.len() < BYTES);
        let found = end.unwrap_err();
        assert!(
            matches!(found, SourceError::Failed { reason: Reason::Cut { .. }, .. }),
            "{found:?}"
        );
    }
}

#[tokio::test]
async fn certificates_are_checked() {
    let Some(web) = Web::start() else { return };
    let found = error(open(&settings(), &web.https("/image")).await);
    assert!(
        matches!(found, SourceError::Never { reason: Reason::Certificate(_), .. }),
        "{found:?}"
    );
    for trust in ["authority.pem", "certificates", "."] {
        // The last holds files of both endings that are certificates.
        let settings = Settings { trust: Some(web.path(trust)), ..settings() };
        let source = open(&settings, &web.https("/image")).await.unwrap();
        assert_eq!(source.access(), Access::Ranges);
        assert!(all(source.read(0..BYTES as u64).await.unwrap()).await == image(BYTES), "{trust}");
    }
    let source = open(&web.trusting(), &web.http("/secure")).await.unwrap();
    assert!(source.host().ends_with(&web.nginx.ports[1].to_string()));
    let found = error(open(&web.trusting(), &web.https("/down")).await);
    assert!(matches!(found, SourceError::Never { reason: Reason::Downgrade, .. }), "{found:?}");
}

#[tokio::test]
async fn the_name_must_be_the_certificates() {
    let Some(web) = Web::start() else { return };
    let local: IpAddr = [127, 0, 0, 1].into();
    let lookup = Arc::new(move |_| -> std::pin::Pin<Box<dyn Future<Output = _> + Send>> {
        Box::pin(async move { Ok(vec![local]) })
    });
    let client = Client::with_lookup(&web.trusting(), lookup).unwrap();
    let url = |name: &str| format!("https://{name}:{}/image", web.nginx.ports[1]);
    assert!(client.open(&url("grid.test"), BYTES as u64).await.is_ok());
    let found = error(client.open(&url("other.test"), BYTES as u64).await);
    assert!(
        matches!(found, SourceError::Never { reason: Reason::Certificate(_), .. }),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_the_hosts_it_is_for() {
    let Some(web) = Web::start() else { return };
    let url = web.https("/grid/image");
    let found = error(open(&web.trusting(), &url).await);
    assert_eq!(found.reason(), &Reason::Status(403));
    let with = |host| Settings { identity: Some(web.identity(host)), ..web.trusting() };
    let found = error(open(&with("elsewhere.test"), &url).await);
    assert_eq!(found.reason(), &Reason::Status(403));
    let source = open(&with("127.0.0.1"), &url).await.unwrap();
    assert!(all(source.read(0..BYTES as u64).await.unwrap()).await == image(BYTES));
}

#[tokio::test]
async fn https_goes_through_a_tunnel() {
    let Some(web) = Web::start() else { return };
    let target = format!("127.0.0.1:{}", web.nginx.ports[1]).parse().unwrap();
    let proxy = Server::start(move |_, _| {
        vec![Step::Send(b"HTTP/1.1 200 Connected\r\n\r\n".to_vec()), Step::Tunnel(target)]
    })
    .await;
    let proxies = Proxies::These {
        http: String::new(),
        https: format!("http://ann:secret@{}", proxy.address),
        no: String::new(),
    };
    let settings = Settings { proxies, allow: Vec::new(), ..web.trusting() };
    // Only the proxy knows the name.
    let unknown = Arc::new(|_| -> std::pin::Pin<Box<dyn Future<Output = _> + Send>> {
        Box::pin(async { Err(std::io::Error::other("no such name")) })
    });
    let client = Client::with_lookup(&settings, unknown).unwrap();
    let source = client.open("https://ben:word@grid.test/image", BYTES as u64).await.unwrap();
    assert!(all(source.read(0..BYTES as u64).await.unwrap()).await == image(BYTES));
    let seen = proxy.seen();
    assert_eq!(seen[0].line, "CONNECT grid.test:443 HTTP/1.1");
    assert_eq!(seen[0].header("proxy-authorization"), Some("Basic YW5uOnNlY3JldA=="));
    assert_eq!(seen[0].header("authorization"), None);
}

#[test]
fn settings_that_cannot_be_used_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let authority = Authority::new(folder.path());
    authority.issue("client", 2);
    authority.issue("other", 3);
    let refused = |identity: Identity| {
        let settings = Settings { identity: Some(identity), ..settings() };
        Client::new(&settings).err().unwrap()
    };
    let identity = |key: &str| Identity {
        certificate: path("client.pem"),
        key: path(key),
        hosts: vec![Pattern::Any],
    };
    for (key, words) in [
        ("client.locked.key", "password"),
        ("other.key", "not the certificate's key"),
        ("missing.key", "No such file"),
        ("client.pem", "client.pem"),
    ] {
        let found = refused(identity(key)).to_string();
        assert!(found.contains(key) && found.contains(words), "{found}");
    }
    let nobody = Identity { hosts: Vec::new(), ..identity("client.key") };
    assert_eq!(refused(nobody), SettingsError::NoHosts);
    for trust in ["missing", "client.key"] {
        let settings = Settings { trust: Some(path(trust)), ..settings() };
        assert!(Client::new(&settings).err().unwrap().to_string().contains(trust));
    }
}
