//! HTTPS with a host certificate, to curl and to OpenSSL.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode, SslVersion};

use super::authority::Authority;
use super::site::{Endorser, Site, wait_for};
use super::{get, metrics::value, tool};

/// A site with a host certificate from an authority, which is not started.
fn secure(folder: &Path) -> (Authority, Endorser, Site) {
    let authority = Authority::new(folder);
    authority.issue("host", 2);
    fs::set_permissions(folder.join("host.key"), fs::Permissions::from_mode(0o400)).unwrap();
    let endorser = Endorser::new(folder);
    let site = Site::new(folder, "site", &endorser);
    site.set(
        "http",
        "tls_listen = [\"127.0.0.1:0\"]\ncertificate = \"host.pem\"\nkey = \"host.key\"",
    );
    for name in ["host.pem", "host.key"] {
        fs::copy(folder.join(name), site.home.join(name)).unwrap();
    }
    (authority, endorser, site)
}

fn https(site: &Site) -> String {
    let mut address = None;
    wait_for("it answers HTTPS", || {
        address = site.status()["https"][0].as_str().map(str::to_owned);
        address.is_some()
    });
    address.unwrap()
}

fn curl(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let authority = folder.join("authority.pem").display().to_string();
    let common = ["--silent", "--show-error", "--fail", "--noproxy", "*", "--cacert", &authority];
    tool("curl", &[&common[..], arguments].concat(), b"")
}

/// The serial number of the certificate that is shown, by a client of this version.
fn serial(address: &str, version: SslVersion) -> Result<String, String> {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    builder.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
    builder.set_min_proto_version(Some(version)).unwrap();
    builder.set_max_proto_version(Some(version)).unwrap();
    let stream = TcpStream::connect(address).unwrap();
    let stream = builder.build().connect("127.0.0.1", stream).map_err(|error| error.to_string())?;
    let shown = stream.ssl().peer_certificate().unwrap();
    Ok(shown.serial_number().to_bn().unwrap().to_string())
}

#[test]
fn https_beside_http_with_the_hosts_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (_authority, endorser, mut site) = secure(folder.path());
    site.start();
    let (plain, address) = (site.http(), https(&site));
    let (is_content, said) = curl(folder.path(), &[&format!("https://{address}/healthz")]);
    assert!(is_content && said == "ok\n", "{said}");
    assert!(site.run(&["status"]).output.contains(&format!("https       https://{address}/\n")));
    let expires =
        value(&get(&plain, "/metrics").text(), "suq_http_certificate_expires_timestamp_seconds");
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    assert!((0.0..200_000.0).contains(&(expires - now)), "two days: {expires}");
    assert!(site.log().contains("the host certificate expires soon"), "{}", site.log());
    assert!(!site.log().contains("others can read the host key"));

    // Where an entry is, by the name and the way by which its client came.
    let (manifest, _) = endorser.publishable(folder.path(), "disk", b"an image");
    let upload = ["-i", "-H", "Content-Type: application/xml", "--data-binary"];
    let body = format!("@{manifest}");
    let url = format!("https://{address}/metadata");
    let (is_content, said) = curl(folder.path(), &[&upload[..], &[&body, &url]].concat());
    assert!(is_content, "{said}");
    assert!(
        said.to_lowercase().contains(&format!("location: https://{address}/metadata/")),
        "{said}"
    );
    let url = format!("http://{plain}/metadata");
    let (_, said) = curl(folder.path(), &[&upload[..], &[&body, &url]].concat());
    assert!(said.to_lowercase().contains(&format!("location: http://{plain}/metadata/")), "{said}");
}

#[test]
fn old_versions_and_plain_text_are_refused_and_silence_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (_authority, _endorser, mut site) = secure(folder.path());
    site.set("http", "access_log = \"stderr\"");
    site.start();
    let address = https(&site);
    for version in [SslVersion::TLS1, SslVersion::TLS1_1] {
        serial(&address, version).unwrap_err();
    }
    // Who says nothing has a connection, and no more.
    let silent: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(&address).unwrap()).collect();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        assert_eq!(serial(&address, version).unwrap(), "2");
    }
    let numbers = get(&site.http(), "/metrics").text();
    assert!(value(&numbers, "suq_http_connections") >= 21.0, "they count");
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut said = Vec::new();
    // How a connection is cut depends on what was on its way.
    let _ = stream.read_to_end(&mut said);
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
    drop(silent);
    wait_for("all that failed are counted", || {
        let numbers = get(&site.http(), "/metrics").text();
        value(&numbers, "suq_http_connections_failed_total{reason=\"handshake\"}") >= 23.0
    });
    assert!(site.log().contains("reason=\"handshake\""), "{}", site.log());
}

#[test]
fn a_new_certificate_is_read_at_a_reload_and_a_wrong_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, _endorser, mut site) = secure(folder.path());
    site.start();
    let address = https(&site);
    let shown = || serial(&address, SslVersion::TLS1_3).unwrap();
    assert_eq!(shown(), "2");
    authority.issue("new", 3);
    let copy = |from: &str, to: &str| {
        // A new file, for the old one may be read only.
        let _ = fs::remove_file(site.home.join(to));
        fs::copy(folder.path().join(from), site.home.join(to)).unwrap();
    };
    // Half of it.
    copy("new.pem", "host.pem");
    site.hang_up();
    wait_for("it is told", || site.log().contains("the host certificate of before stays"));
    assert!(site.log().contains("host.key: not the certificate's key"), "{}", site.log());
    assert_eq!(shown(), "2");
    copy("new.key", "host.key");
    fs::set_permissions(site.home.join("host.key"), fs::Permissions::from_mode(0o644)).unwrap();
    site.hang_up();
    wait_for("the new one is shown", || shown() == "3");
    assert!(site.log().contains("others can read the host key: run chmod 400 on it"));
}

#[test]
fn wrong_files_are_named_and_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, _endorser, mut site) = secure(folder.path());
    authority.issue("other", 3);
    let key = site.home.join("host.key");
    fs::remove_file(&key).unwrap();
    for (from, says) in [
        ("", "No such file"),
        ("other.key", "not the certificate's key"),
        ("other.locked.key", "the key has a password"),
        ("authority.pem", "host.key: "),
    ] {
        if !from.is_empty() {
            fs::copy(folder.path().join(from), &key).unwrap();
        }
        let run = site.run(&["serve"]);
        assert_eq!(run.code, 1, "{run:?}");
        let names = ["host.key", says, "`certificate` and `key` under [http]"];
        assert!(names.iter().all(|name| run.error.contains(name)), "{from}: {}", run.error);
    }
    fs::copy(folder.path().join("host.key"), site.home.join("rest.key")).unwrap();
    let text = fs::read_to_string(site.home.join("suq.toml")).unwrap();
    fs::write(site.home.join("suq.toml"), text.replace("key = \"host.key\"\n", "")).unwrap();
    let run = site.run(&["serve"]);
    assert!(run.code == 1 && run.error.contains("needs both `certificate` and `key`"), "{run:?}");
    let text = text.replace("host.key", "rest.key");
    fs::write(site.home.join("suq.toml"), text).unwrap();
    site.start();
    https(&site);
}
