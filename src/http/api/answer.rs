//! Answers in JSON, with a tag of what they say.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headers::{ETag, HeaderMapExt, IfMatch, IfNoneMatch};
use serde::Serialize;

use super::problem::Problem;
use crate::model::Sha256;

/// The value in JSON, or that the client has it already. The tag is of the very bytes, so it
/// is right whatever they depend on.
pub(super) fn json(headers: &HeaderMap, value: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| Problem::broken(&error))?;
    let digest = Sha256::of(&body).to_string();
    let tag = format!("\"{}\"", &digest[..32]);
    let tag: ETag = tag.parse().map_err(|error| Problem::broken(&error))?;
    if headers.typed_get::<IfMatch>().is_some_and(|tags| !tags.precondition_passes(&tag)) {
        return Err(Problem::changed());
    }
    let is_known =
        headers.typed_get::<IfNoneMatch>().is_some_and(|tags| !tags.precondition_passes(&tag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let head = [
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        (head, body).into_response()
    };
    let described = response.headers_mut();
    described.typed_insert(tag);
    // The catalogue changes: a cache asks before each use.
    described.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}
