//! What can be searched for.

use std::fmt;
use std::ops::Bound;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tantivy::Term;
use tantivy::query::{
    AllQuery, BooleanQuery, ConstScoreQuery, DisjunctionMaxQuery, Occur, Query, RangeQuery,
    TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};

use super::schema::{Fields, group, words_of};
use crate::engine::timeline::Status;
use crate::model::{ContentId, Email, Identifier, Sha512};

/// Words of a search that are looked up; more are passed over.
const MAX_WORDS: usize = 16;

/// Letters from which on a word also stands for those that begin with it: with fewer,
/// nearly every entry would be found.
const MIN_PREFIX: usize = 2;

/// How much more a word counts that is there as it was typed.
const EXACT: f32 = 2.0;

/// What to search for. Each value must be the entry's own, whatever its case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// Each of its words must occur, or begin a word, in title, description, system, tag,
    /// endorser or identifier.
    pub words: String,
    /// The image.
    pub identifier: Option<Identifier>,
    /// The image by its SHA-512.
    pub sha512: Option<Sha512>,
    /// `slterms:os`.
    pub os: Option<String>,
    /// `slterms:os-version`.
    pub os_version: Option<String>,
    /// `slterms:os-arch`.
    pub arch: Option<String>,
    /// `slterms:kind`.
    pub kind: Option<String>,
    /// The endorser's address.
    pub endorser: Option<Email>,
    /// `dcterms:alternative`.
    pub tag: Option<String>,
    /// Only entries of this status.
    pub status: Option<Status>,
}

/// Where a page of results ends: the next one begins after it. What comes to the catalogue
/// later takes its own place, so that nothing is shown twice and nothing is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// How well the words fit.
    pub(super) fitness: u32,
    /// The endorsement's date, in milliseconds.
    pub(super) created: i64,
    /// Of the content id, so that every place is one entry's own.
    pub(super) order: u64,
}

/// A text that is no place in a list of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no place in a list: take the one that the page before gave as `next`")]
pub struct BadRank;

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut octets = [0; 20];
        octets[..4].copy_from_slice(&self.fitness.to_be_bytes());
        octets[4..12].copy_from_slice(&self.created.to_be_bytes());
        octets[12..].copy_from_slice(&self.order.to_be_bytes());
        f.write_str(&BASE64URL_NOPAD.encode(&octets))
    }
}

impl Serialize for Rank {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rank {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rank, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl FromStr for Rank {
    type Err = BadRank;

    fn from_str(text: &str) -> Result<Rank, BadRank> {
        let octets = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| BadRank)?;
        let (fitness, rest) = octets.split_first_chunk().ok_or(BadRank)?;
        let (created, rest) = rest.split_first_chunk().ok_or(BadRank)?;
        Ok(Rank {
            fitness: u32::from_be_bytes(*fitness),
            created: i64::from_be_bytes(*created),
            order: u64::from_be_bytes(rest.try_into().map_err(|_| BadRank)?),
        })
    }
}

impl Search {
    /// The words that are looked up.
    pub(super) fn looked_up(&self) -> Vec<String> {
        words_of(&self.words, MAX_WORDS)
    }

    /// As the index is asked. Status and place are for the collector.
    pub(super) fn query(&self, fields: &Fields) -> Box<dyn Query> {
        let mut all: Vec<Box<dyn Query>> = Vec::new();
        all.extend(self.looked_up().iter().map(|word| of_word(fields, word)));
        let values = [
            (fields.os, &self.os),
            (fields.os_version, &self.os_version),
            (fields.arch, &self.arch),
            (fields.kind, &self.kind),
            (fields.tag, &self.tag),
        ];
        for (field, value) in values {
            all.extend(value.as_ref().map(|value| whole(field, value)));
        }
        all.extend(self.endorser.as_ref().map(|email| whole(fields.endorser, email.as_str())));
        all.extend(self.identifier.map(|image| octets(fields.image, image.sha1().as_bytes())));
        all.extend(self.sha512.map(|sha512| octets(fields.sha512, sha512.as_bytes())));
        if all.is_empty() {
            return Box::new(AllQuery);
        }
        Box::new(BooleanQuery::from(
            all.into_iter().map(|one| (Occur::Must, one)).collect::<Vec<_>>(),
        ))
    }
}

/// The entry of a document.
pub(super) fn of_id(fields: &Fields, id: &ContentId) -> Term {
    Term::from_field_bytes(fields.id, id.as_bytes())
}

/// The entries of an endorser about an image that a newer one may replace.
pub(super) fn standing(fields: &Fields, image: &Identifier, email: &Email) -> Box<dyn Query> {
    octets(fields.standing_group, &group(image, email))
}

/// The best of the texts in which a word occurs counts, and what is found as it was typed
/// counts more: so an entry's place depends on nothing but itself.
fn of_word(fields: &Fields, word: &str) -> Box<dyn Query> {
    let mut ways: Vec<Box<dyn Query>> = Vec::new();
    for (field, weight) in fields.words {
        let exact = term(Term::from_field_text(field, word));
        ways.push(Box::new(ConstScoreQuery::new(exact, weight * EXACT)));
        if word.chars().count() >= MIN_PREFIX {
            ways.push(Box::new(ConstScoreQuery::new(beginning(field, word), weight)));
        }
    }
    Box::new(DisjunctionMaxQuery::new(ways))
}

/// Words that begin so: UTF-8 sorts as its characters do, and no character is the greatest.
fn beginning(field: Field, word: &str) -> Box<dyn Query> {
    let last = format!("{word}{}", char::MAX);
    let term = |word: &str| Term::from_field_text(field, word);
    Box::new(RangeQuery::new(Bound::Included(term(word)), Bound::Excluded(term(&last))))
}

fn whole(field: Field, value: &str) -> Box<dyn Query> {
    term(Term::from_field_text(field, &value.to_lowercase()))
}

fn octets(field: Field, value: &[u8]) -> Box<dyn Query> {
    term(Term::from_field_bytes(field, value))
}

fn term(term: Term) -> Box<dyn Query> {
    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}
