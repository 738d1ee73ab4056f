//! What people fetch images with: curl, wget and aria2.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::http::Shop;
use crate::site::skip;

const BYTES: usize = 9_000_001;

/// Runs a program in the shop's folder; nothing, with a word, where there is none.
fn run(shop: &Shop, program: &str, arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(shop.folder.path()).stdin(Stdio::null());
    // No proxy of this machine's.
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(name);
    }
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            skip(&format!("{program} cannot be run: {error}"));
            None
        }
    }
}

/// A file that holds the start of the image.
fn begun(shop: &Shop, bytes: usize) -> PathBuf {
    let path = shop.folder.path().join("begun");
    fs::write(&path, &shop.image[..bytes]).unwrap();
    path
}

#[test]
fn curl_fetches_resumes_and_asks_again() {
    let shop = Shop::new(BYTES);
    let url = shop.url();
    let Some(whole) = run(&shop, "curl", &["-sS", "--fail", &url]) else { return };
    assert!(whole.status.success() && whole.stdout == shop.image, "{:?}", whole.status);

    for bytes in [1, 4_000_000, BYTES - 1, BYTES] {
        let path = begun(&shop, bytes);
        // When nothing is missing that is a failure for `--fail`, with every server.
        let fail = if bytes < BYTES { "--fail" } else { "-s" };
        let resumed = ["-sS", fail, "-C", "-", "-o", "begun", &url];
        let resumed = run(&shop, "curl", &resumed).unwrap();
        assert!(resumed.status.success(), "from {bytes}: {resumed:?}");
        assert!(fs::read(path).unwrap() == shop.image, "from {bytes}");
    }

    let named = run(&shop, "curl", &["-sS", "-OJ", &url]).unwrap();
    let name = format!("suq-{}.img", &shop.sha512[..32]);
    assert!(named.status.success(), "{named:?}");
    assert!(fs::read(shop.folder.path().join(name)).unwrap() == shop.image);

    let remembered = ["-sS", "--etag-save", "tag", "-o", "begun", &url];
    assert!(run(&shop, "curl", &remembered).unwrap().status.success());
    let again = ["-sS", "--etag-compare", "tag", "-w", "%{http_code} %{size_download}", &url];
    assert_eq!(run(&shop, "curl", &again).unwrap().stdout, b"304 0");
    let newer = ["-sS", "-z", "begun", "-R", "-w", "%{http_code} %{size_download}", &url];
    assert_eq!(run(&shop, "curl", &newer).unwrap().stdout, b"304 0");

    let ranges = ["-sS", "-r", "0-9,100-199,-5", "-D", "head", &url];
    let ranges = run(&shop, "curl", &ranges).unwrap().stdout;
    let head = fs::read_to_string(shop.folder.path().join("head")).unwrap();
    assert!(head.starts_with("HTTP/1.1 206") && head.contains("multipart/byteranges"), "{head}");
    for part in [&shop.image[..10], &shop.image[100..200], &shop.image[BYTES - 5..]] {
        assert!(ranges.windows(part.len()).any(|bytes| bytes == part));
    }
    let one = run(&shop, "curl", &["-sS", "-r", "100-199", &url]).unwrap();
    assert_eq!(one.stdout, &shop.image[100..200]);

    let posted = ["-sS", "-d", "@begun", "-w", "%{http_code}", "-o", "answer", &url];
    assert_eq!(run(&shop, "curl", &posted).unwrap().stdout, b"405");
}

#[test]
fn wget_fetches_and_resumes() {
    let shop = Shop::new(BYTES);
    let url = shop.url();
    for bytes in [0, 4_000_000, BYTES] {
        let path = begun(&shop, bytes);
        let arguments = ["-nv", "-t", "1", "-c", "-O", "begun", &url];
        let Some(resumed) = run(&shop, "wget", &arguments) else { return };
        assert!(resumed.status.success(), "from {bytes}: {resumed:?}");
        assert!(fs::read(path).unwrap() == shop.image, "from {bytes}");
    }
    let arguments = ["-nv", "-t", "1", "-N", "--content-disposition", &url];
    let named = run(&shop, "wget", &arguments).unwrap();
    assert!(named.status.success(), "{named:?}");
    let name = format!("suq-{}.img", &shop.sha512[..32]);
    assert!(fs::read(shop.folder.path().join(name)).unwrap() == shop.image);
}

#[test]
fn aria2_fetches_pieces_side_by_side_and_checks_the_digest() {
    let shop = Shop::new(BYTES);
    let url = shop.url();
    let options = ["-x4", "-s4", "-k1M", "-o", "out", "--log=log", "--log-level=debug", "-q"];
    let Some(fetched) = run(&shop, "aria2c", &[&options[..], &[&url]].concat()) else { return };
    assert!(fetched.status.success(), "{fetched:?}");
    assert!(fs::read(shop.folder.path().join("out")).unwrap() == shop.image);
    let log = fs::read(shop.folder.path().join("log")).unwrap();
    let log = String::from_utf8_lossy(&log);
    assert!(log.matches("206 Partial Content").count() >= 3, "it used ranges: {log}");

    // The same bytes under another name: aria2 compares them with the Digest header.
    let stored = shop.stored();
    let mut rotten = shop.image.clone();
    rotten[BYTES / 2] ^= 1;
    fs::remove_file(&stored).unwrap();
    fs::write(&stored, rotten).unwrap();
    let options = ["-x4", "-s4", "-k1M", "-o", "rotten", "-q"];
    let fetched = run(&shop, "aria2c", &[&options[..], &[&url]].concat()).unwrap();
    assert_eq!(fetched.status.code(), Some(32), "a checksum error: {fetched:?}");
}
