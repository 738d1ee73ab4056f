//! Queries over 100 000 entries: memory, time to read them, time of typical queries.
//!
//! `cargo bench --bench query`

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use suq::engine::timeline::Status;
use suq::graph::{Answer, Bounds, Dataset, Form, Question, with_deep_stack};
use suq::manifest::pki::authority::{Authority, KeyKind};
use suq::manifest::{Details, Draft, SigningStyle};
use suq::model::{Algorithm, Checksum, ContentId, EntryKey, Identifier, Sha1, Sha256, Timestamp};

const ENTRIES: u32 = 100_000;
const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

const PREFIXES: &str = "PREFIX dcterms: <http://purl.org/dc/terms/> \
    PREFIX slreq: <http://mp.stratuslab.eu/slreq#> \
    PREFIX slterms: <http://mp.stratuslab.eu/slterms#> PREFIX suq: <urn:suq:terms:1#> ";

const QUERIES: [(&str, &str); 9] = [
    (
        "all identifiers, endorsers, dates",
        "SELECT ?id ?email ?created { ?x dcterms:identifier ?id; slreq:endorsement ?e . \
         ?e slreq:endorser ?who; dcterms:created ?created . ?who slreq:email ?email }",
    ),
    (
        "the same, newest first",
        "SELECT ?id ?email ?created { ?x dcterms:identifier ?id; slreq:endorsement ?e . \
         ?e slreq:endorser ?who; dcterms:created ?created . ?who slreq:email ?email } \
         ORDER BY DESC(?created)",
    ),
    (
        "the newest of a tag",
        "SELECT ?id { ?x dcterms:alternative \"tag-7\"; dcterms:identifier ?id; \
         slreq:endorsement/dcterms:created ?created } ORDER BY DESC(?created) LIMIT 1",
    ),
    (
        "one system, by filter",
        "SELECT ?id { ?x slterms:os ?os; dcterms:identifier ?id FILTER(?os = \"os-3\") }",
    ),
    (
        "one title, by pattern",
        "SELECT ?id { ?x dcterms:title ?t; dcterms:identifier ?id FILTER(REGEX(?t, \"77.7\")) }",
    ),
    (
        "all, with what was deprecated",
        "SELECT ?id ?why { ?x dcterms:identifier ?id OPTIONAL { ?x slterms:deprecated ?why } }",
    ),
    ("systems, counted", "SELECT ?os (COUNT(*) AS ?n) { ?x slterms:os ?os } GROUP BY ?os"),
    ("where entries stand", "SELECT ?s (COUNT(*) AS ?n) { ?x suq:status ?s } GROUP BY ?s"),
    ("one entry by its identifier", "SELECT ?p ?o { ?x dcterms:identifier \"*\"; ?p ?o }"),
];

fn kilobytes(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn sha1(number: u32) -> Sha1 {
    Sha1::from_bytes(*Sha256::of(&number.to_be_bytes()).as_bytes().first_chunk().unwrap())
}

/// A signed document, from which others are made: whether signatures are right is not
/// looked at here.
fn template() -> String {
    let authority = Authority::new("Test CA", NOW).unwrap();
    let key = authority.endorser("Jane", Some("jane@example.org"), KeyKind::EcP256, NOW).unwrap();
    let text = |text: &str| Some(text.to_owned());
    let details = Details {
        image_type: "base".into(),
        kind: text("machine"),
        os: text("OS-NAME"),
        os_version: text("12.04"),
        os_arch: text("x86_64"),
        version: text("1.3"),
        hypervisor: text("kvm"),
        disks_bus: text("virtio"),
        format: text("qcow2"),
        compression: text("gz"),
        locations: vec!["http://images.example.org/base/NUMBER/disk.qcow2.gz".into()],
        inbound_ports: vec![22],
        outbound_ports: vec![0],
        valid: Some(NOW.plus(Duration::from_secs(1000))),
        created: Some(NOW.to_string()),
        title: text("A system for everything, number NUMBER"),
        tag: text("tag-TAG"),
        description: text("A small system with what is needed to begin, built by night. NUMBER"),
        creator: text("Jane Tester"),
        publisher: text("Example"),
        ..Details::default()
    };
    let sum = |algorithm, digits: usize| Checksum::new(algorithm, &"0".repeat(digits)).unwrap();
    let checksums = [
        Checksum::new(Algorithm::Sha1, &sha1(0).to_string()).unwrap(),
        sum(Algorithm::Md5, 32),
        sum(Algorithm::Sha256, 64),
        sum(Algorithm::Sha512, 128),
    ];
    let draft = Draft {
        identifier: Identifier::from_sha1(sha1(0)),
        bytes: 1_234_567_890,
        checksums: checksums.into_iter().collect(),
        details,
        pieces: None,
    };
    let signed = draft.sign(&key, None, NOW, SigningStyle::Modern).unwrap();
    String::from_utf8(signed.octets().to_vec()).unwrap()
}

fn main() {
    let template = template();
    let before = kilobytes("VmRSS");
    let mut dataset = Dataset::default();
    let began = Instant::now();
    let mut made = Duration::ZERO;
    for number in 0..ENTRIES {
        let making = Instant::now();
        let key = EntryKey {
            identifier: Identifier::from_sha1(sha1(number)),
            email: format!("jane.{}@example.org", number % 44).parse().unwrap(),
            created: NOW.minus(Duration::from_secs(60) * number),
        };
        let digest = Sha256::of(key.to_string().as_bytes()).to_string();
        let document = template
            .replace(&Identifier::from_sha1(sha1(0)).to_string(), &key.identifier.to_string())
            .replace(&sha1(0).to_string(), &sha1(number).to_string())
            .replace("jane@example.org", key.email.as_str())
            .replace(&NOW.to_string(), &key.created.to_string())
            .replace(&"0".repeat(128), &[&*digest, &*digest].concat())
            .replace(&"0".repeat(64), &digest)
            .replace(&"0".repeat(32), &digest[..32])
            .replace("OS-NAME", &format!("os-{}", number % 20))
            .replace("tag-TAG", &format!("tag-{}", number % 1000))
            .replace("NUMBER", &number.to_string());
        let id = ContentId::from_bytes(*Sha256::of(document.as_bytes()).as_bytes());
        let standing = if number % 5 == 0 { Status::Current } else { Status::Superseded };
        made += making.elapsed();
        dataset.put(id, &key, document.as_bytes(), Some(NOW), standing);
    }
    let took = began.elapsed() - made;
    println!("{ENTRIES} entries, {} triples, read in {took:.1?}", dataset.len());
    println!("counted {:6.1} MiB", dataset.bytes() as f64 / f64::from(1 << 20));
    println!("resident {:5.1} MiB", (kilobytes("VmRSS") - before) as f64 / 1024.0);
    for (name, query) in QUERIES {
        let query = query.replace('*', &Identifier::from_sha1(sha1(77)).to_string());
        let query =
            query.replace(&format!("COUNT({})", Identifier::from_sha1(sha1(77))), "COUNT(*)");
        let began = Instant::now();
        let answered = with_deep_stack(|| {
            let question = Question::read(&format!("{PREFIXES}{query}"))?;
            question.answer(&dataset, Form::Json, NOW, &Bounds::default())
        });
        let took = began.elapsed();
        match answered.unwrap() {
            Ok(Answer::Octets(octets)) => println!("{took:8.0?} {:9} bytes  {name}", octets.len()),
            other => println!("{took:8.0?} {:?}  {name}", other.map(|_| ())),
        }
    }
    println!("resident at the most {:5.1} MiB", (kilobytes("VmHWM") - before) as f64 / 1024.0);
}
