//! The description of the interface, made from the code that answers.

use axum::http::HeaderMap;
use axum::response::Response;
use utoipa::OpenApi;

use super::problem::Problem;
use super::{answer, changes, endorsers, entries, holders, images, site};

/// suq: this site's catalogue and how it is, in JSON. It only reads: manifests are published
/// by posting them to `/metadata`, as their signatures prove what they say.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "suq",
        version = "1.0.0",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/")),
    paths(
        entries::search,
        entries::entry,
        images::image,
        images::judgement,
        holders::holders,
        endorsers::all,
        site::site,
        site::peers,
        site::refusals,
        changes::changes,
        document,
    )
)]
struct Description;

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", responses(
    (status = 200, description = "The OpenAPI 3.1 document.", content_type = "application/json",
        body = Object),
    (status = 304, description = "It is as If-None-Match names it."),
    (status = "default", description = "A problem.", body = Problem,
        content_type = "application/problem+json"),
))]
pub(super) async fn document(headers: HeaderMap) -> Result<Response, Problem> {
    answer::json(&headers, &Description::openapi())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proto/openapi.json");

    /// The file is what reviewers see of a change. `SUQ_WRITE_OPENAPI=1` writes it anew.
    #[test]
    fn the_description_is_the_one_that_was_reviewed() {
        let mut made = Description::openapi().to_pretty_json().unwrap();
        made.push('\n');
        if std::env::var_os("SUQ_WRITE_OPENAPI").is_some() {
            std::fs::write(FILE, &made).unwrap();
        }
        let reviewed = std::fs::read_to_string(FILE).unwrap_or_default();
        assert!(
            made == reviewed,
            "the interface has changed: review it, and write {FILE} anew with SUQ_WRITE_OPENAPI=1"
        );
    }
}
