//! `stratus-policy-image`

use super::server::answer;
use super::*;

const POLICY: &str = "stratus-policy-image";
const REFUSED: &str = "Image isn't valid according to site policy";

/// A Marketplace that answers every question with these documents.
fn listing(documents: Vec<String>) -> Fake {
    let bare = documents.iter().map(|text| text.split_once("?>").unwrap().1);
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>";
    let list = format!("{head}<metadata>{}</metadata>", bare.collect::<String>());
    Fake::new(move |_| answer("200 OK", &[("Content-Type", "application/xml")], list.as_bytes()))
}

struct Judged {
    desk: Desk,
    fake: Fake,
    identifier: String,
    url: String,
}

impl Judged {
    fn new(change: impl FnOnce(String) -> Vec<String>) -> Judged {
        let desk = Desk::new();
        let identifier = desk.signed("image.xml", b"an image", &[]);
        let fake = listing(change(desk.read("image.xml")));
        let created = desk.verified("image.xml").manifest().endorsement.created;
        let url = fake.url(&format!("/metadata/{identifier}/{JANE}/{created}"));
        Judged { desk, fake, identifier, url }
    }

    fn judge(&self, policy: &str, more: &[&str]) -> Run {
        self.desk.write("policy.cfg", policy);
        let endpoint = self.fake.url("");
        let arguments =
            [&["--policy", "policy.cfg", "--marketplace-endpoint", &endpoint][..], more].concat();
        self.desk.run(POLICY, &[&arguments[..], &[&self.identifier]].concat())
    }

    fn allows(&self, policy: &str, more: &[&str]) {
        let run = self.judge(policy, more);
        assert_eq!((run.code, run.output.trim_end()), (0, self.url.as_str()), "{policy}: {run:?}");
    }

    fn refuses(&self, policy: &str, more: &[&str], reason: &str) {
        let run = self.judge(policy, more);
        assert_eq!((run.code, run.output.as_str()), (255, ""), "{policy}: {run:?}");
        assert!(run.error.contains(reason), "{policy}: {run:?}");
        assert_eq!(run.error.lines().last(), Some(REFUSED), "{run:?}");
    }
}

#[test]
fn both_dialects_decide() {
    let judged = Judged::new(|image| vec![image]);
    let sha1 = judged.desk.verified("image.xml").manifest().identifier.sha1().to_string();
    let identifier = &judged.identifier;
    judged.allows("", &[]);
    assert_eq!(judged.fake.paths(), [format!("/metadata/{identifier}")]);
    for allowed in [
        format!("[endorsers]\nwhitelistendorsers = a@b.example\n    {JANE}\n"),
        format!("[whitelistendorsers]\nemail1 = {JANE}\n"),
        format!("[checksums]\nwhitelistchecksums = {sha1}\nblacklistchecksums =\n"),
        format!("[whitelistimages]\nours = {identifier}\n[blacklistendorsers]\nx = a@b.example\n"),
    ] {
        judged.allows(&allowed, &[]);
    }
    for (refused, reason) in [
        ("[endorsers]\nwhitelistendorsers = a@b.example\n".to_owned(), "not on the whitelist"),
        (format!("[blacklistendorsers]\nemail1 = {JANE}\n"), "is blacklisted (policy.cfg:2)"),
        (format!("[checksums]\nblacklistchecksums =\n  {sha1}\n"), "is blacklisted (policy.cfg:3)"),
        (format!("[images]\nblacklistimages = {identifier}\n"), "is blacklisted"),
    ] {
        judged.refuses(&refused, &[], reason);
    }
    let warned = judged.judge("[blacklistchecksums]\nchecksum = xyz\n", &[]);
    assert!(warned.code == 0 && warned.error.contains("policy.cfg:2: `xyz`"), "{warned:?}");
    for (policy, word) in [("nonsense", "policy.cfg:1"), ("[strange]\na = b\n", "[strange]")] {
        let run = judged.judge(policy, &[]);
        assert!(run.code == 255 && run.output.is_empty(), "{run:?}");
        assert!(run.error.contains(word) && run.error.contains("refused"), "{run:?}");
    }
    let run = judged.desk.run(POLICY, &["--policy", "none.cfg", identifier]);
    assert!(run.code == 255 && run.error.contains("none.cfg"), "{run:?}");
    let run = judged.desk.run(POLICY, &["--policy", "policy.cfg", "short"]);
    assert!(run.code == 2 && run.error.contains("`short`"), "{run:?}");
}

#[test]
fn no_entry_is_believed_without_its_signature() {
    let changed = Judged::new(|image| vec![image.replace("x86_64", "i686")]);
    changed.refuses("", &[], "not verified");
    let judged = Judged::new(|image| vec![image.replace("x86_64", "i686"), image]);
    judged.allows("", &[]);
    let nothing = Judged::new(|_| Vec::new());
    nothing.refuses("", &[], "no metadata matching query found");
    let other = Judged::new(|image| vec![image]);
    other.desk.write("policy.cfg", "");
    let endpoint = other.fake.url("");
    let run = other.desk.run(
        POLICY,
        &[
            "--policy",
            "policy.cfg",
            "--marketplace-endpoint",
            &endpoint,
            "MMZu9WvwKIro-rtBQfDk4PsKO7_",
        ],
    );
    assert!(run.code == 255 && run.error.contains("it is of another image"), "{run:?}");
}

#[test]
fn the_endorsers_newest_entry_decides_and_others_are_not_touched() {
    let desk = Desk::new();
    let identifier = desk.signed("old.xml", b"an image", &[]);
    let key = ["--p12-cert", ".globus/usercert.p12", "--p12-password", PASSWORD, "--reason", "x"];
    let old = desk.text("old.xml");
    // The dates differ by a second at least.
    site::wait_for("the next second", || {
        let created = desk.verified("old.xml").manifest().endorsement.created;
        ago(0) > created
    });
    let p12 = desk.text(".globus/usercert.p12");
    let mut key = key;
    key[1] = &p12;
    let run = suq(&[&["metadata", "deprecate", &old][..], &key].concat());
    assert_eq!(run.code, 0, "{run:?}");
    let both = listing(vec![desk.read("old.xml"), desk.read("old-deprecated.xml")]);
    desk.write("policy.cfg", "");
    let endpoint = both.url("");
    let judge = ["--policy", "policy.cfg", "--marketplace-endpoint", &endpoint, &identifier];
    let run = desk.run(POLICY, &judge);
    assert!(run.code == 255 && run.output.is_empty(), "{run:?}");
    assert!(run.error.contains("deprecated the image: x"), "{run:?}");
    assert!(run.error.contains("has a newer entry"), "{run:?}");
}

#[test]
fn signers_are_compared_with_anchors_where_that_is_asked_for() {
    let judged = Judged::new(|image| vec![image]);
    let desk = &judged.desk;
    fs::create_dir(desk.path("ours")).unwrap();
    desk.write("ours/ca.pem", desk.endorser.authority());
    let others = tempfile::tempdir().unwrap();
    let stranger = Endorser::new(others.path());
    fs::create_dir(desk.path("theirs")).unwrap();
    desk.write("theirs/ca.pem", stranger.authority());
    judged.allows("", &["--anchors", "ours"]);
    judged.refuses("", &["--anchors", "theirs"], "the signer is not trusted");
    let asks = "[trust]\nrequire = anchored\n";
    judged.allows(asks, &["--anchors", "ours"]);
    judged.refuses(asks, &["--anchors", "theirs"], "the signer is not trusted");
    // The grid's folder, which knows nobody of ours where there is one.
    let run = judged.judge(asks, &[]);
    assert!(run.code == 255 && run.output.is_empty(), "{run:?}");
    let run = judged.judge("", &["--anchors", "none"]);
    assert!(run.code == 255 && run.error.contains("none") && run.output.is_empty(), "{run:?}");
    // One endorser is not two.
    judged.refuses("[endorsements]\nminimum = 2\n", &[], "1 of 2 endorsers");
}
