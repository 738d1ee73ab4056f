//! `stratus-deprecate-metadata`

use std::sync::atomic::{AtomicUsize, Ordering};

use super::server::answer;
use super::*;

const DEPRECATE: &str = "stratus-deprecate-metadata";

#[test]
fn another_date_and_an_expired_entry_can_be_meant() {
    let desk = Desk::new();
    let (site, endpoint) = desk.market();
    let identifier = desk.signed("image.xml", b"an image", &[]);
    let manifest = desk.verified("image.xml").manifest().clone();
    let mut draft = suq::manifest::Draft {
        identifier: manifest.identifier,
        bytes: manifest.bytes,
        checksums: manifest.checksums,
        details: manifest.details,
        pieces: None,
    };
    for (days, title) in [(20, "first"), (10, "second")] {
        draft.details.title = Some(title.to_owned());
        draft.details.valid = Some(ago(1));
        desk.write(&format!("{title}.xml"), desk.endorser.sign(&draft, ago(days)));
        let upload = ["--marketplace-endpoint", &endpoint, &format!("{title}.xml")];
        desk.done("stratus-upload-metadata", &upload);
    }
    let date = desk.verified("first.xml").manifest().endorsement.created.to_string();
    let run = |more: &[&str]| {
        let arguments = [&["--marketplace-endpoint", &endpoint][..], more, &[&identifier]];
        desk.run(DEPRECATE, &arguments.concat())
    };
    let none = run(&["--created", "2012-02-03T10:11:12Z"]);
    assert!(none.code == 255 && none.error.contains("there is no entry"), "{none:?}");
    let wrong = run(&["--created", "yesterday"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    assert_eq!(site.entries(), 2);
    // The latest has expired, which is no reason not to take it back.
    let latest = run(&[]);
    assert_eq!(latest.code, 0, "{latest:?}");
    assert_eq!(titles(&site, &latest), ("second".into(), "This image has been deprecated".into()));
    let older = run(&["--created", &date, "--reason", "even this"]);
    assert_eq!(older.code, 0, "{older:?}");
    assert_eq!(titles(&site, &older), ("first".into(), "even this".into()));
    assert_eq!(site.entries(), 4);
}

/// Title and reason of the entry whose URL was printed.
fn titles(site: &Site, run: &Run) -> (String, String) {
    let address = site.http();
    let path = run.output.trim_end().strip_prefix(&format!("http://{address}")).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let document = http::exchange(&address, request.as_bytes()).body;
    let details = Verifier::new().verify(&document).unwrap().manifest().details.clone();
    (details.title.unwrap(), details.deprecated.unwrap())
}

#[test]
fn nothing_else_is_signed_than_what_was_meant() {
    let desk = Desk::new();
    let identifier = desk.signed("image.xml", b"an image", &[]);
    let image = desk.read("image.xml");
    let other = desk.signed("other.xml", b"another image", &[]);
    let changed = image.replace("x86_64", "i686");
    let fake = Fake::new(move |request| {
        assert!(request.line.starts_with("GET "), "nothing is sent: {request:?}");
        let document = if request.path.starts_with("/changed") { &changed } else { &image };
        answer("200 OK", &[], document.as_bytes())
    });
    for (path, image, says) in [
        ("/changed", &identifier, "changed after it was signed"),
        ("/other", &other, "there is no entry"),
    ] {
        let run = desk.run(DEPRECATE, &["--marketplace-endpoint", &fake.url(path), image]);
        assert!(run.code == 255 && run.error.contains(says), "{run:?}");
    }
    let seen = fake.paths().len();
    let endpoint = ["--marketplace-endpoint", &fake.url("")];
    let of_other = [&endpoint[..], &["--email", "other@example.org", &identifier]].concat();
    let run = desk.run(DEPRECATE, &of_other);
    assert!(run.code == 2 && run.error.contains(JANE), "{run:?}");
    let password = [&endpoint[..], &["--p12-password", "wrong", &identifier]].concat();
    let run = desk.run(DEPRECATE, &password);
    assert!(run.code == 1 && run.error.contains("the password is wrong"), "{run:?}");
    assert_eq!(fake.paths().len(), seen, "nothing was asked");
}

#[test]
fn two_entries_never_have_one_date() {
    let desk = Desk::new();
    let identifier = desk.signed("image.xml", b"an image", &[]);
    let image = desk.read("image.xml");
    let asked = AtomicUsize::new(0);
    let fake = Fake::new(move |request| {
        if request.line.starts_with("POST ") {
            return answer("201 Created", &[], b"metadata entry created");
        }
        let is_date = request.path.ends_with('Z');
        match is_date && asked.fetch_add(1, Ordering::Relaxed) >= 2 {
            true => answer("404 Not Found", &[], b"<error>metadata entry not found.</error>"),
            false => answer("200 OK", &[], image.as_bytes()),
        }
    });
    desk.done(DEPRECATE, &["--marketplace-endpoint", &fake.url(""), &identifier]);
    let seen = fake.server.seen();
    let date = |path: &str| path.rsplit('/').next().unwrap().parse::<Timestamp>().unwrap();
    let dates: Vec<Timestamp> = seen[1..4].iter().map(|request| date(&request.path)).collect();
    let second = Duration::from_secs(1);
    assert_eq!(dates[1..], [dates[0].plus(second), dates[0].plus(second * 2)]);
    let sent = Verifier::new().verify(&seen[4].body).unwrap();
    assert_eq!(sent.manifest().endorsement.created, dates[2]);
    assert!(dates[0] > desk.verified("image.xml").manifest().endorsement.created);
}
