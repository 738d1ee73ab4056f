//! The body of a request, within bounds.

use std::error::Error;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::LengthLimitError;

use super::answers::Refused;

/// All of a body that has so many octets at the most, and comes within `patience`.
///
/// # Errors
/// When it has more; `limit` says to the client how much is taken.
pub(super) async fn read(
    headers: &HeaderMap,
    (body, patience): (Body, Duration),
    most: usize,
    limit: &str,
) -> Result<Bytes, Refused> {
    let too_large = || {
        let message = format!("the body is too large: {limit}");
        Refused::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    };
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > most as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(patience, to_bytes(body, most)).await {
        Ok(Ok(octets)) => Ok(octets),
        Ok(Err(error)) if is_too_large(&error) => Err(too_large()),
        Ok(Err(_)) => Err(Refused::bad("the body ended before its time")),
        Err(_) => {
            let message = "the body did not come in time";
            Err(Refused::new(StatusCode::REQUEST_TIMEOUT, message))
        }
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    error.source().is_some_and(|cause| cause.is::<LengthLimitError>())
}
