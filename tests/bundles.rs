//! A catalogue carried in a file to a site that no network reaches.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod site;

use std::fs;
use std::path::Path;

use site::{Endorser, Run, Site, identifier_of};

struct World {
    folder: tempfile::TempDir,
    endorser: Endorser,
    orsay: Site,
    identifiers: [String; 2],
    content: Vec<u8>,
}

/// Orsay with two entries and the image of the first.
fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let mut orsay = Site::new(folder.path(), "orsay", &endorser);
    orsay.start();
    let content: Vec<u8> = (0..9_000_000u32).map(|n| (n % 239) as u8).collect();
    let (disk, image) = endorser.publishable(folder.path(), "disk", &content);
    let (other, _) = endorser.publishable(folder.path(), "other", b"other bytes");
    assert_eq!(orsay.run(&["publish", &disk, "--image", &image]).code, 0);
    assert_eq!(orsay.run(&["publish", &other]).code, 0);
    let identifiers = [identifier_of(&disk), identifier_of(&other)];
    World { folder, endorser, orsay, identifiers, content }
}

impl World {
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn site(&self, name: &str) -> Site {
        let mut site = Site::new(self.folder.path(), name, &self.endorser);
        site.start();
        site
    }
}

fn import(site: &Site, bundle: &str) -> (Run, serde_json::Value) {
    let run = site.run(&["bundle", "import", bundle, "--json"]);
    let report = serde_json::from_str(&run.output).unwrap_or_default();
    (run, report)
}

#[test]
fn a_bundle_brings_manifests_and_images_to_a_site_without_network() {
    let world = world();
    let bundle = world.path("all.suq");
    let exported = world.orsay.run(&["bundle", "export", "--with-images", &bundle]);
    assert_eq!(exported.code, 0, "{exported:?}");
    assert!(exported.output.contains("2 manifests and 1 images"), "{exported:?}");
    let again = world.orsay.run(&["bundle", "export", &bundle]);
    assert!(again.code == 1 && again.error.contains("exists already"), "{again:?}");

    let delft = world.site("delft");
    let (run, report) = import(&delft, &bundle);
    assert_eq!((run.code, delft.entries()), (0, 2), "{run:?}");
    assert_eq!((&report["admitted"], &report["images"]), (&2.into(), &1.into()), "{report}");
    let out = world.path("out");
    let got = delft.run(&["get", &world.identifiers[0], "-o", &out]);
    assert_eq!(got.code, 0, "{got:?}");
    assert!(fs::read(&out).unwrap() == world.content);
    let (run, report) = import(&delft, &bundle);
    assert_eq!((run.code, &report["known"], &report["images_known"]), (0, &2.into(), &1.into()));

    let lyon = world.site("lyon");
    let policy = lyon.home.join("policy.cfg");
    fs::write(policy, "[blacklistendorsers]\na = jane@example.org\n").unwrap();
    assert_eq!(lyon.run(&["policy", "reload"]).code, 0);
    let (run, report) = import(&lyon, &bundle);
    assert_eq!((run.code, lyon.entries()), (0, 0), "{run:?}");
    assert!(report["reasons"][0].as_str().unwrap().contains("blacklist"), "{report}");
    assert_eq!(report["images_skipped"], 1);
}

#[test]
fn a_bundle_holds_what_was_asked_for() {
    let world = world();
    let count = |arguments: &[&str]| {
        let file = world.path(&format!("{}.suq", arguments.join("")));
        let run = world.orsay.run(&[&["bundle", "export", &file, "--json"], arguments].concat());
        assert_eq!(run.code, 0, "{run:?}");
        let report: serde_json::Value = serde_json::from_str(&run.output).unwrap();
        (report["manifests"].as_u64().unwrap(), report["images"].as_u64().unwrap())
    };
    assert_eq!(count(&[]), (2, 0));
    assert_eq!(count(&[&world.identifiers[1]]), (1, 0));
    assert_eq!(count(&[&world.identifiers[0], "--with-images"]), (1, 1));
    assert_eq!(count(&["--since", "2099-01-01T00:00:00Z"]), (0, 0));
    assert_eq!(count(&["--since", "2020-01-01T00:00:00Z"]), (2, 0));
    let unknown = "AcHBwcHBwcHBwcHBwcHBwcHBwcH";
    let run = world.orsay.run(&["bundle", "export", &world.path("x.suq"), unknown]);
    assert_eq!(run.code, 4, "{run:?}");
    assert!(!Path::new(&world.path("x.suq")).exists());
}

#[test]
fn what_was_cut_or_changed_is_named_and_the_rest_is_kept() {
    let world = world();
    let bundle = world.path("all.suq");
    assert_eq!(world.orsay.run(&["bundle", "export", "--with-images", &bundle]).code, 0);
    let whole = fs::read(&bundle).unwrap();
    let delft = world.site("delft");
    let changed = world.path("changed.suq");

    let (run, _) = import(&delft, &world.path("disk"));
    assert!(run.code == 1 && run.error.contains("not a bundle"), "{run:?}");
    // Inside the image, after its first pieces.
    fs::write(&changed, &whole[..8_000_000]).unwrap();
    let (run, _) = import(&delft, &changed);
    assert!(run.code == 1 && run.error.contains("cut"), "{run:?}");
    assert_eq!(delft.run(&["get", &world.identifiers[0]]).code, 6, "no half image is handed out");

    let mut bytes = whole.clone();
    bytes[6_000_000] ^= 1;
    fs::write(&changed, &bytes).unwrap();
    let lyon = world.site("lyon");
    let (run, report) = import(&lyon, &changed);
    assert_eq!(run.code, 5, "{run:?}");
    assert_eq!((&report["images"], &report["unverified"]), (&0.into(), &1.into()));

    let (run, report) = import(&delft, &bundle);
    assert_eq!((run.code, delft.entries(), &report["images"]), (0, 2, &1.into()), "{run:?}");
    assert_eq!(delft.run(&["get", &world.identifiers[0]]).code, 0);
}
