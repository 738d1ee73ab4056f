//! Against nginx, where it is installed.

use std::fs;
use std::io::Write;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use suq::fetch::{
    Access, Client, Format, Identity, Pattern, Proxies, Reason, Settings, SettingsError,
    SourceError,
};

use super::authority::Authority;
use super::server::{Server, Step};
use super::{all, drain, error, image, settings};

const BYTES: usize = 3_000_000;

struct Nginx {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
    tls_port: u16,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.kill();
    }
}

const CONFIGURATION: &str = r#"
daemon off;
master_process off;
pid FOLDER/nginx.pid;
error_log FOLDER/error.log;
events {}
http {
    access_log off;
    client_body_temp_path FOLDER/t1;
    proxy_temp_path FOLDER/t2;
    fastcgi_temp_path FOLDER/t3;
    uwsgi_temp_path FOLDER/t4;
    scgi_temp_path FOLDER/t5;
    default_type application/octet-stream;
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
}
"#;

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Nginx {
    fn start() -> Option<Nginx> {
        let program = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
        let Some(program) = program.iter().find(|path| Path::new(path).exists()) else {
            eprintln!("skipped: nginx is not installed");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("www")).unwrap();
        fs::write(folder.path().join("www/image"), image(BYTES)).unwrap();
        let authority = Authority::new(folder.path());
        authority.issue("server", 2);
        authority.issue("client", 3);
        authority.grid_folder();
        // Another program may take a port between finding it and using it.
        (0..10).find_map(|_| Nginx::run(program, &folder)).map(|(child, port, tls_port)| Nginx {
            child,
            folder,
            port,
            tls_port,
        })
    }

    fn run(program: &str, folder: &tempfile::TempDir) -> Option<(Child, u16, u16)> {
        let (port, tls_port) = (free_port(), free_port());
        let configuration = CONFIGURATION
            .replace("FOLDER", folder.path().to_str().unwrap())
            .replace("PORT", &port.to_string())
            .replace("TLS", &tls_port.to_string());
        let path = folder.path().join("nginx.conf");
        fs::write(&path, configuration).unwrap();
        let mut child = Command::new(program)
            .arg("-c")
            .arg(&path)
            .arg("-p")
            .arg(folder.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if child.try_wait().unwrap().is_some() {
                return None;
            }
            std::thread::yield_now();
        }
        Some((child, port, tls_port))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn http(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn https(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.tls_port)
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

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn open(settings: &Settings, url: &str) -> Result<suq::fetch::Source, SourceError> {
    Client::new(settings).unwrap().open(url, BYTES as u64).await
}

#[tokio::test]
async fn ranges_redirects_and_a_changed_file() {
    let Some(nginx) = Nginx::start() else { return };
    for path in ["/image", "/old", "/gzip/image"] {
        let source = open(&settings(), &nginx.http(path)).await.unwrap();
        assert_eq!(source.access(), Access::Ranges, "{path}");
        let (one, other) =
            tokio::join!(source.read(0..2_000_000), source.read(2_000_000..3_000_000));
        let (one, other) = tokio::join!(all(one.unwrap()), all(other.unwrap()));
        assert!([one, other].concat() == image(BYTES), "{path}");
    }
    let source = open(&settings(), &nginx.http("/image")).await.unwrap();
    let mut longer = fs::OpenOptions::new().append(true).open(nginx.path("www/image")).unwrap();
    longer.write_all(b"more").unwrap();
    let found = error(source.read(0..100).await);
    assert!(matches!(found, SourceError::Changed { .. }), "{found:?}");
    let found = error(open(&settings(), &nginx.http("/image")).await);
    let reason = Reason::Size { found: BYTES as u64 + 4, expected: BYTES as u64 };
    assert_eq!(found.reason(), &reason);
}

#[tokio::test]
async fn without_ranges_and_compressed() {
    let Some(nginx) = Nginx::start() else { return };
    let source = open(&settings(), &nginx.http("/whole/image")).await.unwrap();
    assert_eq!(source.access(), Access::Sequential);
    assert!(all(source.read_all().await.unwrap()).await == image(BYTES));

    let file = fs::File::create(nginx.path("www/image.gz")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    packed.write_all(&image(BYTES)).unwrap();
    packed.finish().unwrap();
    for path in ["/image.gz", "/packed/image", "/whole/image.gz"] {
        let source = open(&settings(), &nginx.http(path)).await.unwrap();
        assert_eq!(source.format(), Some(Format::Gzip), "{path}");
        assert!(all(source.read_all().await.unwrap()).await == image(BYTES), "{path}");
    }
}

#[tokio::test]
async fn refusals() {
    let Some(nginx) = Nginx::start() else { return };
    let found = error(open(&settings(), &nginx.http("/missing")).await);
    assert_eq!(found.reason(), &Reason::Status(404));
    let found = error(open(&settings(), &nginx.http("/inside")).await);
    assert!(matches!(found.reason(), Reason::ForbiddenAddress { .. }));
    let found = error(open(&settings(), &nginx.http("/busy")).await);
    assert!(matches!(found, SourceError::Busy { wait, .. } if wait.as_secs() == 9));
}

#[tokio::test]
async fn a_server_that_dies_is_an_error_for_now() {
    let Some(mut nginx) = Nginx::start() else { return };
    let urls = [nginx.http("/slow/image"), nginx.https("/slow/image")];
    let mut bodies = Vec::new();
    for url in &urls {
        let source = open(&nginx.trusting(), url).await.unwrap();
        let mut body = source.read(0..BYTES as u64).await.unwrap();
        assert!(body.next().await.unwrap().is_some());
        bodies.push(body);
    }
    nginx.kill();
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
    let Some(nginx) = Nginx::start() else { return };
    let found = error(open(&settings(), &nginx.https("/image")).await);
    assert!(
        matches!(found, SourceError::Never { reason: Reason::Certificate(_), .. }),
        "{found:?}"
    );
    for trust in ["authority.pem", "certificates", "."] {
        // The last holds files of both endings that are certificates.
        let settings = Settings { trust: Some(nginx.path(trust)), ..settings() };
        let source = open(&settings, &nginx.https("/image")).await.unwrap();
        assert_eq!(source.access(), Access::Ranges);
        assert!(all(source.read(0..BYTES as u64).await.unwrap()).await == image(BYTES), "{trust}");
    }
    let source = open(&nginx.trusting(), &nginx.http("/secure")).await.unwrap();
    assert!(source.host().ends_with(&nginx.tls_port.to_string()));
    let found = error(open(&nginx.trusting(), &nginx.https("/down")).await);
    assert!(matches!(found, SourceError::Never { reason: Reason::Downgrade, .. }), "{found:?}");
}

#[tokio::test]
async fn the_name_must_be_the_certificates() {
    let Some(nginx) = Nginx::start() else { return };
    let local: IpAddr = [127, 0, 0, 1].into();
    let lookup = Arc::new(move |_| -> std::pin::Pin<Box<dyn Future<Output = _> + Send>> {
        Box::pin(async move { Ok(vec![local]) })
    });
    let client = Client::with_lookup(&nginx.trusting(), lookup).unwrap();
    let url = |name: &str| format!("https://{name}:{}/image", nginx.tls_port);
    assert!(client.open(&url("grid.test"), BYTES as u64).await.is_ok());
    let found = error(client.open(&url("other.test"), BYTES as u64).await);
    assert!(
        matches!(found, SourceError::Never { reason: Reason::Certificate(_), .. }),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_the_hosts_it_is_for() {
    let Some(nginx) = Nginx::start() else { return };
    let url = nginx.https("/grid/image");
    let found = error(open(&nginx.trusting(), &url).await);
    assert_eq!(found.reason(), &Reason::Status(403));
    let with = |host| Settings { identity: Some(nginx.identity(host)), ..nginx.trusting() };
    let found = error(open(&with("elsewhere.test"), &url).await);
    assert_eq!(found.reason(), &Reason::Status(403));
    let source = open(&with("127.0.0.1"), &url).await.unwrap();
    assert!(all(source.read(0..BYTES as u64).await.unwrap()).await == image(BYTES));
}

#[tokio::test]
async fn https_goes_through_a_tunnel() {
    let Some(nginx) = Nginx::start() else { return };
    let target = format!("127.0.0.1:{}", nginx.tls_port).parse().unwrap();
    let proxy = Server::start(move |_, _| {
        vec![Step::Send(b"HTTP/1.1 200 Connected\r\n\r\n".to_vec()), Step::Tunnel(target)]
    })
    .await;
    let proxies = Proxies::These {
        http: String::new(),
        https: format!("http://ann:secret@{}", proxy.address),
        no: String::new(),
    };
    let settings = Settings { proxies, allow: Vec::new(), ..nginx.trusting() };
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
