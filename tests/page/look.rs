//! How every view looks: to narrow screens, in the dark, to eyes that need contrast, and to
//! those that listen. With `SUQ_PAGE_PICTURES=DIR` each is also kept as a picture, for people
//! to look at.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use data_encoding::BASE64;
use serde_json::json;

use super::*;
use crate::browser::Browser;
use crate::sites::{FULL, Federation, REFUSED};
use crate::stage::identifier;

fn views() -> Vec<(&'static str, String)> {
    vec![
        ("search", "#/search".into()),
        ("found", "#/search?words=deb&os=Debian&status=all".into()),
        ("nothing", "#/search?words=plan9+vax&arch=x86_64".into()),
        ("image", format!("#/image/{}", identifier(FULL))),
        ("refused-image", format!("#/image/{}", identifier(REFUSED))),
        ("no-image", format!("#/image/{}", identifier(200))),
        ("endorsers", "#/endorsers".into()),
        ("endorser", format!("#/endorser/{}", stage::JOHN)),
        ("federation", "#/federation".into()),
        ("refusals", "#/refusals".into()),
        ("upload", "#/upload".into()),
    ]
}

fn keep(browser: &Browser, name: &str) {
    let Some(folder) = std::env::var_os("SUQ_PAGE_PICTURES").map(PathBuf::from) else { return };
    fs::create_dir_all(&folder).unwrap();
    let picture = BASE64.decode(browser.picture().as_bytes()).unwrap();
    fs::write(folder.join(format!("{name}.png")), picture).unwrap();
}

/// Texts that are small, or that their ground swallows (WCAG 2.2, 1.4.3).
const POOR_TEXTS: &str = r"(() => {
    const light = (color) => {
        const [r, g, b] = color.match(/[\d.]+/g).slice(0, 3).map((part) => {
            const value = part / 255;
            return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const color = getComputedStyle(at).backgroundColor;
            if (!/, 0\)$|transparent/.test(color)) return color;
        }
        return 'rgb(255, 255, 255)';
    };
    const poor = [];
    let seen = 0;
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest('.unseen, noscript')) continue;
        seen += 1;
        const style = getComputedStyle(element);
        const color = element instanceof SVGElement ? style.fill : style.color;
        const [one, other] = [light(color), light(ground(element))].sort((a, b) => b - a);
        const ratio = (one + 0.05) / (other + 0.05);
        const size = parseFloat(style.fontSize);
        if (ratio < 4.5 || size < 14) {
            poor.push(`${walker.currentNode.data.slice(0, 40)}: ${ratio.toFixed(2)}, ${size}px`);
        }
    }
    return { seen, poor };
})()";

fn looks_well(browser: &Browser, what: &str) {
    let width = browser.value("[document.documentElement.scrollWidth, innerWidth]");
    assert_eq!(width[0], width[1], "{what} must not scroll sideways");
    let texts = browser.value(POOR_TEXTS);
    assert!(texts["seen"].as_u64().unwrap() > 10, "{what}: {texts}");
    assert_eq!(texts["poor"], json!([]), "{what}");
}

/// Every view has its landmarks and one heading over the others; whatever can be used, or is a
/// picture, has a name.
fn sounds_well(browser: &Browser, what: &str) {
    browser.devtools("Accessibility.enable", &json!({}));
    let tree = browser.devtools("Accessibility.getFullAXTree", &json!({}));
    let mut roles: BTreeMap<String, u32> = BTreeMap::new();
    let mut level = 0;
    for node in tree["nodes"].as_array().unwrap() {
        if node["ignored"] == true {
            continue;
        }
        let role = node["role"]["value"].as_str().unwrap_or_default();
        *roles.entry(role.to_owned()).or_default() += 1;
        let name = node["name"]["value"].as_str().unwrap_or_default();
        let needs_name = ["button", "link", "searchbox", "combobox", "image", "img", "table"];
        let needs_name = [&needs_name[..], &["navigation", "region", "group"]].concat();
        let is_details = role == "group";
        assert!(
            !needs_name.contains(&role) || is_details || !name.trim().is_empty(),
            "{what}: {node:#}"
        );
        if role == "heading" {
            let of = node["properties"].as_array().unwrap().iter();
            let of = of.filter(|property| property["name"] == "level");
            let next = of.map(|level| level["value"]["value"].as_u64().unwrap()).next().unwrap();
            assert!(next <= level + 1, "{what}: no level of headings is left out: {name}");
            level = next;
        }
    }
    for landmark in ["banner", "main", "contentinfo", "navigation"] {
        assert_eq!(roles.get(landmark), Some(&1), "{what}: {landmark} in {roles:?}");
    }
    assert_eq!(browser.value("document.querySelectorAll('h1').length"), 1, "{what}");
    let title = browser.text("document.title");
    let heading = browser.text("document.querySelector('h1').textContent");
    assert!(title.starts_with(&heading) && title.ends_with("suq"), "{what}: {title}");
}

#[test]
fn every_view_is_readable_on_every_screen_and_without_one() {
    let federation = Federation::new();
    let browser = &federation.stage.browser;
    let screens = [("light", 1280), ("dark", 1280), ("light", 360), ("dark", 320)];
    for (scheme, width) in screens {
        let features = [("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")];
        browser.screen(width, &features);
        for (name, place) in views() {
            let what = format!("{name}-{scheme}-{width}");
            browser.open(&place);
            browser.value(
                "document.querySelectorAll('details').forEach((one) => { one.open = true; })",
            );
            browser.until("!document.querySelector('.picture:empty')");
            looks_well(browser, &what);
            if (scheme, width) == ("light", 1280) {
                sounds_well(browser, &what);
            }
            keep(browser, &what);
        }
    }
    let dark = browser.text("getComputedStyle(document.body).backgroundColor");
    browser.screen(1280, &[("prefers-color-scheme", "light")]);
    assert_ne!(dark, browser.text("getComputedStyle(document.body).backgroundColor"));
    browser.is_quiet(&[&identifier(200), &identifier(REFUSED)]);
}
