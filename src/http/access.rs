//! Every request: whom it is from, its id, what it was answered, and how that ended.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Body as _, Frame, SizeHint};
use tracing::{Instrument, Span};

use super::client::Client;
use super::metrics::{Failure, Traffic};
use super::{heads, request_id};

/// Characters of a path that are noted: those of an image have 142.
const MAX_PATH: usize = 200;

/// Characters of a `User-Agent` that are noted; those of browsers have about 120.
const MAX_AGENT: usize = 160;

/// Characters of a method that are noted.
const MAX_METHOD: usize = 16;

/// What looks at every request and connection. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Access {
    pub(super) traffic: Traffic,
    /// True when answers are noted at the usual level of the log, not only with `-v`.
    pub(super) is_logged: bool,
    pub(super) proxies: Arc<[IpAddr]>,
}

/// What is noted of a request.
#[derive(Debug)]
struct Note {
    client: IpAddr,
    method: String,
    path: String,
    agent: String,
    began: Instant,
}

impl Note {
    fn new(request: &Request, client: IpAddr) -> Note {
        let agent = request.headers().get(header::USER_AGENT).map(HeaderValue::as_bytes);
        Note {
            client,
            method: short(request.method().as_str(), MAX_METHOD),
            path: short(request.uri().path(), MAX_PATH),
            agent: short(&String::from_utf8_lossy(agent.unwrap_or_default()), MAX_AGENT),
            began: Instant::now(),
        }
    }
}

fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Answers a request: whatever is logged meanwhile carries its id.
pub(super) async fn answered(
    State(access): State<Access>,
    mut request: Request,
    next: Next,
) -> Response {
    let connected = request.extensions().get::<Client>().copied();
    let client = connected.unwrap_or(Client::new([0, 0, 0, 0].into(), false));
    let client = client.meant(&access.proxies, request.headers());
    request.extensions_mut().insert(client);
    let id = request_id::of(request.headers());
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default());
    let note = Note::new(&request, client.address);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    let response = async {
        match heads::refused(&request) {
            Some(refused) => refused,
            None => next.run(request).await,
        }
    };
    let mut response = response.instrument(span.clone()).await;
    response.headers_mut().insert(request_id::HEADER, id);
    if is_chunked {
        // Whoever reads its end otherwise takes the rest for another request (RFC 9112 §6.1).
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    access.traffic.answered(&path, &method, response.status(), note.began.elapsed());
    let status = response.status().as_u16();
    let told = response.headers().get(header::CONTENT_LENGTH);
    let told = told.and_then(|length| length.to_str().ok()?.parse().ok());
    response.map(|body| {
        let length = match method {
            Method::HEAD => Some(0),
            _ => body.size_hint().exact().or(told),
        };
        let sent = Sent { access, note, span, status, length, bytes: 0, is_over: false };
        Body::new(Counted { body, sent })
    })
}

impl Access {
    /// A connection was refused, or ended before its time.
    pub(super) fn failed(&self, failure: Failure, client: IpAddr, error: &dyn std::fmt::Display) {
        self.traffic.failed(failure);
        let reason = failure.name();
        // Whoever says nothing is hung up on: that is no news.
        if self.is_logged && failure != Failure::Late {
            tracing::info!(target: "suq::access", %client, reason, %error, "not answered");
        } else {
            tracing::debug!(target: "suq::access", %client, reason, %error, "not answered");
        }
    }
}

/// How far a body is; noted when it is dropped.
struct Sent {
    access: Access,
    note: Note,
    span: Span,
    status: u16,
    /// Bytes that there will be, where that is known.
    length: Option<u64>,
    bytes: u64,
    is_over: bool,
}

impl Drop for Sent {
    fn drop(&mut self) {
        let Sent { note: Note { client, method, path, agent, began }, status, bytes, .. } = self;
        let is_whole = self.is_over || self.length.is_some_and(|length| *bytes >= length);
        let seconds = began.elapsed().as_secs_f64();
        let _entered = self.span.enter();
        if self.access.is_logged {
            tracing::info!(
                target: "suq::access",
                %client, method, path, status, bytes, seconds, whole = is_whole, agent, "answered"
            );
        } else {
            tracing::debug!(target: "suq::access", %client, method, path, status, "answered");
        }
    }
}

/// A body that is counted on its way.
struct Counted {
    body: Body,
    sent: Sent,
}

impl hyper::body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Counted { body, sent } = self.get_mut();
        let _entered = sent.span.enter();
        let frame = ready!(Pin::new(body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                sent.bytes += bytes;
                sent.access.traffic.sent(bytes);
            }
            Some(Err(error)) => tracing::debug!(%error, "an answer breaks off"),
            None => sent.is_over = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_bounded() {
        assert_eq!(short("äbc", 3), "äbc");
        assert_eq!(short("äbcd", 3), "äbc…");
        let request = Request::builder()
            .method("X".repeat(1000).as_str())
            .uri(format!("/{}", "x".repeat(7000)))
            .header("user-agent", "y".repeat(7000))
            .body(Body::empty())
            .unwrap();
        let note = Note::new(&request, [127, 0, 0, 1].into());
        let lengths = [note.method, note.path, note.agent].map(|text| text.chars().count());
        assert_eq!(lengths, [MAX_METHOD + 1, MAX_PATH + 1, MAX_AGENT + 1]);
    }
}
