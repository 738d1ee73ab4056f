//! Signed files, chosen and dropped.

use std::fs;

use suq::manifest::{SigningStyle, sign_document};

use super::*;
use crate::stage::{ahead, described, identifier};

fn result(stage: &Stage, at: usize) -> String {
    let line = format!("document.querySelectorAll('.results li')[{at}]");
    stage.browser.until(&format!("{line} && {line}.className !== 'under-way'"));
    stage.browser.text(&format!("{line}.className + ': ' + {line}.textContent"))
}

/// Drops files with these names and texts on what a selector finds.
fn drop_on(stage: &Stage, selector: &str, files: &[(&str, &str)]) {
    let files = serde_json::to_string(files).unwrap();
    stage.browser.value(&format!(
        "(() => {{ const data = new DataTransfer(); \
         for (const [name, text] of {files}) data.items.add(new File([text], name)); \
         const event = (kind) => new DragEvent(kind, {{ bubbles: true, cancelable: true, dataTransfer: data }}); \
         const target = document.querySelector('{selector}'); \
         globalThis.over = !target.dispatchEvent(event('dragover')) && target.classList.contains('over'); \
         globalThis.taken = !target.dispatchEvent(event('drop')); }})()"
    ));
}

#[test]
fn chosen_and_dropped_files_are_sent_and_each_hears_what_became_of_it() {
    let stage = Stage::new();
    let browser = &stage.browser;
    stage.rule(&format!("[blacklistimages]\nhole = {}\n", identifier(3)));
    browser.open("#/upload");
    let file = |name: &str, document: &[u8]| {
        let path = stage.folder.path().join(name);
        fs::write(&path, document).unwrap();
        path.display().to_string()
    };
    let good = file("good.xml", &stage.document(1, 3, |_| {}));
    let unsigned = described(2, |_| {}).to_xml().unwrap();
    let unsigned = file("unsigned.xml", unsigned.as_bytes());
    // Several files are chosen as lines.
    browser.type_into("#files", &format!("{good}\n{unsigned}"));
    assert_eq!(result(&stage, 0), "good: good.xml Taken: it is in the catalogue. Show the image");
    let refused = result(&stage, 1);
    assert!(refused.starts_with("bad: unsigned.xml Not taken: "), "{refused}");
    assert_eq!(stage.site.entries(), 1);

    let listed = String::from_utf8(stage.document(3, 3, |_| {})).unwrap();
    let draft = described(4, |_| {}).to_xml().unwrap();
    let early = sign_document(draft.as_bytes(), &stage.jane, None, ahead(2), SigningStyle::Modern);
    let early = String::from_utf8(early.unwrap().octets().to_vec()).unwrap();
    let large = "x".repeat(300_000);
    let files =
        [("listed.xml", &*listed), ("early.xml", &early), ("disk.raw", &large), ("empty", "")];
    drop_on(&stage, ".zone", &files);
    assert_eq!(browser.value("[over, taken]"), serde_json::json!([true, true]));
    let refused = result(&stage, 2);
    assert!(refused.starts_with("bad: listed.xml Refused by this site: image "), "{refused}");
    assert!(refused.contains("is blacklisted"), "{refused}");
    let waits = result(&stage, 3);
    assert!(waits.starts_with("waits: early.xml Waiting: "), "{waits}");
    let large = result(&stage, 4);
    assert!(large.starts_with("bad: disk.raw Not sent: it has 300 kB"), "{large}");
    assert!(result(&stage, 5).starts_with("bad: empty Not sent: the file is empty"));

    // A file that misses the zone neither goes anywhere nor takes the place of the page.
    drop_on(&stage, "h1", &[("missed.xml", "x")]);
    assert_eq!(browser.value("taken"), true);
    assert_eq!(browser.value("document.querySelectorAll('.results li').length"), 6);
    let posts = browser.requests().into_iter().filter(|url| url.ends_with("/metadata")).count();
    assert_eq!(posts, 4, "what is too large or empty is not sent");
    let announced = "document.querySelector('.results').getAttribute('aria-live')";
    assert_eq!(browser.text(announced), "polite");
    browser.click(".results .good a");
    browser.until("document.querySelector('h1').textContent === 'Image 1'");
}
