//! Entries: searched, and one by one.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::parameters::{Parameters, limit, part};
use super::problem::Problem;
use super::shape::{EntryDetail, Found};
use super::{Api, answer, now};
use crate::model::ContentId;
use crate::node::{Query, StatusFilter};
use crate::search::BadRank;

/// Which entries.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Wanted {
    /// Usable ones.
    #[default]
    Current,
    /// Latest entries that take an image back.
    Deprecated,
    /// Latest entries that have expired.
    Expired,
    /// Entries that a newer one of the same endorser replaces.
    Superseded,
    /// Entries that this site's rules no longer allow.
    Withdrawn,
    /// Every entry.
    All,
}

impl From<Wanted> for StatusFilter {
    fn from(wanted: Wanted) -> StatusFilter {
        match wanted {
            Wanted::Current => StatusFilter::Current,
            Wanted::Deprecated => StatusFilter::Deprecated,
            Wanted::Expired => StatusFilter::Expired,
            Wanted::Superseded => StatusFilter::Superseded,
            Wanted::Withdrawn => StatusFilter::Withdrawn,
            Wanted::All => StatusFilter::All,
        }
    }
}

/// What to search for. Each value must be the entry's own, whatever its case.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Words that must all occur, or begin a word, in title, description, system, tag,
    /// endorser or identifier.
    words: Option<String>,
    os: Option<String>,
    os_version: Option<String>,
    arch: Option<String>,
    /// machine or disk.
    kind: Option<String>,
    /// The endorser's address.
    endorser: Option<String>,
    tag: Option<String>,
    #[serde(default)]
    #[param(required = false, inline)]
    status: Wanted,
    /// What the page before gave as `next`.
    #[param(pattern = "^[A-Za-z0-9_-]{27}$")]
    after: Option<String>,
    /// Entries of a page; 50 when it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Search the catalogue.
#[utoipa::path(get, path = "/api/v1/entries", params(Asked), responses(
    (status = 200, description = "A page of the entries that fit.", body = Found),
    (status = 304, description = "The page is the one that If-None-Match names."),
    (status = "default", description = "A problem.", body = Problem,
        content_type = "application/problem+json"),
))]
pub(super) async fn search(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(asked): Parameters<Asked>,
) -> Result<Response, Problem> {
    let endorser = match asked.endorser {
        None => None,
        Some(address) => match address.parse() {
            Ok(address) => Some(address),
            Err(error) => return Err(Problem::bad(format!("endorser: {error}"))),
        },
    };
    let limit = asked.limit.map(limit).transpose()?;
    let after = asked.after.map(|after| after.parse()).transpose();
    let after = after.map_err(|error: BadRank| Problem::bad(format!("after: {error}")))?;
    let query = Query {
        words: asked.words.into_iter().collect(),
        os: asked.os,
        os_version: asked.os_version,
        arch: asked.arch,
        kind: asked.kind,
        endorser,
        tag: asked.tag,
        status: asked.status.into(),
        after,
        limit,
    };
    let found =
        api.read(move |catalogue| Ok(Found::from(catalogue.search(&query, now())?))).await?;
    answer::json(&headers, &found)
}

/// One entry, by its content id.
#[utoipa::path(get, path = "/api/v1/entries/{content_id}", params(
    ("content_id" = String, Path, pattern = "^[0-9a-f]{64}$"),
), responses(
    (status = 200, description = "The entry.", body = EntryDetail),
    (status = 304, description = "It is the one that If-None-Match names."),
    (status = 404, description = "There is no such entry.", body = Problem,
        content_type = "application/problem+json"),
    (status = "default", description = "A problem.", body = Problem,
        content_type = "application/problem+json"),
))]
pub(super) async fn entry(
    State(api): State<Api>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id: ContentId = part(&id)?;
    let found = api.read(move |catalogue| Ok(catalogue.entry(&id, now())?)).await?;
    answer::json(&headers, &EntryDetail::from(found))
}
