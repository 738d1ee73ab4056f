//! Which bytes a `Range` header asks for (RFC 9110 §14).

use std::ops::Range;

/// Ranges in one request. A client that fetches pieces of a broken download asks for
/// fewer; each costs a header of some hundred bytes in the answer.
pub(super) const MAX_RANGES: usize = 64;

/// Ranges that overlap an earlier one, at the most: more are a broken client or an
/// attack (RFC 9110 §14.2).
const MAX_OVERLAPS: usize = 1;

/// What a header asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selection {
    /// Everything: the header is in no form that is understood, so it is ignored.
    Whole,
    /// These bytes, in the order of the header; never empty, and no two touch.
    Parts(Vec<Range<u64>>),
    /// Nothing that is there.
    Unsatisfiable,
    /// Too many ranges, or too many that overlap.
    Excessive,
}

/// One range as it was written.
#[derive(Debug, Clone, Copy)]
enum Spec {
    /// `first-` or `first-last`.
    From { first: u64, last: u64 },
    /// `-length`: the end.
    Last(u64),
}

/// What a header asks for of so many bytes.
pub(super) fn select(header: &str, bytes: u64) -> Selection {
    let Some(specs) = parse(header) else { return Selection::Whole };
    // No range describes a part of nothing.
    if bytes == 0 {
        return Selection::Whole;
    }
    if specs.len() > MAX_RANGES {
        return Selection::Excessive;
    }
    let parts: Vec<Range<u64>> =
        specs.into_iter().filter_map(|spec| resolve(spec, bytes)).collect();
    if parts.is_empty() {
        return Selection::Unsatisfiable;
    }
    coalesce(parts).map_or(Selection::Excessive, Selection::Parts)
}

/// The ranges of a well-formed header.
fn parse(header: &str) -> Option<Vec<Spec>> {
    let (unit, set) = header.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let trimmed = set.split(',').map(|spec| spec.trim_matches([' ', '\t']));
    let specs: Option<Vec<Spec>> = trimmed.filter(|spec| !spec.is_empty()).map(spec).collect();
    specs.filter(|specs| !specs.is_empty())
}

fn spec(text: &str) -> Option<Spec> {
    match text.split_once('-')? {
        ("", length) => Some(Spec::Last(number(length)?)),
        (first, "") => Some(Spec::From { first: number(first)?, last: u64::MAX }),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::From { first, last })
        }
    }
}

/// Digits; a number beyond all files counts as the largest.
fn number(digits: &str) -> Option<u64> {
    let well_formed = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    well_formed.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// The bytes that are there.
fn resolve(spec: Spec, bytes: u64) -> Option<Range<u64>> {
    let part = match spec {
        Spec::From { first, last } => first..last.saturating_add(1).min(bytes),
        Spec::Last(length) => bytes.saturating_sub(length)..bytes,
    };
    (part.start < part.end).then_some(part)
}

/// Joins parts that overlap or touch, where the first of them stood; none when too many
/// overlap.
fn coalesce(parts: Vec<Range<u64>>) -> Option<Vec<Range<u64>>> {
    let mut sorted: Vec<(usize, Range<u64>)> = parts.into_iter().enumerate().collect();
    sorted.sort_by_key(|(_, part)| part.start);
    let mut joined: Vec<(usize, Range<u64>)> = Vec::with_capacity(sorted.len());
    let mut overlaps = 0;
    for (place, part) in sorted {
        match joined.last_mut() {
            Some((first, before)) if part.start <= before.end => {
                overlaps += usize::from(part.start < before.end);
                *first = place.min(*first);
                before.end = before.end.max(part.end);
            }
            _ => joined.push((place, part)),
        }
    }
    joined.sort_by_key(|(place, _)| *place);
    (overlaps <= MAX_OVERLAPS).then(|| joined.into_iter().map(|(_, part)| part).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::single_range_in_vec_init, reason = "one range is expected")]

    use proptest::prelude::*;

    use super::*;

    fn parts(header: &str, bytes: u64) -> Vec<Range<u64>> {
        match select(header, bytes) {
            Selection::Parts(parts) => parts,
            other => panic!("{header}: {other:?}"),
        }
    }

    #[test]
    fn every_form_of_a_range() {
        assert_eq!(parts("bytes=0-0", 10), [0..1]);
        assert_eq!(parts("bytes=3-", 10), [3..10]);
        assert_eq!(parts("bytes=-3", 10), [7..10]);
        assert_eq!(parts("bytes=-30", 10), [0..10]);
        assert_eq!(parts("BYTES=3-99999999999999999999999999", 10), [3..10]);
        assert_eq!(parts("bytes=, 8-8 ,\t0-1,", 10), [8..9, 0..2]);
        assert_eq!(parts("bytes=0-18446744073709551615", u64::MAX), [0..u64::MAX]);
    }

    #[test]
    fn parts_that_touch_or_overlap_are_one() {
        assert_eq!(parts("bytes=9-9,0-3,2-5", 10), [9..10, 0..6]);
        assert_eq!(parts("bytes=4-5,0-1,2-3", 10), [0..6]);
        assert_eq!(parts("bytes=0-1,50-60", 10), [0..2]);
    }

    #[test]
    fn what_is_not_a_range_is_ignored() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-3",
            "bytes=+1-2",
            "bytes=1-2-3",
            "bytes=0x1-2",
            "bytes =0-1",
            "items=0-1",
            "bytes=0-1;2-3",
            "bytes=1",
            "bytes=0-1,5-3",
            "bytes=--1",
            "bytes=1 - 2",
            "bytes=١-٢",
        ] {
            assert_eq!(select(header, 10), Selection::Whole, "{header}");
        }
        assert_eq!(select("bytes=0-", 0), Selection::Whole);
    }

    #[test]
    fn what_is_not_there_and_what_is_too_much() {
        for header in ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999999-"] {
            assert_eq!(select(header, 10), Selection::Unsatisfiable, "{header}");
        }
        assert_eq!(select("bytes=0-5,1-6,2-7", 10), Selection::Excessive);
        let many = |count: usize| {
            let each: Vec<String> = (0..count).map(|n| format!("{}-{}", 2 * n, 2 * n)).collect();
            format!("bytes={}", each.join(","))
        };
        assert_eq!(parts(&many(MAX_RANGES), 1000).len(), MAX_RANGES);
        assert_eq!(select(&many(MAX_RANGES + 1), 1000), Selection::Excessive);
    }

    proptest! {
        #[test]
        fn the_bytes_are_those_that_were_asked_for(
            pairs in prop::collection::vec((0u64..40, 0u64..40), 1..6),
            bytes in 1u64..30,
        ) {
            let written: Vec<String> =
                pairs.iter().map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))).collect();
            let wanted = |at: u64| {
                at < bytes && pairs.iter().any(|(a, b)| (*a.min(b)..=*a.max(b)).contains(&at))
            };
            match select(&format!("bytes={}", written.join(", ")), bytes) {
                Selection::Parts(parts) => {
                    for at in 0..50 {
                        let times = parts.iter().filter(|part| part.contains(&at)).count();
                        prop_assert_eq!(times, usize::from(wanted(at)));
                    }
                }
                Selection::Unsatisfiable => prop_assert!(!(0..50).any(wanted)),
                Selection::Excessive => prop_assert!(pairs.len() > 2),
                Selection::Whole => prop_assert!(false, "it is well formed"),
            }
        }

        #[test]
        fn nothing_makes_it_panic(header in ".{0,60}", bytes: u64) {
            select(&header, bytes);
            select(&format!("bytes={header}"), bytes);
        }
    }
}
