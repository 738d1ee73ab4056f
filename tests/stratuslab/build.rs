//! `stratus-build-metadata`

use suq::manifest::parse_unsigned;

use super::*;

const BUILD: &str = "stratus-build-metadata";

/// SHA-1 of `an image`.
const SHA1: &str = "8c1ad2f4c14ab1e5ae8fbe9f4e4e86a5d3ea1fa0";

fn sha1_of(desk: &Desk, file: &str) -> String {
    let output = Command::new("sha1sum").arg(desk.path(file)).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..40].to_owned()
}

#[test]
fn every_option_has_its_element() {
    let desk = Desk::new();
    desk.write("disk.img", "an image");
    let run = desk.run(
        "stratuslab-build-manifest",
        &[
            "--author=Jane Tester",
            "--type=grid",
            "--kind=disk",
            "--os=centos",
            "--os-version=6.2",
            "--os-arch=x86_64",
            "--version=1.3",
            "--format=qcow2",
            "--hypervisor=xen",
            "--location=http://a.example/1",
            "--location=http://a.example/2",
            "--compression=gz",
            "--title=A <title>",
            "--tag=stable",
            "--comment=Words & more",
            "--disks-bus=virtio",
            "disk.img",
        ],
    );
    assert_eq!((run.code, run.output.as_str(), run.error.as_str()), (0, "", ""), "{run:?}");
    let text = desk.read("centos-6.2-x86_64-grid-1.3.xml");
    for (name, value) in [
        ("dcterms:creator", "Jane Tester"),
        ("dcterms:type", "grid"),
        ("slterms:kind", "disk"),
        ("slterms:os", "centos"),
        ("slterms:os-version", "6.2"),
        ("slterms:os-arch", "x86_64"),
        ("slterms:version", "1.3"),
        ("dcterms:format", "qcow2"),
        ("slterms:hypervisor", "xen"),
        ("slterms:location", "http://a.example/1"),
        ("dcterms:compression", "gz"),
        ("dcterms:title", "A &lt;title&gt;"),
        ("dcterms:alternative", "stable"),
        ("dcterms:description", "Words &amp; more"),
        ("slterms:disks-bus", "virtio"),
        ("slreq:bytes", "8"),
    ] {
        assert_eq!(element(&text, name), value);
    }
    assert!(text.contains("<slterms:location>http://a.example/2</slterms:location>"));
    let created: Timestamp = element(&text, "dcterms:created").parse().unwrap();
    let valid: Timestamp = element(&text, "dcterms:valid").parse().unwrap();
    assert_eq!(valid, created.plus(Duration::from_secs(178 * 86_400)));
    assert!(ago(1) < created);
}

#[test]
fn defaults_are_the_old_ones_and_what_is_missing_is_said() {
    let desk = Desk::new();
    desk.write("disk.img", "an image");
    let run = desk.run(BUILD, &["disk.img"]);
    assert_eq!((run.code, run.output.as_str()), (0, ""));
    for word in ["location", "--os,", "--os-version", "--os-arch", "--image-version"] {
        assert!(run.error.contains(word), "{word}: {run:?}");
    }
    let text = desk.read("---base-.xml");
    for (name, value) in [
        ("dcterms:type", "base"),
        ("slterms:kind", "machine"),
        ("dcterms:format", "raw"),
        ("slterms:hypervisor", "kvm"),
        ("slterms:disks-bus", "ide"),
    ] {
        assert_eq!(element(&text, name), value);
    }
    assert!(!text.contains("compression") && !text.contains("slterms:os"));
    assert_eq!(desk.run(BUILD, &["-q", "-q", "disk.img"]).error, "");
    let said = desk.run(BUILD, &["-v", "-qq", "disk.img"]);
    assert!(said.error.contains("Manifest: ---base-.xml"), "{said:?}");
    // Options may be cut short, as far as they are told apart.
    assert_eq!(desk.run(BUILD, &["--os=a", "--os-v=b", "--os-a=c", "disk.img"]).code, 0);
    assert!(desk.path("a-b-c-base-.xml").exists());
    for (arguments, word) in [
        (&["nothing.img"][..], "nothing.img"),
        (&["--disks-bus=usb", "disk.img"], "virtio"),
        (&["--sha1=xyz", "disk.img"], "SHA-1"),
        (&["disk.img", "disk.img"], "unexpected"),
    ] {
        let run = desk.run(BUILD, arguments);
        assert!(run.code == 2 && run.error.contains(word), "{run:?}");
    }
}

#[test]
fn compressed_images_are_described_uncompressed() {
    let desk = Desk::new();
    let content: Vec<u8> = (0..900_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
    desk.write("disk.img", &content);
    let describe = |file: &str| {
        assert_eq!(desk.run(BUILD, &["--os=a", file]).code, 0, "{file}");
        parse(&desk, "a---base-.xml")
    };
    let plain = describe("disk.img");
    assert_eq!(plain.details.compression, None);
    for tool in ["gzip", "bzip2", "xz", "zstd"] {
        let ending = pack(tool, &desk.path("disk.img"));
        let packed = describe(&format!("disk.img.{ending}"));
        assert_eq!(packed.details.compression.as_deref(), Some(ending.as_str()));
        let same =
            |m: &suq::manifest::Manifest| (m.identifier, m.bytes, m.checksums.clone(), m.pieces);
        assert_eq!(same(&packed), same(&plain), "{tool}");
        // Also for who uses suq's own command.
        let file = desk.text(&format!("disk.img.{ending}"));
        let built = desk.text("built.xml");
        assert_eq!(suq(&["metadata", "build", &file, "-o", &built]).code, 0);
        assert_eq!(same(&parse(&desk, "built.xml")), same(&plain), "{tool}");
    }
    let whole = fs::read(desk.path("disk.img.gz")).unwrap();
    desk.write("cut.img.GZ", &whole[..whole.len() / 2]);
    desk.write("none.img.bz2", "no bzip2");
    for file in ["cut.img.GZ", "none.img.bz2"] {
        let run = desk.run(BUILD, &["--os=cut", file]);
        assert!(run.code == 255 && run.error.contains(file), "{run:?}");
        assert!(!desk.path("cut---base-.xml").exists());
    }
}

fn parse(desk: &Desk, file: &str) -> suq::manifest::Manifest {
    // An endorsement is what it lacks.
    let run = desk.run("stratus-sign-metadata", &["--output", "parsed.xml", file]);
    assert_eq!(run.code, 0, "{run:?}");
    parse_unsigned(desk.read("parsed.xml").as_bytes()).unwrap()
}

#[test]
fn checksums_that_are_given_are_compared() {
    let desk = Desk::new();
    desk.write("disk.img", "an image");
    let sha1 = sha1_of(&desk, "disk.img");
    let upper = sha1.to_uppercase();
    assert_eq!(desk.run(BUILD, &["--sha1", &upper, "disk.img"]).code, 0);
    fs::remove_file(desk.path("---base-.xml")).unwrap();

    let run = desk.run(BUILD, &["--sha1", SHA1, "disk.img"]);
    assert_eq!(run.code, 255);
    for word in ["disk.img", "SHA-1", &sha1, SHA1] {
        assert!(run.error.contains(word), "{run:?}");
    }
    let wrong = "0".repeat(128);
    let run = desk.run(BUILD, &["--sha512", &wrong, "disk.img"]);
    assert!(run.code == 255 && run.error.contains("SHA-512") && run.error.contains(&wrong));
    assert!(!desk.path("---base-.xml").exists());

    // What must not be computed is believed.
    let md5 = "0123456789abcdef0123456789abcdef";
    let given = ["--no-md5", "--md5", md5, "--no-sha256", "--no-sha512", "disk.img"];
    assert_eq!(desk.run(BUILD, &given).code, 0);
    let text = desk.read("---base-.xml");
    assert!(text.contains(md5) && text.contains(&sha1));
    assert!(!text.contains("SHA-256") && !text.contains("SHA-512"));
}
