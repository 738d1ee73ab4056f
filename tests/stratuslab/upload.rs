//! `stratus-upload-metadata`, and which Marketplace a command speaks to.

use super::server::{answer, head};
use super::*;

const UPLOAD: &str = "stratus-upload-metadata";
const ENDPOINT: &str = "--marketplace-endpoint";
const VARIABLE: &str = "STRATUSLAB_MARKETPLACE_ENDPOINT";

#[test]
fn what_the_server_says_is_shown() {
    let desk = Desk::new();
    let (site, endpoint) = desk.market();
    desk.signed("image.xml", b"an image", &[]);
    let upload = |file: &str| desk.run(UPLOAD, &[ENDPOINT, &endpoint, file]);
    let first = upload("image.xml");
    assert_eq!(first.code, 0, "{first:?}");
    let key = desk.verified("image.xml").manifest().key();
    let url = format!("{endpoint}/metadata/{}/{}/{}\n", key.identifier, key.email, key.created);
    assert_eq!(first.output, url);
    assert_eq!(upload("image.xml").output, url, "again is no harm");

    desk.write("changed.xml", desk.read("image.xml").replace("x86_64", "i686"));
    let run = upload("changed.xml");
    assert!(run.code == 255 && run.output.is_empty(), "{run:?}");
    assert!(run.error.contains("400: invalid metadata: "), "{run:?}");
    desk.write("no.xml", "<rdf/>");
    let run = upload("no.xml");
    assert!(run.code == 255 && run.error.contains("no.xml: "), "{run:?}");
    let run = upload("none.xml");
    assert!(run.code == 2 && run.error.contains("none.xml"), "{run:?}");
    assert_eq!(site.entries(), 1);

    drop(site);
    let run = upload("image.xml");
    assert!(run.code == 255 && run.error.contains("no connection"), "{run:?}");
}

#[test]
fn the_marketplace_is_named_by_option_environment_or_file() {
    let desk = Desk::new();
    desk.signed("image.xml", b"an image", &[]);
    let serve = || {
        Fake::new(|request| {
            assert_eq!(request.header("content-type"), Some("application/xml"));
            assert_eq!(request.header("accept"), Some("application/xml"));
            assert!(request.body.starts_with(b"<?xml") && request.header("expect").is_none());
            answer("201 Created", &[("Location", "http://x.invalid/")], b"created")
        })
    };
    let (one, two, three) = (serve(), serve(), serve());
    let counts = || [&one, &two, &three].map(|fake| fake.paths().len());
    let user = format!("[default]\nmarketplace_endpoint = {}\n", one.url("/"));
    desk.write("user.cfg", user);
    let file = ["-c", "user.cfg", "image.xml"];
    let from_file = desk.run_with(UPLOAD, &file, &[]);
    assert_eq!((from_file.code, counts()), (0, [1, 0, 0]), "{from_file:?}");
    assert!(from_file.output.starts_with(&one.url("/metadata/")), "{from_file:?}");
    assert_eq!(desk.run_with(UPLOAD, &file, &[(VARIABLE, "")]).code, 0);
    assert_eq!(counts(), [2, 0, 0], "an empty variable says nothing");
    let environment = [(VARIABLE, &*two.url("/marketplace/"))];
    let run = desk.run_with(UPLOAD, &file, &environment);
    assert_eq!((run.code, counts()), (0, [2, 1, 0]), "{run:?}");
    assert!(run.output.starts_with(&two.url("/marketplace/metadata/")), "{run:?}");
    assert_eq!(two.paths(), ["/marketplace/metadata"]);
    let slashes = three.url("//");
    let option = [&[ENDPOINT, &slashes][..], &file].concat();
    let run = desk.run_with(UPLOAD, &option, &environment);
    assert_eq!((run.code, counts()), (0, [2, 1, 1]), "{run:?}");
    assert_eq!(three.paths(), ["/metadata"]);

    for wrong in ["ftp://a", "http://", "http://user@a.example"] {
        let run = desk.run(UPLOAD, &[ENDPOINT, wrong, "image.xml"]);
        assert!(run.code == 2 && run.error.contains(wrong), "{run:?}");
    }
}

#[test]
fn answers_are_bounded_and_shown_harmlessly() {
    let desk = Desk::new();
    desk.signed("image.xml", b"an image", &[]);
    let fake = Fake::new(|request| match request.path.as_str() {
        "/endless/metadata" => {
            vec![head("200 OK", &[]), Step::Endless(vec![b'a'; 64 * 1024])]
        }
        "/large/metadata" => vec![head("200 OK", &[("Content-Length", "99999999")]), Step::Hang],
        "/moved/metadata" => {
            let there = [("Location", "https://there.example/marketplace/metadata")];
            answer("301 Moved Permanently", &there, b"")
        }
        _ => answer("400 Bad Request", &[], b"<error>a <b> \x1b[2J & c</error>"),
    });
    for (path, says) in [
        ("/endless", "the answer has more than 16777216 bytes"),
        ("/large", "the answer has more than 16777216 bytes"),
        ("/moved", "it redirects to https://there.example: name that one"),
        ("/", "400: a <b>  [2J & c"),
    ] {
        let run = desk.run(UPLOAD, &[ENDPOINT, &fake.url(path), "image.xml"]);
        assert!(run.code == 255 && run.error.contains(says), "{path}: {run:?}");
        assert!(!run.error.contains('\u{1b}'), "{run:?}");
    }
}

#[test]
fn what_waits_for_its_date_is_no_failure() {
    let desk = Desk::new();
    let (site, endpoint) = desk.market();
    desk.signed("image.xml", b"an image", &[]);
    let manifest = desk.verified("image.xml").manifest().clone();
    let draft = suq::manifest::Draft {
        identifier: manifest.identifier,
        bytes: manifest.bytes,
        checksums: manifest.checksums,
        details: manifest.details,
        pieces: None,
    };
    let tomorrow = ago(0).plus(Duration::from_secs(86_400));
    desk.write("ahead.xml", desk.endorser.sign(&draft, tomorrow));
    let run = desk.run(UPLOAD, &[ENDPOINT, &endpoint, "ahead.xml"]);
    assert!(run.code == 0 && run.error.contains("it is judged at its date"), "{run:?}");
    assert!(run.output.trim_end().ends_with(&tomorrow.to_string()), "{run:?}");
    assert_eq!(site.entries(), 0);
}
