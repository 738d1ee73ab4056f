//! Endorsers, tags, and what was taken back.

use std::fs;

use super::*;

#[test]
fn what_the_site_withdrew_is_deprecated_to_others() {
    let market = Market::new();
    let document = market.document(1, 1, |_| {});
    let path = market.put(&document);
    let policy = "[blacklistendorsers]\nemail1 = jane@example.org\n";
    fs::write(market.site.home.join("policy.cfg"), policy).unwrap();
    let run = market.site.run(&["policy", "reload"]);
    assert_eq!(run.code, 0, "{run:?}");
    site::wait_for("it is withdrawn", || market.get(&path).status == 404);
    assert_eq!(market.get("/metadata").text(), list(&[]));
    assert_eq!(market.get("/metadata?status=deprecated").text(), list(&[&document]));
    assert!(!market.get("/endorsers").text().contains(JANE));
    let answer = market.upload(&market.document(2, 1, |_| {}));
    assert_eq!(answer.status, 403, "{}", answer.text());
}

#[test]
fn tags_follow_an_image_that_changes() {
    let market = Market::new();
    let tagged =
        |n, days, tag: &str| market.document(n, days, |details| details.tag = Some(tag.to_owned()));
    let (old, new) = (tagged(1, 9, "stable/a b"), tagged(2, 5, "stable/a b"));
    market.put(&old);
    market.put(&new);
    market.put(&tagged(3, 1, "testing"));
    for path in [
        format!("/metadata/{JANE}?tag=stable%2Fa+b"),
        format!("/tag/{JANE}/stable%2Fa%20b"),
        format!("/tag//{JANE}/stable%2Fa%20b/"),
    ] {
        let answer = market.get(&path);
        assert_eq!((answer.status, answer.body), (200, new.clone()), "{path}");
    }
    market.put(&market.document(2, 3, |details| {
        details.tag = Some("stable/a b".into());
        details.deprecated = Some(String::new());
    }));
    market.put(&market.document(2, 2, |details| details.tag = Some("stable/a b".into())));
    assert_eq!(market.get(&format!("/tag/{JANE}/stable%2Fa%20b")).body, old, "2 was taken back");
    for path in [format!("/tag/{JANE}/none"), "/tag/joe@example.org/testing".to_owned()] {
        assert_eq!(market.get(&path).status, 404, "{path}");
    }
    let tags = market.get(&format!("/endorsers/{JANE}/tags")).text();
    assert!(tags.contains("<variable name=\"tag\"/>"), "{tags}");
    assert_eq!(tags.matches("<literal>stable/a b</literal>").count(), 1, "{tags}");
    assert!(tags.contains("<literal>testing</literal>"), "{tags}");
}

#[test]
fn endorsers_and_what_they_endorse() {
    let market = Market::new();
    market.put(&market.document(1, 50, |_| {}));
    market.put(&market.document(1, 10, |details| {
        details.description = Some("<b>&\"".into());
        details.locations = vec!["http://a/1".into(), "http://a/2".into()];
        details.deprecated = Some("a hole".into());
    }));
    let all = market.get("/endorsers");
    assert_eq!(all.header("Content-Type"), Some("application/xml"));
    let text = all.text();
    assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<sparql xmlns="));
    assert_eq!(text.matches("<result>").count(), 1, "{text}");
    for name in ["email", "subject", "issuer"] {
        assert!(text.contains(&format!("<variable name=\"{name}\"/>")));
        assert!(text.contains(&format!("<binding name=\"{name}\"><literal>")), "{text}");
    }
    let history = market.get(&format!("/endorsers/{JANE}")).text();
    assert_eq!(history.matches("<result>").count(), 3, "a row for each location: {history}");
    let recent = market.get(&format!("/endorsers/{JANE}/?range=30")).text();
    assert_eq!(recent.matches("<result>").count(), 2, "{recent}");
    assert!(recent.contains("<literal>&lt;b&gt;&amp;&quot;</literal>"), "{recent}");
    assert!(recent.contains("<binding name=\"deprecated\"><literal>a hole</literal></binding>"));
    suq::manifest::xml::check(history.as_bytes()).unwrap();
    assert_eq!(market.get(&format!("/endorsers/{JANE}?range=x")).status, 400);
    let none = market.get("/endorsers/joe@example.org").text();
    assert!(none.contains("<results>\n</results>"), "{none}");
    let page = market.ask("GET", "/endorsers", &["Accept: text/html"], b"");
    assert!(page.text().contains("<td>jane@example.org</td>"));
    assert!(page.header("Content-Security-Policy").unwrap().starts_with("default-src 'none'"));
}
