//! Who endorses.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use super::{Api, answer, now};
use crate::engine::timeline::Status;
use crate::model::{Email, Timestamp};
use crate::node::Catalogue;
use crate::search::Search;

/// Endorsers in one answer: those with the most entries.
const MAX_ENDORSERS: usize = 1000;

/// Someone who signs manifests.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Endorser {
    /// The address.
    endorser: String,
    /// Subjects of the certificates (RFC 2253).
    subjects: Vec<String>,
    /// Every entry.
    entries: u64,
    /// Entries that can be used.
    current: u64,
    /// Images that were taken back.
    deprecated: u64,
    /// When the newest entry was endorsed.
    #[schema(format = "date-time")]
    newest: String,
}

/// Who endorses, those with the most entries first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Endorsers {
    /// How many there are in all.
    total: usize,
    /// A thousand of them at the most.
    endorsers: Vec<Endorser>,
}

#[derive(Default)]
struct Tally {
    subjects: Vec<String>,
    entries: u64,
    current: u64,
    deprecated: u64,
    newest: Option<Timestamp>,
}

/// Subjects that are told of one endorser: certificates are renewed.
const MAX_SUBJECTS: usize = 10;

/// Who endorses.
#[utoipa::path(get, path = "/api/v1/endorsers", responses(
    (status = 200, description = "Those with the most entries first.", body = Endorsers),
    (status = 304, description = "They are as If-None-Match names them."),
    (status = "default", description = "A problem.", body = Problem,
        content_type = "application/problem+json"),
))]
pub(super) async fn all(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Problem> {
    answer::json(&headers, &api.read(tallied).await?)
}

fn tallied(catalogue: &Catalogue) -> Result<Endorsers, Problem> {
    let now = now();
    let mut tallies: BTreeMap<Email, Tally> = BTreeMap::new();
    catalogue.snapshot()?.rows(&Search::default(), |_, entry| {
        let status = entry.status(now);
        let tally = tallies.entry(entry.key.email).or_default();
        tally.entries += 1;
        tally.current += u64::from(status == Status::Current);
        tally.deprecated += u64::from(status == Status::Deprecated);
        tally.newest = tally.newest.max(Some(entry.key.created));
        if tally.subjects.len() < MAX_SUBJECTS && !tally.subjects.contains(&entry.subject) {
            tally.subjects.push(entry.subject);
        }
    })?;
    let total = tallies.len();
    let endorser = |(email, tally): (Email, Tally)| Endorser {
        endorser: email.to_string(),
        subjects: tally.subjects,
        entries: tally.entries,
        current: tally.current,
        deprecated: tally.deprecated,
        newest: tally.newest.map_or_else(String::new, |newest| newest.to_string()),
    };
    let mut endorsers: Vec<Endorser> = tallies.into_iter().map(endorser).collect();
    // Stable: by address where the numbers are the same.
    endorsers.sort_by_key(|endorser| std::cmp::Reverse(endorser.entries));
    endorsers.truncate(MAX_ENDORSERS);
    Ok(Endorsers { total, endorsers })
}
