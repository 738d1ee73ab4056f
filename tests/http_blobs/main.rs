//! Images over HTTP, from a real node: as the standards say it, and to the programs
//! that people have.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod beside_nginx;
#[path = "../http/mod.rs"]
mod http;
#[path = "../site/mod.rs"]
mod site;
mod tools;
#[path = "../web_server/mod.rs"]
mod web_server;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use http::{Shop, exchange};
use sha2::{Digest, Sha512};
use site::{Endorser, Site};

#[test]
fn an_image_by_both_names() {
    let shop = Shop::new(1_300_000);
    let by_sha512 = shop.get(&[]);
    let tag = format!("\"{}\"", shop.sha512);
    let digest = data_encoding::BASE64.encode(&Sha512::digest(&shop.image));
    let repr = format!("sha-512=:{digest}:");
    let expected = [
        ("Content-Type", "application/octet-stream"),
        ("Content-Length", "1300000"),
        ("Accept-Ranges", "bytes"),
        ("ETag", &tag),
        ("Cache-Control", "public, max-age=31536000, immutable"),
        ("Repr-Digest", &repr),
        ("Digest", &format!("SHA-512={digest}")),
        ("X-Content-Type-Options", "nosniff"),
        ("Content-Disposition", &format!("attachment; filename=\"suq-{}.img\"", &tag[1..33])),
    ];
    assert!(by_sha512.status == 200 && by_sha512.body == shop.image);
    for (name, value) in expected {
        assert_eq!(by_sha512.header(name), Some(value), "{name}");
    }
    let modified = fs::metadata(shop.stored()).unwrap().modified().unwrap();
    let told = by_sha512.header("Last-Modified").unwrap();
    let seconds =
        |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let date = Command::new("date").args(["-u", "-d", told, "+%s"]).output().unwrap();
    let date = String::from_utf8(date.stdout).unwrap();
    assert_eq!(date.trim(), seconds(modified).to_string());

    let by_sha1 = shop.ask("GET", &format!("/blobs/sha1/{}", shop.sha1.to_uppercase()), &[]);
    assert!(by_sha1.status == 200 && by_sha1.body == shop.image);
    assert_eq!(by_sha1.header("ETag"), Some(&*tag));
    assert_eq!(by_sha1.header("Cache-Control"), Some("public, no-cache"));

    let upper = format!("/blobs/sha512/{}", shop.sha512.to_uppercase());
    let head = shop.ask("HEAD", &upper, &["Range: bytes=0-9"]);
    assert!(head.status == 200 && head.body.is_empty(), "HEAD has no ranges");
    for (name, value) in expected {
        assert_eq!(head.header(name), Some(value), "{name}");
    }
    assert_eq!(head.header("Last-Modified"), Some(told));
}

#[test]
fn parts_of_an_image() {
    let shop = Shop::new(1_300_000);
    let end = shop.image.len();
    for (range, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=1299999-", end - 1, end - 1),
        ("bytes=-600000", 700_000, end - 1),
        ("bytes=5-1200000", 5, 1_200_000),
        ("bytes=5-99999999999999999999999", 5, end - 1),
        ("bytes=10-19,15-29", 10, 29),
    ] {
        let part = shop.get(&[&format!("Range: {range}")]);
        assert!(part.status == 206 && part.body == shop.image[first..=last], "{range}");
        let content = format!("bytes {first}-{last}/{end}");
        assert_eq!(part.header("Content-Range"), Some(&*content));
        assert_eq!(part.header("Content-Length"), Some(&*part.body.len().to_string()));
        assert_eq!(part.header("ETag").unwrap().len(), 130);
    }
    for range in ["bytes=5-3", "bytes=a", "pieces=0-1", "bytes=0-1\r\nRange: bytes=2-3"] {
        let whole = shop.get(&[&format!("Range: {range}")]);
        assert!(whole.status == 200 && whole.body == shop.image, "{range}");
    }
    let many: Vec<String> = (0..65).map(|n| format!("{}-{}", 2 * n, 2 * n)).collect();
    let many = format!("bytes={}", many.join(","));
    for range in ["bytes=1300000-", "bytes=-0", "bytes=0-9,1-9,2-9", &many] {
        let none = shop.get(&[&format!("Range: {range}")]);
        assert_eq!(none.status, 416, "{range}");
        assert_eq!(none.header("Content-Range"), Some("bytes */1300000"));
        assert_eq!(none.header("ETag"), None);
        assert!(none.text().ends_with("the image has 1300000 bytes.\n"), "{}", none.text());
    }
}

#[test]
fn several_parts_at_once() {
    let shop = Shop::new(1_300_000);
    let answer = shop.get(&["Range: bytes=1000000-1299998, 0-0,7-600006, 9999999-, 1299999-"]);
    assert_eq!(answer.status, 206);
    assert_eq!(answer.header("Content-Range"), None);
    assert_eq!(answer.header("Content-Length"), Some(&*answer.body.len().to_string()));
    let expected = [
        ("bytes 1000000-1299999/1300000".to_owned(), shop.image[1_000_000..].to_vec()),
        ("bytes 0-0/1300000".to_owned(), shop.image[..1].to_vec()),
        ("bytes 7-600006/1300000".to_owned(), shop.image[7..=600_006].to_vec()),
    ];
    assert!(answer.parts() == expected, "in the order of the request, without what touches");
    let many: Vec<String> = (0..64).map(|n| format!("{}-{}", 20_000 * n, 20_000 * n)).collect();
    let answer = shop.get(&[&format!("Range: bytes={}", many.join(","))]);
    assert_eq!(answer.parts().len(), 64);
    let both = [
        shop.get(&["Range: bytes=0-0,2-2"]).header("Content-Type").unwrap().to_owned(),
        shop.get(&["Range: bytes=0-0,2-2"]).header("Content-Type").unwrap().to_owned(),
    ];
    assert_ne!(both[0], both[1], "nobody knows the boundary before");
}

#[test]
fn only_when() {
    let shop = Shop::new(1000);
    let tag = format!("\"{}\"", shop.sha512);
    let told = shop.get(&[]).header("Last-Modified").unwrap().to_owned();
    let long_ago = "Tue, 15 Nov 1994 12:45:26 GMT";
    let range = "Range: bytes=0-9";
    for (lines, status) in [
        (vec![format!("If-None-Match: {tag}")], 304),
        (vec![format!("If-None-Match: \"a,b\", W/{tag}"), range.to_owned()], 304),
        (vec!["If-None-Match: \"a\"".to_owned(), format!("If-None-Match: {tag}")], 304),
        (vec!["If-None-Match: \"a\"".to_owned(), format!("If-Modified-Since: {told}")], 200),
        (vec![format!("If-Modified-Since: {told}")], 304),
        (vec![format!("If-Modified-Since: {long_ago}")], 200),
        (vec![format!("If-Match: {tag}"), range.to_owned()], 206),
        (vec!["If-Match: \"a\"".to_owned(), format!("If-None-Match: {tag}")], 412),
        (vec![format!("If-Unmodified-Since: {long_ago}")], 412),
        (vec![format!("If-Unmodified-Since: {told}"), range.to_owned()], 206),
        (vec![format!("If-Range: {tag}"), range.to_owned()], 206),
        (vec![format!("If-Range: {told}"), range.to_owned()], 206),
        (vec!["If-Range: \"a\"".to_owned(), range.to_owned()], 200),
        (vec![format!("If-Range: W/{tag}"), range.to_owned()], 200),
        (vec![format!("If-Range: {long_ago}"), range.to_owned()], 200),
        (vec!["If-Range: \"a\"".to_owned(), "Range: bytes=9999-".to_owned()], 200),
    ] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let answer = shop.get(&lines);
        assert_eq!(answer.status, status, "{lines:?}");
        match status {
            304 => {
                assert!(answer.body.is_empty());
                assert_eq!(answer.header("ETag"), Some(&*tag));
                assert!(answer.header("Cache-Control").is_some());
                assert_eq!(answer.header("Content-Type"), None);
            }
            412 => assert!(answer.text().contains("If-Match"), "{}", answer.text()),
            206 => assert_eq!(answer.body, &shop.image[..10]),
            _ => assert_eq!(answer.body, shop.image),
        }
        let head = shop.ask("HEAD", &shop.path(), &lines);
        assert_eq!(head.status, if status == 206 { 200 } else { status }, "HEAD: {lines:?}");
    }
}

#[test]
fn what_is_not_there_and_what_is_not_allowed() {
    let shop = Shop::new(1000);
    let (own, none) = (shop.path(), "0".repeat(128));
    for (method, path, status, says) in [
        ("GET", format!("/blobs/sha512/{none}"), 404, "suq get"),
        ("GET", format!("/blobs/sha1/{}", &none[..40]), 404, "suq get"),
        ("GET", format!("/blobs/sha512/{}", &none[..127]), 400, "128 hexadecimal digits"),
        ("GET", format!("/blobs/sha512/{}g", &none[..127]), 400, "128 hexadecimal digits"),
        ("GET", format!("/blobs/sha1/{none}"), 400, "40 hexadecimal digits"),
        ("GET", "/blobs/sha1/%ff".to_owned(), 400, "not UTF-8 text"),
        ("GET", format!("/blobs/sha384/{none}"), 404, "/blobs/sha512/HEX"),
        ("GET", "/blobs/sha512/".to_owned(), 404, "/blobs/sha512/HEX"),
        ("GET", "/blobs".to_owned(), 404, "/blobs/sha512/HEX"),
        ("POST", own.clone(), 405, "GET and HEAD"),
        ("DELETE", own.clone(), 405, "GET and HEAD"),
        ("OPTIONS", own.clone(), 405, "GET and HEAD"),
        ("PUT", format!("/blobs/sha512/{none}"), 405, "GET and HEAD"),
    ] {
        let answer = shop.ask(method, &path, &[]);
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert!(answer.text().contains(says), "{method} {path}: {}", answer.text());
        assert_eq!(answer.header("Content-Type"), Some("text/plain; charset=utf-8"));
        let allow = (status == 405).then_some("GET, HEAD");
        assert_eq!(answer.header("Allow"), allow, "{method} {path}");
        assert_eq!(answer.header("ETag"), None);
    }
    assert_eq!(fs::read(shop.stored()).unwrap(), shop.image);
}

#[test]
fn paths_lead_to_images_only() {
    let shop = Shop::new(1000);
    let home = shop.site.home.display();
    for path in [
        "/blobs/sha512/../../key".to_owned(),
        "/blobs/sha1/../sha1/key".to_owned(),
        "/blobs/sha512/..%2f..%2fkey".to_owned(),
        "/blobs/sha512/%2e%2e/%2e%2e/key".to_owned(),
        "/blobs/sha1/..%5c..%5ckey".to_owned(),
        "/blobs/sha512/key%00".to_owned(),
        format!("/blobs/sha512/{}%2f..%2f..%2fkey", shop.sha512),
        format!("/blobs/sha512/{}.pieces", shop.sha512),
        format!("/blobs/sha512/{home}/key"),
        format!("//blobs/sha512/{}", shop.sha512),
        "/blobs/partial/x".to_owned(),
        "/key".to_owned(),
    ] {
        let answer = shop.ask("GET", &path, &[]);
        assert!(matches!(answer.status, 400 | 404), "{path}: {answer:?}");
        assert!(answer.text().len() < 200, "{path}");
    }
    let absolute = format!("http://elsewhere.example{}?x=/../y", shop.path());
    assert_eq!(shop.ask("GET", &absolute, &[]).body, shop.image);
}

#[test]
fn heads_are_bounded_and_bodies_are_not_read() {
    let shop = Shop::new(1000);
    let long = format!("X-Long: {}", "x".repeat(17 * 1024));
    assert_eq!(shop.get(&[&long]).status, 431);
    let many: Vec<String> = (0..80).map(|n| format!("X-{n}: y")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(shop.get(&many).status, 431);
    for (length, status) in [(7000, 404), (8001, 414), (17 * 1024, 414), (60 * 1024, 414)] {
        let path = format!("/{}", "x".repeat(length));
        assert_eq!(shop.ask("GET", &path, &[]).status, status, "{length}");
        let query = format!("{}?{}", shop.path(), "x".repeat(length));
        let status = if status == 404 { 200 } else { status };
        assert_eq!(shop.ask("GET", &query, &[]).status, status, "{length}");
    }
    // A body that never comes is not waited for.
    let head = format!("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n", shop.path());
    assert_eq!(exchange(&shop.address, head.as_bytes()).status, 405);
    let bare = format!("GET {} HTTP/1.1\r\nConnection: close\r\n\r\n", shop.path());
    assert_eq!(exchange(&shop.address, bare.as_bytes()).status, 400, "no Host");
    let old = format!("GET {} HTTP/1.0\r\n\r\n", shop.path());
    assert_eq!(exchange(&shop.address, old.as_bytes()).body, shop.image);
}

#[test]
fn a_removed_image_can_be_read_to_its_end() {
    let shop = Shop::new(24_000_000);
    let mut stream = TcpStream::connect(&shop.address).unwrap();
    write!(stream, "GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", shop.path()).unwrap();
    let mut begun = [0; 4096];
    stream.read_exact(&mut begun).unwrap();
    let run = shop.site.run(&["blob", "remove", &shop.sha512]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(shop.get(&[]).status, 404);
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.ends_with(&shop.image[4096..]));
}

#[test]
fn a_port_in_use_is_named_and_a_site_need_not_listen() {
    let mut shop = Shop::new(10);
    let endorser = Endorser::new(shop.folder.path());
    let mut other = Site::with(shop.folder.path(), "other", &endorser, &["--http", &shop.address]);
    let run = other.run(&["serve"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.error.contains(&shop.address) && run.error.contains("[http]"), "{run:?}");
    assert_eq!(other.run(&["status"]).code, 6, "it does not run on");

    let settings = other.home.join("suq.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let nowhere: Vec<&str> = text
        .lines()
        .map(|line| if line.contains(&shop.address) { "listen = []" } else { line })
        .collect();
    fs::write(&settings, nowhere.join("\n")).unwrap();
    other.start();
    assert_eq!(other.status()["http"], serde_json::json!([]));

    // A client that only keeps its connection does not keep the node.
    let mut idle = TcpStream::connect(&shop.address).unwrap();
    shop.site.stop();
    let mut nothing = Vec::new();
    idle.read_to_end(&mut nothing).unwrap();
    assert_eq!(nothing, b"");
}
