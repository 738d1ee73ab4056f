//! `GET` and `HEAD` of `/blobs/sha512/HEX` and `/blobs/sha1/HEX`.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use tokio::sync::Semaphore;

use super::client::Client;
use super::conditions::{self, Outcome};
use super::content::Leave;
use super::opened::Opened;
use super::refusal;
use crate::blobs::Blobs;
use crate::model::{Sha1, Sha512};
use crate::node::{Serving, Taker};

/// A year, in seconds: what a name by SHA-512 stands for never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Another image with the same SHA-1 can be made, so a cache asks before each use.
const ASK_AGAIN: &str = "public, no-cache";

/// The blobs, and places for those who read them.
#[derive(Debug, Clone)]
struct Shelf {
    blobs: Blobs,
    places: Arc<Semaphore>,
    serving: Serving,
}

/// Answers for blobs, so many at once.
pub(super) fn routes(blobs: Blobs, answers: usize, serving: Serving) -> Router {
    let shelf = Shelf { blobs, places: Arc::new(Semaphore::new(answers)), serving };
    Router::new().route("/blobs/{algorithm}/{hex}", get(by_name)).with_state(shelf)
}

#[derive(Debug, Clone, Copy)]
enum Name {
    Sha512(Sha512),
    Sha1(Sha1),
}

/// A path that names no algorithm of ours is nobody's.
async fn by_name(
    State(shelf): State<Shelf>,
    Extension(client): Extension<Client>,
    path: Result<Path<(String, String)>, PathRejection>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let Ok(Path((algorithm, hex))) = path else {
        return refusal::text(StatusCode::BAD_REQUEST, "The path is not UTF-8 text.");
    };
    let (name, what, digits) = match algorithm.as_str() {
        "sha512" => (hex.parse().ok().map(Name::Sha512), "SHA-512", 128),
        "sha1" => (hex.parse().ok().map(Name::Sha1), "SHA-1", 40),
        _ => return refusal::no_such_path(),
    };
    match name {
        Some(name) => answer((shelf, client), name, &method, &headers).await,
        None => {
            let message = format!("That is not a {what}: {digits} hexadecimal digits are needed.");
            refusal::text(StatusCode::BAD_REQUEST, &message)
        }
    }
}

async fn answer(
    (shelf, client): (Shelf, Client),
    name: Name,
    method: &Method,
    headers: &HeaderMap,
) -> Response {
    let Ok(place) = Arc::clone(&shelf.places).try_acquire_owned() else { return refusal::busy() };
    let leave = Leave { _place: place, payer: shelf.serving.payer(Taker::Client(client.address)) };
    let span = tracing::Span::current();
    let opening = tokio::task::spawn_blocking(move || span.in_scope(|| open(&shelf.blobs, name)));
    let opened = match opening.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(Some(opened)) => opened,
        Ok(None) => {
            let message = "This node does not hold that image: ask another, or have it fetched \
                           here with `suq get`.";
            return refusal::text(StatusCode::NOT_FOUND, message);
        }
        Err(error) => return refusal::broken(&error, &format!("{name:?}")),
    };
    let description = opened.description();
    let mut response = match conditions::evaluate(headers, &opened.tag(), opened.modified) {
        Outcome::Fails => {
            let message = "The image is not as If-Match or If-Unmodified-Since wants it: drop what \
                           you have of it.";
            return refusal::text(StatusCode::PRECONDITION_FAILED, message);
        }
        Outcome::NotModified => StatusCode::NOT_MODIFIED.into_response(),
        // Only GET has ranges (RFC 9110 §14.2).
        Outcome::Holds if method == Method::GET => opened.send(headers, leave),
        Outcome::Holds => opened.whole(Body::empty()),
    };
    if response.status() != StatusCode::RANGE_NOT_SATISFIABLE {
        response.headers_mut().extend(description);
    }
    response
}

/// Opens a blob, once: when it is collected meanwhile, it can be read to its end.
fn open(blobs: &Blobs, name: Name) -> io::Result<Option<Opened>> {
    let (sha512, caching) = match name {
        Name::Sha512(sha512) => (sha512, FOR_EVER),
        Name::Sha1(sha1) => match blobs.by_sha1(&sha1) {
            Some(blob) => (blob.sha512, ASK_AGAIN),
            None => return Ok(None),
        },
    };
    match blobs.read(&sha512) {
        Ok(file) => Opened::new(file, sha512, caching).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
