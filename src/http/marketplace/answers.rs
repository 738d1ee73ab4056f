//! Answers in the form that a request takes: errors, pages, and what they have in common.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::media::{Media, VARY};
use crate::manifest::xml::escape;
use crate::node::Failure;

/// No answer loads anything, or runs anything: XML in which a stranger has put a script
/// neither, for browsers would run it as one of this node.
const CONTENT_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; form-action 'none'; frame-ancestors 'none'");

const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");

/// Entries come and are taken back: a cache asks before each use.
pub(super) const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// A request that cannot be answered as it is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    status: StatusCode,
    message: String,
    more: Option<(HeaderName, HeaderValue)>,
}

impl Refused {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Refused {
        Refused { status, message: message.into(), more: None }
    }

    /// With one more header.
    pub(super) fn with(self, name: HeaderName, value: HeaderValue) -> Refused {
        Refused { more: Some((name, value)), ..self }
    }

    pub(super) fn bad(message: impl Into<String>) -> Refused {
        Refused::new(StatusCode::BAD_REQUEST, message)
    }

    /// The text by which clients know that a list is empty.
    pub(super) fn nothing_fits() -> Refused {
        Refused::new(StatusCode::NOT_FOUND, super::NOTHING_FITS)
    }

    /// The text by which clients know that there is no such entry.
    pub(super) fn no_entry() -> Refused {
        Refused::new(StatusCode::NOT_FOUND, "metadata entry not found.")
    }

    /// More is under way than is done at once.
    pub(super) fn busy() -> Refused {
        let message = "this node has as much to do as it can at once: try again in some seconds";
        let seconds = HeaderValue::from_static("5");
        Refused::new(StatusCode::SERVICE_UNAVAILABLE, message).with(header::RETRY_AFTER, seconds)
    }

    /// The node's own fault. Its log says more than strangers are told.
    pub(super) fn broken(error: &dyn std::fmt::Display) -> Refused {
        tracing::error!(%error, "the catalogue cannot be read");
        let message = "this node cannot read its catalogue: its log says why";
        Refused::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// The answer in this form.
    pub(super) fn answer(self, media: Media) -> Response {
        let code = self.status.as_u16();
        let body = match media {
            Media::Xml => format!("{DECLARATION}<error>{}</error>", escape(&self.message)),
            Media::Json => {
                let message = serde_json::Value::from(self.message);
                format!("{{\"{code}\" : {message}}}")
            }
            Media::Html => page(&format!("Error {code}"), &paragraph(&self.message)),
        };
        let mut response = answer(self.status, media, body.into());
        response.headers_mut().extend(self.more);
        response
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        Refused::broken(&failure)
    }
}

/// What every XML answer that is made here begins with.
pub(super) const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// An answer in this form.
pub(super) fn answer(status: StatusCode, media: Media, body: Body) -> Response {
    let kind = match media {
        Media::Xml => "application/xml",
        Media::Json => "application/json",
        Media::Html => "text/html; charset=utf-8",
    };
    of_type(status, kind, body)
}

/// An answer of this media type.
pub(super) fn of_type(status: StatusCode, kind: &'static str, body: Body) -> Response {
    let head = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::VARY, VARY),
        (header::CACHE_CONTROL, ASK_AGAIN),
        (header::X_CONTENT_TYPE_OPTIONS, NO_SNIFFING),
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    ];
    (status, head, body).into_response()
}

/// What a page begins with, up to its content.
pub(super) fn page_head(title: &str) -> String {
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
         <title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n"
    )
}

/// What a page ends with.
pub(super) const PAGE_END: &str = "</body>\n</html>\n";

/// A page with this content, which is HTML.
pub(super) fn page(title: &str, content: &str) -> String {
    format!("{}{content}{PAGE_END}", page_head(title))
}

/// A table of texts.
pub(super) fn table<'a, Row: IntoIterator<Item = &'a str>>(
    headings: impl IntoIterator<Item = &'a str>,
    rows: impl IntoIterator<Item = Row>,
) -> String {
    fn cells<'a>(name: &str, cells: impl IntoIterator<Item = &'a str>) -> String {
        let cells = cells.into_iter().map(|cell| format!("<{name}>{}</{name}>", escape(cell)));
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    }
    let head = cells("th", headings);
    let rows: String = rows.into_iter().map(|row| cells("td", row)).collect();
    format!("<table><thead>{head}</thead><tbody>\n{rows}</tbody></table>\n")
}

/// Text as a paragraph.
pub(super) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escape(text))
}
