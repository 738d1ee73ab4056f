//! The Marketplace of StratusLab, as its clients know it, from this site's catalogue.
//!
//! ```text
//! GET  /metadata[/A[/B]]                  a list; each of A and B is an email, a date or an identifier
//! GET  /metadata/ID/EMAIL/DATE            a signed document, byte for byte
//! POST /metadata                          an upload, or the list as DataTables asks for it
//! GET  /metadata/EMAIL?tag=T, /tag/EMAIL/T    the newest entry with a tag
//! GET  /endorsers[/EMAIL[/tags]]          who endorses, and what
//! GET, POST /query                        SPARQL over the entries' graphs
//! GET  /upload                            a form for an upload
//! ```
//!
//! `HEAD` works where `GET` does. A slash too much does no harm. Only what this site
//! admitted is handed out; what it withdrew later is in lists of what is deprecated.

mod answers;
mod body;
mod datatables;
mod endorsers;
mod entry;
mod filter;
mod listing;
mod media;
mod parameters;
mod query;
mod upload;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use percent_encoding::percent_decode_str;
use tokio::sync::Semaphore;

pub(super) use self::entry::path as entry_path;

use self::answers::Refused;
use self::media::Media;
use self::parameters::Parameters;
use super::client::Client;
use super::rate::Rates;
use super::{Limits, refusal};
use crate::model::Timestamp;
use crate::node::{Catalogue, Node};

/// The text by which clients know that a list is empty.
const NOTHING_FITS: &str = "no metadata matching query found";

/// Lists that are put together at once: each keeps a core busy.
const SEARCHES: usize = 2;

/// Lists that are on their way: each holds 32 bytes for each of its entries.
const LISTS: usize = 32;

/// Queries that are answered at once: each keeps a core busy.
const QUERIES: usize = 2;

/// Queries that wait or whose answers are on their way: each may hold 32 MiB.
const ANSWERS: usize = 6;

/// A site's catalogue as a Marketplace. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Marketplace {
    node: Node,
    takes_uploads: bool,
    /// How long a client may take to send the body of a request.
    patience: Duration,
    rates: Arc<Rates>,
    searches: Arc<Semaphore>,
    lists: Arc<Semaphore>,
    queries: Arc<Semaphore>,
    answers: Arc<Semaphore>,
}

/// A request that was taken apart.
#[derive(Debug)]
struct Asked {
    method: Method,
    headers: HeaderMap,
    parameters: Parameters,
    media: Media,
    client: Option<Client>,
}

impl Marketplace {
    /// The Marketplace of a node, with or without uploads.
    pub fn new(node: Node, takes_uploads: bool) -> Marketplace {
        Marketplace {
            node,
            takes_uploads,
            patience: Limits::default().body,
            rates: Arc::default(),
            searches: Arc::new(Semaphore::new(SEARCHES)),
            lists: Arc::new(Semaphore::new(LISTS)),
            queries: Arc::new(Semaphore::new(QUERIES)),
            answers: Arc::new(Semaphore::new(ANSWERS)),
        }
    }

    /// With these limits of all HTTP.
    pub(super) fn within(self, limits: &Limits) -> Marketplace {
        Marketplace { patience: limits.body, ..self }
    }

    fn catalogue(&self) -> &Catalogue {
        self.node.catalogue()
    }

    /// Work that reads much of the store, a few at a time.
    async fn search<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        in_turn(&self.searches, work).await
    }

    async fn answer(&self, asked: Asked, path: &[&str], body: Body) -> Result<Response, Refused> {
        let reads = matches!(asked.method, Method::GET | Method::HEAD);
        match path {
            ["metadata"] if asked.method == Method::POST => upload::posted(self, asked, body).await,
            ["metadata", identifier, email, date] if reads => {
                entry::get(self, &asked, identifier, email, date)
            }
            ["metadata", email] if reads && asked.parameters.get("tag").is_some() => {
                let tag = asked.parameters.get("tag").unwrap_or_default();
                entry::tagged(self, &asked, email, tag).await
            }
            ["metadata"] | ["metadata", _] | ["metadata", _, _] if reads => {
                listing::get(self, &asked, &path[1..]).await
            }
            ["tag", email, tag] if reads => entry::tagged(self, &asked, email, tag).await,
            ["endorsers"] if reads => endorsers::all(self, &asked).await,
            ["endorsers", email] if reads => endorsers::history(self, &asked, email).await,
            ["endorsers", email, "tags"] if reads => endorsers::tags(self, &asked, email).await,
            ["query"] if reads => query::get(self, &asked).await,
            ["query"] if asked.method == Method::POST => query::posted(self, asked, body).await,
            ["upload"] if reads => Ok(upload::form(self)),
            ["metadata"] | ["query"] => Err(no_such_method("GET, HEAD, POST")),
            ["metadata", ..] if path.len() <= 4 => Err(no_such_method("GET, HEAD")),
            ["tag", _, _]
            | ["endorsers"]
            | ["endorsers", _]
            | ["endorsers", _, "tags"]
            | ["upload"] => Err(no_such_method("GET, HEAD")),
            _ => Err(Refused::new(StatusCode::NOT_FOUND, NO_SUCH_PATH)),
        }
    }
}

const NO_SUCH_PATH: &str = "there is nothing here: entries are at /metadata, /metadata/ID and \
                            /metadata/ID/EMAIL/DATE, endorsers at /endorsers, queries at /query";

fn no_such_method(allowed: &'static str) -> Refused {
    let message = format!("only {allowed} work here");
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, message)
        .with(header::ALLOW, HeaderValue::from_static(allowed))
}

/// Answers what is not a blob.
pub(super) async fn answer(
    State(marketplace): State<Option<Marketplace>>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let parts: Vec<&str> = head.uri.path().split('/').filter(|part| !part.is_empty()).collect();
    let is_ours =
        matches!(parts.first(), Some(&("metadata" | "tag" | "endorsers" | "query" | "upload")));
    let Some(marketplace) = marketplace.filter(|_| is_ours) else {
        return refusal::no_such_path();
    };
    let parameters = Parameters::read(head.uri.query().unwrap_or_default().as_bytes());
    let media = Media::of(&head.headers, &parameters);
    let client = head.extensions.get::<Client>().copied();
    let decoded: Result<Vec<_>, _> =
        parts.iter().map(|part| percent_decode_str(part).decode_utf8()).collect();
    let Ok(decoded) = decoded else {
        return Refused::bad("the path is not UTF-8 text").answer(media);
    };
    let path: Vec<&str> = decoded.iter().map(AsRef::as_ref).collect();
    let asked = Asked { method: head.method, headers: head.headers, parameters, media, client };
    match marketplace.answer(asked, &path, body).await {
        Ok(response) => response,
        Err(refused) => refused.answer(media),
    }
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// Work of which only some is done at once. It ends, and its place with it, also when the
/// client has gone.
async fn in_turn<T: Send + 'static>(
    places: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, Refused> + Send + 'static,
) -> Result<T, Refused> {
    let place = Arc::clone(places).acquire_owned().await;
    let place = place.map_err(|error| Refused::broken(&error))?;
    aside(move || {
        let done = work();
        drop(place);
        done
    })
    .await
}

/// Work on the store that takes its time.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refused> + Send + 'static,
) -> Result<T, Refused> {
    let span = tracing::Span::current();
    let done = tokio::task::spawn_blocking(move || span.in_scope(work)).await;
    done.unwrap_or_else(|error| Err(Refused::broken(&error)))
}
