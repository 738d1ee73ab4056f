//! Search: as one types, narrowed, page by page.

use serde_json::json;

use super::*;
use crate::stage::{JANE, identifier, sign};

const SUMMARY: &str = "document.querySelector('.summary').textContent";
const TITLES: &str = "[...document.querySelectorAll('.entries h2')].map((h2) => h2.textContent)";

fn shows(stage: &Stage, summary: &str, titles: &[&str]) {
    let expected = json!(titles).to_string();
    stage
        .browser
        .until(&format!("{SUMMARY} === '{summary}' && JSON.stringify({TITLES}) === '{expected}'"));
}

#[test]
fn a_search_is_narrowed_and_is_a_place_to_come_back_to() {
    let stage = Stage::new();
    let browser = &stage.browser;
    stage.put(&stage.document(1, 9, |details| details.title = Some("Debian base".into())));
    stage.put(&stage.document(2, 8, |details| details.os_arch = Some("i686".into())));
    let johns = stage::described(3, |details| details.os = Some("centos".into()));
    stage.put(&sign(&stage.john, &johns.to_xml().unwrap(), 7));
    stage.put(&stage.document(4, 6, |details| details.deprecated = Some("a hole".into())));
    browser.open("");
    shows(&stage, "3 current entries", &["Image 3", "Image 2", "Debian base"]);

    browser.type_into("#words", "debi");
    shows(&stage, "2 current entries", &["Debian base", "Image 2"]);
    assert_eq!(browser.text("location.hash"), "#/search?words=debi");
    browser.click("[data-facet=arch][href*=x86_64]");
    shows(&stage, "1 current entry", &["Debian base"]);
    assert_eq!(browser.text("location.hash"), "#/search?words=debi&arch=x86_64");
    // The link is gone: the focus went to what it led to.
    browser.until("document.activeElement.matches('.summary')");
    browser.click(".entries h2 a");
    browser.until("document.querySelector('h1').textContent === 'Debian base'");
    browser.back();
    browser.until("document.querySelector('h1').textContent === 'Images'");
    shows(&stage, "1 current entry", &["Debian base"]);
    assert_eq!(browser.value("document.getElementById('words').value"), "debi");
    browser.back();
    shows(&stage, "2 current entries", &["Debian base", "Image 2"]);

    browser.open("#/search?status=all");
    browser.value("location.hash = '#/search?os=centos'");
    shows(&stage, "1 current entry", &["Image 3"]);
    browser.click(".chip");
    shows(&stage, "3 current entries", &["Image 3", "Image 2", "Debian base"]);
    browser.click("#status option[value=deprecated]");
    shows(&stage, "1 deprecated entry", &["Image 4"]);
    assert!(browser.text("document.querySelector('.entries').textContent").contains("a hole"));
    browser.type_into("#words", "plan9 vax");
    browser.until("document.querySelector('.empty')?.textContent.includes('fewer words')");

    browser.open(&format!("#/endorser/{JANE}"));
    assert_eq!(browser.value(&format!("{TITLES}.length")), 3);
    assert_eq!(browser.text("document.title"), format!("{JANE} · orsay · suq"));
    browser.open("#/endorsers");
    let rows = "[...document.querySelectorAll('tbody tr')].map((row) => row.textContent)";
    let rows = browser.text(rows);
    assert!(rows.contains(&format!("{JANE}321")), "{rows}");
    browser.is_quiet(&[]);
}

#[test]
fn many_entries_come_page_by_page() {
    let stage = Stage::new();
    let browser = &stage.browser;
    for n in 1..=70 {
        stage.put(&stage.document(n, u32::from(n), |_| {}));
    }
    browser.open("#/search");
    let count = "document.querySelectorAll('.entries > li').length";
    assert_eq!(browser.value(count), 30);
    browser.click(".more button");
    browser.until(&format!("{count} === 60"));
    // Who uses the keyboard goes on with the first that is new.
    browser.until(&format!("document.activeElement.href?.endsWith('/{}')", identifier(31)));
    browser.click(".more button");
    browser.until(&format!("{count} === 70"));
    browser.until("document.querySelector('.more button').hidden");
    let all = "new Set([...document.querySelectorAll('.entries h2 a')].map((a) => a.href)).size";
    assert_eq!(browser.value(all), 70, "each of them once");
    for url in browser.requests() {
        assert!(!url.contains("/entries") || url.contains("limit=30"), "{url}");
    }
}

#[test]
fn an_answer_that_comes_too_late_is_dropped() {
    let stage = Stage::new();
    let browser = &stage.browser;
    stage.put(&stage.document(1, 2, |details| details.title = Some("slow".into())));
    stage.put(&stage.document(2, 1, |details| details.title = Some("fast".into())));
    browser.open("#/search");
    // The answer about `slow` is held back, and comes also when nobody wants it any more.
    browser.value(
        "globalThis.real = fetch, globalThis.fetch = (url, how) => url.includes('slow') \
         ? new Promise((done) => { globalThis.release = () => real(url).then((answer) => { done(answer); return answer.clone().text(); }); }) \
         : real(url, how), null",
    );
    browser.type_into("#words", "slow");
    browser.until("globalThis.release");
    browser.value("document.getElementById('words').select()");
    browser.type_into("#words", "fast");
    shows(&stage, "1 current entry", &["fast"]);
    assert_ne!(browser.value("release()"), json!(null));
    browser.until("new Promise((done) => setTimeout(done, 0, true))");
    shows(&stage, "1 current entry", &["fast"]);
}
