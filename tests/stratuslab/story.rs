//! One image's life by these commands alone.

use super::*;

#[test]
fn an_image_is_described_offered_used_and_taken_back() {
    let desk = Desk::new();
    let (site, endpoint) = desk.market();
    let content: Vec<u8> = (0..1_000_000_u32).flat_map(|n| (n / 3).to_le_bytes()).collect();
    desk.write("disk.img", &content);
    pack("gzip", &desk.path("disk.img"));
    assert_eq!(site.run(&["blob", "add", &desk.text("disk.img")]).code, 0);
    let sha1 = Command::new("sha1sum").arg(desk.path("disk.img")).output().unwrap().stdout;
    let location = format!("{endpoint}/blobs/sha1/{}", str::from_utf8(&sha1[..40]).unwrap());
    desk.write("policy.cfg", format!("[endorsers]\nwhitelistendorsers = {JANE}\n"));
    fs::create_dir(desk.path(".stratuslab")).unwrap();
    let user = format!("[default]\nmarketplace_endpoint = {endpoint}\np12_password = {PASSWORD}\n");
    desk.write(".stratuslab/stratuslab-user.cfg", user);
    let done = |name: &str, arguments: &[&str]| {
        let run = desk.run_with(name, arguments, &[]);
        assert_eq!(run.code, 0, "{name}: {run:?}");
        run.output.trim_end().to_owned()
    };

    let manifest = "centos-6.2-x86_64-base-1.0.xml";
    let system = ["--os=centos", "--os-version=6.2", "--os-arch=x86_64", "--image-version=1.0"];
    let build = [&system[..], &["--location", &location, "disk.img.gz"]].concat();
    done("stratus-build-metadata", &build);
    done("stratus-sign-metadata", &[manifest]);
    assert_eq!(done("stratus-validate-metadata", &[manifest]), format!("Valid: {manifest}"));
    let url = done("stratus-upload-metadata", &[manifest]);
    let key = desk.verified(manifest).manifest().key();
    let identifier = key.identifier.to_string();
    assert_eq!(url, format!("{endpoint}/metadata/{identifier}/{JANE}/{}", key.created));
    assert_eq!(site.entries(), 1);

    let judge = ["--policy", "policy.cfg", identifier.as_str()];
    assert_eq!(done("stratus-policy-image", &judge), url);
    assert_eq!(done("stratus-download-image", &["-o", "copy.img", &url]), "");
    assert!(fs::read(desk.path("copy.img")).unwrap() == content);

    let reason = "a hole in its kernel";
    let new =
        done("stratus-deprecate-metadata", &["--email", JANE, "--reason", reason, &identifier]);
    assert!(new.starts_with(&format!("{endpoint}/metadata/{identifier}/{JANE}/")) && new != url);
    assert_eq!(site.entries(), 2);
    let path = new.strip_prefix(&endpoint).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let document = http::exchange(&site.http(), request.as_bytes()).body;
    let taken_back = Verifier::new().verify(&document).unwrap();
    assert_eq!(taken_back.manifest().details.deprecated.as_deref(), Some(reason));
    assert_eq!(taken_back.manifest().details.locations, [location]);

    let refused = desk.run_with("stratus-policy-image", &judge, &[]);
    assert_eq!((refused.code, refused.output.as_str()), (255, ""), "{refused:?}");
    let last = refused.error.lines().last().unwrap();
    assert_eq!(last, "Image isn't valid according to site policy");
    let run = desk.run_with("stratus-download-image", &["-o", "none.img", &identifier], &[]);
    assert_eq!(run.code, 255, "{run:?}");
    assert!(!desk.path("none.img").exists());
    // Once more is nothing left to deprecate.
    let run = desk.run_with("stratus-deprecate-metadata", &[&identifier], &[]);
    assert!(run.code == 255 && run.error.contains("no entry"), "{run:?}");
}
