//! The page without a mouse.

use super::*;
use crate::browser::{ENTER, TAB};

const FOCUSED: &str = "document.activeElement";

#[test]
fn everything_is_reached_by_the_keyboard() {
    let stage = Stage::new();
    let browser = &stage.browser;
    stage.put(&stage.document(1, 9, |details| details.title = Some("Debian base".into())));
    stage.put(&stage.document(2, 8, |details| details.title = Some("Other".into())));
    browser.open("#/search");
    browser.press(TAB);
    assert_eq!(browser.text(&format!("{FOCUSED}.textContent")), "Skip to the content");
    browser.until(&format!("{FOCUSED}.getBoundingClientRect().top >= 0"));
    browser.press(ENTER);
    browser.until(&format!("{FOCUSED}.tagName === 'H1'"));
    assert_eq!(browser.text("location.hash"), "#/search", "no other view");
    browser.press(TAB);
    assert_eq!(browser.text(&format!("{FOCUSED}.id")), "words");
    for letter in ["b", "a", "s", "e"] {
        browser.press(letter);
    }
    browser.press(ENTER);
    browser.until("document.querySelectorAll('.entries > li').length === 1");
    assert_eq!(browser.text(&format!("{FOCUSED}.id")), "words", "the focus stays");

    // Forward to the first result, with what is between; where the focus is can be seen.
    let mut passed = Vec::new();
    while browser.value(&format!("{FOCUSED}.matches('.entries h2 a')")) != true {
        assert!(passed.len() < 20, "{passed:?}");
        browser.press(TAB);
        let outline = format!("getComputedStyle({FOCUSED}).outlineStyle");
        assert_eq!(browser.text(&outline), "solid", "after {passed:?}");
        passed.push(browser.text(&format!("{FOCUSED}.id || {FOCUSED}.textContent")));
    }
    assert_eq!(passed[0], "status");
    browser.press(ENTER);
    browser
        .until(&format!("{FOCUSED}.textContent === 'Debian base' && {FOCUSED}.tagName === 'H1'"));
    assert_eq!(browser.text("document.title"), "Debian base · orsay · suq");

    // The details of an entry open, and the way back leads over the navigation.
    while browser.value(&format!("{FOCUSED}.matches('details.entry > summary')")) != true {
        browser.press(TAB);
    }
    browser.press(ENTER);
    browser.until("document.querySelector('details.entry').open");
    browser.open("#/search");
    browser.press(TAB);
    for view in ["suq", "Images", "Endorsers", "Federation", "Refusals", "Upload"] {
        browser.press(TAB);
        let name = browser.text(&format!("{FOCUSED}.textContent"));
        assert!(name.starts_with(view), "{view}: {name}");
    }
    browser.press(ENTER);
    // The link has the same name as the heading to which it leads.
    browser.until(&format!("{FOCUSED}.textContent === 'Upload' && {FOCUSED}.tagName === 'H1'"));
    let here = "document.querySelector('nav [aria-current=page]').textContent";
    assert_eq!(browser.text(here), "Upload");
    browser.press(TAB);
    assert_eq!(browser.text(&format!("{FOCUSED}.id")), "files");
    browser.press_back();
    assert_ne!(browser.text(&format!("{FOCUSED}.id")), "files");
    browser.back();
    browser.until(&format!("{FOCUSED}.textContent === 'Images' && {FOCUSED}.tagName === 'H1'"));
    browser.is_quiet(&[]);
}
