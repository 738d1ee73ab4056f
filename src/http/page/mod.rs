//! The page for people: plain files, embedded, that ask [`Api`](super::Api) and nobody else.
//!
//! ```text
//! GET, HEAD /             the page
//! GET, HEAD /page/FILE    its style and its modules
//! ```
//!
//! A browser is told to load nothing from elsewhere, to run no script but these files, and to
//! take no text for markup: what strangers wrote into manifests stays text, also if a module
//! were wrong.

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use headers::{ETag, HeaderMapExt, IfNoneMatch};

use crate::model::Sha256;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

/// Each file with its path and its kind.
const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("index.html")),
    ("/page/style.css", STYLE, include_str!("style.css")),
    ("/page/icon.svg", PICTURE, include_str!("icon.svg")),
    ("/page/main.js", SCRIPT, include_str!("main.js")),
    ("/page/elements.js", SCRIPT, include_str!("elements.js")),
    ("/page/endorsers.js", SCRIPT, include_str!("endorsers.js")),
    ("/page/federation.js", SCRIPT, include_str!("federation.js")),
    ("/page/image.js", SCRIPT, include_str!("image.js")),
    ("/page/live.js", SCRIPT, include_str!("live.js")),
    ("/page/node.js", SCRIPT, include_str!("node.js")),
    ("/page/pages.js", SCRIPT, include_str!("pages.js")),
    ("/page/refusals.js", SCRIPT, include_str!("refusals.js")),
    ("/page/search.js", SCRIPT, include_str!("search.js")),
    ("/page/timeline.js", SCRIPT, include_str!("timeline.js")),
    ("/page/upload.js", SCRIPT, include_str!("upload.js")),
    ("/page/words.js", SCRIPT, include_str!("words.js")),
];

/// What a browser may do with them. Texts never become markup: `trusted-types 'none'` leaves
/// no way to turn one into it.
const RULES: [(HeaderName, HeaderValue); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
             connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    // Another version of suq brings other files: a browser asks before each use.
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
];

/// Everything that is answered.
pub(super) fn routes() -> Router {
    FILES.iter().fold(Router::new(), |routes, &(path, kind, text)| {
        let digest = Sha256::of(text.as_bytes()).to_string();
        let tag = format!("\"{}\"", &digest[..32]);
        routes.route(path, get(async move |headers: HeaderMap| file(&headers, kind, text, &tag)))
    })
}

/// A file, or that the client has it already.
fn file(headers: &HeaderMap, kind: &'static str, text: &'static str, tag: &str) -> Response {
    let tag: Option<ETag> = tag.parse().ok();
    let is_known = match (headers.typed_get::<IfNoneMatch>(), &tag) {
        (Some(known), Some(tag)) => !known.precondition_passes(tag),
        _ => false,
    };
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response()
    };
    let described = response.headers_mut();
    described.extend(RULES);
    if let Some(tag) = tag {
        described.typed_insert(tag);
    }
    response
}
