//! A node that is killed again and again while it fetches, collects and reads again.
//!
//! `SUQ_CRASH_KILLS` says how often, `SUQ_CRASH_SEED` what is done meanwhile. A seed
//! repeats the plan, not the run: what a kill meets is for the machine to say.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha512};
use suq::blobs::Blobs;
use suq::model::Timestamp;

use super::site::{Endorser, Site, identifier_of, wait_for};
use super::{content, on_disk, say, set, walk};

const MB: usize = 1_000_000;

/// Kills of an ordinary run.
const KILLS: usize = 60;

/// The longest random wait before a kill, in milliseconds: most of what is begun ends
/// within it.
const LONGEST_MS: u64 = 600;

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

struct Image {
    identifier: String,
    bytes: usize,
    /// It was said to be in the store, and nobody wanted it removed since.
    held: bool,
    sha512: String,
}

/// Commands that run while the node is killed.
struct Running {
    child: Child,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Get(usize),
    Remove(usize),
    Publish,
    Other,
}

struct Trial {
    folder: tempfile::TempDir,
    endorser: Endorser,
    _orsay: Site,
    athens: Site,
    random: fastrand::Rng,
    images: Vec<Image>,
    /// What may stand under each name.
    contents: BTreeMap<String, Vec<u8>>,
    /// Of no manifest.
    nameless: PathBuf,
    published: u64,
    acknowledged: u64,
    /// Kills that met a transfer.
    under_way: u64,
}

/// Mostly zeros.
fn with_holes(random: &mut fastrand::Rng, bytes: usize) -> Vec<u8> {
    let mut content = vec![0; bytes];
    for at in [3 * MB, bytes / 2, bytes - 10] {
        let end = bytes.min(at + 700_000);
        random.fill(&mut content[at..end]);
    }
    content
}

fn hex(content: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha512::digest(content))
}

impl Trial {
    /// Orsay has images of one and several pieces, with holes and without; athens knows
    /// their entries.
    fn new(seed: u64) -> Trial {
        let folder = tempfile::tempdir().unwrap();
        let endorser = Endorser::new(folder.path());
        let mut random = fastrand::Rng::with_seed(seed);
        let mut orsay = Site::new(folder.path(), "orsay", &endorser);
        let mut athens = Site::new(folder.path(), "athens", &endorser);
        set(&athens, "# scrub = \"30 days\"", "scrub = \"1 s\"");
        set(&athens, "# scrub_rate = \"20 MB\"", "scrub_rate = \"300 MB\"");
        orsay.start();
        let ticket = orsay.await_output(&["invite"]);
        assert_eq!(athens.run(&["join", ticket.trim()]).code, 0);
        let contents = [
            content(&mut random, 3 * MB),
            content(&mut random, 23 * MB),
            content(&mut random, 44 * MB),
            with_holes(&mut random, 60 * MB),
            with_holes(&mut random, 17 * MB),
        ];
        let mut images = Vec::new();
        for (n, content) in contents.iter().enumerate() {
            let (manifest, file) =
                endorser.publishable(folder.path(), &format!("disk{n}"), content);
            let run = orsay.run(&["publish", &manifest, "--image", &file]);
            assert_eq!(run.code, 0, "{run:?}");
            let (identifier, sha512) = (identifier_of(&manifest), hex(content));
            images.push(Image { identifier, bytes: content.len(), held: false, sha512 });
        }
        let (mut extra, nameless) = (content(&mut random, 9 * MB), folder.path().join("extra"));
        extra.extend(vec![0; MB]);
        fs::write(&nameless, &extra).unwrap();
        athens.start();
        for image in &images {
            wait_for("the entry", || athens.run(&["show", &image.identifier]).code == 0);
        }
        let contents = contents.into_iter().chain([extra]);
        let contents = contents.map(|content| (hex(&content), content)).collect();
        let acknowledged = images.len() as u64;
        let (published, under_way, _orsay) = (0, 0, orsay);
        Trial {
            folder,
            endorser,
            _orsay,
            athens,
            random,
            images,
            contents,
            nameless,
            published,
            acknowledged,
            under_way,
        }
    }

    fn command(&self, what: What, arguments: &[&str]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_suq"));
        command.arg("--home").arg(&self.athens.home).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Running { child: command.spawn().unwrap(), what }
    }

    /// Begins one thing of many.
    fn begin(&mut self) -> Running {
        let image = self.random.usize(..self.images.len());
        let nameless = self.nameless.display().to_string();
        match self.random.u8(..12) {
            0 => self.command(What::Other, &["blob", "add", &nameless]),
            1 => self.command(What::Other, &["blob", "gc", "--quota", "0", "--force"]),
            2 => self.command(What::Other, &["blob", "gc", "--quota", "60 MB", "--force"]),
            3 => self.command(What::Other, &["blob", "verify", "--repair"]),
            4 => {
                self.published += 1;
                let name = format!("small{}", self.published);
                let (manifest, _) =
                    self.endorser.publishable(self.folder.path(), &name, name.as_bytes());
                self.command(What::Publish, &["publish", &manifest])
            }
            5 | 6 => {
                self.images[image].held = false;
                let identifier = &self.images[image].identifier;
                self.command(What::Remove(image), &["blob", "remove", identifier])
            }
            _ => self.get(image),
        }
    }

    fn get(&self, image: usize) -> Running {
        self.command(What::Get(image), &["get", &self.images[image].identifier])
    }

    /// Waits for a moment to kill in: after some time, after some bytes have come, or as
    /// soon as an image gets its name or loses it.
    fn wait(&mut self, running: &mut [Running]) {
        let time = Duration::from_millis(self.random.u64(..LONGEST_MS));
        let bytes = self.random.u64(1..30 * MB as u64);
        let before = (self.bytes_on_disk(), self.names());
        let has_come: &dyn Fn(&Trial) -> bool = match self.random.u8(..4) {
            0 => return std::thread::sleep(time),
            1 | 2 => &|trial| trial.bytes_on_disk().abs_diff(before.0) >= bytes,
            _ => &|trial| trial.names() != before.1,
        };
        let started = Instant::now();
        let has_ended = |running: &mut Running| running.child.try_wait().unwrap().is_some();
        while !has_come(self) && started.elapsed() < 2 * time && !running.iter_mut().all(has_ended)
        {
            std::thread::yield_now();
        }
    }

    /// Which of the images are there by name.
    fn names(&self) -> Vec<bool> {
        let root = self.athens.home.join("blobs");
        self.contents.keys().map(|name| root.join(&name[..2]).join(name).exists()).collect()
    }

    /// What transfers that have not ended have noted.
    fn maps(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = walk(&self.athens.home.join("blobs/partial"));
        files.retain(|path| path.extension().is_some());
        files.into_iter().map(|path| (path.clone(), fs::read(&path).unwrap_or_default())).collect()
    }

    fn bytes_on_disk(&self) -> u64 {
        on_disk(&self.athens.home.join("blobs"))
    }

    /// One life of the node.
    fn live(&mut self) {
        if self.random.u8(..8) == 0 {
            self.athens.spawn();
            std::thread::sleep(Duration::from_millis(self.random.u64(..LONGEST_MS)));
            self.athens.kill();
            return;
        }
        self.athens.start();
        if self.random.u8(..8) != 0 {
            wait_for("a connection", || !self.athens.connected().is_empty());
        }
        // Something is always on its way.
        let mut running = Vec::new();
        let image = self.random.usize(..self.images.len());
        if self.images[image].held {
            self.images[image].held = false;
            let removed = self.athens.run(&["blob", "remove", &self.images[image].identifier]);
            assert_eq!(removed.code, 0, "{removed:?}");
        }
        running.push(self.get(image));
        running.extend((0..self.random.u8(..3)).map(|_| self.begin()));
        let before = self.maps();
        self.wait(&mut running);
        self.athens.kill();
        let after = self.maps();
        self.under_way += u64::from(after.iter().any(|map| !before.contains(map)));
        let also = self.random.bool();
        let removed: Vec<What> = running.iter().map(|running| running.what).collect();
        for Running { mut child, what } in running {
            if also {
                let _ = child.kill();
            }
            let is_done = child.wait().unwrap().success();
            match what {
                What::Publish if is_done => self.acknowledged += 1,
                // Nobody knows which of the two came first.
                What::Get(image) if removed.contains(&What::Remove(image)) => {}
                What::Get(image) if is_done => self.images[image].held = true,
                _ => {}
            }
        }
    }

    /// What must hold whenever the node is dead.
    fn check(&self) {
        let root = self.athens.home.join("blobs");
        let blobs = Blobs::open(&root).unwrap();
        for path in walk(&root) {
            let name = path.file_name().unwrap().to_str().unwrap();
            let in_folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
            if in_folder.len() == 2 && name.len() == 128 {
                let right = self.contents.get(name).expect("nobody asked for it");
                assert!(fs::read(&path).unwrap() == *right, "{name} has wrong bytes");
            }
            assert_ne!(in_folder, "damaged", "{name}");
        }
        for image in self.images.iter().filter(|image| image.held) {
            let found = blobs.list().unwrap();
            let found = found.iter().find(|blob| blob.sha512.to_string() == image.sha512);
            let found = found.unwrap_or_else(|| panic!("{} was lost", image.identifier));
            assert_eq!(found.bytes, image.bytes as u64);
        }
        let run = self.athens.run(&["store", "check", "--json"]);
        assert_eq!(run.code, 0, "{run:?}");
        let report: serde_json::Value = serde_json::from_str(&run.output).unwrap();
        let entries = report["entries"].as_u64().unwrap();
        assert!(entries >= self.acknowledged, "{entries} of {} entries", self.acknowledged);
        assert!(!self.athens.log().contains("panicked"), "{}", self.athens.log());
    }

    /// Everything can be had in the end, and nothing else is there.
    fn end(&mut self) {
        self.athens.start();
        wait_for("a connection", || !self.athens.connected().is_empty());
        for image in &mut self.images {
            let run = self.athens.run(&["get", &image.identifier]);
            assert_eq!(run.code, 0, "{run:?}");
            image.held = true;
        }
        let run = self.athens.run(&["blob", "gc", "--quota", "0", "--force", "--json"]);
        assert_eq!(run.code, 0, "{run:?}");
        assert_eq!(self.athens.run(&["blob", "verify"]).code, 0);
        self.athens.stop();
        self.check();
        let blobs = Blobs::open(&self.athens.home.join("blobs")).unwrap();
        let later = Timestamp::from(SystemTime::now()).plus(Duration::from_secs(2 * 3600));
        blobs.sweep(later, false).unwrap();
        assert_eq!(blobs.usage().unwrap().partial, 0, "nothing is promised any more");
        let mut left = walk(&self.athens.home.join("blobs"));
        left.retain(|path| !self.belongs(path));
        assert_eq!(left, Vec::<PathBuf>::new(), "left over");
    }

    /// True for a file that a store without any crash would have, too.
    fn belongs(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap().to_str().unwrap();
        let blobs = Blobs::open(&self.athens.home.join("blobs")).unwrap();
        let stored = blobs.list().unwrap();
        let is_stored = |name: &str| {
            stored.iter().any(|blob| {
                [blob.sha512.to_string(), blob.sha1.to_string()].contains(&name.to_owned())
            })
        };
        is_stored(name.trim_end_matches(".pieces")) || ["lock", "scrub"].contains(&name)
    }
}

#[test]
fn killed_at_any_moment_a_node_loses_nothing_and_leaves_nothing() {
    let seed = from_environment("SUQ_CRASH_SEED", 1);
    let kills = from_environment("SUQ_CRASH_KILLS", KILLS as u64);
    say(&format!("SUQ_CRASH_SEED={seed} SUQ_CRASH_KILLS={kills}"));
    let mut trial = Trial::new(seed);
    trial.athens.kill();
    for _ in 0..kills {
        trial.live();
        trial.check();
    }
    trial.end();
    say(&format!("{} of {kills} kills met a transfer", trial.under_way));
    assert!(trial.under_way * 10 >= kills, "{} of {kills}", trial.under_way);
}
