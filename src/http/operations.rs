//! What those who run a site ask: `/metrics`, `/healthz`, `/readyz`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::metrics::{self, Traffic};
use super::statuses::{Seen, Statuses};
use super::tls::Tls;

const NO_ANSWER: &str = "the node does not answer in time";

/// What is asked for numbers and health.
#[derive(Debug, Clone)]
pub(super) struct Operations {
    pub(super) statuses: Statuses,
    pub(super) traffic: Traffic,
    pub(super) tls: Option<Arc<Tls>>,
}

impl Operations {
    pub(super) fn routes(self) -> Router {
        Router::new()
            .route("/metrics", get(numbers))
            .route("/healthz", get(healthy))
            .route("/readyz", get(ready))
            .with_state(self)
    }
}

async fn numbers(State(operations): State<Operations>) -> Response {
    let seen = operations.statuses.latest().await;
    let certificate = operations.tls.as_ref().map(|tls| tls.expires());
    metrics::answer(&operations.traffic, &seen, certificate)
}

/// Whether the process works: whoever hears no may start it again.
async fn healthy(State(operations): State<Operations>, headers: HeaderMap) -> Response {
    let reasons = match operations.statuses.responds().await {
        true => Vec::new(),
        false => vec![NO_ANSWER.to_owned()],
    };
    told(&headers, &reasons)
}

/// Whether images should be asked for here.
async fn ready(State(operations): State<Operations>, headers: HeaderMap) -> Response {
    let reasons = match operations.statuses.latest().await {
        Seen { status: Some(status), is_answered: true } => status.unready.clone(),
        _ => vec![NO_ANSWER.to_owned()],
    };
    told(&headers, &reasons)
}

fn told(headers: &HeaderMap, reasons: &[String]) -> Response {
    let is_well = reasons.is_empty();
    let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let (kind, text) = match wants_json(headers) {
        true => {
            let json = serde_json::json!({"ok": is_well, "reasons": reasons});
            ("application/json", format!("{json}\n"))
        }
        false if is_well => ("text/plain; charset=utf-8", "ok\n".to_owned()),
        false => ("text/plain; charset=utf-8", reasons.join("\n") + "\n"),
    };
    let head = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("Accept")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, head, text).into_response()
}

fn wants_json(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(header::ACCEPT).iter();
    accepted.any(|line| line.to_str().is_ok_and(|line| line.contains("application/json")))
}
