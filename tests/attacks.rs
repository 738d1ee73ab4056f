//! What an attacker may try with a manifest: nothing may verify that says other
//! words than its signer's, and nothing may cost more than its size.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use suq::manifest::pki::authority::{Authority, KeyKind};
use suq::manifest::{Details, Draft, SigningStyle, Unverified, Verified, Verifier};
use suq::model::{Algorithm, Checksum, Identifier, Sha1, Timestamp};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn signed() -> String {
    let authority = Authority::new("Test CA", NOW).unwrap();
    let key = authority.endorser("Jane", Some("jane@example.org"), KeyKind::EcP256, NOW).unwrap();
    let sha1 = Sha1::from_bytes([7; 20]);
    let checksum = Checksum::new(Algorithm::Sha1, &sha1.to_string()).unwrap();
    let draft = Draft {
        identifier: Identifier::from_sha1(sha1),
        bytes: 100,
        checksums: [checksum].into_iter().collect(),
        details: Details {
            image_type: "base".into(),
            title: Some("good".into()),
            ..Details::default()
        },
        pieces: None,
    };
    let signed = draft.sign(&key, None, NOW, SigningStyle::Modern).unwrap();
    String::from_utf8(signed.octets().to_vec()).unwrap()
}

fn verify(octets: &[u8]) -> Result<Verified, Unverified> {
    Verifier::new().verify(octets)
}

fn fault(octets: &[u8]) -> String {
    match verify(octets) {
        Ok(verified) => panic!("verified as {:?}", verified.manifest()),
        Err(error) => error.to_string(),
    }
}

/// The part of a text from one mark to the end of another.
fn part<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let start = text.find(from).unwrap();
    &text[start..start + text[start..].find(to).unwrap() + to.len()]
}

#[test]
fn what_is_put_anywhere_into_a_signed_document_does_not_speak_for_the_signer() {
    let text = signed();
    let original = verify(text.as_bytes()).unwrap();
    let description = part(&text, "<rdf:Description", "</rdf:Description>");
    let signature = part(&text, "<ds:Signature ", "</ds:Signature>");
    let evil = description.replace("<slreq:bytes>100<", "<slreq:bytes>666<");
    let whole =
        part(&text, "<rdf:RDF", "</rdf:RDF>").replace("<slreq:bytes>100<", "<slreq:bytes>6<");
    let object =
        format!("<ds:Object xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">{evil}</ds:Object>");
    let harmless = ["<!-- a comment -->", ""];
    let payloads = [&evil, &whole, &object, signature, "<slreq:bytes>6</slreq:bytes>", "<x/>", "x"];
    let places = text.char_indices().filter_map(|(place, c)| match c {
        '<' => Some(place),
        '>' => Some(place + 1),
        _ => None,
    });
    let verifier = Verifier::new();
    for place in places {
        let insert = |payload: &str| [&text[..place], payload, &text[place..]].concat();
        for payload in payloads {
            if let Ok(verified) = verifier.verify(insert(payload).as_bytes()) {
                panic!("{payload} at {place} verified as {:?}", verified.manifest());
            }
        }
        for payload in harmless {
            if let Ok(verified) = verifier.verify(insert(payload).as_bytes()) {
                assert_eq!(verified.manifest(), original.manifest());
                assert_eq!(verified.content_id(), original.content_id());
            }
        }
    }
}

#[test]
fn the_signed_words_moved_elsewhere_speak_for_nobody() {
    let text = signed();
    let description = part(&text, "<rdf:Description", "</rdf:Description>");
    let signature = part(&text, "<ds:Signature ", "</ds:Signature>");
    let evil = description.replace("<slreq:bytes>100<", "<slreq:bytes>666<");
    let swapped = |inside: &str| {
        text.replacen(description, &evil, 1).replacen(
            "</ds:KeyInfo>",
            &format!("</ds:KeyInfo>{inside}"),
            1,
        )
    };
    let object = format!("<ds:Object>{description}</ds:Object>");
    let moved = text.replacen(signature, "", 1);
    let root = part(&moved, "<rdf:RDF", "</rdf:RDF>");
    let evil_root = root.replace("<slreq:bytes>100<", "<slreq:bytes>666<");
    let cases = [
        swapped(&object),
        swapped(description),
        // The signed document inside another.
        evil_root.replacen("</rdf:RDF>", &format!("{root}{signature}</rdf:RDF>"), 1),
        evil_root.replacen("</rdf:RDF>", &format!("{signature}{root}</rdf:RDF>"), 1),
        // The signature first, or inside the description.
        moved.replacen(description, &format!("{signature}{description}"), 1),
        moved.replacen("</rdf:Description>", &format!("{signature}</rdf:Description>"), 1),
        // The signature as the root.
        signature.to_owned(),
    ];
    for (number, case) in cases.iter().enumerate() {
        assert!(verify(case.as_bytes()).is_err(), "case {number}");
    }
}

#[test]
fn a_key_comes_from_the_one_certificate_and_from_nowhere_else() {
    let text = signed();
    let data = part(&text, "<ds:X509Data>", "</ds:X509Data>");
    let certificate = part(&text, "<ds:X509Certificate>", "</ds:X509Certificate>");
    let key = "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>AQ==</ds:Modulus>\
        <ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>";
    let retrieval = "<ds:RetrievalMethod URI=\"http://example.org/key\"/>";
    let name = "<ds:KeyName>jane</ds:KeyName>";
    let subject = "<ds:X509SubjectName>CN=Jane</ds:X509SubjectName>";
    let cases = [
        (data, key.to_owned()),
        (data, format!("{key}{data}")),
        (data, format!("{data}{key}")),
        (data, retrieval.to_owned()),
        (data, format!("{name}{data}")),
        (data, format!("{data}{data}")),
        (data, String::new()),
        (certificate, String::new()),
        (certificate, format!("{subject}{certificate}")),
        (certificate, "<ds:X509Certificate></ds:X509Certificate>".to_owned()),
        (certificate, certificate.repeat(9)),
    ];
    for (number, (from, to)) in cases.iter().enumerate() {
        let error = fault(text.replacen(from, to, 1).as_bytes());
        assert!(!error.is_empty(), "case {number}");
    }
}

#[test]
fn doctypes_other_versions_and_other_encodings_are_refused() {
    let text = signed();
    let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
    let with = |start: &str| text.replacen(declaration, start, 1).into_bytes();
    let bomb = "<!DOCTYPE r [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>";
    let external = "<!DOCTYPE r SYSTEM \"file:///etc/passwd\">";
    let defaults = "<!DOCTYPE r [<!ATTLIST rdf:RDF xml:base CDATA \"http://x/\">]>";
    let utf16: Vec<u8> =
        [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let mut latin = text.clone().into_bytes();
    let place = text.find("good").unwrap();
    latin[place] = 0xE9;
    let mut overlong = text.clone().into_bytes();
    overlong.splice(place..place + 1, [0xC0, 0xBC]);
    let cases: [(&str, Vec<u8>, &str); 11] = [
        ("entity bomb", with(bomb), "DOCTYPE"),
        ("external entity", with(external), "DOCTYPE"),
        ("default attributes", with(defaults), "DOCTYPE"),
        ("XML 1.1", with("<?xml version=\"1.1\"?>"), "version `1.1`"),
        ("declared UTF-16", with("<?xml version=\"1.0\" encoding=\"UTF-16\"?>"), "encoding"),
        ("declared UTF-7", with("<?xml version=\"1.0\" encoding=\"UTF-7\"?>"), "encoding"),
        ("UTF-16", utf16, "not UTF-8"),
        ("Latin-1", latin, "not UTF-8"),
        ("overlong", overlong, "not UTF-8"),
        ("NUL", text.replacen("good", "g\0od", 1).into_bytes(), "does not allow"),
        ("control", text.replacen("good", "g&#x1;od", 1).into_bytes(), "#x1"),
    ];
    for (what, octets, expected) in cases {
        let error = fault(&octets);
        assert!(error.contains(expected), "{what}: {error}");
    }
}

#[test]
fn bombs_are_refused_by_a_limit_that_is_named() {
    let text = signed();
    let inside = |what: &str| text.replacen("good", what, 1).into_bytes();
    let many: String = (0..100_000).map(|number| format!(" a{number}=\"\"")).collect();
    let names: String =
        (0..5000).map(|number| format!(" xmlns:n{number}=\"urn:n:{number}\"")).collect();
    let long_name = format!("<rdf:RDF xmlns:p=\"urn:{}\" ", "x".repeat(100_000));
    let repeated = inside(&"<p:e/>".repeat(4000));
    let repeated = String::from_utf8(repeated).unwrap().replacen("<rdf:RDF ", &long_name, 1);
    let cases = [
        ("a name that the canonical form repeats", repeated.into_bytes(), "canonical form"),
        ("nesting", "<a>".repeat(200_000).into_bytes(), "bytes"),
        ("nesting in bounds", "<a>".repeat(80_000).into_bytes(), "nested"),
        ("attributes", format!("<a{many}/>").into_bytes(), "bytes"),
        ("attributes in bounds", format!("<a{}/>", &many[..200_000]).into_bytes(), "attributes"),
        ("declarations", format!("<a{names}/>").into_bytes(), "attributes"),
        ("declarations in bounds", nested_declarations().into_bytes(), "namespaces"),
        ("text", inside(&"x".repeat(4 << 20)), "bytes"),
        ("elements", inside(&"<e/>".repeat(50_000)), "elements"),
        ("references", inside(&"&amp;".repeat(60_000)), "bytes"),
        (
            "base64",
            text.replacen(
                "<ds:SignatureValue>",
                &format!("<ds:SignatureValue>{}", "A".repeat(200_000)),
                1,
            )
            .into_bytes(),
            "",
        ),
    ];
    for (what, octets, expected) in cases {
        let error = fault(&octets);
        assert!(error.contains(expected), "{what}: {error}");
        assert!(error.len() < 2000, "{what}: a message of {} bytes", error.len());
    }
}

/// Forty new prefixes on each of sixty nested elements.
fn nested_declarations() -> String {
    let element = |depth: usize| {
        let names = (0..40).map(|n| format!(" xmlns:n{depth}-{n}=\"urn:n\""));
        format!("<a{}>", names.collect::<String>())
    };
    (0..60).map(element).collect()
}
