//! Signatures and canonical forms beside independent programs: xmlsec1, xmllint
//! (libxml2) and Java. Each is left out, with a word, where it is not installed.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

mod interop;

use std::fs;

use interop::{EMAIL, Key, awkward, is_installed, run};
use openssl::nid::Nid;
use suq::manifest::pki::{KeyError, Password, SigningKey};
use suq::manifest::xml::{Form, canonicalise};
use suq::manifest::{Profile, SigningStyle, Verifier, sign_document};
use suq::model::Timestamp;

const FORMS: [&str; 4] = [
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
    "http://www.w3.org/2001/10/xml-exc-c14n#",
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
];

const DIGESTS: [&str; 3] = [
    "http://www.w3.org/2000/09/xmldsig#sha1",
    "http://www.w3.org/2001/04/xmlenc#sha256",
    "http://www.w3.org/2001/04/xmlenc#sha512",
];

fn template(form: &str, method: &str, digest: &str, transform: Option<&str>) -> String {
    let transform =
        transform.map(|uri| format!("<Transform Algorithm=\"{uri}\"/>")).unwrap_or_default();
    format!(
        "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><SignedInfo>\n\
         <CanonicalizationMethod Algorithm=\"{form}\"/> <SignatureMethod Algorithm=\"{method}\"/>\n\
         <Reference URI=\"\"><!-- why --><Transforms><Transform \
         Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>{transform}\
         </Transforms><DigestMethod Algorithm=\"{digest}\"/><DigestValue/></Reference></SignedInfo>\
         <SignatureValue/><KeyInfo><X509Data><X509Certificate/></X509Data></KeyInfo></Signature>"
    )
}

#[test]
fn what_xmlsec_signs_verifies_in_every_combination() {
    if !is_installed("xmlsec1") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (rsa, dsa) = (Key::rsa(folder.path()), Key::dsa(folder.path()));
    let p256 = Key::ec(folder.path(), "p256", Nid::X9_62_PRIME256V1);
    let p384 = Key::ec(folder.path(), "p384", Nid::SECP384R1);
    let p521 = Key::ec(folder.path(), "p521", Nid::SECP521R1);
    let more = "http://www.w3.org/2001/04/xmldsig-more";
    let methods = [
        ("http://www.w3.org/2000/09/xmldsig#rsa-sha1".to_owned(), &rsa, true),
        (format!("{more}#rsa-sha256"), &rsa, false),
        (format!("{more}#rsa-sha512"), &rsa, false),
        (format!("{more}#ecdsa-sha256"), &p256, false),
        (format!("{more}#ecdsa-sha384"), &p384, false),
        (format!("{more}#ecdsa-sha512"), &p521, false),
        ("http://www.w3.org/2000/09/xmldsig#dsa-sha1".to_owned(), &dsa, true),
    ];
    let (unsigned, signed) = (path("unsigned.xml"), path("signed.xml"));
    let mut checked = 0;
    for (method, key, is_legacy) in &methods {
        let pair = format!("{},{}", key.private.display(), key.certificate.display());
        for form in FORMS {
            for digest in DIGESTS {
                for transform in [None].into_iter().chain(FORMS.map(Some)) {
                    let case = format!("{form} {method} {digest} {transform:?}");
                    let document = awkward(&template(form, method, digest, transform));
                    fs::write(&unsigned, document).unwrap();
                    let arguments =
                        ["--sign", "--privkey-pem", &pair, "--output", &signed, &unsigned];
                    assert!(run("xmlsec1", &arguments).is_some(), "xmlsec1 cannot sign {case}");
                    let verified = Verifier::new().verify(&fs::read(&signed).unwrap());
                    let verified = verified.unwrap_or_else(|error| panic!("{case}: {error}"));
                    let legacy = *is_legacy || digest == DIGESTS[0];
                    let profile = if legacy { Profile::Legacy } else { Profile::Modern };
                    assert_eq!(verified.signer().profile, profile, "{case}");
                    assert_eq!(verified.manifest().endorsement.email.as_str(), EMAIL);
                    checked += 1;
                }
            }
        }
    }
    assert_eq!(checked, methods.len() * 4 * 3 * 5);
}

/// Documents signed here, in files.
fn signed_here(folder: &std::path::Path) -> Vec<(String, Key, String)> {
    let keys = [
        ("modern-rsa", Key::rsa(folder), SigningStyle::Modern),
        ("legacy-rsa", Key::rsa(folder), SigningStyle::Legacy),
        ("modern-ec", Key::ec(folder, "p256", Nid::X9_62_PRIME256V1), SigningStyle::Modern),
        ("modern-p521", Key::ec(folder, "p521", Nid::SECP521R1), SigningStyle::Modern),
    ];
    keys.into_iter()
        .map(|(name, key, style)| {
            let private = fs::read(&key.private).unwrap();
            let certificate = fs::read(&key.certificate).unwrap();
            let signing = SigningKey::from_pem(&private, &certificate, None).unwrap();
            let now = Timestamp::from_seconds(1_800_000_000);
            let signed = sign_document(awkward("").as_bytes(), &signing, None, now, style).unwrap();
            let file = folder.join(format!("{name}.xml"));
            fs::write(&file, signed.octets()).unwrap();
            // The next key of the same kind has another file.
            let kept = folder.join(format!("{name}.pem"));
            fs::write(&kept, certificate).unwrap();
            (name.to_owned(), Key { certificate: kept, ..key }, file.display().to_string())
        })
        .collect()
}

#[test]
fn what_is_signed_here_verifies_with_xmlsec() {
    if !is_installed("xmlsec1") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, key, file) in signed_here(folder.path()) {
        let anchor = key.certificate.display().to_string();
        let arguments = ["--verify", "--enabled-key-data", "x509", "--trusted-pem", &anchor, &file];
        assert!(run("xmlsec1", &arguments).is_some(), "{name}");
        let changed = fs::read_to_string(&file).unwrap().replacen(">base<", ">grid<", 1);
        fs::write(&file, changed).unwrap();
        assert!(run("xmlsec1", &arguments).is_none(), "{name}, changed");
    }
}

#[test]
fn what_is_signed_here_verifies_with_java() {
    if !is_installed("java") || !is_installed("javac") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/Verify.java");
    let classes = folder.path().display().to_string();
    assert!(run("javac", &["-d", &classes, source]).is_some(), "javac");
    for (name, _, file) in signed_here(folder.path()) {
        let verify = || run("java", &["-cp", &classes, "Verify", &file]).unwrap_or_default();
        assert_eq!(verify(), b"valid\n", "{name}");
        let changed = fs::read_to_string(&file).unwrap().replacen(">base<", ">grid<", 1);
        fs::write(&file, changed).unwrap();
        assert_eq!(verify(), b"invalid\n", "{name}, changed");
    }
}

/// Generated documents; the same ones each time.
struct Generator {
    random: fastrand::Rng,
    /// Whether comments are written.
    comments: bool,
    ids: u32,
}

impl Generator {
    fn document(seed: u64, comments: bool) -> String {
        let mut generator = Generator { random: fastrand::Rng::with_seed(seed), comments, ids: 0 };
        let mut text = String::from("<?xml version=\"1.0\"?>\n");
        generator.misc(&mut text);
        generator.element(&mut text, 0);
        generator.misc(&mut text);
        text
    }

    fn pick<'t>(&mut self, choices: &[&'t str]) -> &'t str {
        choices[self.random.usize(..choices.len())]
    }

    fn misc(&mut self, text: &mut String) {
        for _ in 0..self.random.usize(..3) {
            match self.random.u8(..3) {
                0 => text.push_str(if self.comments { "<!-- c & <c> -->" } else { "" }),
                1 => text.push_str("<?pi   some data ?>"),
                _ => text.push_str("\r\n"),
            }
        }
    }

    /// Prefixes a and b are declared on the root; c and the default may be anywhere.
    fn element(&mut self, text: &mut String, depth: usize) {
        let name = self.pick(&["a:x", "b:y", "z", "a:é", "w"]);
        text.push('<');
        text.push_str(name);
        if depth == 0 {
            text.push_str(" xmlns:a='urn:x:a' xmlns:b=\"urn:x:b\"");
        }
        let declarations = [
            ("xmlns=''", 'd'),
            ("xmlns='urn:x:d'", 'd'),
            ("xmlns='urn:x:a'", 'd'),
            ("xmlns:c='urn:x:c'", 'c'),
            ("xmlns:c='http://x.org/?a=1;b=2'", 'c'),
            ("xmlns:unused='urn:x:u'", 'u'),
        ];
        let mut declared = Vec::new();
        for _ in 0..self.random.usize(..3) {
            let (declaration, key) = declarations[self.random.usize(..declarations.len())];
            if !declared.contains(&key) {
                declared.push(key);
                text.push_str("\n  ");
                text.push_str(declaration);
            }
        }
        if depth > 0 && !declared.contains(&'a') && self.random.u8(..4) == 0 {
            text.push_str(" xmlns:b='urn:x:shadow'");
        }
        let names = ["q", "a:q", "b:p", "xml:lang", "xml:space", "r", "a:m", "xml:id", "xml:base"];
        for name in names {
            if self.random.u8(..4) == 0 {
                let value = self.pick(&[
                    "v",
                    "",
                    "a\tb\nc",
                    "&#9;&#10;&#13; &lt;>'&quot;&amp;",
                    "\u{1F600}é&#x1F600;",
                    "x\r\ny",
                ]);
                // An ID must be a name, and unique.
                let value = match name {
                    "xml:id" => {
                        self.ids += 1;
                        format!("i{}", self.ids)
                    }
                    "xml:base" => "http://x.org/".to_owned(),
                    _ => value.to_owned(),
                };
                text.push_str(&format!(" {name}=\"{value}\""));
            }
        }
        if self.random.u8(..6) == 0 {
            text.push_str("/>");
            return;
        }
        text.push('>');
        for _ in 0..self.random.usize(..5) {
            self.content(text, depth);
        }
        text.push_str(&format!("</{name} >"));
    }

    fn content(&mut self, text: &mut String, depth: usize) {
        match self.random.u8(..8) {
            0..3 if depth < 6 => self.element(text, depth + 1),
            3 => text.push_str(self.pick(&["<![CDATA[<&> ]]]]><![CDATA[>]]>", "<![CDATA[]]>"])),
            4 => text.push_str(if self.comments { "<!---->" } else { "" }),
            5 => text.push_str("<?p?>"),
            6 => {
                text.push_str(self.pick(&["&#13;&#x41;&amp;&gt;&lt;", "\u{10FFFD}\u{E000}", "'\""]))
            }
            _ => text.push_str(self.pick(&["\r\n\t", "text > more", "\r", "é"])),
        }
    }
}

#[test]
fn canonical_forms_are_those_of_libxml2() {
    const DOCUMENTS: u64 = 150;
    if !is_installed("xmllint") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("document.xml");
    let name = file.display().to_string();
    for seed in 0..DOCUMENTS {
        for comments in [true, false] {
            // xmllint keeps comments; without any, both forms are the same.
            let text = Generator::document(seed, comments);
            fs::write(&file, &text).unwrap();
            for (exclusive, option) in [(false, "--c14n"), (true, "--exc-c14n")] {
                let theirs = run("xmllint", &[option, &name]);
                let theirs = theirs.unwrap_or_else(|| panic!("xmllint on seed {seed}:\n{text}"));
                let theirs = String::from_utf8(theirs).unwrap();
                let with = Generator::document(seed, true);
                let ours = canonicalise(with.as_bytes(), Form { exclusive, comments });
                let ours = ours.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{with}"));
                let ours = String::from_utf8(ours).unwrap();
                assert_eq!(ours, theirs, "seed {seed} {option} comments {comments}\n{with}");
            }
        }
    }
}

#[test]
fn pkcs12_files_of_every_age_are_read() {
    if !is_installed("openssl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let key = Key::rsa(folder.path());
    let other = Key::ec(folder.path(), "other", Nid::X9_62_PRIME256V1);
    let (private, certificate) =
        (key.private.display().to_string(), key.certificate.display().to_string());
    let chain = other.certificate.display().to_string();
    let file = path("key.p12");
    let password = Password::new("sécret".to_owned());
    for cipher in ["PBE-SHA1-RC2-40", "PBE-SHA1-3DES", "AES-256-CBC"] {
        for with_chain in [false, true] {
            let mut arguments = vec![
                "pkcs12",
                "-export",
                "-legacy",
                "-inkey",
                &private,
                "-in",
                &certificate,
                "-out",
                &file,
                "-passout",
                "pass:sécret",
                "-keypbe",
                cipher,
                "-certpbe",
                cipher,
            ];
            if with_chain {
                arguments.extend(["-certfile", &chain]);
            }
            assert!(run("openssl", &arguments).is_some(), "openssl cannot make {cipher}");
            let octets = fs::read(&file).unwrap();
            let read = SigningKey::from_pkcs12(&octets, &password);
            let read = read.unwrap_or_else(|error| panic!("{cipher}: {error}"));
            assert_eq!(read.chain().len(), usize::from(with_chain), "{cipher}");
            assert_eq!(read.certificate().emails(), [EMAIL]);
            let wrong = SigningKey::from_pkcs12(&octets, &Password::new("guess".to_owned()));
            assert!(matches!(wrong, Err(KeyError::WrongPassword)), "{cipher}: {wrong:?}");
        }
    }
}
