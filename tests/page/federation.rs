//! The site among its peers.

use serde_json::json;

use crate::site::wait_for;
use crate::sites::{FULL, Federation};
use crate::stage::identifier;

#[test]
fn the_federation_is_drawn_with_how_fresh_each_peer_is() {
    let federation = Federation::new();
    let browser = &federation.stage.browser;
    browser.open("#/federation");
    browser.until("document.querySelector('svg.graph')");
    let count = |selector: &str| {
        browser.value(&format!("document.querySelectorAll('svg.graph {selector}').length"))
    };
    assert_eq!((count(".self"), count(".peer")), (json!(1), json!(2)));
    assert_eq!((count(".edge.open"), count(".edge.closed")), (json!(1), json!(1)));
    let rows = "[...document.querySelectorAll('tbody tr')].map((row) => \
        [...row.cells].map((cell) => cell.textContent).join('|')).join('\\n')";
    let told = browser.text(rows);
    let connected = &federation.stage.site.connected()[0];
    let name = format!("…{}|connected|", &connected[connected.len() - 8..]);
    assert!(told.lines().any(|line| line.starts_with(&name)), "{told}");
    assert!(told.lines().any(|line| line.contains("|not connected|")), "{told}");
    let label = "document.querySelector('svg.graph').getAttribute('aria-label')";
    assert!(browser.text(label).contains("2 peers, 1 connected"), "{}", browser.text(label));
    let alerts = browser.text("document.querySelector('.alerts').textContent");
    assert!(alerts.contains(&identifier(FULL)) && alerts.contains("withdrawn"), "{alerts}");

    // A connection that ends is seen without loading anything again.
    let athens = federation.others[0].pid();
    assert!(std::process::Command::new("kill").arg(athens.to_string()).status().unwrap().success());
    wait_for("it is alone", || federation.stage.site.connected().is_empty());
    browser.until("document.querySelectorAll('svg.graph .edge.closed').length === 2");

    // To a clock that is two hours later, what was fresh is stale.
    let later = "{ const now = Date.now; Date.now = () => now() + 7_200_000; }";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": later }));
    browser.open("#/federation");
    browser.until("document.querySelector('svg.graph')");
    assert_eq!((count(".peer.stale"), count(".peer.fresh")), (json!(2), json!(0)));
    let told = browser.text("document.querySelector('svg.graph').textContent");
    assert!(told.contains("away, stale, 2 hr. ago"), "{told}");
    browser.is_quiet(&[]);
}
