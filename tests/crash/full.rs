//! An image that does not fit on the disk, or no longer.

use std::fs;
use std::path::PathBuf;

use suq::blobs::PIECE_BYTES;

use super::site::wait_for;
use super::site::{Endorser, Site, SmallDisk, skip};
use super::{begin_get, content, on_disk, serve_one, walk};

/// Holds the image of 16 MiB, but not together with 12 of something else.
const SMALL_DISK: &str = "24M";

#[test]
fn a_full_disk_is_named_and_what_has_come_stays() {
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let mut athens = Site::new(folder.path(), "athens", &endorser);
    let blobs = athens.home.join("blobs");
    fs::create_dir_all(&blobs).unwrap();
    let Some(_disk) = SmallDisk::mount(&blobs, SMALL_DISK) else {
        return skip("no small disk can be mounted here");
    };
    let content = content(&mut fastrand::Rng::with_seed(6), 4 * PIECE_BYTES as usize);
    let (_orsay, identifier) =
        serve_one((folder.path(), &endorser), &content, &mut athens, "10 MB");

    // Somebody else has taken the place before.
    let ballast = blobs.join("ballast");
    fs::write(&ballast, vec![1; 12 << 20]).unwrap();
    let run = athens.run(&["get", &identifier]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.error.contains("are free"), "{run:?}");
    assert_eq!(walk(&blobs.join("partial")), Vec::<PathBuf>::new(), "nothing was begun");
    fs::remove_file(&ballast).unwrap();

    // Somebody else takes it while the image comes.
    let get = begin_get(&athens, &identifier);
    let here = || fs::metadata(&blobs).is_ok() && on_disk(&blobs.join("partial")) >= PIECE_BYTES;
    wait_for("a piece", here);
    let _ = fs::write(&ballast, vec![1; 24 << 20]);
    let ended = get.wait_with_output().unwrap();
    let error = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{error}");
    assert!(error.contains("are free"), "{error}");
    assert!(here(), "what has come stays");
    let kept = on_disk(&blobs.join("partial"));

    fs::remove_file(&ballast).unwrap();
    let run = athens.run(&["get", &identifier, "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let got: serde_json::Value = serde_json::from_str(run.output.lines().last().unwrap()).unwrap();
    let brought = got["from"][0]["bytes"].as_u64().unwrap();
    assert!(brought < content.len() as u64 && brought + kept >= content.len() as u64, "{got}");
    assert_eq!(athens.run(&["blob", "verify"]).code, 0);
    assert_eq!(walk(&blobs.join("partial")), Vec::<PathBuf>::new());
    athens.kill();
}
