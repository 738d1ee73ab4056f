//! Answers that are no success: short plain text that says what to do.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A status with a line of text.
pub(super) fn text(status: StatusCode, message: &str) -> Response {
    // axum says that it is UTF-8 text.
    (status, [(header::X_CONTENT_TYPE_OPTIONS, "nosniff")], format!("{message}\n")).into_response()
}

/// There is nothing at this path.
pub(super) fn no_such_path() -> Response {
    let message = "There is nothing here. Images are at /blobs/sha512/HEX and /blobs/sha1/HEX, \
                   entries at /metadata.";
    text(StatusCode::NOT_FOUND, message)
}

/// Images are only read. What changes a node is on its control socket.
pub(super) async fn no_such_method() -> Response {
    let message = "Only GET and HEAD work here.";
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, message);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

/// Too many answers are on their way already.
pub(super) fn busy() -> Response {
    let message = "This node sends as much as it can at once: try again in some seconds.";
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, message);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// The node's own fault; the log says more.
pub(super) fn broken(error: &std::io::Error, what: &str) -> Response {
    tracing::error!(%error, what, "a blob cannot be read");
    let message = "This node cannot read the image: its log says why.";
    text(StatusCode::INTERNAL_SERVER_ERROR, message)
}
