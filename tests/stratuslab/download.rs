//! `stratus-download-image`

use super::server::{answer, file, head};
use super::*;

const DOWNLOAD: &str = "stratus-download-image";

fn content() -> Vec<u8> {
    (0..100_000_u32).flat_map(|n| (n / 5).to_le_bytes()).collect()
}

/// A web server with the image: as it is, compressed, changed, cut, and nowhere.
fn store(desk: &Desk) -> Fake {
    desk.write("store.img", content());
    pack("bzip2", &desk.path("store.img"));
    let packed = fs::read(desk.path("store.img.bz2")).unwrap();
    let mut changed = content();
    changed[7] ^= 1;
    Fake::new(move |request| match request.path.as_str() {
        "/disk.img" => file(request, &content(), "\"a\""),
        "/disk.img.bz2" => file(request, &packed, "\"b\""),
        "/changed.img" => file(request, &changed, "\"c\""),
        "/short.img" => file(request, &content()[1..], "\"d\""),
        _ => answer("404 Not Found", &[], b"no"),
    })
}

#[test]
fn locations_are_tried_in_their_order() {
    let desk = Desk::new();
    let (site, endpoint) = desk.market();
    let store = store(&desk);
    let at = |path: &str| store.url(path);
    let locations = [
        "pdisk:x:1",
        &at("/none"),
        &at("/changed.img"),
        &at("/short.img"),
        &at("/disk.img.bz2"),
        &at("/disk.img"),
    ];
    let identifier = desk.signed("image.xml", &content(), &locations);
    let url =
        desk.done("stratus-upload-metadata", &["--marketplace-endpoint", &endpoint, "image.xml"]);
    let endpoint = ["--endpoint", endpoint.as_str()];
    let get = |uri: &str, more: &[&str]| {
        desk.run(DOWNLOAD, &[&endpoint[..], &["-v", "-o", "copy.img"], more, &[uri]].concat())
    };
    // The port is another than the Marketplace's: what strangers wrote is not followed there.
    let run = get(&identifier, &[]);
    assert_eq!((run.code, run.output.as_str()), (255, ""));
    assert!(run.error.contains("127.0.0.1 is not reached") && run.error.contains("--allow"));
    assert_eq!((store.paths().len(), desk.path("copy.img").exists()), (0, false));

    for uri in [&identifier, &format!("{identifier}/{JANE}"), &url] {
        let run = get(uri, &["--allow", "127.0.0.1"]);
        assert_eq!(run.code, 0, "{uri}: {run:?}");
        assert!(fs::read(desk.path("copy.img")).unwrap() == content());
        fs::remove_file(desk.path("copy.img")).unwrap();
        let looked: Vec<&str> =
            run.error.lines().filter_map(|line| line.strip_prefix("Looking for image: ")).collect();
        assert_eq!(looked, locations[..5]);
        assert!(run.error.contains("Downloaded image to: copy.img"), "{run:?}");
    }
    assert_eq!(site.entries(), 1);
}

#[test]
fn a_location_that_is_typed_may_be_private_and_its_entry_says_what_it_must_be() {
    let desk = Desk::new();
    let (_site, endpoint) = desk.market();
    let store = store(&desk);
    let typed = store.url("/disk.img");
    desk.signed("image.xml", &content(), &[&typed, &store.url("/changed.img")]);
    let upload = ["--marketplace-endpoint", endpoint.as_str(), "image.xml"];
    desk.done("stratus-upload-metadata", &upload);
    let get = ["-e", &endpoint, "-o", "copy.img", &typed];
    assert_eq!(desk.done("stratuslab-image-download", &get), "");
    assert!(fs::read(desk.path("copy.img")).unwrap() == content());
    assert!(store.paths().iter().all(|path| path == "/disk.img"), "{:?}", store.paths());
}

#[test]
fn a_file_appears_only_when_everything_matches() {
    let desk = Desk::new();
    let (site, endpoint) = desk.market();
    let store = store(&desk);
    let locations = [store.url("/changed.img"), store.url("/short.img")];
    let locations: Vec<&str> = locations.iter().map(String::as_str).collect();
    let identifier = desk.signed("image.xml", &content(), &locations);
    let upload = ["--marketplace-endpoint", endpoint.as_str(), "image.xml"];
    desk.done("stratus-upload-metadata", &upload);
    fs::create_dir(desk.path("out")).unwrap();
    desk.write("out/copy.img", "what was there");
    let get = |uri: &str| {
        let arguments = ["-e", &endpoint, "--allow", "127.0.0.1", "-o", "out/copy.img", uri];
        desk.run(DOWNLOAD, &arguments)
    };
    let run = get(&identifier);
    assert_eq!(run.code, 255);
    for word in ["/changed.img: the image's MD5 is", "/short.img: ", "/blobs/sha1/"] {
        assert!(run.error.contains(word), "{word}: {run:?}");
    }
    assert_eq!(desk.read("out/copy.img"), "what was there");
    assert_eq!(fs::read_dir(desk.path("out")).unwrap().count(), 1, "nothing is left behind");

    // No entry says what these should be.
    let run = get(&store.url("/disk.img"));
    assert!(run.code == 255 && run.error.contains("this is no manifest"), "{run:?}");
    let run = get(&store.url("/none"));
    assert!(run.code == 255 && run.error.contains("404"), "{run:?}");
    let run = get("MMZu9WvwKIro-rtBQfDk4PsKO7_");
    assert!(run.code == 255 && run.error.contains("failed to find"), "{run:?}");
    assert_eq!(get("nothing").code, 2);

    // The node has it after all.
    assert_eq!(site.run(&["blob", "add", &desk.text("store.img")]).code, 0);
    let run = get(&identifier);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(fs::read(desk.path("out/copy.img")).unwrap() == content());
}

#[test]
fn manifests_of_other_servers_are_verified_and_judged_no_further() {
    let desk = Desk::new();
    desk.signed("image.xml", &content(), &[]);
    let good = desk.read("image.xml");
    let changed = good.replace("x86_64", "i686");
    let sha1 = desk.verified("image.xml").manifest().identifier.sha1().to_string();
    let fake = Fake::new(move |request| match request.path.as_str() {
        "/good" => answer("200 OK", &[], good.as_bytes()),
        "/changed" => answer("200 OK", &[], changed.as_bytes()),
        "/moved" => answer("302 Found", &[("Location", "/good")], b""),
        "/round" => answer("302 Found", &[("Location", "/round")], b""),
        "/large" => vec![head("200 OK", &[("Content-Length", "99999999")]), Step::Hang],
        path if path.ends_with(&sha1) => file(request, &content(), "\"a\""),
        path if path.starts_with("/metadata?") => {
            assert!(path.contains("sSearch=http%3A%2F%2F"), "{path}");
            answer("200 OK", &[], br#"{"aaData":[]}"#)
        }
        path => panic!("{path}"),
    });
    let get = |path: &str| {
        let endpoint = fake.url("");
        desk.run(DOWNLOAD, &["-e", &endpoint, "-o", "copy.img", &fake.url(path)])
    };
    for path in ["/good", "/moved"] {
        let run = get(path);
        assert_eq!(run.code, 0, "{run:?}");
        fs::remove_file(desk.path("copy.img")).unwrap();
    }
    for (path, says) in [
        ("/changed", "changed after it was signed"),
        ("/round", "more than 8 redirects"),
        ("/large", "this is no manifest"),
    ] {
        let run = get(path);
        assert!(run.code == 255 && run.error.contains(says), "{path}: {run:?}");
        assert!(!desk.path("copy.img").exists());
    }
}

#[test]
fn an_interrupted_download_leaves_nothing() {
    let desk = Desk::new();
    desk.signed("image.xml", &content(), &[]);
    let manifest = desk.read("image.xml");
    let size = content().len().to_string();
    let fake = Fake::new(move |request| match request.path.as_str() {
        "/image.xml" => answer("200 OK", &[], manifest.as_bytes()),
        // The first question is for a few bytes.
        _ if request.header("range").is_some() => file(request, &content(), "\"a\""),
        _ => {
            let head = head("200 OK", &[("Content-Length", &size), ("ETag", "\"a\"")]);
            vec![head, Step::Send(content()[..1000].to_vec()), Step::Hang]
        }
    });
    fs::create_dir(desk.path("out")).unwrap();
    let mut command = Command::new(desk.path("bin/stratus-download-image"));
    command.args(["-e", &fake.url(""), "-o", "out/copy.img", &fake.url("/image.xml")]);
    command.current_dir(&desk.folder).stderr(Stdio::piped()).env("HOME", desk.folder.path());
    let child = command.spawn().unwrap();
    let files = || fs::read_dir(desk.path("out")).unwrap().count();
    site::wait_for("bytes come", || files() == 1);
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), files()), (Some(255), 0), "{output:?}");
}
