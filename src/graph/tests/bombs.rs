//! Queries that would take all memory or all time. Counts end them, not the clock.

use super::*;

/// Some thousand times what an honest query over these few entries needs.
const SMALL: Bounds =
    Bounds { steps: 3_000_000, bytes: 8 * 1024 * 1024, answer: 1024 * 1024, time: Duration::MAX };

fn some_entries() -> Dataset {
    let mut dataset = Dataset::default();
    for n in 1..20 {
        put(&mut dataset, &document(n, 1, |_| {}), Status::Current);
    }
    dataset
}

fn stopped(dataset: &Dataset, query: &str) -> Stopped {
    let question = Question::read(query).unwrap_or_else(|fault| panic!("{query}: {fault}"));
    match with_deep_stack(|| question.answer(dataset, Form::Xml, NOW, &SMALL)).unwrap() {
        Err(Fault::Stopped(stopped)) => stopped,
        other => panic!("{query}: {:?}", other.map(|_| "an answer")),
    }
}

/// Values, without a variable that is bound.
fn unbound(rows: usize) -> String {
    format!("{{ SELECT ?none {{ VALUES ?x {{ {} }} }} }}", "1 ".repeat(rows))
}

#[test]
fn products_end() {
    let dataset = some_entries();
    let all: String = (0..8).map(|n| format!("?a{n} ?b{n} ?c{n} . ")).collect();
    let values: String =
        (0..8).map(|n| format!("VALUES ?v{n} {{ {} }} ", "1 2 3 4 5 6 7 8 9 ".repeat(9))).collect();
    let undefined: String =
        (0..8).map(|n| format!("VALUES ?v{n} {{ {} }} ", "UNDEF ".repeat(90))).collect();
    let none: String = (0..8).map(|_| unbound(90)).collect();
    let empty: String = (0..7).map(|_| format!("{{ {{}} {} }} ", "UNION {} ".repeat(7))).collect();
    let counted = "SELECT (COUNT(*) AS ?n)";
    for product in [all, values, undefined, none, empty] {
        for query in [
            format!("SELECT * {{ {product} }} ORDER BY ?a0"),
            format!("{counted} {{ {product} }}"),
            format!("SELECT (COUNT(DISTINCT *) AS ?n) {{ {product} }}"),
            format!("ASK {{ {product} FILTER(?nothing = 1) }}"),
            format!("{counted} {{ {product} MINUS {{ ?a0 <http://none/> ?x }} }}"),
            format!("SELECT DISTINCT * {{ {product} }}"),
            format!("ASK {{ FILTER NOT EXISTS {{ {product} FILTER(false) }} FILTER(?x) }}"),
            format!("{counted} {{ OPTIONAL {{ {product} }} }} GROUP BY ?a0"),
        ] {
            let filter_is_known = query.contains("FILTER(false)") || query.contains("?nothing");
            let question = Question::read(&query).unwrap();
            let answered = with_deep_stack(|| question.answer(&dataset, Form::Xml, NOW, &SMALL));
            match answered.unwrap() {
                Err(Fault::Stopped(_)) => {}
                // The engine sees that nothing can come of it.
                Ok(_) if filter_is_known => {}
                other => panic!("{query}: {:?}", other.map(|_| "an answer")),
            }
        }
    }
}

/// Rows that are held count, and count no more when they are gone.
#[test]
fn what_is_held_at_once_is_bounded() {
    let dataset = some_entries();
    let bounds = Bounds { bytes: 1024 * 1024, ..SMALL };
    let ended = |query: &str| {
        let question = Question::read(query).unwrap();
        question.answer(&dataset, Form::Csv, NOW, &bounds).map(drop)
    };
    let product = "{ ?a ?b ?c . ?d ?e ?f }";
    for held in [
        format!("SELECT ?a {product} ORDER BY ?b"),
        format!("SELECT DISTINCT ?a ?b ?c ?d ?e ?f {product}"),
        format!("SELECT (COUNT(?e) AS ?n) {product} GROUP BY ?a ?b ?c ?d"),
        format!("SELECT (COUNT(DISTINCT *) AS ?n) {product}"),
        // What aggregates keep is not in any row.
        format!("SELECT (STRLEN(GROUP_CONCAT(STR(?b))) AS ?n) {product}"),
        format!("SELECT (MIN(DISTINCT STR(?b)) AS ?n) {product}"),
    ] {
        assert_eq!(ended(&held), Err(Fault::Stopped(Stopped::Memory)), "{held}");
    }
    let passing = format!("SELECT (COUNT(*) AS ?n) {product}");
    assert_eq!(ended(&passing), Ok(()), "{passing}");
}

#[test]
fn texts_end() {
    let dataset = some_entries();
    let doubled: String =
        (0..40).map(|n| format!("BIND(CONCAT(?t{n}, ?t{n}) AS ?t{}) ", n + 1)).collect();
    let query = format!("SELECT * {{ BIND('0123456789' AS ?t0) {doubled} }}");
    assert_eq!(stopped(&dataset, &query), Stopped::Text);
    let long = "0123456789".repeat(1000);
    let many = "?a ?b ?c . ?d ?e ?f";
    for query in [
        format!("SELECT (GROUP_CONCAT(?x) AS ?y) {{ {many} BIND('{long}' AS ?x) }}"),
        format!(
            "SELECT (GROUP_CONCAT(CONCAT('{long}', COALESCE(STR(?c), ''))) AS ?y) {{ {many} }}"
        ),
        format!(
            "SELECT (MAX(DISTINCT CONCAT('{long}', COALESCE(STR(?c), ''), COALESCE(STR(?f), ''))) AS ?y) {{ {many} }}"
        ),
        format!(
            "SELECT (COUNT(DISTINCT CONCAT('{long}', COALESCE(STR(?c), ''), COALESCE(STR(?f), ''))) AS ?y) {{ {many} }}"
        ),
        format!(
            "SELECT (SAMPLE(CONCAT('{long}', COALESCE(STR(?c), ''))) AS ?y) {{ {many} }} GROUP BY ?c ?f"
        ),
        format!(
            "SELECT DISTINCT (CONCAT('{long}', COALESCE(STR(?c), ''), COALESCE(STR(?f), '')) AS ?y) {{ {many} }}"
        ),
    ] {
        let why = stopped(&dataset, &query);
        assert_ne!(why, Stopped::Text, "{query:.90}");
    }
    let query = format!("SELECT ?x ?a {{ {many} BIND('{long}' AS ?x) }}");
    assert_eq!(stopped(&dataset, &query), Stopped::Answer);
}

#[test]
fn paths_and_comparisons_end() {
    let dataset = some_entries();
    for query in [
        "SELECT (COUNT(*) AS ?n) { ?a (!<http://a/>)* ?b . ?c (!<http://a/>)* ?d . ?e (!<http://a/>)* ?f }",
        "SELECT (COUNT(*) AS ?n) { ?a (<http://a/>|!<http://a/>)* ?b . ?c (^!<http://b/>)+ ?d . ?e ?f ?g }",
        "SELECT (COUNT(*) AS ?n) { ?a ?b ?c MINUS { ?d ?e ?f . ?g ?h ?i } }",
        "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(REGEX(STR(?c), STR(?f))) }",
        "ASK { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(CONTAINS(CONCAT(STR(?a), STR(?i)), 'nowhere')) }",
        "SELECT * { ?a ?b ?c . ?d ?e ?f } ORDER BY DESC(CONCAT(STR(?c), STR(?f)))",
    ] {
        let why = stopped(&dataset, query);
        assert!(matches!(why, Stopped::Memory | Stopped::Steps), "{why:?}: {query}");
    }
}

/// As deep and as long as a query can be, and beyond: no stack ends before.
#[test]
fn deep_trees_have_room() {
    let dataset = some_entries();
    let fill = |start: &str, what: &str, end: &str| {
        let times = (MAX_QUERY_BYTES - start.len() - end.len()) / what.len();
        format!("{start}{}{end}", what.repeat(times))
    };
    let nest = |times, start: &str, open: &str, close: &str, end: &str| {
        format!("{start}{}{}{end}", open.repeat(times), close.repeat(times))
    };
    let ended = |query: &str| {
        assert!(query.len() <= MAX_QUERY_BYTES, "{query:.60}");
        let ended = with_deep_stack(|| {
            let question = Question::read(query)?;
            question.answer(&dataset, Form::Json, NOW, &SMALL)
        });
        ended.unwrap_or_else(|error| panic!("{query:.60}: {error}"))
    };
    let filter = "ASK { ?s ?p ?o FILTER(?o = 1";
    let some = |count: usize, part: &dyn Fn(usize) -> String| {
        format!("ASK {{ {} }}", (0..count).map(part).collect::<String>())
    };
    for query in [
        format!("{filter}{}) }}", "+1".repeat(500)),
        format!("{filter}{}) }}", "||1".repeat(500)),
        format!("{filter}{}) }}", "&&1".repeat(500)),
        format!("ASK {{ ?s <a:a>{} ?o }}", "|<a:a>".repeat(500)),
        format!("ASK {{ ?s ?p ?o {} }}", "FILTER(?o) ".repeat(200)),
        fill("ASK { ?s ?p 1 FILTER(?o IN (1", ",1", ")) }"),
        some(60, &|_| "?s ?p ?o . ".to_owned()),
        some(60, &|n| format!("?v{} <a:a> ?v{} . ", n % 20, n * 7 % 20)),
        some(60, &|n| format!("VALUES ?v{n} {{ 1 2 }} ")),
        some(60, &|_| "{ SELECT * { ?s ?p ?o } } ".to_owned()),
        some(60, &|_| "OPTIONAL { ?s ?p ?o } ".to_owned()),
        some(60, &|_| "{} UNION ".to_owned()).replace("UNION  }", "}"),
        nest(40, "ASK { ", "{ SELECT * { ?s ?p ?o . ", "} }", " }"),
        nest(60, "ASK { ", "OPTIONAL { ?s ?p ?o ", "}", " }"),
        nest(60, "ASK { ", "?s ?p ?o FILTER NOT EXISTS { ", "}", " }"),
        nest(60, "ASK { ", "{ ?s ?p ?o } UNION { ", "}", " }"),
        nest(60, "ASK { ", "?s ?p ?o MINUS { ", "}", " }"),
        nest(60, "ASK { ?s ?p ", "[ ?q ", "]", " }").replace("[ ?q ]", "1"),
        nest(14, "ASK { ?s ?p ", "( 1 ", ")", " }"),
        nest(200, "ASK { ?s ?p ?o FILTER(", "IF(?o,1,", ")", ") }").replace(",)", ",1)"),
        nest(200, "ASK { ?s ?p ?o FILTER(1", "+STR(1", ")", ") }"),
        nest(200, "ASK { ?s ", "(<a:a>|", ")*", " ?o }").replace("|)", "|<a:a>)"),
    ] {
        let ended = ended(&query);
        assert!(matches!(ended, Ok(_) | Err(Fault::Stopped(_))), "{query:.60}: {ended:?}");
    }
    for query in [
        fill(filter, "+1", ") }"),
        fill(filter, "||1", ") }"),
        fill("ASK { ?s <a:a>", "/<a:a>", " ?o }"),
        fill("ASK { ?s <a:a>", "|<a:a>", " ?o }"),
        fill("ASK { ?s ?p ?o ", ". ?s ?p ?o", " }"),
        nest(240, "ASK { ", "OPTIONAL { ?s ?p ?o ", "}", " }"),
        nest(240, "ASK { ?s ?p ", "( 1 ", ")", " }"),
    ] {
        let ended = ended(&query);
        assert!(matches!(ended, Err(Fault::NotAllowed(_))), "{query:.60}: {ended:?}");
    }
    for query in [
        fill("ASK { ?s ?p ?o FILTER(", "!", "1) }"),
        fill("ASK { ?s ", "^", "<a:a> ?o }"),
        nest(250, "ASK { ?s ?p ?o FILTER", "(", "", ""),
        nest(250, "ASK ", "{", "", ""),
        nest(250, "ASK { ?s ?p ", "[", "", ""),
    ] {
        let ended = ended(&query);
        assert!(matches!(ended, Err(Fault::Syntax(_))), "{query:.60}: {ended:?}");
    }
}
