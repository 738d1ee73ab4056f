//! `GET /metrics`: the node's numbers as Prometheus reads them, in its text format 0.0.4.
//!
//! [`site`] has those of the node, which `suq status --metrics` prints too, and
//! [`traffic`] those of this interface and of the process.

mod family;
mod site;
mod traffic;

pub use site::lines as site_lines;
pub(super) use traffic::{Failure, Traffic};

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus::proto::MetricFamily;
use prometheus::{TEXT_FORMAT, TextEncoder};

use self::family::gauge;
use super::refusal;
use super::statuses::Seen;
use crate::model::Timestamp;

/// All numbers. A node that is busy gives those that it last had.
pub(super) fn answer(traffic: &Traffic, seen: &Seen, certificate: Option<Timestamp>) -> Response {
    let mut families = traffic.families();
    families.push(gauge(
        "suq_node_responds",
        "0 when the run loop did not answer in time, and what it says of the node is old.",
        u8::from(seen.is_answered),
    ));
    if let Some(expires) = certificate {
        families.push(gauge(
            "suq_http_certificate_expires_timestamp_seconds",
            "When the host certificate of the HTTP interface ends.",
            expires.seconds() as f64,
        ));
    }
    if let Some(status) = &seen.status {
        families.extend(site::families(status));
    }
    match text(&families) {
        Ok(text) => {
            let head = [
                (header::CONTENT_TYPE, HeaderValue::from_static(TEXT_FORMAT)),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ];
            (head, text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            let message = "The metrics cannot be written: this node's log says why.";
            refusal::text(StatusCode::INTERNAL_SERVER_ERROR, message)
        }
    }
}

fn text(families: &[MetricFamily]) -> Result<String, prometheus::Error> {
    TextEncoder::new().encode_to_string(families)
}
