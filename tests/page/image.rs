//! An image's page.

use std::fs;

use super::*;
use crate::stage::{JOHN, ago, ahead, described, identifier, sign};

fn text(stage: &Stage, selector: &str) -> String {
    let all = format!(
        "[...document.querySelectorAll('{selector}')].map((one) => one.textContent).join('\\n')"
    );
    stage.browser.text(&all)
}

#[test]
fn an_image_says_what_it_is_who_vouches_and_why_it_may_be_used() {
    let stage = Stage::new();
    let browser = &stage.browser;
    stage.put(&stage.document(1, 300, |details| details.valid = Some(ago(200))));
    stage.put(&stage.document(1, 100, |details| {
        details.title = Some("Debian for physics".into());
        details.hypervisor = Some("kvm".into());
        details.inbound_ports = vec![22, 443];
        details.outbound_ports = vec![0];
        details.valid = Some(ahead(50));
        details.locations =
            vec!["https://images.example.org/1.qcow2".into(), "pdisk:host:8445:38a0".into()];
    }));
    let johns = described(1, |details| details.deprecated = Some("CVE-2026-1".into()));
    stage.put(&sign(&stage.john, &johns.to_xml().unwrap(), 10));
    browser.open(&format!("#/image/{}", identifier(1)));
    assert_eq!(text(&stage, "h1"), "Debian for physics");
    let verdicts = text(&stage, ".verdict");
    assert_eq!(
        verdicts,
        format!("May be used here.\nBeware: {JOHN} has taken it back, because of “CVE-2026-1”.")
    );
    let facts = text(&stage, "section > dl > div");
    for fact in [
        "Systemdebian 12 x86_64",
        "Size1.6 GB",
        "Hypervisorkvm",
        "Takes connections on22, 443",
        "Connects toall",
    ] {
        assert!(facts.lines().any(|line| line == fact), "{fact} in {facts}");
    }
    let commands = text(&stage, ".command code");
    assert!(commands.contains(&format!("suq get {} -o disk.qcow2", identifier(1))), "{commands}");
    assert!(commands.contains(&format!("stratus-run-instance {}", identifier(1))), "{commands}");
    assert!(!commands.contains("curl"), "its bytes are not here: {commands}");

    browser.until("document.querySelector('svg.timeline')");
    let marks = "[...document.querySelectorAll('svg.timeline .mark')].map((one) => one.classList[1]).join()";
    assert_eq!(browser.text(marks), "deprecated,superseded,current");
    // Told apart by their shape, and placed by their time.
    let shapes = "new Set([...document.querySelectorAll('svg.timeline .mark')].map((one) => one.lastChild.outerHTML)).size";
    assert_eq!(browser.value(shapes), 3);
    let places = "[...document.querySelectorAll('svg.timeline .mark')].map((one) => one.getBoundingClientRect().left)";
    let places =
        browser.value(&format!("(([john, old, new_]) => [old < new_, new_ < john])({places})"));
    assert_eq!(places, serde_json::json!([true, true]));
    let until_valid = "(() => { const now = document.querySelector('.now').getBoundingClientRect().left; \
        return document.querySelector('rect.bar.current').getBoundingClientRect().right > now; })()";
    assert_eq!(browser.value(until_valid), true, "it is valid for some time yet");
    assert_eq!(browser.value("document.querySelectorAll('section table tbody tr').length"), 5);

    let entries = text(&stage, "details.entry summary");
    let entries: Vec<&str> = entries.lines().collect();
    assert!(entries[0].starts_with("Deprecated") && entries[0].ends_with("Refused"), "{entries:?}");
    assert!(
        entries[1].starts_with("Current") && entries[1].ends_with("May be used"),
        "{entries:?}"
    );
    browser.click("details.entry summary");
    let steps = text(&stage, "details.entry[open] .steps li");
    assert!(steps.contains("Passedthe certificate chains to"), "{steps}");
    assert!(steps.contains("CVE-2026-1use.not_deprecated"), "{steps}");
    let links = "[...document.querySelectorAll('a[rel=\"noreferrer noopener\"]')].map((a) => a.href).join()";
    assert_eq!(browser.text(links), "https://images.example.org/1.qcow2");
    assert!(text(&stage, "main li").contains("pdisk:host:8445:38a0"));

    browser.click("table button");
    browser.until("document.querySelector('table button').textContent === 'Copied'");
    browser.until("document.getElementById('spoken').textContent === 'Copied the SHA-1'");
    browser.is_quiet(&[]);
}

#[test]
fn what_the_rules_refuse_is_told_with_the_line_that_refuses() {
    let stage = Stage::new();
    let browser = &stage.browser;
    stage.put(&stage.document(1, 9, |_| {}));
    stage.rule(&format!(
        "[blacklistimages]\nhole = {}\nother = {}\n",
        identifier(1),
        identifier(2)
    ));
    browser.open(&format!("#/image/{}", identifier(1)));
    let verdict = text(&stage, ".verdict");
    assert!(
        verdict.starts_with("Refused here: ") && verdict.contains("is blacklisted"),
        "{verdict}"
    );
    assert!(text(&stage, ".steps").contains("policy.cfg:2"), "{}", text(&stage, ".steps"));
    assert_eq!(browser.text("document.querySelector('main .badge').textContent"), "Withdrawn");

    // What never came into the catalogue has a page too, and leads to it.
    assert_eq!(stage.upload(&stage.document(2, 3, |_| {})).status, 403);
    browser.open("#/refusals");
    let refusal = text(&stage, ".entries > li");
    assert!(
        refusal.contains("images.blacklist") && refusal.contains("is blacklisted"),
        "{refusal}"
    );
    browser.click(".entries a");
    browser.until("document.querySelector('.verdict')?.textContent.startsWith('Refused here: ')");
    assert_eq!(text(&stage, "h1"), identifier(2));
    browser.open(&format!("#/image/{}", identifier(3)));
    assert_eq!(text(&stage, "h1"), "There is no such thing");
    browser.is_quiet(&[&identifier(2), &identifier(3)]);
}

#[test]
fn an_image_whose_bytes_are_here_can_be_taken() {
    let stage = Stage::new();
    let browser = &stage.browser;
    let image = stage.folder.path().join("disk.raw");
    fs::write(&image, [7; 5000]).unwrap();
    let (image, manifest) = (image.display().to_string(), stage.folder.path().join("disk.xml"));
    let file = manifest.display().to_string();
    let built = site::suq(&["metadata", "build", &image, "--title", "A disk", "-o", &file]);
    assert_eq!(built.code, 0, "{built:?}");
    let signed = sign(&stage.jane, &fs::read_to_string(&manifest).unwrap(), 1);
    fs::write(&manifest, signed).unwrap();
    let published = stage.site.run(&["publish", &file, "--image", &image]);
    assert_eq!(published.code, 0, "{published:?}");
    browser.open("#/search");
    browser.click(".entries h2 a");
    browser.until("document.querySelector('h1').textContent === 'A disk'");
    let commands = text(&stage, ".command code");
    assert!(commands.contains(&format!("http://{}/blobs/sha512/", stage.address)), "{commands}");
    browser.until("document.body.textContent.includes('this site')");
    let bytes = "fetch(document.querySelector('a[download][href^=\"/blobs\"]').href)\
        .then((answer) => answer.arrayBuffer()).then((bytes) => bytes.byteLength)";
    assert_eq!(browser.value(bytes), 5000);
    browser.is_quiet(&[]);
}

#[test]
fn a_site_that_keeps_its_judgements_is_not_asked_for_them() {
    let stage = Stage::with(|site| {
        let file = site.home.join("suq.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, text.replace("# judgements = true", "judgements = false")).unwrap();
    });
    let browser = &stage.browser;
    stage.put(&stage.document(1, 9, |_| {}));
    browser.open(&format!("#/image/{}", identifier(1)));
    assert!(text(&stage, ".verdict").contains("does not tell"), "{}", text(&stage, ".verdict"));
    assert_eq!(browser.value("document.querySelector('.steps')"), serde_json::Value::Null);
    assert_eq!(browser.value("document.getElementById('to-refusals').checkVisibility()"), false);
    browser.open("#/federation");
    assert!(text(&stage, "main").contains("does not tell its peers"));
    browser.open("#/refusals");
    assert!(text(&stage, "main").contains("does not tell what it refuses"));
    browser.is_quiet(&[]);
}
