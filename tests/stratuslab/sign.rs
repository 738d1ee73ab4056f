//! `stratus-sign-metadata` and `stratus-validate-metadata`

use super::*;

const SIGN: &str = "stratus-sign-metadata";
const VALIDATE: &str = "stratus-validate-metadata";

fn unsigned(desk: &Desk) -> String {
    desk.write("disk.img", "an image");
    desk.done("stratus-build-metadata", &["--os=a", "-qq", "disk.img"]);
    desk.read("a---base-.xml")
}

#[test]
fn a_file_is_signed_in_place_and_kept() {
    let desk = Desk::new();
    let before = unsigned(&desk);
    let run = desk.run(SIGN, &["a---base-.xml"]);
    assert_eq!((run.code, run.output.as_str(), run.error.as_str()), (0, "", ""));
    assert_eq!(desk.read("a---base-.xml.orig"), before);
    let first = desk.verified("a---base-.xml");
    assert_eq!(first.manifest().endorsement.email.as_str(), JANE);

    // Signed anew: the certificate's address wins, the earlier signature goes.
    let signed = desk.read("a---base-.xml");
    let arguments = ["-v", "--email", "else@example.org", "--output", "new.xml", "a---base-.xml"];
    let run = desk.run(SIGN, &arguments);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.error.contains("Metadata file successfully signed: new.xml"), "{run:?}");
    assert_eq!(desk.read("a---base-.xml"), signed, "the input stays");
    let new = desk.read("new.xml");
    assert_eq!(desk.verified("new.xml").manifest().endorsement.email.as_str(), JANE);
    assert_eq!(new.matches("<ds:Signature ").count(), 1);
    assert_eq!(new.matches("<slreq:endorsement ").count(), 1);
}

#[test]
fn an_option_goes_before_the_environment_and_that_before_the_file() {
    let desk = Desk::new();
    unsigned(&desk);
    fs::create_dir(desk.path(".stratuslab")).unwrap();
    fs::rename(desk.path(".globus/usercert.p12"), desk.path("right.p12")).unwrap();
    desk.write("wrong.p12", "no key");
    let sign = |more: &[&str], environment: &[(&str, &str)]| {
        let arguments = [&["--output", "out.xml"], more, &["a---base-.xml"]].concat();
        desk.run_with(SIGN, &arguments, environment)
    };
    let right = desk.text("right.p12");
    let wrong = desk.text("wrong.p12");
    let file = |p12: &str, password: &str| {
        format!("[default]\np12_certificate = {p12}\np12_password = {password}\n")
    };
    let named_by = |run: Run, file: &str, code: i32| {
        assert_eq!(run.code, code, "{run:?}");
        assert!(run.error.contains(file), "{run:?}");
    };
    let certificate = "STRATUSLAB_P12_CERTIFICATE";
    let password = ("STRATUSLAB_P12_PASSWORD", PASSWORD);

    named_by(sign(&[], &[password]), "usercert.p12", 1);
    desk.write(".stratuslab/stratuslab-user.cfg", file(&right, PASSWORD));
    assert_eq!(sign(&[], &[]).code, 0);
    named_by(sign(&[], &[(certificate, &wrong)]), "wrong.p12", 1);
    named_by(sign(&[], &[("STRATUSLAB_P12_PASSWORD", "bad")]), "password is wrong", 1);
    named_by(sign(&["--p12-cert", &wrong], &[(certificate, &right), password]), "wrong.p12", 1);
    named_by(sign(&["--p12-password", "bad"], &[password]), "password is wrong", 1);
    desk.write(".stratuslab/stratuslab-user.cfg", file(&wrong, "bad"));
    assert_eq!(sign(&[], &[(certificate, &right), password]).code, 0);
    let options = ["--p12-cert", &right, "--p12-password", PASSWORD];
    let environment = [(certificate, wrong.as_str()), ("STRATUSLAB_P12_PASSWORD", "bad")];
    assert_eq!(sign(&options, &environment).code, 0);

    // Another file, and its sections.
    desk.write("two.cfg", format!("{}[good]\np12_certificate={right}\n", file(&wrong, PASSWORD)));
    assert_eq!(sign(&["-c", "two.cfg", "-S", "good"], &[]).code, 0);
    let section = ("STRATUSLAB_USER_CONFIG_SECTION", "good");
    assert_eq!(sign(&["--config", "two.cfg"], &[section]).code, 0);
    named_by(sign(&["-c", "two.cfg"], &[]), "wrong.p12", 1);
    named_by(sign(&["-c", "two.cfg", "-S", "none"], &[]), "two.cfg: there is no section", 255);
    named_by(sign(&["-c", "none.cfg"], &[]), "none.cfg", 255);
    // Who names a PEM key does not mean the PKCS#12 file of the environment.
    openssl(&desk, &["pkcs12", "-in", &right, "-passin", "pass:secret", "-nodes", "-out", "k.pem"]);
    let pem = ["--key", "k.pem", "--cert", "k.pem"];
    assert_eq!(sign(&pem, &[(certificate, &wrong)]).code, 0);
}

#[test]
fn what_cannot_be_signed_has_its_code_and_stays_as_it_is() {
    let desk = Desk::new();
    let before = unsigned(&desk);
    let run = desk.run(SIGN, &["nothing.xml"]);
    assert!(run.code == 2 && run.error.contains("nothing.xml"), "{run:?}");
    let run = desk.run(SIGN, &["--p12-password=wrong", "a---base-.xml"]);
    assert!(run.code == 1 && run.error.contains("usercert.p12: the password is wrong"), "{run:?}");
    desk.write("no.xml", "<rdf/>");
    let run = desk.run(SIGN, &["no.xml"]);
    assert!(run.code == 1 && run.error.contains("no.xml"), "{run:?}");
    let run = desk.run_with(SIGN, &["a---base-.xml"], &[]);
    assert!(run.code == 1 && run.error.contains("password"), "{run:?}");
    assert_eq!(desk.read("a---base-.xml"), before);
    assert!(!desk.path("a---base-.xml.orig").exists());
}

#[test]
fn keys_of_that_time_sign_as_verifiers_of_that_time_read_it() {
    let desk = Desk::new();
    unsigned(&desk);
    old_key(&desk);
    let key = ["--p12-cert", "old.p12", "--p12-password", "old"];
    desk.done(SIGN, &[&key[..], &["--output", "new.xml", "a---base-.xml"]].concat());
    let new = desk.verified("new.xml");
    assert_eq!(new.manifest().endorsement.email.as_str(), "old@example.org");
    assert!(new.signer().algorithms.contains("SHA256"), "{}", new.signer().algorithms);
    desk.done(SIGN, &[&key[..], &["--legacy", "--output", "old.xml", "a---base-.xml"]].concat());
    assert!(desk.read("old.xml").contains("http://www.w3.org/2000/09/xmldsig#rsa-sha1"));
}

#[test]
fn the_code_of_validation_is_the_number_of_invalid_files() {
    let desk = Desk::new();
    desk.signed("good.xml", b"an image", &[]);
    let good = desk.read("good.xml");
    desk.write("changed.xml", good.replace("x86_64", "i686"));
    desk.write("no.xml", "no document");
    unsigned(&desk);
    let files = ["changed.xml", "good.xml", "no.xml", "a---base-.xml", "none.xml"];
    let run = desk.run(VALIDATE, &files);
    assert_eq!((run.code, run.output.as_str()), (4, "Valid: good.xml\n"));
    let lines: Vec<&str> = run.error.lines().collect();
    assert_eq!(lines.len(), 8, "{run:?}");
    for (name, lines) in
        ["changed.xml", "no.xml", "a---base-.xml", "none.xml"].iter().zip(lines.chunks(2))
    {
        assert_eq!(lines[0], format!("Invalid: {name}"));
        assert!(lines[1].len() > 10, "{lines:?}");
    }
    assert_eq!(desk.run(VALIDATE, &["good.xml", "good.xml"]).code, 0);
    assert_eq!(desk.run(VALIDATE, &["no.xml"; 300]).code, 254);
}
