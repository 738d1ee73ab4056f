//! Searching, sending, and what strangers write.

use std::fs;

use super::*;
use crate::stage::identifier;

/// What would run, or be seen, if it were taken for HTML.
const HOSTILE: &str = "<img src=x onerror=alert(1)><script>window.broken = 1</script><b id=b>";

/// The titles of the entries that are shown.
const TITLES: &str =
    "[...document.querySelectorAll('main .entry h2')].map(e => e.textContent).join('|')";

#[test]
fn words_and_filters_narrow_what_is_shown() {
    let stage = Stage::new();
    stage.put(&stage.document(1, 3, |details| details.title = Some("Physics node".into())));
    stage.put(&stage.document(2, 2, |details| details.title = Some("Web server".into())));
    stage.browser.open("");
    stage.browser.until(&format!("{TITLES} === 'Web server|Physics node'"));
    stage.browser.type_into("#words", "phys");
    stage.browser.until(&format!("{TITLES} === 'Physics node'"));
    stage.browser.until("location.hash.includes('words=phys')");
    // From the result to the image with the keyboard alone, and back.
    stage.browser.value("document.querySelector('main .entry h2 a').focus()");
    stage.browser.press(ENTER);
    stage.browser.until("document.querySelector('main h1').textContent === 'Physics node'");
    stage.browser.until("document.title.includes('Physics node')");
    stage.browser.back();
    stage.browser.until(&format!("{TITLES} === 'Physics node'"));
    stage.browser.is_quiet(&[]);
}

#[test]
fn what_strangers_write_is_text() {
    let stage = Stage::new();
    stage.put(&stage.document(1, 3, |details| {
        details.title = Some(HOSTILE.into());
        details.description = Some(HOSTILE.into());
        details.os = Some(HOSTILE.into());
        details.tag = Some(HOSTILE.into());
        details.locations =
            vec!["javascript:alert(1)".into(), "https://x.example.org/\"onclick=".into()];
    }));
    for place in ["#/search".to_owned(), format!("#/image/{}", identifier(1))] {
        stage.browser.open(&place);
        stage.browser.until("document.querySelector('main').innerText.includes('onerror')");
        assert_eq!(
            stage.browser.value("window.broken || document.getElementById('b')"),
            serde_json::Value::Null
        );
        assert_eq!(
            stage.browser.value("document.querySelectorAll('main img, main script').length"),
            0
        );
        assert_eq!(
            stage.browser.value("document.querySelectorAll('a[href^=\"javascript\" i]').length"),
            0
        );
    }
    stage.browser.is_quiet(&[]);
}

#[test]
fn a_chosen_file_is_sent_and_shows_up_elsewhere_by_itself() {
    let stage = Stage::new();
    stage.browser.open("");
    stage.browser.until("document.querySelector('main .empty')");
    stage.put(&stage.document(2, 2, |_| {}));
    stage.browser.until("document.getElementById('news').textContent.includes('1')");

    let file = stage.folder.path().join("signed.xml");
    fs::write(&file, stage.document(3, 1, |_| {})).unwrap();
    stage.browser.open("#/upload");
    stage.browser.type_into("input[type=file]", file.to_str().unwrap());
    stage.browser.until("document.querySelector('main').innerText.includes('signed.xml')");
    crate::site::wait_for("it is in the catalogue", || stage.site.entries() == 2);
    let broken = stage.folder.path().join("broken.xml");
    fs::write(&broken, "<a>").unwrap();
    stage.browser.type_into("input[type=file]", broken.to_str().unwrap());
    stage
        .browser
        .until("document.querySelector('main').innerText.includes('unable to parse metadata')");
    stage.browser.is_quiet(&["/metadata"]);
}
