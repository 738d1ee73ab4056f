//! What users get wrong, and what breaks: nothing is lost, and the message says
//! what, where and what to do. Each test drives the real command.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod site;

use std::fs;

use site::{Endorser, Site, suq, wait_for};

/// A site with a signed manifest of an image, ready to be broken.
struct Scene {
    folder: tempfile::TempDir,
    site: Site,
    endorser: Endorser,
}

impl Scene {
    fn new() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let endorser = Endorser::new(folder.path());
        let site = Site::new(folder.path(), "site", &endorser);
        Scene { folder, site, endorser }
    }

    /// Signs a manifest of an image with this content; both files' paths.
    fn image(&self, name: &str, content: &[u8]) -> (String, String) {
        self.endorser.publishable(self.folder.path(), name, content)
    }
}

#[test]
fn a_truncated_and_a_forged_manifest_are_refused_with_the_reason() {
    let mut scene = Scene::new();
    let (manifest, _) = scene.image("disk", b"an image");
    let text = fs::read_to_string(&manifest).unwrap();
    scene.site.start();

    fs::write(&manifest, &text[..text.len() / 2]).unwrap();
    let run = scene.site.run(&["publish", &manifest]);
    assert_eq!(run.code, 5, "{run:?}");
    assert!(run.error.contains(&manifest) && run.error.contains("cut"), "{run:?}");

    fs::write(&manifest, text.replace("<slreq:bytes>8<", "<slreq:bytes>9<")).unwrap();
    let run = scene.site.run(&["publish", &manifest]);
    assert_eq!(run.code, 5, "{run:?}");
    assert!(run.error.contains("changed after it was signed"), "{run:?}");
    assert_eq!(scene.site.entries(), 0);

    // Nothing was lost: the right one still goes in.
    fs::write(&manifest, &text).unwrap();
    assert_eq!(scene.site.run(&["publish", &manifest]).code, 0);
    assert_eq!(scene.site.entries(), 1);
}

#[test]
fn a_wrong_password_is_named_and_the_file_is_left_alone() {
    let scene = Scene::new();
    let (manifest, _) = scene.image("disk", b"an image");
    let before = fs::read(&manifest).unwrap();
    let p12 = scene.endorser.p12.display().to_string();
    let run = suq(&["metadata", "sign", &manifest, "--p12-cert", &p12, "--p12-password", "wrong"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.error.contains(&p12) && run.error.contains("password is wrong"), "{run:?}");
    assert_eq!(fs::read(&manifest).unwrap(), before);
    assert!(!fs::exists(format!("{manifest}.orig")).unwrap());
}

#[test]
fn an_image_that_changed_after_signing_is_not_published() {
    let mut scene = Scene::new();
    scene.site.start();
    let (manifest, image) = scene.image("disk", &[7; 3_000_000]);
    let mut changed = vec![7; 3_000_000];
    changed[2_000_000] = 8;
    fs::write(&image, &changed).unwrap();
    let run = scene.site.run(&["publish", &manifest, "--image", &image]);
    assert_eq!(run.code, 5, "{run:?}");
    assert!(run.error.contains("MD5") && run.error.contains("manifest says"), "{run:?}");

    changed.push(0);
    fs::write(&image, &changed).unwrap();
    let run = scene.site.run(&["publish", &manifest, "--image", &image]);
    assert_eq!(run.code, 5, "{run:?}");
    assert!(run.error.contains("3000001 bytes"), "{run:?}");
    assert_eq!(scene.site.entries(), 0);
    assert_eq!(scene.site.run(&["blob", "list", "--json"]).output.trim(), "[]");
}

#[test]
fn a_port_in_use_is_named() {
    let mut scene = Scene::new();
    scene.site.start();
    let address = scene.site.address();
    let other = Site::new(scene.folder.path(), "other", &scene.endorser);
    let settings = other.home.join("suq.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("/ip4/127.0.0.1/tcp/0", &address)).unwrap();
    let run = other.run(&["serve"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.error.contains(&address) && run.error.contains("suq.toml"), "{run:?}");
}

#[test]
fn a_second_node_on_one_home_names_the_first() {
    let mut scene = Scene::new();
    scene.site.start();
    let run = scene.site.run(&["serve"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.error.contains("already running"), "{run:?}");
    assert!(run.error.contains(&scene.site.pid().to_string()), "{run:?}");
    assert_eq!(scene.site.run(&["status"]).code, 0);
}

#[test]
fn an_unreadable_policy_refuses_everything_and_names_the_line() {
    let mut scene = Scene::new();
    let (manifest, _) = scene.image("disk", b"an image");
    let policy = scene.site.home.join("policy.cfg");
    let good = fs::read_to_string(&policy).unwrap();
    fs::write(&policy, format!("{good}[endorsers]\nwhitelist = a@b.org\n")).unwrap();
    let line = good.lines().count() + 2;
    scene.site.start();
    let run = scene.site.run(&["publish", &manifest]);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.error.contains(&format!("policy.cfg:{line}")), "{run:?}");
    let run = scene.site.run(&["status"]);
    assert!(run.output.contains("EVERYTHING IS REFUSED"), "{run:?}");

    fs::write(&policy, good).unwrap();
    assert_eq!(scene.site.run(&["policy", "reload"]).code, 0);
    assert_eq!(scene.site.run(&["publish", &manifest]).code, 0);
}

#[test]
fn a_damaged_database_is_an_error_that_says_what_to_do() {
    let mut scene = Scene::new();
    let (manifest, _) = scene.image("disk", b"an image");
    scene.site.start();
    assert_eq!(scene.site.run(&["publish", &manifest]).code, 0);
    scene.site.stop();
    let db = scene.site.home.join("db/db");
    let mut octets = fs::read(&db).unwrap();
    octets.fill(0x55);
    fs::write(&db, &octets).unwrap();
    let run = scene.site.run(&["serve"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.error.contains("is damaged") && run.error.contains("Move the folder"), "{run:?}");
    let kept = scene.site.home.join("db/db.damaged");
    assert!(run.error.contains(&kept.display().to_string()), "{run:?}");
    assert_eq!(fs::read(&kept).unwrap(), octets, "what was there is kept");
}

#[test]
fn a_ticket_with_a_typo_is_noticed() {
    let mut scene = Scene::new();
    scene.site.start();
    let ticket = scene.site.await_output(&["invite"]);
    let mut typo = ticket.trim().to_owned();
    let last = typo.pop().unwrap();
    typo.push(if last == 'q' { 'p' } else { 'q' });
    let other = Site::new(scene.folder.path(), "other", &scene.endorser);
    let run = other.run(&["join", &typo]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.error.contains("typing error"), "{run:?}");
    let run = other.run(&["join", "hello"]);
    assert!(run.error.contains("begins with `suq1`"), "{run:?}");
}

#[test]
fn a_full_disk_stops_a_get_and_what_came_is_kept() {
    let mut scene = Scene::new();
    scene.site.start();
    let (manifest, image) = scene.image("disk", &vec![9; 12_000_000]);
    assert_eq!(scene.site.run(&["publish", &manifest, "--image", &image]).code, 0);
    let ticket = scene.site.await_output(&["invite"]);
    let mut small = Site::new(scene.folder.path(), "small", &scene.endorser);
    let mount = small.home.join("blobs");
    fs::create_dir(&mount).unwrap();
    let Some(_disk) = site::SmallDisk::mount(&mount, "10m") else {
        site::skip("a small disk cannot be mounted here");
        return;
    };
    assert_eq!(small.run(&["join", ticket.trim()]).code, 0);
    small.start();
    let identifier = site::identifier_of(&manifest);
    wait_for("the entry", || small.run(&["show", &identifier]).code == 0);
    let run = small.run(&["get", &identifier]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.error.contains("no space left"), "{run:?}");
    assert_eq!(small.run(&["status"]).code, 0, "the node goes on");
}

#[test]
fn what_is_unknown_or_cannot_be_reached_has_its_own_exit_code() {
    let mut scene = Scene::new();
    let run = scene.site.run(&["status"]);
    assert_eq!(run.code, 6, "{run:?}");
    assert!(run.error.contains("suq serve"), "{run:?}");
    let unknown = "MMZu9WvwKIro-rtBQfDk4PsKO7_";
    assert_eq!(scene.site.run(&["show", unknown]).code, 4);
    assert_eq!(scene.site.run(&["show", "nonsense"]).code, 2);
    scene.site.start();
    assert_eq!(scene.site.run(&["get", unknown]).code, 4);
    // Known, but nobody has the bytes.
    let (manifest, _) = scene.image("disk", b"an image");
    assert_eq!(scene.site.run(&["publish", &manifest]).code, 0);
    let run = scene.site.run(&["get", &site::identifier_of(&manifest)]);
    assert_eq!(run.code, 6, "{run:?}");
    let run = suq(&["--home", "/nowhere/at/all", "status"]);
    assert!(run.error.contains("suq init"), "{run:?}");
}
