//! The node in JSON, for programs and for the page: `/api/v1`.
//!
//! ```text
//! GET /api/v1/entries                 search: words, filters, counts, pages
//! GET /api/v1/entries/CONTENT-ID      one entry
//! GET /api/v1/images/IMAGE            an image with all its entries
//! GET /api/v1/images/IMAGE/judgement  what this site's rules say of using it now, and why
//! GET /api/v1/images/IMAGE/holders    which sites have its bytes
//! GET /api/v1/endorsers               who endorses
//! GET /api/v1/site, /peers, /refusals how this site is
//! GET /api/v1/changes                 what changed, as pages or as a stream of events
//! GET /api/v1/openapi.json            all of this, as OpenAPI 3.1 describes it
//! ```
//!
//! It only reads. Problems are told as RFC 9457 has them.

mod answer;
mod changes;
mod endorsers;
mod entries;
mod holders;
mod images;
mod openapi;
mod parameters;
mod problem;
mod shape;
mod site;

use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::http::HeaderValue;
use axum::routing::get;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::cors::{AllowOrigin, CorsLayer};

use self::holders::Surveys;
use self::problem::Problem;
use super::options::Limits;
use super::statuses::Statuses;
use crate::model::Timestamp;
use crate::node::{Answer, Call, Catalogue, Node};

/// Where the interface is.
const BASE: &str = "/api/v1";

/// Requests that read the catalogue at once: each keeps a core busy for some milliseconds.
const READERS: usize = 4;

/// Requests that wait for their turn to read; more are told to come again.
const WAITING: usize = 256;

/// Clients that follow the changes at once: each keeps a connection.
const FOLLOWERS: usize = 64;

/// What a site tells to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// Origins whose pages may ask; none by default.
    pub origins: Vec<String>,
    /// Tell which rules refuse what, peers, and alerts.
    pub tells_judgements: bool,
}

/// The state of the interface. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Api {
    node: Node,
    settings: Arc<ApiSettings>,
    readers: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    followers: Arc<Semaphore>,
    surveys: Arc<Surveys>,
    statuses: Statuses,
    /// Cancelled when the node ends: streams of events have no end of their own.
    ending: CancellationToken,
}

impl Api {
    /// The interface of a node.
    pub fn new(node: Node, settings: ApiSettings) -> Api {
        Api {
            statuses: Statuses::new(node.clone(), Limits::default().status),
            surveys: Arc::default(),
            node,
            settings: Arc::new(settings),
            readers: Arc::new(Semaphore::new(READERS)),
            waiting: Arc::new(Semaphore::new(WAITING)),
            followers: Arc::new(Semaphore::new(FOLLOWERS)),
            ending: CancellationToken::new(),
        }
    }

    /// With what the rest of the interface knows of the node, and until it ends.
    pub(super) fn with(self, statuses: Statuses, ending: CancellationToken) -> Api {
        Api { statuses, ending, ..self }
    }

    /// The node.
    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    /// Reads the catalogue where that disturbs nobody, a few at a time. It ends, and its
    /// place with it, also when the client has gone.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Catalogue) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let busy = |_| Problem::busy("this node has as much to do as it can at once");
        let _waiting = self.waiting.try_acquire().map_err(busy)?;
        let place = Arc::clone(&self.readers).acquire_owned().await;
        let place = place.map_err(|error| Problem::broken(&error))?;
        let catalogue = self.node.catalogue().clone();
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&catalogue);
            drop(place);
            done
        });
        done.await.unwrap_or_else(|error| Err(Problem::broken(&error)))
    }

    /// Asks the running node.
    async fn ask(&self, call: Call) -> Result<Answer, Problem> {
        match self.node.call(call).await {
            Answer::Failed(failure) => Err(failure.into()),
            answer => Ok(answer),
        }
    }

    /// What a site tells only when it wants to.
    fn tells(&self) -> Result<(), Problem> {
        if self.settings.tells_judgements {
            return Ok(());
        }
        Err(Problem::not_told("`judgements` under [http] in suq.toml is off there"))
    }
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// Everything that is answered under [`BASE`].
pub(super) fn routes(api: Api) -> Router {
    let origins: Vec<HeaderValue> =
        api.settings.origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let routes = Router::new()
        .route("/entries", get(entries::search))
        .route("/entries/{content_id}", get(entries::entry))
        .route("/images/{image}", get(images::image))
        .route("/images/{image}/judgement", get(images::judgement))
        .route("/images/{image}/holders", get(holders::holders))
        .route("/endorsers", get(endorsers::all))
        .route("/site", get(site::site))
        .route("/peers", get(site::peers))
        .route("/refusals", get(site::refusals))
        .route("/changes", get(changes::changes))
        .route("/openapi.json", get(openapi::document))
        .fallback(|| async {
            Problem::not_found("the interface is described at /api/v1/openapi.json")
        })
        .method_not_allowed_fallback(|| async { Problem::no_such_method() })
        .with_state(api);
    let routes = Router::new().nest(BASE, routes);
    if origins.is_empty() {
        return routes;
    }
    routes.layer(CorsLayer::new().allow_origin(AllowOrigin::list(origins)))
}
