//! Patterns beside the plainest way: every triple of every entry, looked at one by one.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::dataset::{In, Pattern};
use super::super::document::Fact;
use super::super::terms::TermId;
use super::*;

/// Two entries under one key, a thing that two documents speak of, and all statuses.
fn dataset() -> Dataset {
    let mut dataset = Dataset::default();
    let first = put(&mut dataset, &document(9, 9, |_| {}), Status::Current);
    for (n, standing) in [
        (1, Status::Current),
        (2, Status::Deprecated),
        (3, Status::Superseded),
        (4, Status::Withdrawn),
        (5, Status::Current),
    ] {
        let signed = document(n, u32::from(n), |details| {
            details.valid = (n == 5).then(|| NOW.minus(Duration::from_secs(9)));
            details.deprecated = (n == 2).then(|| "a hole".to_owned());
        });
        put(&mut dataset, &with_maker(&signed), standing);
    }
    put(&mut dataset, &document(1, 1, |details| details.os = Some("plan9".into())), {
        Status::Superseded
    });
    let late = put(&mut dataset, &document(6, 1, |_| {}), Status::Current);
    put(&mut dataset, &document(7, 1, |_| {}), Status::Current);
    dataset.place(&late, Status::Withdrawn);
    // Entries that come before those that are withdrawn already.
    dataset.place(&first, Status::Withdrawn);
    dataset
}

/// With triples about somebody else.
fn with_maker(signed: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(signed.to_vec()).unwrap();
    let maker = "<x:maker xmlns:x=\"http://x/\"><rdf:Description rdf:about=\"http://x/joe\">\
                 <x:name xml:lang=\"en\">Joe</x:name><x:age \
                 rdf:datatype=\"http://www.w3.org/2001/XMLSchema#integer\">7</x:age>\
                 </rdf:Description></x:maker></rdf:Description>";
    text.replacen("</rdf:Description>", maker, 1).into_bytes()
}

fn plainly(dataset: &Dataset, pattern: Pattern, place: In) -> Vec<(Fact, TermId)> {
    let mut found = Vec::new();
    let mut said = BTreeSet::new();
    for (facts, name) in dataset.every_entry(NOW) {
        for fact in facts {
            let fits =
                fact.iter().zip(pattern).all(|(term, wanted)| wanted.is_none_or(|it| it == *term));
            let there = match place {
                In::Union => said.insert(fact),
                In::Each => true,
                In::Entry(wanted) => wanted == name,
            };
            if fits && there {
                found.push((fact, name));
            }
        }
    }
    found
}

static DATASET: LazyLock<Dataset> = LazyLock::new(dataset);

#[test]
fn what_two_entries_say_is_there_once_together_and_twice_apart() {
    let joe = "SELECT ?name ?age { <http://x/joe> <http://x/name> ?name; <http://x/age> ?age }";
    assert_eq!(rows(&DATASET, joe), ["Joe,7"]);
    let apart =
        "SELECT ?name { { SELECT ?name { GRAPH ?g { <http://x/joe> <http://x/name> ?name } } } }";
    assert_eq!(rows(&DATASET, apart), ["Joe"; 5]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn patterns_find_what_a_look_at_everything_finds(
        like in any::<prop::sample::Index>(),
        bound in 0_u8..8,
        other in any::<prop::sample::Index>(),
        replaced in 0_usize..9,
        place in 0_u8..4,
    ) {
        let all: Vec<(Fact, TermId)> = plainly(&DATASET, [None; 3], In::Each);
        let (fact, name) = all[like.index(all.len())];
        let mut pattern: Pattern = [0, 1, 2].map(|at| (bound & (1 << at) != 0).then(|| fact[at]));
        let any = TermId(u32::try_from(other.index(DATASET.terms.len() as usize)).unwrap());
        if let Some(term) = pattern.get_mut(replaced) {
            *term = term.map(|_| any);
        }
        let place = match place {
            0 => In::Union,
            1 => In::Each,
            2 => In::Entry(name),
            _ => In::Entry(any),
        };
        let mut found: Vec<_> = DATASET.matches(pattern, place, NOW).collect();
        let mut expected = plainly(&DATASET, pattern, place);
        found.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(found, expected);
    }
}
