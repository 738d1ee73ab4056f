//! What a node keeps when it is killed, and when its disk is full.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod full;
mod killed;
mod resumed;
#[path = "../site/mod.rs"]
mod site;

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use site::{Endorser, Site, identifier_of, wait_for};

/// A line for whoever watches the tests.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Bytes without a pattern.
fn content(random: &mut fastrand::Rng, bytes: usize) -> Vec<u8> {
    let mut content = vec![0; bytes];
    random.fill(&mut content);
    content
}

fn set(site: &Site, from: &str, to: &str) {
    let file = site.home.join("suq.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from));
    fs::write(file, text.replace(from, to)).unwrap();
}

/// Makes orsay, which has one image, and lets athens know the entry; athens fetches no
/// faster than this. Both run. The name is the image's.
fn serve_one(
    (folder, endorser): (&Path, &Endorser),
    content: &[u8],
    athens: &mut Site,
    rate: &str,
) -> (Site, String) {
    let mut orsay = Site::new(folder, "orsay", endorser);
    set(athens, "# rate = \"none\"", &format!("rate = \"{rate}\""));
    orsay.start();
    let ticket = orsay.await_output(&["invite"]);
    assert_eq!(athens.run(&["join", ticket.trim()]).code, 0);
    let (manifest, file) = endorser.publishable(folder, "disk", content);
    assert_eq!(orsay.run(&["publish", &manifest, "--image", &file]).code, 0);
    let identifier = identifier_of(&manifest);
    athens.start();
    wait_for("the entry", || athens.run(&["show", &identifier]).code == 0);
    (orsay, identifier)
}

/// Begins `suq get`.
fn begin_get(site: &Site, identifier: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_suq"));
    command.arg("--home").arg(&site.home).args(["get", identifier]).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Bytes of the disk that everything below a folder takes.
fn on_disk(folder: &Path) -> u64 {
    let files = walk(folder).into_iter().filter_map(|path| fs::metadata(path).ok());
    files.map(|metadata| metadata.blocks() * 512).sum()
}

/// Every file below a folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    // The node may take it away meanwhile.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(walk(&entry.path())),
            _ => found.push(entry.path()),
        }
    }
    found
}
