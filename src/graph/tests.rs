//! What queries find, and what they may not do.

mod bombs;
mod matching;

use std::sync::LazyLock;
use std::time::Duration;

use super::*;
use crate::engine::timeline::Status;
use crate::manifest::pki::SigningKey;
use crate::manifest::pki::authority::{Authority, KeyKind};
use crate::manifest::{Details, Draft, SigningStyle, parse_unsigned};
use crate::model::{Algorithm, Checksum, ContentId, Identifier, Sha1, Sha256, Timestamp};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// Nothing ends by the clock.
const ENDLESS: Bounds =
    Bounds { steps: u64::MAX, bytes: usize::MAX, answer: usize::MAX, time: Duration::MAX };

static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    let authority = Authority::new("Test CA", NOW).unwrap();
    authority.endorser("Jane", Some("jane@example.org"), KeyKind::EcP256, NOW).unwrap()
});

/// A signed document about image `n`, so many seconds before now.
fn document(n: u8, before: u32, change: impl FnOnce(&mut Details)) -> Vec<u8> {
    let sha1 = Sha1::from_bytes([n; 20]);
    let mut details = Details {
        image_type: "base".into(),
        os: Some(if n.is_multiple_of(2) { "debian" } else { "centos" }.into()),
        title: Some(format!("Image {n}")),
        ..Details::default()
    };
    change(&mut details);
    let checksums = [Checksum::new(Algorithm::Sha1, &sha1.to_string()).unwrap()];
    let draft = Draft {
        identifier: Identifier::from_sha1(sha1),
        bytes: u64::from(n),
        checksums: checksums.into_iter().collect(),
        details,
        pieces: None,
    };
    let created = NOW.minus(Duration::from_secs(1) * before);
    draft.sign(&KEY, None, created, SigningStyle::Modern).unwrap().octets().to_vec()
}

/// Puts a document in and returns its id.
fn put(dataset: &mut Dataset, document: &[u8], standing: Status) -> ContentId {
    let manifest = parse_unsigned(document).unwrap();
    let id = ContentId::from_bytes(*Sha256::of(document).as_bytes());
    dataset.put(id, &manifest.key(), document, manifest.details.valid, standing);
    id
}

/// The rows of an answer, without the heading, in no order.
fn rows(dataset: &Dataset, query: &str) -> Vec<String> {
    let question = Question::read(query).unwrap();
    let Answer::Octets(octets) = question.answer(dataset, Form::Csv, NOW, &ENDLESS).unwrap() else {
        panic!("no CSV");
    };
    let text = String::from_utf8(octets).unwrap();
    let mut rows: Vec<String> = text.split("\r\n").skip(1).map(str::to_owned).collect();
    assert_eq!(rows.pop(), Some(String::new()));
    rows.sort_unstable();
    rows
}

const PREFIXES: &str = "PREFIX dcterms: <http://purl.org/dc/terms/> \
    PREFIX slreq: <http://mp.stratuslab.eu/slreq#> \
    PREFIX slterms: <http://mp.stratuslab.eu/slterms#> PREFIX suq: <urn:suq:terms:1#> ";

#[test]
fn each_entry_has_a_graph_and_a_status() {
    let mut dataset = Dataset::default();
    put(&mut dataset, &document(1, 5, |_| {}), Status::Superseded);
    let current = put(&mut dataset, &document(1, 4, |_| {}), Status::Current);
    let expired = |details: &mut Details| details.valid = Some(NOW.minus(Duration::from_secs(1)));
    put(&mut dataset, &document(2, 3, expired), Status::Current);
    put(&mut dataset, &document(3, 3, |details| details.deprecated = Some("old".into())), {
        Status::Deprecated
    });
    let by_status = format!(
        "{PREFIXES} SELECT ?id ?status {{ ?e dcterms:identifier ?id; suq:status ?status }}"
    );
    let id = |n| Identifier::from_sha1(Sha1::from_bytes([n; 20]));
    let row = |n, status| format!("{},{status}", id(n));
    let mut expected =
        [row(1, "superseded"), row(1, "current"), row(2, "expired"), row(3, "deprecated")];
    expected.sort_unstable();
    assert_eq!(rows(&dataset, &by_status), expected);
    assert!(dataset.place(&current, Status::Withdrawn));
    let deprecated = format!(
        "{PREFIXES} SELECT ?id ?why {{ ?e dcterms:identifier ?id; slterms:deprecated ?why }}"
    );
    let why = "withdrawn: this site's rules no longer allow it";
    let mut expected = [format!("{},{why}", id(1)), format!("{},old", id(3))];
    expected.sort_unstable();
    assert_eq!(rows(&dataset, &deprecated), expected);
    let graphs = "SELECT ?g { { SELECT ?g { GRAPH ?g {} } } }";
    let names = rows(&dataset, graphs);
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("http://mp.stratuslab.eu/#")), "{names:?}");
    let entry = format!("<{}>", names[0]);
    let inside = format!("SELECT ?p {{ {{ SELECT ?p {{ GRAPH {entry} {{ {entry} ?p ?o }} }} }} }}");
    assert!(rows(&dataset, &inside).contains(&"urn:suq:terms:1#status".to_owned()));
    assert_eq!(rows(&dataset, &format!("SELECT ?p {{ {entry} ?p ?o }}")), rows(&dataset, &inside));
}

#[test]
fn no_document_says_where_its_entry_stands() {
    let signed = String::from_utf8(document(1, 1, |_| {})).unwrap();
    let claim = "<x:status xmlns:x=\"urn:suq:terms:1#\">current</x:status><ds:Signature";
    let text = signed.replacen("<ds:Signature", claim, 1);
    let (before, after) = text.split_once("</rdf:Description>").unwrap();
    let (claim, rest) = after.split_once("<ds:Signature").unwrap();
    let text = format!("{before}{claim}</rdf:Description><ds:Signature{rest}");
    let mut dataset = Dataset::default();
    put(&mut dataset, text.as_bytes(), Status::Withdrawn);
    assert!(text.contains(">current</x:status></rdf:Description>"), "{text}");
    let status = format!("{PREFIXES} SELECT ?status {{ ?e suq:status ?status }}");
    assert_eq!(rows(&dataset, &status), ["withdrawn"]);
    let claimed = "SELECT ?predicate { ?e ?predicate \"current\" }";
    assert_eq!(rows(&dataset, claimed), [""; 0], "however it is asked for");
}

#[test]
fn what_is_not_allowed_is_refused_before_anything_is_read() {
    let many = |what: &str, times: usize| what.repeat(times);
    let variables: String = (0..70).map(|n| format!("?v{n} ")).collect();
    for (query, why) in [
        ("CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }".to_owned(), "Only SELECT and ASK"),
        ("DESCRIBE <http://a/>".to_owned(), "Only SELECT and ASK"),
        ("SELECT * FROM <http://a/> { ?s ?p ?o }".to_owned(), "FROM"),
        ("SELECT * FROM NAMED <http://a/> { ?s ?p ?o }".to_owned(), "FROM"),
        ("ASK FROM <http://a/> { ?s ?p ?o }".to_owned(), "FROM"),
        ("SELECT * { GRAPH ?g { ?s ?p ?o } }".to_owned(), "GRAPH"),
        ("SELECT * { GRAPH <http://a/> { ?s ?p ?o } }".to_owned(), "GRAPH"),
        ("ASK { { GRAPH ?g { ?s ?p ?o } } }".to_owned(), "GRAPH"),
        ("SELECT * { ?a ?b ?c . GRAPH ?g { ?s ?p ?o } FILTER(?a != ?s) }".to_owned(), "GRAPH"),
        ("SELECT DISTINCT ?s { GRAPH ?g { ?s ?p ?o } } ORDER BY ?s LIMIT 1".to_owned(), "GRAPH"),
        ("SELECT * { SERVICE <http://a/> { ?s ?p ?o } }".to_owned(), "service"),
        ("ASK { FILTER EXISTS { SERVICE SILENT ?x { ?s ?p ?o } } }".to_owned(), "service"),
        ("SELECT * { { SELECT * { SERVICE <http://a/> {} } } }".to_owned(), "service"),
        ("LOAD <http://a/>".to_owned(), "Nothing is changed"),
        ("DROP ALL".to_owned(), "Nothing is changed"),
        ("INSERT DATA { <http://a/> <http://a/> 1 }".to_owned(), "Nothing is changed"),
        (many("(", 100_000), "bytes"),
        (
            format!("SELECT * {{ ?s ?p ?o FILTER({}1{}) }}", many("(", 300), many(")", 300)),
            "brackets",
        ),
        (format!("SELECT * {{ VALUES ({variables}) {{}} }}"), "variables"),
        (format!("SELECT {} {{ ?s ?p ?o }}", many("(COUNT(*) AS ?x) ", 17)), ""),
        (format!("ASK {{ ?s ?p ?o {} }}", many("FILTER REGEX(?o, 'a') ", 17)), "REGEX"),
        ("SELECT (REPLACE(?o, '.', ?o) AS ?x) { ?s ?p ?o }".to_owned(), "text of more"),
        (
            format!(
                "SELECT (GROUP_CONCAT(?o; separator='{}') AS ?x) {{ ?s ?p ?o }}",
                many("x", 65)
            ),
            "separator",
        ),
        ("SELECT".to_owned(), ""),
        ("".to_owned(), ""),
    ] {
        let refused = Question::read(&query).unwrap_err();
        let shown: String = query.chars().take(80).collect();
        assert!(refused.to_string().contains(why), "{shown}: {refused}");
        let is_syntax = matches!(refused, Fault::Syntax(_));
        assert_eq!(is_syntax, why.is_empty(), "{shown}: {refused}");
        let start = if is_syntax { "unable to parse query: " } else { "query not allowed. " };
        assert!(refused.to_string().starts_with(start), "{shown}: {refused}");
    }
    for allowed in [
        "SELECT * { { SELECT * { GRAPH ?g { ?s ?p ?o } } } }",
        "SELECT * { ?s ?p ?o OPTIONAL { GRAPH ?g { ?s ?p ?o } } }",
        "SELECT * { { GRAPH ?g { ?s ?p ?o } } UNION { ?s ?p ?o } }",
        "ASK { FILTER NOT EXISTS { GRAPH ?g { ?s ?p ?o } } }",
        "SELECT (REPLACE(REPLACE(?o, 'a', 'bcd'), 'e', '') AS ?x) { ?s ?p ?o }",
    ] {
        Question::read(allowed).unwrap_or_else(|fault| panic!("{allowed}: {fault}"));
    }
}
