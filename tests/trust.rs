//! `suq trust` and `suq metadata validate` as a site administrator uses them.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod site;

use std::fs;

use site::{Endorser, suq};

#[test]
fn trust_is_listed_and_explained_and_validation_follows_it() {
    let folder = tempfile::tempdir().unwrap();
    let endorser = Endorser::new(folder.path());
    let (manifest, _) = endorser.publishable(folder.path(), "image", b"bytes");
    let anchors = folder.path().join("anchors");
    fs::create_dir(&anchors).unwrap();
    let folder_name = anchors.display().to_string();

    let none = suq(&["trust", "check", &manifest, "--anchors", &folder_name]);
    assert_eq!(none.code, 3, "{none:?}");
    assert!(none.error.contains("trusts no certificate authority"), "{none:?}");

    fs::write(anchors.join("ca.0"), endorser.authority()).unwrap();
    let checked = suq(&["trust", "check", &manifest, "--anchors", &folder_name]);
    assert_eq!(checked.code, 0, "{checked:?}");
    assert!(checked.output.contains("TRUSTED") && checked.output.contains("ca.0"), "{checked:?}");
    let validate = ["metadata", "validate", "--strict", "--anchors", &folder_name, &manifest];
    let valid = suq(&validate);
    assert_eq!((valid.code, valid.output.contains("Valid: ")), (0, true), "{valid:?}");

    let policy = folder.path().join("new.cfg").display().to_string();
    fs::write(&policy, "[blacklistendorsers]\na = jane@example.org\n").unwrap();
    let judge = ["policy", "check", &manifest, "--policy", &policy, "--anchors", &folder_name];
    let refused = suq(&judge);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.output.contains("new.cfg:2"), "{refused:?}");
    fs::write(
        &policy,
        "[whitelistendorsers]\na = jane@example.org\n[blacklistchecksums]\nb = 0g\n",
    )
    .unwrap();
    let allowed = suq(&judge);
    assert_eq!(allowed.code, 0, "{allowed:?}");
    assert!(allowed.error.contains("new.cfg:4"), "a warning: {allowed:?}");

    let stale = endorser.revocation_list(&[]);
    fs::write(anchors.join("ca.r0"), stale).unwrap();
    let listed = suq(&["trust", "list", "--anchors", &folder_name]);
    assert_eq!(listed.code, 0, "{listed:?}");
    assert!(listed.output.contains("ca.r0 until") && listed.output.contains("STALE"), "{listed:?}");
    let listed = suq(&["trust", "list", "--json", "--anchors", &folder_name]);
    let json: serde_json::Value = serde_json::from_str(&listed.output).unwrap();
    assert!(json["anchors"][0]["revocations"]["file"].as_str().unwrap().ends_with("ca.r0"));

    fs::write(anchors.join("ca.r0"), endorser.revocation_list(&[endorser.certificate()])).unwrap();
    let revoked = suq(&validate);
    assert_eq!(revoked.code, 5, "{revoked:?}");
    assert!(revoked.error.contains("was revoked by its issuer"), "{revoked:?}");

    fs::remove_file(anchors.join("ca.r0")).unwrap();
    fs::write(anchors.join("ca.signing_policy"), "nonsense").unwrap();
    let broken = suq(&["trust", "list", "--anchors", &folder_name]);
    assert_eq!(broken.code, 0, "{broken:?}");
    assert!(broken.output.contains("NOT USED") && !broken.output.contains("CN="), "{broken:?}");
    let distrusted = suq(&validate);
    assert_eq!(distrusted.code, 5, "{distrusted:?}");
    assert!(distrusted.error.contains("ca.signing_policy"), "a warning: {distrusted:?}");

    fs::remove_file(anchors.join("ca.signing_policy")).unwrap();
    fs::write(anchors.join("lists.crl"), "nonsense").unwrap();
    let nobodys = suq(&["trust", "list", "--anchors", &folder_name]);
    assert_eq!(nobodys.code, 1, "{nobodys:?}");
    assert!(nobodys.error.contains("lists.crl: not a certificate revocation list"), "{nobodys:?}");
}
