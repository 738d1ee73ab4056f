//! Heads of requests that are refused whatever they ask for.

use axum::extract::Request;
use axum::http::{StatusCode, Version, header};
use axum::response::Response;

use super::refusal;

/// Longest target of a request, in bytes: what RFC 9110 §4.1 wants every server to take.
/// The longest that means something here has 142.
const MAX_TARGET_BYTES: usize = 8000;

/// All headers of a request, in bytes: what other servers take, and 64 ranges of a
/// terabyte fit in.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Longest method, in bytes: the longest that is registered, UPDATEREDIRECTREF, has 17.
const MAX_METHOD_BYTES: usize = 32;

/// The answer to a request whose head is too long, or is no HTTP/1.1 (RFC 9112 §3.2).
pub(super) fn refused(request: &Request) -> Option<Response> {
    if request.method().as_str().len() > MAX_METHOD_BYTES {
        let message = "That is no method of HTTP.";
        return Some(refusal::text(StatusCode::NOT_IMPLEMENTED, message));
    }
    let uri = request.uri();
    let lengths = [Some(uri.path()), uri.query(), uri.authority().map(|to| to.as_str())];
    if lengths.into_iter().flatten().map(str::len).sum::<usize>() > MAX_TARGET_BYTES {
        let message = "The path is too long: images are at /blobs/sha512/HEX.";
        return Some(refusal::text(StatusCode::URI_TOO_LONG, message));
    }
    let headers = request.headers();
    let bytes = headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    if bytes.sum::<usize>() > MAX_HEADER_BYTES {
        let message = "The headers are too long: 16 KiB are taken.";
        return Some(refusal::text(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, message));
    }
    let has_host = headers.get_all(header::HOST).iter().count() == 1;
    let message = "A request needs one Host header.";
    (!has_host && request.version() >= Version::HTTP_11)
        .then(|| refusal::text(StatusCode::BAD_REQUEST, message))
}
