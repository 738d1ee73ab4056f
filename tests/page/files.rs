//! What the page is made of.

use super::*;
use crate::http::Response;

impl Stage {
    fn get(&self, path: &str, lines: &str) -> Response {
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n");
        http::exchange(&self.address, head.as_bytes())
    }
}

/// What follows each of these marks, up to the next quote.
fn named<'a>(text: &'a str, mark: &str) -> Vec<&'a str> {
    let parts = text.split(mark).skip(1);
    parts.filter_map(|part| part.split(['\'', '"']).next()).collect()
}

#[test]
fn every_file_that_another_names_is_there_with_its_rules() {
    let stage = Stage::new();
    let mut paths = vec!["/".to_owned()];
    let mut at = 0;
    while let Some(path) = paths.get(at).cloned() {
        at += 1;
        let answer = stage.get(&path, "");
        assert_eq!(answer.status, 200, "{path}");
        let policy = answer.header("Content-Security-Policy").unwrap();
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{path}: {policy}");
        assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("Referrer-Policy"), Some("no-referrer"), "{path}");
        assert_eq!(answer.header("Cross-Origin-Opener-Policy"), Some("same-origin"), "{path}");
        let known = format!("If-None-Match: {}\r\n", answer.header("ETag").unwrap());
        let again = stage.get(&path, &known);
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("ETag"), answer.header("ETag"), "{path}");
        let text = answer.text();
        let modules = named(&text, "from './").into_iter().map(|name| format!("/page/{name}"));
        let files =
            ["src=\"/page/", "href=\"/page/"].into_iter().flat_map(|mark| named(&text, mark));
        for file in modules.chain(files.map(|name| format!("/page/{name}"))) {
            if !paths.contains(&file) {
                paths.push(file);
            }
        }
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/page");
    let files = std::fs::read_dir(folder).unwrap().count();
    // All but the module that serves them.
    assert_eq!(paths.len(), files - 1, "{paths:?}");
    assert_eq!(stage.get("/page/nothing.js", "").status, 404);
    assert_eq!(stage.get("/page/", "").status, 404);
    // Browsers that ask the Marketplace get its own pages.
    let old = stage.get("/metadata", "Accept: text/html\r\n");
    assert!(old.text().contains("<h1>0 entries</h1>"), "{}", old.text());
}
