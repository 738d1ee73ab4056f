//! What is sent to do harm.

use super::*;

#[test]
fn nothing_that_is_sent_is_taken_for_markup_or_for_a_header() {
    let market = Market::new();
    market.put(&market.document(1, 1, |_| {}));
    let long = "x".repeat(7000);
    let hostile = [
        "%22%27%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "%3C!DOCTYPE%20a%20[%3C!ENTITY%20x%20SYSTEM%20%22file:///etc/passwd%22%3E]%3E%26x;",
        "a%0d%0aSet-Cookie:%20x=y",
        "%00",
        "%ff%fe",
        "%EF%BF%BE%1b[31m",
        "]]%3E",
        "%22)%20.%20}%20DROP%20ALL%20%23",
        &long,
    ];
    let places = [
        "/metadata/*",
        "/metadata/*/*",
        "/metadata/*/*/*",
        "/metadata?identifier=*",
        "/metadata?email=*",
        "/metadata?created=*",
        "/metadata?status=*",
        "/metadata?location=*",
        "/metadata?media=*&identifier=none",
        "/metadata?sEcho=*",
        "/metadata?iDisplayStart=*",
        "/metadata?iDisplayLength=*",
        "/metadata?iSortCol_0=*",
        "/metadata?sSortDir_0=*",
        "/metadata?sSearch=*",
        "/metadata?sSearch_1=*&sEcho=1",
        "/metadata/a@b?tag=*",
        "/tag/*/a",
        "/tag/a@b/*",
        "/endorsers/*",
        "/endorsers/*/tags",
        "/endorsers/a@b?range=*",
        "/metadata/a/b/c/*",
        "/query?query=*",
        "/query?query=SELECT%20(SUBSTR(%22*%22,1,60)%20AS%20?x)%20%7B%7D",
        "/query?query=ASK%20%7B%7D&format=*",
    ];
    for hostile in hostile {
        for place in places {
            let path = place.replacen('*', hostile, 1).replace('*', "x");
            for accept in ["application/xml", "application/json", "text/html"] {
                let answer = market.ask("GET", &path, &[&format!("Accept: {accept}")], b"");
                let text = answer.text();
                assert!(matches!(answer.status, 200 | 400 | 404), "{path}: {}", answer.status);
                assert_eq!(answer.header("Set-Cookie"), None, "{path}");
                // A query may ask for its own text.
                let most = if path.starts_with("/query") { 10_000 } else { 3000 };
                assert!(text.len() < most, "{path}: {} bytes", text.len());
                match answer.header("Content-Type").unwrap() {
                    "application/xml" | "application/sparql-results+xml" => {
                        suq::manifest::xml::check(&answer.body)
                            .unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
                    }
                    "application/json" | "application/sparql-results+json" => {
                        serde_json::from_str::<Value>(&text).unwrap();
                    }
                    "text/html; charset=utf-8" => {
                        assert!(!text.contains("<script"), "{path}: {text}");
                    }
                    other => panic!("{path}: {other}"),
                }
            }
        }
    }
    // What comes back in a header comes only from what was understood.
    let head = "POST /metadata HTTP/1.1\r\nHost: a<b>\"c\r\nConnection: close\r\n";
    let document = market.document(2, 1, |_| {});
    let head = format!(
        "{head}Content-Type: application/xml\r\nContent-Length: {}\r\n\r\n",
        document.len()
    );
    let answer = exchange(&market.address, &[head.as_bytes(), &document].concat());
    assert_eq!(answer.status, 201);
    assert!(answer.header("Location").unwrap().starts_with("/metadata/"), "no name of ours");
}
