//! Paths that lead elsewhere, at every place that answers. Those of images are in
//! `http_blobs`.

use super::Target;

#[test]
fn no_path_leads_out_of_what_is_answered() {
    let target = Target::new();
    let home = target.site.home.display().to_string();
    let places = ["", "/metadata", "/metadata/x", "/tag/a@b", "/endorsers", "/metrics", "/readyz"];
    let tricks = [
        "/../key",
        "/../../../../../../etc/passwd",
        "/%2e%2e/%2e%2e/key",
        "/%2e%2e%2fkey",
        "/..%5c..%5ckey",
        "/..%c0%af..%c0%afkey",
        "/%252e%252e/key",
        "/....//key",
        "/key%00",
        "/%00",
        "/key%00.xml",
        "/.;/key",
        "/;/../key",
        "/%2F%2e%2e%2Fkey",
        "/suq.toml",
        "/policy.cfg",
        "/control.sock",
        "/%ff%fe",
    ];
    for place in places {
        for path in tricks.iter().map(|trick| format!("{place}{trick}")) {
            let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            let answer = target.send(request.as_bytes());
            let status = answer.get(9..12).unwrap_or_default();
            // An endorser may have any name, and has endorsed nothing.
            let is_nobody = path.starts_with("/endorsers/") && answer.contains("<results>\n</res");
            assert!(matches!(status, "400" | "404") || is_nobody, "{path}: {answer}");
            assert!(answer.len() < 1000 && !answer.contains(&home), "{path}: {answer}");
            assert!(!answer.contains("root:") && !answer.contains("[network]"), "{path}");
        }
    }
    target.is_well();
}
