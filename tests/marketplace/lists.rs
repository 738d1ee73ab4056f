//! Entries and lists of them.

use serde_json::json;

use super::*;

#[test]
fn an_entry_comes_back_byte_for_byte() {
    let market = Market::new();
    let document = market.document(1, 3, |_| {});
    let answer = market.upload(&document);
    assert_eq!((answer.status, answer.text().as_str()), (201, "metadata entry created"));
    let (id, date) = (identifier(1), ago(3));
    let path = answer.header("Location").unwrap().to_owned();
    let path = path.strip_prefix("http://market.example:8081").unwrap();
    assert!(path.starts_with(&format!("/metadata/{id}/{JANE}/{}", &date.to_string()[..10])));

    let entry = market.get(path);
    assert!(entry.status == 200 && entry.body == document);
    let tag = entry.header("ETag").unwrap().to_owned();
    let length = document.len().to_string();
    for (name, value) in [
        ("Content-Type", "application/rdf+xml"),
        ("Content-Length", &length),
        ("Content-Disposition", &format!("attachment; filename={id}.xml")),
        ("Vary", "Accept, User-Agent"),
        ("Cache-Control", "no-cache"),
    ] {
        assert_eq!(entry.header(name), Some(value), "{name}");
        assert_eq!(market.ask("HEAD", path, &[], b"").header(name), Some(value), "HEAD: {name}");
    }
    assert!(market.ask("HEAD", path, &[], b"").body.is_empty());
    let slashes = format!("/{}//", path.replace('/', "//"));
    for other in [slashes, path.replace('@', "%40").replace(':', "%3A"), format!("{path}?x=y")] {
        assert_eq!(market.get(&other).body, document, "{other}");
    }
    let old = exchange(&market.address, format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes());
    assert_eq!(old.body, document);

    let same = market.ask("GET", path, &[&format!("If-None-Match: {tag}")], b"");
    assert!(same.status == 304 && same.body.is_empty() && same.header("ETag") == Some(&tag));
    assert_eq!(market.ask("GET", path, &["If-Match: \"x\""], b"").status, 412);
    let json = market.ask("GET", path, &["Accept: application/json"], b"");
    assert_ne!(json.header("ETag"), Some(&*tag), "another form is another thing");

    let graph: Value = serde_json::from_slice(&json.body).unwrap();
    let entry = &graph[format!("http://mp.stratuslab.eu/#{id}")];
    let title = json!([{ "type": "literal", "value": "Image <1> & more" }]);
    assert_eq!(entry["http://purl.org/dc/terms/title"], title);
    let endorsement = &entry["http://mp.stratuslab.eu/slreq#endorsement"][0];
    assert_eq!(endorsement["type"], "bnode");
    let endorser = &graph[endorsement["value"].as_str().unwrap()];
    let endorser = &endorser["http://mp.stratuslab.eu/slreq#endorser"][0]["value"];
    let email = &graph[endorser.as_str().unwrap()]["http://mp.stratuslab.eu/slreq#email"];
    assert_eq!(email[0]["value"], JANE);
    assert!(!json.text().contains("xmldsig"), "without the signature");

    let page = market.ask("GET", path, &["User-Agent: Mozilla/5.0", "Accept: */*"], b"");
    assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(page.text().contains("Image &lt;1&gt; &amp; more"), "{}", page.text());

    for other in [
        path.replace(&id, &identifier(2)),
        path.replace(JANE, "joe@example.org"),
        path.replace("T", "U"),
        format!("/metadata/{id}/{JANE}/1999-01-01T00:00:00Z"),
    ] {
        let none = market.get(&other);
        let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                    <error>metadata entry not found.</error>";
        assert_eq!((none.status, none.text().as_str()), (404, text), "{other}");
        assert_eq!(none.header("Content-Type"), Some("application/xml"));
    }
    let none = market.ask("GET", "/metadata/a/b/c", &["Accept: application/json"], b"");
    assert_eq!(none.text(), "{\"404\" : \"metadata entry not found.\"}");
}

#[test]
fn lists_hold_the_latest_that_are_valid_unless_more_is_asked_for() {
    let market = Market::new();
    let older = market.document(1, 9, |_| {});
    let newer = market.document(1, 2, |details| details.locations = vec!["pdisk:a:1".into()]);
    let other = market.document(2, 1, |details| {
        details.locations = vec!["https://example.org/x".into(), "pdisk:b:2".into()];
    });
    let expired = market.document(3, 8, |details| details.valid = Some(ago(7)));
    let good = market.document(4, 6, |_| {});
    let gone = market.document(4, 5, |details| details.deprecated = Some("a hole".into()));
    assert_eq!(market.get("/metadata").text(), list(&[]), "unfiltered, none are no error");
    let mut paths = Vec::new();
    for document in [&older, &newer, &other, &expired, &good, &gone] {
        paths.push(market.put(document));
    }
    let date = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let (one, jane) = (identifier(1), JANE);
    for (path, expected) in [
        ("/metadata".to_owned(), vec![&other, &newer]),
        ("//metadata//".to_owned(), vec![&other, &newer]),
        ("/metadata?status=valid&location=all".to_owned(), vec![&other, &newer]),
        ("/metadata?status=expired".to_owned(), vec![&expired]),
        ("/metadata?status=deprecated".to_owned(), vec![&gone]),
        ("/metadata?location=web".to_owned(), vec![&other]),
        ("/metadata?location=pdisk".to_owned(), vec![&other, &newer]),
        (format!("/metadata/{one}"), vec![&newer]),
        (format!("/metadata/{jane}/"), vec![&other, &newer]),
        (format!("/metadata/{jane}/{one}"), vec![&newer]),
        (format!("/metadata/{one}/{jane}"), vec![&newer]),
        (format!("/metadata?identifier={one}&email={jane}&created=null"), vec![&newer]),
        (format!("/metadata?email={one}"), vec![&newer]),
        (format!("/metadata/{}", date(&paths[0])), vec![&older]),
        (format!("/metadata/{one}?created={}", date(&paths[0])), vec![&older]),
        (format!("/metadata?created={}&status=expired", date(&paths[3])), vec![&expired]),
        (format!("/metadata/{}?status=deprecated", identifier(4)), vec![&gone]),
    ] {
        let answer = market.get(&path);
        let documents: Vec<&[u8]> = expected.iter().map(|document| document.as_slice()).collect();
        assert_eq!(answer.text(), list(&documents), "{path}");
        assert_eq!(answer.header("Content-Type"), Some("application/xml"));
        assert_eq!(answer.header("Content-Length"), Some(&*answer.body.len().to_string()));
        let old = exchange(&market.address, format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes());
        assert_eq!(old.body, answer.body);
    }
    for path in [
        format!("/metadata/{}", identifier(4)),
        format!("/metadata/{}", identifier(9)),
        "/metadata/joe@example.org".to_owned(),
        "/metadata/nothing".to_owned(),
        format!("/metadata/{one}?identifier={}", identifier(2)),
        format!("/metadata/{one}?created=1999-01-01T00:00:00Z"),
        format!("/metadata/{one}?status=expired"),
    ] {
        let answer = market.get(&path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().ends_with(&format!("<error>{NOTHING}</error>")), "{path}");
        let list = market.json(&path);
        assert_eq!((&list["aaData"], &list["rMsg"]), (&json!([]), &json!(NOTHING)), "{path}");
    }
    let page = market.ask("GET", "/metadata", &["Accept: text/html"], b"").text();
    assert!(page.contains(&format!("href=\"{}\"", paths[2])) && page.ends_with("</html>\n"));
}

#[test]
fn datatables_searches_sorts_and_pages() {
    let market = Market::new();
    for n in 1..=5 {
        let title = format!("Title \"{}\"", 9 - n);
        market.put(&market.document(n, u32::from(n), |details| {
            details.title = Some(title);
            details.os_version = (n != 3).then(|| format!("{n}.0"));
            details.os_arch = Some(if n % 2 == 0 { "i686" } else { "x86_64" }.into());
        }));
    }
    let whole = market.json("/metadata?sEcho=7&iDisplayStart=1&iDisplayLength=2");
    assert_eq!(whole["sEcho"], 7);
    assert_eq!((&whole["iTotalRecords"], &whole["iTotalDisplayRecords"]), (&json!(5), &json!(5)));
    assert_eq!(whole["rMsg"], "");
    assert_eq!(whole["aaData"].as_array().unwrap().len(), 2);
    let third = &market.json("/metadata?iSortCol_0=1")["aaData"][2];
    let created = third[6].as_str().unwrap();
    assert!(created.parse::<Timestamp>().is_ok());
    let row = json!([
        "",
        "os-3",
        "null",
        "x86_64",
        JANE,
        "machine",
        created,
        identifier(3),
        "null",
        "null",
        "Title \"6\""
    ]);
    assert_eq!(third, &row);

    for (query, expected) in [
        ("", "os-1 os-2 os-3 os-4 os-5"),
        ("iSortCol_0=1&sSortDir_0=desc", "os-5 os-4 os-3 os-2 os-1"),
        ("iSortCol_0=10&sSortDir_0=asc", "os-5 os-4 os-3 os-2 os-1"),
        ("iSortCol_0=2", "os-3 os-1 os-2 os-4 os-5"),
        ("iSortCol_0=3&sSortDir_0=asc", "os-2 os-4 os-1 os-3 os-5"),
        ("iDisplayStart=3&iDisplayLength=10", "os-4 os-5"),
        ("iDisplayStart=99&iDisplayLength=10", ""),
        ("iDisplayLength=-1", "os-1 os-2 os-3 os-4 os-5"),
        ("sSearch=I686", "os-2 os-4"),
        ("sSearch=i686+os-4", "os-4"),
        ("sSearch=null", ""),
        ("sSearch_1=OS-3", "os-3"),
        ("sSearch_3=x86&sSearch_1=5", "os-5"),
        ("sSearch_4=jane&sSearch_5=machine&sSearch_2=2", "os-2"),
        ("sSearch=.*", ""),
    ] {
        let expected: Vec<&str> = expected.split_whitespace().collect();
        assert_eq!(market.column(&format!("/metadata?{query}"), 1), expected, "{query}");
        // A form, and parameters without a word on the form of the answer.
        let form = ["Content-Type: application/x-www-form-urlencoded; charset=UTF-8"];
        let posted = market.ask("POST", "/metadata", &form, format!("sEcho=1&{query}").as_bytes());
        assert_eq!(posted.header("Content-Type"), Some("application/json"));
        let plain = market.get(&format!("/metadata?sEcho=1&{query}"));
        assert_eq!(posted.body, plain.body, "{query}");
        let list: Value = serde_json::from_slice(&posted.body).unwrap();
        assert_eq!(list["aaData"].as_array().unwrap().len(), expected.len(), "{query}");
    }
    let found = market.json(&format!("/metadata/{}?sSearch=os", identifier(1)));
    assert_eq!((&found["iTotalRecords"], &found["iTotalDisplayRecords"]), (&json!(5), &json!(1)));
    for query in ["iDisplayStart=x", "iSortCol_0=11", "iSortCol_0=-1", "sEcho=%3Cscript%3E"] {
        let answer = market.get(&format!("/metadata?sSearch=a&media=json&{query}"));
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().starts_with("{\"400\" : \""), "{}", answer.text());
    }
}

#[test]
fn long_lists_come_in_pieces() {
    let market = Market::new();
    let text = "x".repeat(30_000);
    let mut documents = Vec::new();
    for n in 1..=12 {
        let document = market.document(n, u32::from(n), |details| {
            details.description = Some(text.clone());
        });
        market.put(&document);
        documents.push(document);
    }
    let documents: Vec<&[u8]> = documents.iter().map(Vec::as_slice).collect();
    let answer = market.get("/metadata");
    assert_eq!(answer.text(), list(&documents));
    assert_eq!(answer.header("Content-Length"), Some(&*answer.body.len().to_string()));
    // Without a length a client of HTTP/1.0 reads to the end.
    let old = exchange(&market.address, b"GET /metadata?media=json HTTP/1.0\r\n\r\n");
    let list: Value = serde_json::from_slice(&old.body).unwrap();
    assert_eq!(list["aaData"].as_array().unwrap().len(), 12);
}
