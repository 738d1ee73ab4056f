//! What has to be fetched again after a kill.

use std::fs;
use std::path::PathBuf;

use suq::blobs::PIECE_BYTES;

use super::site::{Endorser, Site, wait_for};
use super::{begin_get, content, say, serve_one, walk};

/// What may be on its way when a node is killed: a piece that is being read, two that wait
/// for the disk, one on its way there, and as much again as one in the buffers between.
const UNDER_WAY: u64 = 5 * PIECE_BYTES;

#[test]
fn a_transfer_that_is_killed_fetches_only_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let mut athens = Site::new(folder.path(), "athens", &endorser);
    let pieces = 32;
    let content = content(&mut fastrand::Rng::with_seed(5), pieces * PIECE_BYTES as usize);
    let (orsay, identifier) = serve_one((folder.path(), &endorser), &content, &mut athens, "60 MB");
    athens.kill();
    let partial = athens.home.join("blobs/partial");
    let here = || {
        let map = walk(&partial).into_iter().find(|path| path.extension().is_some());
        let map = map.and_then(|map| fs::read(map).ok()).unwrap_or_default();
        map.iter().take(pieces).filter(|state| matches!(state, 1 | 2)).count()
    };
    let mut kills: u64 = 0;
    while here() + 8 < pieces {
        let before = here();
        athens.start();
        wait_for("a connection", || !athens.connected().is_empty());
        assert_eq!(here(), before, "a start takes no piece away");
        let mut get = begin_get(&athens, &identifier);
        wait_for("six more pieces", || here() >= before + 6);
        athens.kill();
        assert!(!get.wait().unwrap().success());
        assert!(here() >= before + 6, "a kill takes no piece away");
        kills += 1;
    }
    assert!(kills >= 2, "{kills} kills are too few to tell");
    let missing = (pieces - here()) as u64 * PIECE_BYTES;
    athens.start();
    wait_for("a connection", || !athens.connected().is_empty());
    let run = athens.run(&["get", &identifier, "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let got: serde_json::Value = serde_json::from_str(run.output.lines().last().unwrap()).unwrap();
    assert_eq!(got["from"][0]["bytes"], missing, "exactly what the map lacks: {got}");
    let sent = orsay.status()["sent"].as_u64().unwrap();
    let most = content.len() as u64 + kills * UNDER_WAY;
    say(&format!("{sent} bytes sent for {} after {kills} kills", content.len()));
    assert!(sent <= most, "{sent} bytes sent for {} of the image", content.len());
    assert_eq!(walk(&partial), Vec::<PathBuf>::new());
}
