//! What changed: pages for programs that ask now and then, and events (server-sent, as the
//! HTML standard has them) for those that listen.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::{IntoParams, ToSchema};

use super::parameters::{Parameters, limit};
use super::problem::Problem;
use super::{Api, answer};
use crate::model::ChangeNumber;
use crate::node::Catalogue;
use crate::wire::Fate;

/// Changes of a page when nobody says how many, and of what is read at once for a stream.
const PAGE: usize = 100;

/// How often a stream says that it is still there when nothing changes: proxies cut off
/// what is silent for a minute.
const ALIVE: Duration = Duration::from_secs(15);

const EVENTS: &str = "text/event-stream";

/// From where on.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// The number of the last change that is known; from the beginning when it is left out,
    /// and a stream then begins with what comes next.
    #[param(minimum = 0)]
    after: Option<u64>,
    /// Changes of a page; 100 when it is left out. A stream has no pages.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Became {
    /// It is in the catalogue.
    Admitted,
    /// This site's rules no longer allow it.
    Withdrawn,
}

/// An entry that is new, or that has a new fate. What is told is how it is now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Change {
    /// Later changes have greater numbers. Each site counts its own.
    number: u64,
    #[schema(pattern = "^[0-9a-f]{64}$")]
    content_id: String,
    identifier: String,
    endorser: String,
    #[schema(format = "date-time")]
    endorsed: String,
    became: Became,
    /// True when its endorser takes the image back.
    deprecates: bool,
}

/// A page of changes, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Changes {
    changes: Vec<Change>,
    /// The number of the last change of this site.
    last: u64,
    /// True when there are more after these.
    more: bool,
}

/// What changed in the catalogue, in order. With `Accept: text/event-stream`, a stream of
/// events named `change`, whose data are these changes and whose ids are their numbers:
/// `Last-Event-ID` goes on where a stream ended.
#[utoipa::path(get, path = "/api/v1/changes", params(Asked), responses(
    (status = 200, description = "Changes, oldest first.", content(
        (Changes = "application/json"),
        (String = "text/event-stream"),
    )),
    (status = 304, description = "They are as If-None-Match names them."),
    (status = "default", description = "A problem.", body = Problem,
        content_type = "application/problem+json"),
))]
pub(super) async fn changes(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(asked): Parameters<Asked>,
) -> Result<Response, Problem> {
    let after = asked.after.map(ChangeNumber::new);
    if wants_events(&headers) {
        return follow(&api, &headers, after);
    }
    let limit = limit(asked.limit.unwrap_or(PAGE))?;
    let after = after.unwrap_or_default();
    let page = api.read(move |catalogue| {
        let last = catalogue.store().last_change();
        let changes = read(catalogue, after, limit)?;
        let more = changes.last().is_some_and(|change| change.number < last.get());
        Ok(Changes { changes, last: last.get(), more })
    });
    answer::json(&headers, &page.await?)
}

fn wants_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    accepted.flat_map(|line| line.split(',')).any(|range| {
        range.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case(EVENTS))
    })
}

/// Read at rest: how an entry is now could be not durable yet.
fn read(catalogue: &Catalogue, after: ChangeNumber, most: usize) -> Result<Vec<Change>, Problem> {
    catalogue.store().at_rest(|| read_at_rest(catalogue, after, most))
}

fn read_at_rest(
    catalogue: &Catalogue,
    after: ChangeNumber,
    most: usize,
) -> Result<Vec<Change>, Problem> {
    let mut changes = Vec::new();
    for change in catalogue.store().changes(after).take(most) {
        let (number, id) = change.map_err(|error| Problem::broken(&error))?;
        let record = catalogue.store().entry(&id).map_err(|error| Problem::broken(&error))?;
        let Some(record) = record else { continue };
        changes.push(Change {
            number: number.get(),
            content_id: id.to_string(),
            identifier: record.key.identifier.to_string(),
            endorser: record.key.email.to_string(),
            endorsed: record.key.created.to_string(),
            became: match record.fate {
                Fate::Admitted => Became::Admitted,
                Fate::Withdrawn { .. } => Became::Withdrawn,
            },
            deprecates: record.deprecated,
        });
    }
    Ok(changes)
}

/// A client that listens.
struct Follower {
    api: Api,
    news: watch::Receiver<ChangeNumber>,
    /// The last change that was sent.
    seen: ChangeNumber,
    /// Read, and not sent yet.
    waiting: std::vec::IntoIter<Change>,
    /// Given back when the client goes.
    _place: OwnedSemaphorePermit,
}

fn follow(
    api: &Api,
    headers: &HeaderMap,
    after: Option<ChangeNumber>,
) -> Result<Response, Problem> {
    let place = Arc::clone(&api.followers).try_acquire_owned();
    let place = place.map_err(|_| Problem::busy("as many follow the changes as can at once"))?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let catalogue = api.node.catalogue();
    let seen = last.or(after).unwrap_or_else(|| catalogue.store().last_change());
    let follower = Follower {
        api: api.clone(),
        news: catalogue.changed(),
        seen,
        waiting: Vec::new().into_iter(),
        _place: place,
    };
    let events = Sse::new(events(follower)).keep_alive(KeepAlive::new().interval(ALIVE));
    let mut response = events.into_response();
    // Some proxies keep what they could hand on.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

fn events(follower: Follower) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(follower, |mut follower| async move {
        let change = follower.next().await?;
        let event = Event::default().event("change").id(change.number.to_string());
        // A change is made of texts, numbers and truths: it always has a form in JSON.
        let event = event.data(serde_json::to_string(&change).ok()?);
        Some((Ok(event), follower))
    })
}

impl Follower {
    /// The next change; none when the node ends, or cannot read its store.
    async fn next(&mut self) -> Option<Change> {
        loop {
            if let Some(change) = self.waiting.next() {
                self.seen = ChangeNumber::new(change.number);
                return Some(change);
            }
            // Marked as seen before it is read: what comes then wakes it again.
            let last = *self.news.borrow_and_update();
            let last = last.max(self.api.node.catalogue().store().last_change());
            if self.seen < last {
                let seen = self.seen;
                let changes = self.api.read(move |catalogue| read(catalogue, seen, PAGE)).await;
                match changes {
                    Ok(changes) if changes.is_empty() => self.seen = last,
                    Ok(changes) => self.waiting = changes.into_iter(),
                    Err(_) => return None,
                }
                continue;
            }
            tokio::select! {
                () = self.api.ending.cancelled() => return None,
                changed = self.news.changed() => changed.ok()?,
            }
        }
    }
}
