//! Images: their entries, and their judgement.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::parameters::part;
use super::problem::Problem;
use super::shape::{Image, Judgement};
use super::{Api, answer, now};
use crate::node::ImageName;

/// An image with all its entries.
#[utoipa::path(get, path = "/api/v1/images/{image}", params(
    ("image" = String, Path, description = "Identifier, SHA-1 or SHA-512 of the image."),
), responses(
    (status = 200, description = "The image.", body = Image),
    (status = 304, description = "It is as If-None-Match names it."),
    (status = 404, description = "No entry describes it.", body = Problem,
        content_type = "application/problem+json"),
    (status = "default", description = "A problem.", body = Problem,
        content_type = "application/problem+json"),
))]
pub(super) async fn image(
    State(api): State<Api>,
    Path(image): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let name: ImageName = part(&image)?;
    let found = api.read(move |catalogue| {
        let entries = catalogue.timeline(&name, now())?;
        let identifier = entries.first().map(|entry| entry.manifest.identifier);
        let identifier = identifier.ok_or_else(|| Problem::not_found("no entry describes it"))?;
        let blob = catalogue.blobs().by_sha1(&identifier.sha1());
        let blob = blob.map(|blob| format!("/blobs/sha512/{}", blob.sha512));
        Ok(Image::new(identifier.to_string(), blob, entries))
    });
    answer::json(&headers, &found.await?)
}

/// What this site's rules say of using an image now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Judgements {
    /// The image.
    identifier: String,
    /// True when the image may be used here.
    allowed: bool,
    /// Of each entry, and of what was refused.
    entries: Vec<Judgement>,
}

/// What this site's rules say of using an image now, and why.
#[utoipa::path(get, path = "/api/v1/images/{image}/judgement", params(
    ("image" = String, Path, description = "Identifier, SHA-1 or SHA-512 of the image."),
), responses(
    (status = 200, description = "Every rule that decides.", body = Judgements),
    (status = 304, description = "They are as If-None-Match names them."),
    (status = 403, description = "This site does not tell it.", body = Problem,
        content_type = "application/problem+json"),
    (status = 404, description = "Nothing is known of it.", body = Problem,
        content_type = "application/problem+json"),
    (status = "default", description = "A problem.", body = Problem,
        content_type = "application/problem+json"),
))]
pub(super) async fn judgement(
    State(api): State<Api>,
    Path(image): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    api.tells()?;
    let name: ImageName = part(&image)?;
    let why = api.read(move |catalogue| Ok(catalogue.why(&name, None, None, now())?)).await?;
    let allowed = why.entries.iter().any(|entry| entry.verdict.is_allowed());
    let judged = Judgements {
        identifier: why.identifier.to_string(),
        allowed,
        entries: why.entries.into_iter().map(Judgement::from).collect(),
    };
    answer::json(&headers, &judged)
}
