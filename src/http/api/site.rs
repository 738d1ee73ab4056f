//! How this site is: itself, its peers, what it refused.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::statuses::Seen;
use super::parameters::{Parameters, limit};
use super::problem::Problem;
use super::{Api, answer};
use crate::model::ContentId;
use crate::node::{Answer, Call, PeerView, StatusView};

/// Refusals of a page when nobody says how many.
const PAGE: usize = 50;

/// How many documents this site knows, by what became of them.
#[derive(Debug, Serialize, ToSchema)]
struct Documents {
    /// Entries that its rules allow.
    admitted: usize,
    /// Entries that its rules no longer allow.
    withdrawn: usize,
    /// Documents that its policy refused.
    refused: usize,
    /// Documents whose signer is not trusted here.
    untrusted: usize,
}

/// This site.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Site {
    /// Its name.
    name: String,
    /// The name of its node.
    peer: String,
    /// The federation's name.
    federation: String,
    /// The version of suq.
    version: &'static str,
    documents: Documents,
    /// Images in its store.
    blobs: usize,
    /// Connected peers.
    connected: usize,
    /// When its catalogue was last reconciled with a peer.
    #[schema(format = "date-time")]
    reconciled: Option<String>,
    /// True when its policy can be read; it refuses everything when not.
    policy_works: bool,
    /// The latest alerts, oldest first; none when this site does not tell them.
    alerts: Option<Vec<String>>,
    /// True when it tells which rules refuse what, its peers, and its alerts.
    tells_judgements: bool,
}

/// How this site is.
#[utoipa::path(get, path = "/api/v1/site", responses(
    (status = 200, description = "This site.", body = Site),
    (status = 304, description = "It is as If-None-Match names it."),
    (status = "default", description = "A problem.", body = Problem,
        content_type = "application/problem+json"),
))]
pub(super) async fn site(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Problem> {
    let Seen { status: Some(status), is_answered: true } = api.statuses.latest().await else {
        return Err(Problem::busy("the node does not answer in time"));
    };
    answer::json(&headers, &told(&status, api.settings.tells_judgements))
}

fn told(status: &StatusView, tells_judgements: bool) -> Site {
    let documents = &status.documents;
    Site {
        documents: Documents {
            admitted: documents.admitted,
            withdrawn: documents.withdrawn,
            refused: documents.refused,
            untrusted: documents.untrusted,
        },
        name: status.name.clone(),
        peer: status.peer.to_string(),
        federation: status.federation.clone(),
        version: env!("CARGO_PKG_VERSION"),
        blobs: status.blobs,
        connected: status.connected.len(),
        reconciled: status.reconciled.iter().map(|(_, at)| *at).max().map(|at| at.to_string()),
        policy_works: status.policy.broken.is_none(),
        alerts: tells_judgements.then(|| status.alerts.clone()),
        tells_judgements,
    }
}

/// A peer of this site.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Peer {
    /// The name of its node.
    peer: String,
    /// True when a connection is open.
    connected: bool,
    /// When the catalogue was last reconciled with it.
    #[schema(format = "date-time")]
    reconciled: Option<String>,
    /// True when it is kept out.
    blocked: bool,
}

/// The peers of this site.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Peers {
    peers: Vec<Peer>,
}

/// The peers of this site, connected and remembered.
#[utoipa::path(get, path = "/api/v1/peers", responses(
    (status = 200, description = "Its peers.", body = Peers),
    (status = 304, description = "They are as If-None-Match names them."),
    (status = 403, description = "This site does not tell it.", body = Problem,
        content_type = "application/problem+json"),
    (status = "default", description = "A problem.", body = Problem,
        content_type = "application/problem+json"),
))]
pub(super) async fn peers(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Problem> {
    api.tells()?;
    let Answer::Peers(peers) = api.ask(Call::Peers).await? else {
        return Err(Problem::broken(&"an answer that fits no question"));
    };
    let peer = |view: PeerView| Peer {
        peer: view.peer.to_string(),
        connected: view.connected,
        reconciled: view.reconciled.map(|at| at.to_string()),
        blocked: view.blocked,
    };
    answer::json(&headers, &Peers { peers: peers.into_iter().map(peer).collect() })
}

/// Which refusals.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// The `next` of the page before.
    #[param(pattern = "^[0-9a-f]{64}$")]
    after: Option<String>,
    /// Refusals of a page; 50 when it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// A verified document that this site did not admit.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Refusal {
    #[schema(pattern = "^[0-9a-f]{64}$")]
    content_id: String,
    identifier: String,
    endorser: String,
    #[schema(format = "date-time")]
    endorsed: String,
    /// The rule that refused it.
    rule: String,
    reason: String,
    /// True when the signer is not trusted here.
    untrusted: bool,
    #[schema(format = "date-time")]
    last_offered: String,
}

/// A page of refusals, in the order of content ids.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Refusals {
    refusals: Vec<Refusal>,
    /// The `after` of the next page; none when this is the last.
    next: Option<String>,
}

/// What this site refused, and why.
#[utoipa::path(get, path = "/api/v1/refusals", params(Page), responses(
    (status = 200, description = "A page of refusals.", body = Refusals),
    (status = 304, description = "It is as If-None-Match names it."),
    (status = 403, description = "This site does not tell it.", body = Problem,
        content_type = "application/problem+json"),
    (status = "default", description = "A problem.", body = Problem,
        content_type = "application/problem+json"),
))]
pub(super) async fn refusals(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(page): Parameters<Page>,
) -> Result<Response, Problem> {
    api.tells()?;
    let limit = limit(page.limit.unwrap_or(PAGE))?;
    let after = page.after.map(|after| after.parse::<ContentId>()).transpose();
    let after = after.map_err(|error| Problem::bad(format!("after: {error}")))?;
    let found = api.read(move |catalogue| {
        let mut refusals = Vec::new();
        let mut last = None;
        for row in catalogue.store().refusals_after(after.as_ref()).take(limit + 1) {
            let (id, record) = row.map_err(|error| Problem::broken(&error))?;
            if refusals.len() == limit {
                return Ok(Refusals { refusals, next: last });
            }
            last = Some(id.to_string());
            refusals.push(Refusal {
                content_id: id.to_string(),
                identifier: record.key.identifier.to_string(),
                endorser: record.key.email.to_string(),
                endorsed: record.key.created.to_string(),
                rule: record.rule,
                reason: record.reason,
                untrusted: record.untrusted,
                last_offered: record.last_offered.to_string(),
            });
        }
        Ok(Refusals { refusals, next: None })
    });
    answer::json(&headers, &found.await?)
}
