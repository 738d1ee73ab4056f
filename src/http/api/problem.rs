//! Problems as RFC 9457 describes them.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::node::{Failure, FailureKind};
use crate::search::SearchError;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Why a request was not answered as it was meant (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Problem {
    /// Names the kind of problem; always the same for it.
    #[serde(rename = "type")]
    #[schema(format = "uri", example = "urn:suq:problem:not-found")]
    kind: &'static str,
    /// The kind of problem in words.
    #[schema(example = "There is no such thing")]
    title: &'static str,
    /// The status of the answer.
    #[schema(example = 404)]
    status: u16,
    /// What, which, and what to do.
    detail: String,
    #[serde(skip)]
    more: Option<Box<(HeaderName, HeaderValue)>>,
}

impl Problem {
    const fn new(status: StatusCode, kind: &'static str, title: &'static str) -> Problem {
        Problem { kind, title, status: status.as_u16(), detail: String::new(), more: None }
    }

    fn with(self, detail: impl Into<String>) -> Problem {
        Problem { detail: detail.into(), ..self }
    }

    /// A parameter, or a part of the path, that cannot be understood.
    pub(super) fn bad(detail: impl Into<String>) -> Problem {
        let title = "The request cannot be understood";
        Problem::new(StatusCode::BAD_REQUEST, "urn:suq:problem:bad-request", title).with(detail)
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Problem {
        let title = "There is no such thing";
        Problem::new(StatusCode::NOT_FOUND, "urn:suq:problem:not-found", title).with(detail)
    }

    /// This site does not tell it.
    pub(super) fn not_told(detail: impl Into<String>) -> Problem {
        let title = "This site keeps that to itself";
        Problem::new(StatusCode::FORBIDDEN, "urn:suq:problem:not-told", title).with(detail)
    }

    pub(super) fn no_such_method() -> Problem {
        let title = "The method does not work here";
        let status = StatusCode::METHOD_NOT_ALLOWED;
        let problem = Problem::new(status, "urn:suq:problem:no-such-method", title);
        Problem {
            more: Some(Box::new((header::ALLOW, HeaderValue::from_static("GET, HEAD")))),
            ..problem.with("only GET and HEAD work here")
        }
    }

    /// What is here is not what `If-Match` wants.
    pub(super) fn changed() -> Problem {
        let title = "It is not what If-Match wants";
        let status = StatusCode::PRECONDITION_FAILED;
        Problem::new(status, "urn:suq:problem:changed", title).with("ask again without If-Match")
    }

    /// More is under way than is done at once.
    pub(super) fn busy(detail: impl Into<String>) -> Problem {
        let title = "The node is busy";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let problem = Problem::new(status, "urn:suq:problem:busy", title).with(detail);
        let after = (header::RETRY_AFTER, HeaderValue::from_static("5"));
        Problem { more: Some(Box::new(after)), ..problem }
    }

    /// The node's own fault. Its log says more than strangers are told.
    pub(super) fn broken(error: &dyn std::fmt::Display) -> Problem {
        tracing::error!(%error, "a request of the API cannot be answered");
        let title = "The node cannot read its catalogue";
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Problem::new(status, "urn:suq:problem:broken", title).with("the node's log says why")
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        match failure.kind {
            FailureKind::NotFound => Problem::not_found(failure.message),
            // What was refused is not there, for whoever asks from outside.
            FailureKind::Refused => Problem::not_found("no entry of the catalogue describes it"),
            FailureKind::Unreachable => Problem::busy(failure.message),
            FailureKind::Failed | FailureKind::NotVerified => Problem::broken(&failure),
        }
    }
}

impl From<SearchError> for Problem {
    fn from(error: SearchError) -> Problem {
        Problem::broken(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let head = [
            (header::CONTENT_TYPE, MEDIA_TYPE),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, head, body).into_response();
        response.headers_mut().extend(self.more.map(|more| *more));
        response
    }
}
