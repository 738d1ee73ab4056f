//! Parameters of the query and of the path, understood or refused.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::node::MAX_PAGE;

/// The parameters of a query. One that is unknown, occurs twice or cannot be understood is
/// a problem: a filter that is passed over shows what nobody asked for.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Parameters<T>, Problem> {
        let Query(parameters) = Query::from_request_parts(parts, state)
            .await
            .map_err(|rejection: QueryRejection| Problem::bad(rejection.body_text()))?;
        Ok(Parameters(parameters))
    }
}

/// A part of the path.
pub(super) fn part<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| Problem::bad(format!("the path: {error}")))
}

/// How many things a page may have.
pub(super) fn limit(limit: usize) -> Result<usize, Problem> {
    if (1..=MAX_PAGE).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::bad(format!("limit is {limit}: 1 to {MAX_PAGE} can be had")))
}
