//! Signing, verifying, and what must not verify.

use std::sync::LazyLock;

use super::pki::SigningKey;
use super::pki::authority::{Authority, KeyKind};
use super::*;
use crate::model::{Algorithm, Checksum, ContentId, Identifier, Sha1, Timestamp};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

struct Keys {
    rsa: SigningKey,
    ec: SigningKey,
    mallory: SigningKey,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let authority = Authority::new("Test CA", NOW).unwrap();
    let make = |name, email, kind| authority.endorser(name, Some(email), kind, NOW).unwrap();
    Keys {
        rsa: make("Jane Tester", "jane@example.org", KeyKind::Rsa2048),
        ec: make("Jane Tester", "jane@example.org", KeyKind::EcP256),
        mallory: make("Mallory", "mallory@example.org", KeyKind::Rsa2048),
    }
});

fn draft() -> Draft {
    let sha1 = Sha1::from_bytes([7; 20]);
    Draft {
        identifier: Identifier::from_sha1(sha1),
        bytes: 100,
        checksums: [Checksum::new(Algorithm::Sha1, &sha1.to_string()).unwrap()]
            .into_iter()
            .collect(),
        details: Details {
            image_type: "base".into(),
            title: Some("<Käse> & \"Brot\" \u{1F600}".into()),
            inbound_ports: vec![0, 443],
            valid: Some(NOW),
            ..Details::default()
        },
        pieces: None,
    }
}

fn signed(key: &SigningKey, style: SigningStyle) -> String {
    let signed = draft().sign(key, None, NOW, style).unwrap();
    String::from_utf8(signed.octets().to_vec()).unwrap()
}

fn verify(text: &str) -> Result<Verified, Unverified> {
    Verifier::new().verify(text.as_bytes())
}

fn fault(text: &str) -> String {
    match verify(text) {
        Ok(verified) => panic!("verified as {:?}:\n{text}", verified.manifest()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_is_signed_verifies_and_says_what_was_meant() {
    for (key, style, profile, algorithms) in [
        (&KEYS.rsa, SigningStyle::Modern, Profile::Modern, "RSA-SHA256, SHA-256"),
        (&KEYS.ec, SigningStyle::Modern, Profile::Modern, "ECDSA-SHA256, SHA-256"),
        (&KEYS.rsa, SigningStyle::Legacy, Profile::Legacy, "RSA-SHA1, SHA-1"),
    ] {
        let verified = verify(&signed(key, style)).unwrap();
        assert_eq!(verified.signer().profile, profile);
        assert_eq!(verified.signer().algorithms, algorithms);
        assert_eq!(verified.manifest().details, draft().details);
        assert_eq!(verified.manifest().endorsement.email.as_str(), "jane@example.org");
        assert_eq!(verified.manifest().endorsement.created, NOW);
    }
    assert!(draft().sign(&KEYS.ec, None, NOW, SigningStyle::Legacy).is_err());
}

#[test]
fn the_content_id_follows_what_is_said_and_not_how_it_is_written() {
    let text = signed(&KEYS.rsa, SigningStyle::Modern);
    let id = |text: &str| verify(text).unwrap().content_id();
    let original = id(&text);
    assert_eq!(id(&text.replace('\n', "\r\n")), original, "line ends");
    let commented = text.replacen("<dcterms:title>", "<!-- note --><dcterms:title>", 1);
    assert_eq!(id(&commented), original, "comments");
    let spaced = text.replacen("<ds:SignatureValue>", "<ds:SignatureValue>&#13;\n ", 1);
    assert_eq!(id(&spaced), original, "base64 layout");
    let again: ContentId = id(&signed(&KEYS.ec, SigningStyle::Modern));
    assert_ne!(again, original, "another signer");
}

#[test]
fn signing_again_replaces_signature_and_endorsement_and_keeps_the_rest() {
    let text = signed(&KEYS.rsa, SigningStyle::Modern).replacen(
        "</rdf:Description>",
        "<x:note xmlns:x=\"http://example.org/\">kept  as is</x:note></rdf:Description>",
        1,
    );
    let later = NOW.plus(std::time::Duration::from_secs(60));
    let again =
        deprecate(text.as_bytes(), "broken", &KEYS.mallory, None, later, SigningStyle::Modern);
    let again = again.unwrap();
    let text = String::from_utf8(again.octets().to_vec()).unwrap();
    assert_eq!(text.matches("<ds:Signature ").count(), 1);
    assert_eq!(text.matches("<slreq:endorsement ").count(), 1);
    assert!(text.contains(">kept  as is</x:note>"));
    let manifest = again.verified().manifest();
    assert_eq!(manifest.endorsement.email.as_str(), "mallory@example.org");
    assert_eq!(manifest.details.deprecated.as_deref(), Some("broken"));
    assert_eq!(manifest.extensions[0].text, "kept  as is");
}

#[test]
fn no_changed_octet_changes_what_a_verified_document_says() {
    let text = signed(&KEYS.ec, SigningStyle::Modern);
    let original = verify(&text).unwrap();
    for position in 0..text.len() {
        let mut octets = text.clone().into_bytes();
        octets[position] ^= 1;
        if let Ok(verified) = Verifier::new().verify(&octets) {
            assert_eq!(verified.manifest(), original.manifest(), "at {position}");
            // A certificate that its issuer did not sign proves the same words,
            // under another address; whether it is trusted is not decided here.
            let same_certificate = verified.certificates() == original.certificates();
            let same_id = verified.content_id() == original.content_id();
            assert_eq!(same_id, same_certificate, "at {position}");
        }
    }
}

#[test]
fn truncation_at_every_octet_is_refused() {
    let text = signed(&KEYS.ec, SigningStyle::Modern);
    let end = text.trim_end().len();
    for length in 0..end {
        assert!(Verifier::new().verify(&text.as_bytes()[..length]).is_err(), "{length}");
    }
}

/// The certificate of a document, as it is written in it.
fn certificate(text: &str) -> &str {
    let start = text.find("<ds:X509Certificate>").unwrap();
    let end = text.find("</ds:X509Certificate>").unwrap() + "</ds:X509Certificate>".len();
    &text[start..end]
}

#[test]
fn nobody_signs_in_the_name_of_another() {
    let jane = signed(&KEYS.rsa, SigningStyle::Modern);
    let mallory = signed(&KEYS.mallory, SigningStyle::Modern);
    let (victim, own) = (certificate(&jane), certificate(&mallory));
    // The victim's certificate first, the signer's last: the hole of the original.
    let both = mallory.replacen(own, &format!("{victim}{own}"), 1);
    assert!(fault(&both).contains("does not belong to the certificate's key"));
    // The signer's first: then the signer is who signed.
    let both = mallory.replacen(own, &format!("{own}{victim}"), 1);
    assert_eq!(verify(&both).unwrap().manifest().endorsement.email.as_str(), "mallory@example.org");
    // Another name in the document than in the certificate.
    let renamed = mallory.replace("mallory@example.org", "jane@example.org");
    assert!(fault(&renamed).contains("changed after it was signed"));
    // The victim's endorsement under the attacker's signature.
    let email: crate::model::Email = "jane@example.org".parse().unwrap();
    let own = draft().sign(&KEYS.mallory, Some(&email), NOW, SigningStyle::Modern).unwrap();
    assert_eq!(own.verified().manifest().endorsement.email.as_str(), "mallory@example.org");
}

#[test]
fn only_the_one_form_of_signature_is_read() {
    let text = signed(&KEYS.rsa, SigningStyle::Modern);
    let signature = &text[text.find("<ds:Signature ").unwrap()..text.find("</rdf:RDF>").unwrap()];
    let replaced = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        fault(&text.replacen(from, to, 1))
    };
    let object =
        "</ds:KeyInfo><ds:Object><rdf:RDF xmlns:rdf=\"urn:x:y\"/></ds:Object></ds:Signature>";
    let cases = [
        (replaced("URI=\"\"", "URI=\"#x\""), "whole document"),
        (replaced("URI=\"\"", "URI=\"file:///etc/passwd\""), "whole document"),
        (replaced("</ds:KeyInfo></ds:Signature>", object), "does not belong in Signature"),
        (replaced("<ds:X509Data>", "<ds:KeyValue/><ds:X509Data>"), "instead of X509Data"),
        (replaced("<ds:X509Data>", "text<ds:X509Data>"), "text in KeyInfo"),
        (
            replaced(
                "enveloped-signature\"/>",
                "enveloped-signature\"/><ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"/>",
            ),
            "not accepted",
        ),
        (
            replaced("xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256"),
            "hmac-sha256` is not accepted",
        ),
        (replaced("xmldsig-more#rsa-sha256", "xmldsig-more#rsa-md5"), "rsa-md5` is not accepted"),
        (replaced("xmldsig-more#rsa-sha256", "xmldsig-more#ecdsa-sha256"), "does not belong"),
        (replaced("xmlenc#sha256", "xmldsig-more#md5"), "md5` is not accepted"),
        (replaced("</rdf:RDF>", &format!("{signature}</rdf:RDF>")), "more than one"),
        (
            replaced("</rdf:Description>", &format!("{signature}</rdf:Description>")),
            "more than one",
        ),
        (replaced("</rdf:RDF>", "<rdf:Description rdf:about=\"#x\"/></rdf:RDF>"), "not signed"),
        (fault(&text.replacen(signature, "", 1)), "not signed"),
        (
            replaced(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
                "<!DOCTYPE rdf:RDF [<!ENTITY x \"y\">]>",
            ),
            "DOCTYPE",
        ),
    ];
    for (number, (fault, expected)) in cases.iter().enumerate() {
        assert!(fault.contains(expected), "case {number}: {fault}");
    }
}

#[test]
fn a_wrapped_description_is_not_taken_for_the_signed_one() {
    let text = signed(&KEYS.rsa, SigningStyle::Modern);
    let start = text.find("<rdf:Description").unwrap();
    let end = text.find("</rdf:Description>").unwrap() + "</rdf:Description>".len();
    let evil = text[start..end].replace("<slreq:bytes>100<", "<slreq:bytes>666<");
    // Beside, before, and around the signed one.
    let beside = text.replacen("<rdf:Description", &format!("{evil}<rdf:Description"), 1);
    let around = text.replacen(&text[start..end], &evil, 1).replacen(
        "</ds:Signature>",
        &format!("<ds:Object>{}</ds:Object></ds:Signature>", &text[start..end]),
        1,
    );
    for text in [beside, around] {
        fault(&text);
    }
}

#[test]
fn broken_rules_name_the_element_and_the_value() {
    let check = |change: &dyn Fn(&mut Draft)| {
        let mut draft = draft();
        change(&mut draft);
        draft.sign(&KEYS.ec, None, NOW, SigningStyle::Modern).unwrap_err().to_string()
    };
    let other = Identifier::from_sha1(Sha1::from_bytes([8; 20]));
    let fault = check(&|draft| draft.identifier = other);
    assert!(fault.contains("dcterms:identifier"), "{fault}");
    let text = draft().to_xml().unwrap();
    let unsigned = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        let signed = sign_document(
            text.replacen(from, to, 1).as_bytes(),
            &KEYS.ec,
            None,
            NOW,
            SigningStyle::Modern,
        );
        signed.unwrap_err().to_string()
    };
    let cases = [
        (unsigned("http://mp.stratuslab.eu/\">", "http://x/\">"), "xml:base is `http://x/`"),
        (unsigned("<dcterms:type>base</dcterms:type>", ""), "dcterms:type: there is none"),
        (unsigned(">443<", ">65536<"), "`65536` is not a number from 0 to 65535"),
        (unsigned("<slreq:bytes>100", "<slreq:bytes>-1"), "slreq:bytes: `-1`"),
        (unsigned("SHA-1<", "SHA-0<"), "`SHA-0` is unknown"),
        (unsigned("2027-01-15T08:00:00Z", "2027-02-30T08:00:00Z"), "`2027-02-30T08:00:00Z`"),
        (unsigned("rdf:about=\"#", "rdf:about=\"#X"), "rdf:about"),
    ];
    for (fault, expected) in cases {
        assert!(fault.contains(expected), "{expected}: {fault}");
    }
}

/// The draft as a document with one thing changed.
fn unsigned(from: &str, to: &str) -> String {
    let text = signed(&KEYS.ec, SigningStyle::Modern);
    let start = text.find("<ds:Signature ").unwrap();
    let end = text.find("</rdf:RDF>").unwrap();
    let text = [&text[..start], &text[end..]].concat();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

#[test]
fn what_rdf_xml_forbids_is_refused_and_extensions_are_kept() {
    let with = |extension: &str| {
        let declared = extension.replace("<e:x", "<e:x xmlns:e=\"http://example.org/e\"");
        unsigned("</rdf:Description>", &format!("{declared}</rdf:Description>"))
    };
    let refused = [
        ("<e:x e:bad='1'>text</e:x>", "empty element"),
        ("<e:x><e:a>1</e:a><e:b>2</e:b></e:x>", "contains text"),
        ("<e:x><e:a/><e:b/></e:x>", "several elements"),
        ("<e:x>text<e:a/></e:x>", "text beside"),
        ("<e:x rdf:resource='#a'>text</e:x>", "empty element"),
        ("<e:x rdf:resource='#a' rdf:nodeID='b'/>", "together"),
        ("<e:x rdf:parseType='Resource' rdf:resource='#a'/>", "excludes"),
        ("<e:x rdf:datatype='urn:t:t'><e:a/></e:x>", "only for text"),
        ("<e:x rdf:about='#a'>text</e:x>", "rdf:about is not allowed"),
        ("<e:x rdf:bagID='a'/>", "rdf:bagID is not allowed"),
        ("<e:x rdf:li='a'/>", "rdf:li is not allowed"),
        ("<e:x rdf:ID='1a'/>", "not a name"),
        ("<e:x rdf:ID='a'>1</e:x><e:x rdf:ID='a'>2</e:x>", "repeated"),
        ("<e:x plain='1'/>", "without a namespace"),
        ("<e:x dcterms:title='1'/>", "must be an element"),
        ("<rdf:Description/>", "must not stand here"),
        ("<rdf:aboutEach>1</rdf:aboutEach>", "must not stand here"),
        ("<e:x><e:a rdf:about='#a' rdf:ID='b'/></e:x>", "only one of"),
        ("<dcterms:title><e:x/></dcterms:title>", "has children"),
    ];
    for (extension, expected) in refused {
        let error = match parse_unsigned(with(extension).as_bytes()) {
            Ok(_) => panic!("accepted: {extension}"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(expected), "{extension}: {error}");
    }
    let accepted = [
        "<e:x>text</e:x>",
        "<e:x rdf:datatype='urn:t:t'>text</e:x>",
        "<e:x rdf:resource='http://example.org/'/>",
        "<e:x e:a='1'/>",
        "<e:x rdf:parseType='Resource'><e:a>1</e:a><e:b>2</e:b></e:x>",
        "<e:x rdf:parseType='Literal'>any <b>thing</b></e:x>",
        "<e:x><e:a rdf:about='#a'><e:b>1</e:b></e:a></e:x>",
        "<rdf:type rdf:resource='http://example.org/T'/>",
        "<rdf:li>1</rdf:li>",
    ];
    for extension in accepted {
        let manifest = parse_unsigned(with(extension).as_bytes());
        let manifest = manifest.unwrap_or_else(|error| panic!("{extension}: {error}"));
        assert_eq!(manifest.extensions.len(), usize::from(extension.starts_with("<e:")));
    }
    let hidden = unsigned("<rdf:Description ", "<rdf:Description slterms:deprecated='x' ");
    let error = parse_unsigned(hidden.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("must be an element"), "{error}");
}

#[test]
fn the_schema_asks_for_order_and_forms_that_the_field_does_not() {
    check_schema(unsigned("x", "x").as_bytes()).unwrap();
    let cases = [
        ("<dcterms:type>base</dcterms:type>\n", "", "dcterms:type", false),
        ("<slreq:bytes>", "<dcterms:title>early</dcterms:title><slreq:bytes>", "bytes", true),
        (">443<", "> 443 <", "", true),
        (
            "<slterms:inbound-port>443",
            "<slterms:inbound-port rdf:datatype='urn:t:t'>443",
            "datatype",
            true,
        ),
    ];
    for (from, to, expected, is_valid) in cases {
        let text = unsigned(from, to);
        assert_eq!(parse_unsigned(text.as_bytes()).is_ok(), is_valid, "{to}");
        match check_schema(text.as_bytes()) {
            Ok(()) => assert!(expected.is_empty() || !is_valid, "{to}"),
            Err(error) => assert!(error.to_string().contains(expected), "{error}"),
        }
    }
}

#[test]
fn a_sha1_is_compared_as_a_number() {
    let sha1 = Sha1::from_bytes([7; 20]).to_string();
    for written in [format!("0{sha1}"), sha1[1..].to_owned(), sha1.to_uppercase()] {
        let text = unsigned(&format!("<slreq:value>{sha1}"), &format!("<slreq:value>{written}"));
        let manifest = parse_unsigned(text.as_bytes()).unwrap();
        assert_eq!(manifest.checksums.sha1(), Some(Sha1::from_bytes([7; 20])), "{written}");
    }
    // Nothing is no number.
    let text = unsigned(&format!("<slreq:value>{sha1}<"), "<slreq:value><");
    let error = parse_unsigned(text.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("slreq:checksum"), "{error}");
}
