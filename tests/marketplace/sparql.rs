//! Queries over the entries' graphs.

use std::fs;

use super::*;

const PREFIXES: &str = "PREFIX dcterms: <http://purl.org/dc/terms/>
    PREFIX slreq: <http://mp.stratuslab.eu/slreq#>
    PREFIX slterms: <http://mp.stratuslab.eu/slterms#>
    PREFIX suq: <urn:suq:terms:1#>\n";

fn encoded(text: &str) -> String {
    text.bytes().map(|octet| format!("%{octet:02x}")).collect()
}

impl Market {
    fn ask_query(&self, query: &str, lines: &[&str]) -> Response {
        self.ask("GET", &format!("/query?query={}", encoded(query)), lines, b"")
    }

    /// The rows of a query, as CSV has them, in their order.
    fn rows(&self, query: &str) -> Vec<String> {
        let answer = self.ask_query(&format!("{PREFIXES}{query}"), &["Accept: text/csv"]);
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        assert_eq!(answer.header("Content-Type"), Some("text/csv; charset=utf-8"));
        let text = answer.text();
        text.split("\r\n").skip(1).filter(|row| !row.is_empty()).map(str::to_owned).collect()
    }

    fn holds(&self, query: &str) -> bool {
        let query = format!("{PREFIXES}ASK {{ {query} }}");
        let answer = self.ask_query(&query, &["Accept: application/sparql-results+json"]);
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        answer["boolean"].as_bool().unwrap()
    }
}

#[test]
fn what_the_field_asks() {
    let market = Market::new();
    market.put(&market.document(1, 9, |details| details.os = Some("debian".into())));
    market.put(&market.document(2, 8, |details| {
        details.os = Some("centos".into());
        details.tag = Some("stable".into());
        details.locations = vec!["http://a/2".into(), "http://b/2".into()];
    }));
    market.put(&market.document(3, 7, |details| details.tag = Some("stable".into())));
    market.put(&market.document(1, 6, |details| details.deprecated = Some("a hole".into())));
    let (one, two, three) = (identifier(1), identifier(2), identifier(3));

    let everything = "SELECT ?identifier ?email ?created {
        ?x dcterms:identifier ?identifier; slreq:endorsement ?endorsement .
        ?endorsement slreq:endorser ?endorser; dcterms:created ?created .
        ?endorser slreq:email ?email } ORDER BY DESC(?created)";
    let row = |identifier: &str, days| format!("{identifier},{JANE},{}", ago_of(&market, days));
    let expected = [row(&one, 6), row(&three, 7), row(&two, 8), row(&one, 9)];
    assert_eq!(market.rows(everything), expected);

    let newest = "SELECT ?identifier { ?x dcterms:alternative \"stable\";
        dcterms:identifier ?identifier; slreq:endorsement/dcterms:created ?created }
        ORDER BY DESC(?created) LIMIT 1";
    assert_eq!(market.rows(newest), [three.as_str()]);

    let filtered = "SELECT ?identifier ?location { ?x slterms:os ?os; slterms:location ?location;
        dcterms:identifier ?identifier FILTER(?os = \"centos\") } ORDER BY ?location";
    let expected = [format!("{two},http://a/2"), format!("{two},http://b/2")];
    assert_eq!(market.rows(filtered), expected);

    let taken_back = "SELECT ?identifier ?why { ?x dcterms:identifier ?identifier;
        slreq:endorsement/dcterms:created ?created
        OPTIONAL { ?x slterms:deprecated ?why } } ORDER BY ?created";
    let expected =
        [format!("{one},"), format!("{two},"), format!("{three},"), format!("{one},a hole")];
    assert_eq!(market.rows(taken_back), expected);

    let counted =
        "SELECT ?os (COUNT(DISTINCT ?x) AS ?n) { ?x slterms:os ?os } GROUP BY ?os ORDER BY ?os";
    assert_eq!(market.rows(counted), ["centos,1", "debian,1", "os-1,1", "os-3,1"]);

    let name = market.rows("SELECT ?x { ?x slterms:os \"debian\" }").concat();
    assert_eq!(name, format!("http://mp.stratuslab.eu/#{one}/{JANE}/{}", ago_of(&market, 9)));
    assert!(market.holds(&format!("<{name}> dcterms:identifier \"{one}\"")));
    assert!(
        market.holds(&format!(
            "OPTIONAL {{ GRAPH <{name}> {{ <{name}> ?p ?o }} }} FILTER(BOUND(?o))"
        ))
    );
    assert!(!market.holds(&format!("<http://mp.stratuslab.eu/#{one}> ?p ?o")));

    market.put(&market.document(4, 5, |details| details.os = Some("debian".into())));
    let (_, example) = include_str!("../../README.md").split_once("'query=\n").unwrap();
    let (example, _) = example.split_once('\'').unwrap();
    let expected = [format!("{},{JANE},{}", identifier(4), ago_of(&market, 5))];
    assert_eq!(market.rows(example), expected);
}

/// A date as documents of a market have it: each was made with its own clock.
fn ago_of(market: &Market, days: u32) -> String {
    let rows = market.rows("SELECT ?created { ?x slreq:endorsement/dcterms:created ?created }");
    let about = ago(days);
    let near = rows.into_iter().find(|row| {
        let created: Timestamp = row.parse().unwrap();
        (created.seconds() - about.seconds()).abs() < 3600
    });
    near.unwrap()
}

#[test]
fn where_entries_stand_is_told_apart() {
    let market = Market::new();
    market.put(&market.document(1, 9, |_| {}));
    market.put(&market.document(1, 8, |_| {}));
    market.put(&market.document(2, 8, |details| details.deprecated = Some("a hole".into())));
    market.put(&market.document(3, 8, |details| details.valid = Some(ago(1))));
    let statuses = "SELECT ?identifier ?status { ?x dcterms:identifier ?identifier;
        suq:status ?status; slreq:endorsement/dcterms:created ?created } ORDER BY ?identifier ?created";
    let row = |n, status| format!("{},{status}", identifier(n));
    let mut expected =
        vec![row(1, "superseded"), row(1, "current"), row(2, "deprecated"), row(3, "expired")];
    assert_eq!(market.rows(statuses), expected);
    market.put(&market.document(4, 1, |_| {}));
    expected.push(row(4, "current"));
    assert_eq!(market.rows(statuses), expected, "the next query sees it");

    // What old clients do not take: no entry of the field is used when it is deprecated.
    let good = "SELECT ?identifier { ?x dcterms:identifier ?identifier
        FILTER NOT EXISTS { ?x slterms:deprecated ?why } } ORDER BY ?identifier";
    assert_eq!(market.rows(good).len(), 4);
    let policy = "[blacklistendorsers]\nemail1 = jane@example.org\n";
    fs::write(market.site.home.join("policy.cfg"), policy).unwrap();
    assert_eq!(market.site.run(&["policy", "reload"]).code, 0);
    site::wait_for("all are withdrawn", || market.rows(good).is_empty());
    let expected: Vec<String> = [1, 1, 2, 3, 4].map(|n| row(n, "withdrawn")).into();
    assert_eq!(market.rows(statuses), expected);
}

#[test]
fn each_form_of_an_answer() {
    let market = Market::new();
    market.put(&market.document(1, 9, |details| details.title = Some("<b>&\",\t'".into())));
    let query = "SELECT ?t ?none { ?x <http://purl.org/dc/terms/title> ?t }";
    let (xml, json) = ("application/sparql-results+xml", "application/sparql-results+json");
    let (csv, tsv) = ("text/csv; charset=utf-8", "text/tab-separated-values; charset=utf-8");
    let in_xml = "<binding name=\"t\"><literal>&lt;b&gt;&amp;";
    let in_json = "{\"type\":\"literal\",\"value\":\"<b>&\\\",\\t'\"}";
    for (accept, format, kind, content) in [
        ("", "", xml, in_xml),
        ("*/*", "", xml, in_xml),
        (xml, "", xml, in_xml),
        ("application/xml", "", xml, in_xml),
        (json, "", json, in_json),
        ("application/json", "", json, in_json),
        ("text/csv", "", csv, "t,none\r\n\"<b>&\"\",\t'\",\r\n"),
        ("text/tab-separated-values", "", tsv, "?t\t?none\n\"<b>&\\\",\\t'\"\t\n"),
        ("text/html, */*;q=0.1", "", "text/html; charset=utf-8", "<td>&lt;b&gt;&amp;&quot;,"),
        ("text/html", "&media=json", json, in_json),
        ("text/html", "&format=csv", csv, "t,none\r\n"),
        ("", "&format=application%2Fsparql-results%2Bjson", json, in_json),
        ("text/csv;q=0.2, application/xml;q=0.3", "", xml, in_xml),
    ] {
        let accept = if accept.is_empty() { vec![] } else { vec![format!("Accept: {accept}")] };
        let lines: Vec<&str> = accept.iter().map(String::as_str).collect();
        let path = format!("/query?query={}{format}", encoded(query));
        let answer = market.ask("GET", &path, &lines, b"");
        let text = answer.text();
        assert_eq!((answer.status, answer.header("Content-Type")), (200, Some(kind)), "{text}");
        assert!(text.contains(content), "{lines:?} {format}: {text}");
        let head = market.ask("HEAD", &path, &lines, b"");
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("Content-Length"), Some(text.len().to_string().as_str()));
    }
    for (accept, content) in [
        (xml, "<boolean>true</boolean>"),
        (json, "{\"head\":{},\"boolean\":true}"),
        ("text/csv", "true"),
        ("text/tab-separated-values", "true"),
        ("text/html", "<td>true</td>"),
    ] {
        let answer = market.ask_query("ASK { ?s ?p ?o }", &[&format!("Accept: {accept}")]);
        assert!(answer.text().contains(content), "{}", answer.text());
    }
    let form = format!("x=1&query={}", encoded(query));
    let form_type = "Content-Type: application/x-www-form-urlencoded";
    let direct = "Content-Type: application/sparql-query; charset=utf-8";
    for (kind, body) in [(form_type, form.as_str()), (direct, query)] {
        let answer = market.ask("POST", "/query?format=json", &[kind], body.as_bytes());
        assert_eq!((answer.status, answer.header("Content-Type")), (200, Some(json)));
        assert!(answer.text().contains(in_json), "{}", answer.text());
    }
    let other = market.ask("POST", "/query", &["Content-Type: text/plain"], query.as_bytes());
    assert_eq!(other.status, 415);
    let update = ["Content-Type: application/sparql-update"];
    assert_eq!(market.ask("POST", "/query", &update, b"DROP ALL").status, 415);
    assert_eq!(market.ask("PUT", "/query", &[direct], query.as_bytes()).status, 405);
}

#[test]
fn refusals_have_the_form_that_is_asked_for() {
    let market = Market::new();
    let from = "SELECT * FROM <http://<x>/> { ?s ?p ?o }".replace("<x>", "x");
    for query in [
        from.as_str(),
        "SELECT * { GRAPH ?g { ?s ?p ?o } }",
        "CONSTRUCT { ?s ?p ?o } { ?s ?p ?o }",
        "DESCRIBE <http://x/>",
        "SELECT * { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }",
        "LOAD <http://127.0.0.1:1/>",
        "DROP ALL",
    ] {
        let answer = market.ask_query(query, &[]);
        assert_eq!((answer.status, answer.header("Content-Type")), (400, Some("application/xml")));
        assert!(answer.text().contains("<error>query not allowed. "), "{query}: {}", answer.text());
        suq::manifest::xml::check(&answer.body).unwrap();
        let answer = market.ask_query(query, &["Accept: application/sparql-results+json"]);
        let error: Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(error["400"].as_str().unwrap().starts_with("query not allowed."), "{error}");
        let answer = market.ask_query(query, &["Accept: text/html"]);
        assert!(answer.text().contains("<p>query not allowed."), "{}", answer.text());
    }
    let graphs = "/query?query=ASK%20%7B%7D&default-graph-uri=http://x/";
    assert!(market.get(graphs).text().contains("query not allowed."));
    let broken = market.ask_query("SELECT <script>&", &[]);
    assert_eq!(broken.status, 400);
    assert!(broken.text().contains("unable to parse query: "), "{}", broken.text());
    assert!(!broken.text().contains("<script>"), "{}", broken.text());
    assert_eq!(market.get("/query").status, 400);
    assert_eq!(market.get("/query?query=").status, 400);
}

#[test]
fn what_would_not_end_is_ended_and_others_are_answered() {
    let market = Market::new();
    for n in 1..12 {
        market.put(&market.document(n, 1, |_| {}));
    }
    let direct = ["Content-Type: application/sparql-query"];
    let product: String = (0..6).map(|n| format!("?a{n} ?b{n} ?c{n} . ")).collect();
    for query in [
        format!("SELECT * {{ {product} }}"),
        format!("SELECT (COUNT(DISTINCT *) AS ?n) {{ {product} }}"),
        format!("SELECT * {{ {product} }} ORDER BY ?a0 ?c5"),
    ] {
        let answer = market.ask("POST", "/query", &direct, query.as_bytes());
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().contains("<error>query stopped: "), "{}", answer.text());
    }
    for deep in ["(".repeat(100_000), "(".repeat(16_000), format!("ASK {}", "{".repeat(16_000))] {
        let answer = market.ask("POST", "/query", &direct, deep.as_bytes());
        assert!(matches!(answer.status, 400 | 413), "{}", answer.text());
    }
    assert_eq!(market.rows("SELECT (COUNT(?x) AS ?n) { ?x dcterms:identifier ?i }"), ["11"]);
}

#[test]
fn a_page_uploads_a_file() {
    let market = Market::new();
    let page = market.ask("GET", "/upload", &["Accept: text/html"], b"");
    assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
    let text = page.text();
    for part in ["action=\"/metadata\"", "method=\"post\"", "enctype=\"multipart/form-data\""] {
        assert!(text.contains(part), "{text}");
    }
    let policy = page.header("Content-Security-Policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("form-action 'self'"));
    let name = text.split_once("name=\"").unwrap().1.split_once('"').unwrap().0;
    let document = String::from_utf8(market.document(1, 1, |_| {})).unwrap();
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.xml\"\r\n\
         Content-Type: text/xml\r\n\r\n{document}\r\n--b--\r\n"
    );
    let kind = ["Content-Type: multipart/form-data; boundary=b"];
    assert_eq!(market.ask("POST", "/metadata", &kind, body.as_bytes()).status, 201);
    assert_eq!(market.ask("POST", "/upload", &kind, body.as_bytes()).status, 405);
}
