//! Manifests of people who mean harm.

use suq::manifest::pki::authority::KeyKind;

use super::*;
use crate::stage::{ago, described, identifier, sign};

const IMG: &str = "<img src=x onerror=\"document.title='taken'\">";
const SCRIPT: &str = "</title></p><script>alert(1)</script>";

/// What only markup of a manifest could have made.
const MADE: &str = "document.querySelectorAll('main :is(img, script, iframe, object, embed, base, \
    meta, form:not([role]), [onerror], [onload], [style])').length";

fn is_text_alone(stage: &Stage, place: &str, shows: &[&str]) {
    let browser = &stage.browser;
    browser.open(place);
    browser.until("!document.querySelector('.picture:empty')");
    let text = browser.text("document.querySelector('main').textContent");
    for part in shows {
        assert!(text.contains(part), "{place} shows {part}: {text}");
    }
    assert_eq!(browser.value(MADE), 0, "{place}");
    let links = "[...document.querySelectorAll('a')].map((a) => a.protocol).join()";
    let links = browser.text(links);
    assert!(links.split(',').all(|scheme| ["http:", "https:"].contains(&scheme)), "{links}");
    assert!(browser.text("document.title").ends_with("suq"), "{place}");
}

#[test]
fn whatever_a_manifest_says_stays_text() {
    let stage = Stage::new();
    let subject = "<svg onload=alert(2)>";
    let mallory = stage.authority.endorser(subject, Some("m@x.example"), KeyKind::EcP256, ago(90));
    let mallory = mallory.unwrap();
    // As RFC 2253 writes it.
    let seen = r"\<svg onload\=alert(2)\>";
    let document = described(1, |details| {
        details.title = Some(IMG.into());
        details.description = Some(SCRIPT.into());
        details.os = Some("<b>os</b>".into());
        details.tag = Some("'\"><i>tag</i>".into());
        details.replaces = vec!["javascript:alert(3)".into()];
        details.locations = vec![
            "javascript:alert(4)".into(),
            " javascript:alert(5)".into(),
            "data:text/html,<script>alert(6)</script>".into(),
            "https://ok.example/<b>".into(),
        ];
    });
    stage.put(&sign(&mallory, &document.to_xml().unwrap(), 3));
    let withdrawn = described(1, |details| details.deprecated = Some(SCRIPT.into()));
    stage.put(&sign(&stage.john, &withdrawn.to_xml().unwrap(), 2));

    is_text_alone(&stage, "#/search", &[IMG, SCRIPT, "<b>os</b>"]);
    let image = format!("#/image/{}", identifier(1));
    let says = [IMG, SCRIPT, "javascript:alert(4)", "data:text/html", seen, "<b>os</b>"];
    is_text_alone(&stage, &image, &says);
    is_text_alone(&stage, "#/endorser/m@x.example", &[IMG, seen]);
    is_text_alone(
        &stage,
        "#/search?words=%3Cscript%3Ealert(7)%3C%2Fscript%3E&os=%3Cb%3E",
        &["<b>"],
    );
    for place in ["#/image/%3Cimg%20src=x%3E", "#/__proto__", "#/constructor/x", "#/image/%E0%A4%A"]
    {
        is_text_alone(&stage, place, &[]);
    }
    stage.browser.is_quiet(&["/api/v1/images/%3Cimg"]);
}

#[test]
fn the_content_policy_holds_and_this_notices_when_it_is_broken() {
    let stage = Stage::new();
    let browser = &stage.browser;
    browser.open("#/search");
    browser.is_quiet(&[]);
    browser.value(
        "document.body.appendChild(Object.assign(document.createElement('div'), \
         { className: 'own' })).setAttribute('style', 'color: red')",
    );
    assert!(browser.console().iter().any(|line| line.contains("Content Security Policy")));
    let markup = "(() => { try { document.querySelector('.own').innerHTML = '<b>x</b>'; } \
        catch (error) { return error.name; } })()";
    assert_eq!(browser.value(markup), "TypeError", "texts cannot become markup");
    let elsewhere = "fetch('http://127.0.0.2:9/').catch((error) => error.name)";
    assert_eq!(browser.value(elsewhere), "TypeError");
    assert!(browser.console().iter().any(|line| line.contains("connect-src")));
}

/// A list of the Marketplace holds documents as they were signed, and browsers show XML.
#[test]
fn a_script_in_a_signed_document_does_not_run_in_a_list() {
    let stage = Stage::new();
    let browser = &stage.browser;
    let script = "<h:script xmlns:h=\"http://www.w3.org/1999/xhtml\">taken = true</h:script>";
    let end = "</rdf:Description>";
    let document = described(1, |_| {}).to_xml().unwrap().replace(end, &format!("{script}{end}"));
    stage.put(&sign(&stage.jane, &document, 3));
    browser.visit("metadata?media=xml");
    let scripts =
        "document.getElementsByTagNameNS('http://www.w3.org/1999/xhtml', 'script').length";
    assert_eq!(browser.value(scripts), 1, "the browser takes it for a script");
    assert_eq!(browser.value("typeof taken"), "undefined", "and does not run it");
}
