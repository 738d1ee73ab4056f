//! How sites keep their images: the quota, the scrub, and many hands on one blob.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod site;

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use site::{Endorser, PASSWORD, Run, Site, identifier_of, skip, suq, wait_for};
use suq::blobs::{Blobs, Found, ScrubState, export};
use suq::model::{Identifier, Timestamp};

/// Bytes without a pattern, so that every place counts.
fn content(seed: u64, bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| random.u8(..)).take(bytes).collect()
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.output).unwrap_or_else(|_| panic!("{run:?}"))
}

fn set(site: &Site, from: &str, to: &str) {
    let file = site.home.join("suq.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from));
    fs::write(file, text.replace(from, to)).unwrap();
}

/// Orsay with two images, athens with none; both connected, both know the entries.
fn two_sites(folder: &Path, quota: &str) -> (Endorser, Site, Site, [Image; 2]) {
    let endorser = Endorser::new(folder);
    let mut orsay = Site::new(folder, "orsay", &endorser);
    let mut athens = Site::new(folder, "athens", &endorser);
    set(&athens, "# quota = \"none\"", &format!("quota = \"{quota}\""));
    set(&athens, "# scrub = \"30 days\"", "scrub = \"1 s\"");
    set(&athens, "# scrub_rate = \"20 MB\"", "scrub_rate = \"1 GB\"");
    orsay.start();
    let ticket = orsay.await_output(&["invite"]);
    assert_eq!(athens.run(&["join", ticket.trim()]).code, 0);
    athens.start();
    let images = [1, 2].map(|n: u64| {
        let (manifest, file) =
            endorser.publishable(folder, &format!("disk{n}"), &content(n, 5_000_000));
        let run = orsay.run(&["publish", &manifest, "--image", &file]);
        assert_eq!(run.code, 0, "{run:?}");
        let identifier = identifier_of(&manifest);
        wait_for("the entry", || athens.run(&["show", &identifier]).code == 0);
        Image { manifest, identifier }
    });
    (endorser, orsay, athens, images)
}

struct Image {
    manifest: String,
    identifier: String,
}

/// Takes an image back, at both sites.
fn deprecate(endorser: &Endorser, image: &Image, orsay: &Site, athens: &Site) {
    let out = format!("{}-deprecated", image.manifest);
    let p12 = endorser.p12.display().to_string();
    let run = suq(&[
        "metadata",
        "deprecate",
        &image.manifest,
        "--reason",
        "old",
        "--p12-cert",
        &p12,
        "--p12-password",
        PASSWORD,
        "-o",
        &out,
    ]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(orsay.run(&["publish", &out]).code, 0);
    wait_for("the deprecation", || athens.run(&["get", &image.identifier]).code == 3);
}

fn collect(site: &Site, arguments: &[&str]) -> Value {
    let run = site.run(&[&["blob", "gc", "--json"], arguments].concat());
    assert_eq!(run.code, 0, "{run:?}");
    json(&run)
}

/// The identifiers in one list of a collection.
fn listed(collected: &Value, list: &str) -> Vec<String> {
    let images = collected[list].as_array().unwrap();
    images.iter().map(|image| image["identifier"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_collection_leaves_what_is_wanted_and_the_last_copy() {
    let folder = tempfile::tempdir().unwrap();
    let (endorser, orsay, athens, [first, second]) = two_sites(folder.path(), "none");
    for image in [&first, &second] {
        assert_eq!(athens.run(&["get", &image.identifier]).code, 0);
    }
    let everything = ["--quota", "0"];
    let collected = collect(&athens, &everything);
    assert_eq!(listed(&collected, "removed"), [""; 0], "current entries name them");
    assert!(collected["excess"].as_u64() > Some(9_000_000), "{collected}");

    deprecate(&endorser, &first, &orsay, &athens);
    let dry = collect(&athens, &["--quota", "0", "--dry-run"]);
    assert_eq!(listed(&dry, "removed"), [first.identifier.as_str()], "orsay holds it too");
    assert_eq!(athens.run(&["blob", "pin", &first.identifier]).code, 0);
    assert_eq!(listed(&collect(&athens, &everything), "removed"), [""; 0], "it is pinned");
    assert_eq!(athens.run(&["blob", "remove", &first.identifier]).code, 1, "it is pinned");
    assert_eq!(athens.run(&["blob", "unpin", &first.identifier]).code, 0);

    assert_eq!(orsay.run(&["blob", "remove", &first.identifier]).code, 0);
    let collected = collect(&athens, &everything);
    assert_eq!(listed(&collected, "removed"), [""; 0]);
    assert_eq!(listed(&collected, "kept"), [first.identifier.as_str()]);
    assert_eq!(collected["kept"][0]["reason"], "last-copy");
    let forced = collect(&athens, &["--quota", "0", "--force"]);
    assert_eq!(listed(&forced, "removed"), [first.identifier.as_str()]);
    let left = json(&athens.run(&["blob", "list", "--json"]));
    assert_eq!(left.as_array().unwrap().len(), 1);
    // Without a node nobody can be asked: nobody holds anything.
    let mut athens = athens;
    deprecate(&endorser, &second, &orsay, &athens);
    athens.stop();
    assert_eq!(collect(&athens, &everything)["kept"][0]["reason"], "last-copy");
}

#[test]
fn an_image_that_is_fetched_pushes_out_what_is_not_wanted_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let (endorser, orsay, athens, [first, second]) = two_sites(folder.path(), "8 MB");
    assert_eq!(athens.run(&["get", &first.identifier]).code, 0);
    // Both are wanted, but only one has a place.
    let run = athens.run(&["get", &second.identifier]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.error.contains("quota") && run.error.contains("suq blob gc"), "{run:?}");
    deprecate(&endorser, &first, &orsay, &athens);
    let run = athens.run(&["get", &second.identifier]);
    assert_eq!(run.code, 0, "{run:?}");
    let left = json(&athens.run(&["blob", "list", "--json"]));
    assert_eq!(left.as_array().unwrap().len(), 1, "{left}");
}

/// Changes one bit of a stored image, as a disk does.
fn rot(site: &Site, identifier: &str) {
    let blobs = Blobs::open(&site.home.join("blobs")).unwrap();
    let sha1 = identifier.parse::<Identifier>().unwrap().sha1();
    let path = blobs.path(&blobs.by_sha1(&sha1).unwrap().sha512);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let file = File::options().read(true).write(true).open(&path).unwrap();
    let mut octet = [0];
    file.read_exact_at(&mut octet, 3_000_000).unwrap();
    file.write_all_at(&[octet[0] ^ 1], 3_000_000).unwrap();
    file.sync_all().unwrap();
}

#[test]
fn what_rots_is_noticed_told_and_fetched_again() {
    let folder = tempfile::tempdir().unwrap();
    let (_endorser, _orsay, athens, [first, second]) = two_sites(folder.path(), "none");
    for image in [&first, &second] {
        assert_eq!(athens.run(&["get", &image.identifier]).code, 0);
    }
    rot(&athens, &first.identifier);
    wait_for("it is fetched again", || athens.status()["scrub"]["repaired"] == 1);
    let status = athens.status();
    assert_eq!((&status["scrub"]["damaged"], &status["damaged"]), (&1.into(), &0.into()));
    let alerts = status["alerts"].to_string();
    assert!(alerts.contains("is damaged") && alerts.contains("fetched again and is whole"));
    assert!(alerts.contains(&first.identifier) && !alerts.contains(&second.identifier));
    let metrics = athens.run(&["status", "--metrics"]).output;
    assert!(metrics.contains("suq_blobs_damaged_total 1\n"), "{metrics}");
    assert!(metrics.contains("suq_blobs_repaired_total 1\n"), "{metrics}");
    let verified = json(&athens.run(&["blob", "verify", "--json"]));
    let states: Vec<&Value> = verified.as_array().unwrap().iter().map(|v| &v["state"]).collect();
    assert_eq!(states, ["sound", "sound"]);
}

#[test]
fn by_hand_the_same_is_done_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (_endorser, _orsay, mut athens, [first, _]) = two_sites(folder.path(), "none");
    assert_eq!(athens.run(&["get", &first.identifier]).code, 0);
    // Nobody else reads it again.
    athens.stop();
    set(&athens, "scrub = \"1 s\"", "scrub = \"never\"");
    athens.start();
    wait_for("they are connected", || !athens.connected().is_empty());
    rot(&athens, &first.identifier);
    let run = athens.run(&["blob", "verify"]);
    assert_eq!(run.code, 5, "{run:?}");
    assert!(run.error.contains(&first.identifier) && run.error.contains("--repair"), "{run:?}");
    let run = athens.run(&["blob", "verify", "--repair", "--json"]);
    assert_eq!((run.code, &json(&run)[0]["state"]), (0, &"repaired".into()), "{run:?}");
    assert_eq!(athens.run(&["blob", "verify"]).code, 0);
}

#[test]
fn what_a_process_was_promised_is_free_when_it_dies() {
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let site = Site::new(folder.path(), "site", &endorser);
    set(&site, "# quota = \"none\"", "quota = \"10 MB\"");
    let image = folder.path().join("image");
    fs::write(&image, content(1, 5_000_000)).unwrap();
    let add = || site.run(&["blob", "add", &image.display().to_string()]);
    // A transfer of eight megabytes, of which nothing has come.
    let partial = site.home.join("blobs/partial");
    fs::create_dir_all(&partial).unwrap();
    let transfer = partial.join("transfer");
    File::create(&transfer).unwrap().set_len(8_000_000).unwrap();
    let holder = Command::new("flock")
        .args(["--no-fork", &transfer.display().to_string(), "sleep", "600"])
        .stdin(Stdio::null())
        .spawn();
    let Ok(mut holder) = holder else { return skip("there is no flock command") };
    let is_locked = || File::open(&transfer).unwrap().try_lock_shared().is_err();
    wait_for("the other process has its file", is_locked);
    let run = add();
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.error.contains("quota"), "{run:?}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    let run = add();
    assert_eq!(run.code, 0, "{run:?}");
}

/// What the hands on one blob have done.
#[derive(Default)]
struct Hands {
    removed: AtomicUsize,
    read: [AtomicUsize; 10],
    over: AtomicBool,
}

impl Hands {
    /// Enough has happened: the blob went ten times, and everyone has read it whole.
    fn is_enough(&self) -> bool {
        let all_read = self.read.iter().all(|read| read.load(SeqCst) >= 3);
        self.over.load(SeqCst) || self.removed.load(SeqCst) >= 10 && all_read
    }
}

/// Ends the others when one of them panics.
struct Ends<'a>(&'a Hands);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.over.store(true, SeqCst);
        }
    }
}

#[test]
fn ten_readers_a_collector_a_scrub_and_a_writer_see_no_wrong_byte() {
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let site = Site::new(folder.path(), "site", &endorser);
    let content = content(3, 6_000_000);
    let image = folder.path().join("image");
    fs::write(&image, &content).unwrap();
    let image = image.display().to_string();
    let added = json(&site.run(&["blob", "add", &image, "--json"]));
    let sha512 = added[0]["sha512"].as_str().unwrap().parse().unwrap();
    let sha512_text = added[0]["sha512"].as_str().unwrap();
    let blobs = Blobs::open(&site.home.join("blobs")).unwrap();
    let hands = Hands::default();

    std::thread::scope(|scope| {
        let (hands, blobs, content, site, image) = (&hands, &blobs, &content, &site, &image);
        let work = |work: Box<dyn Fn() + Send>| {
            scope.spawn(move || {
                let _ends = Ends(hands);
                while !hands.is_enough() {
                    work();
                }
            });
        };
        for (n, read) in hands.read.iter().enumerate() {
            let out = folder.path().join(format!("out{n}"));
            work(Box::new(move || {
                // Some read the blob, some have it copied.
                let found = if n % 3 == 0 {
                    export(blobs, &sha512, &out, |_| {}).ok().map(|_| fs::read(&out).unwrap())
                } else {
                    blobs.read(&sha512).ok().map(|mut file| {
                        let mut found = Vec::new();
                        file.read_to_end(&mut found).unwrap();
                        found
                    })
                };
                if let Some(found) = found {
                    assert!(found == *content, "reader {n} has seen something else");
                    read.fetch_add(1, SeqCst);
                }
            }));
        }
        work(Box::new(move || {
            let run = site.run(&["blob", "add", image]);
            assert_eq!(run.code, 0, "{run:?}");
        }));
        work(Box::new(move || {
            let run = site.run(&["blob", "verify", "--repair"]);
            assert_eq!(run.code, 0, "{run:?}");
        }));
        work(Box::new(move || {
            let collected = collect(site, &["--quota", "0", "--force"]);
            // By hand it goes also while somebody reads it.
            let run = site.run(&["blob", "remove", sha512_text]);
            assert!([0, 4].contains(&run.code), "{run:?}");
            let gone = listed(&collected, "removed").len() + usize::from(run.code == 0);
            hands.removed.fetch_add(gone, SeqCst);
        }));
    });

    assert_eq!(site.run(&["blob", "add", &image]).code, 0);
    let verified = json(&site.run(&["blob", "verify", "--json"]));
    assert_eq!(verified.as_array().unwrap().len(), 1);
    assert_eq!(verified[0]["state"], "sound");
    assert_eq!(blobs.damaged().unwrap(), []);
    assert_eq!(fs::read_dir(site.home.join("blobs/partial")).unwrap().count(), 0);
}

#[test]
fn killed_at_any_moment_nothing_wrong_and_no_leftover_stays() {
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let site = Site::new(folder.path(), "site", &endorser);
    let images = [1, 2].map(|n| {
        let path = folder.path().join(format!("image{n}"));
        fs::write(&path, content(n, 2_000_000)).unwrap();
        path.display().to_string()
    });
    let blobs = Blobs::open(&site.home.join("blobs")).unwrap();
    let home = site.home.display().to_string();
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..150 {
        let image = images[random.usize(..2)].as_str();
        let doing: &[&str] = match random.u8(..5) {
            0 | 1 => &["blob", "add", image],
            2 => &["blob", "gc", "--quota", "2 MB", "--force"],
            3 => &["blob", "gc", "--quota", "0", "--force"],
            _ => &["blob", "verify", "--repair"],
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_suq"));
        command.args(["--home", &home]).args(doing).stdin(Stdio::null());
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(random.u64(..60_000)));
        process.kill().unwrap();
        process.wait().unwrap();
        for blob in blobs.list().unwrap() {
            assert_eq!(blobs.verify(&blob.sha512, |_| {}).unwrap(), Found::Sound(blob));
        }
    }
    // A scrub finds what the index has lost, a later collection what cannot go on.
    let mut state = ScrubState::default();
    let mut whole = 0;
    while let Some(next) = blobs.next_to_scrub(&state).unwrap() {
        assert!(matches!(blobs.verify(&next, |_| {}).unwrap(), Found::Sound(_)));
        (state.after, whole) = (Some(next), whole + 1);
    }
    assert_eq!(blobs.list().unwrap().len(), whole);
    let later = Timestamp::from(SystemTime::now()).plus(Duration::from_secs(2 * 3600));
    blobs.sweep(later, false).unwrap();
    assert_eq!(fs::read_dir(site.home.join("blobs/partial")).unwrap().count(), 0);
    for image in &images {
        assert_eq!(site.run(&["blob", "add", image]).code, 0);
    }
    assert_eq!(site.run(&["blob", "verify"]).code, 0);
}
