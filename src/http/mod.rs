//! What programs and browsers see: HTTP/1.1.
//!
//! ```text
//! GET, HEAD /blobs/sha512/HEX    an image by its SHA-512
//! GET, HEAD /blobs/sha1/HEX      an image by its SHA-1
//! /metadata, /endorsers, /tag    the Marketplace: see [`Marketplace`]
//! /api/v1                        the catalogue and the site in JSON: see [`Api`]
//! GET, HEAD /, /page/FILE        the page for people, which asks [`Api`]
//! ```
//!
//! Uploads carry their own proof; everything else that changes the node is on the control
//! socket. A client is bounded in what it may send, in how long it may take for that, in
//! how long it may take nothing and in how slowly it may take something; all clients
//! together in [`Limits`].

mod api;
mod blobs;
mod conditions;
mod connections;
mod content;
mod heads;
mod marketplace;
mod opened;
mod pace;
mod page;
mod range;
mod refusal;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::blobs::Blobs;
use crate::node::Serving;
pub use api::{Api, ApiSettings};
use connections::Connections;
pub use marketplace::Marketplace;

/// How much is done for clients at once, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; more wait until one ends.
    pub connections: usize,
    /// Answers with images that are on their way; more are told to come again.
    pub answers: usize,
    /// How long a client may take nothing of what it asked for.
    pub stalled: Duration,
    /// Bytes of a second below which a client takes too little: it may for a while.
    pub slowest: u64,
    /// How long a client may take to send the head of a request, and to send nothing
    /// before it.
    pub request: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 256,
            answers: 64,
            stalled: Duration::from_secs(60),
            // A line of 128 kbit/s.
            slowest: 16 * 1024,
            request: Duration::from_secs(30),
        }
    }
}

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
#[error(
    "HTTP cannot listen on {address}: {source}; choose another address or port with `listen` under \
     [http] in suq.toml"
)]
pub struct HttpError {
    /// Where.
    pub address: SocketAddr,
    /// What the system says.
    pub source: io::Error,
}

/// A running HTTP interface; every connection ends when it is dropped.
#[derive(Debug)]
pub struct Http {
    addresses: Vec<SocketAddr>,
    connections: Connections,
}

impl Drop for Http {
    fn drop(&mut self) {
        self.connections.cut();
    }
}

impl Http {
    /// Listens on these addresses; port 0 takes a free one. Without a catalogue only
    /// images are answered. They go out as fast as `serving` allows.
    ///
    /// # Errors
    /// When one of them cannot be had; then none is listened on.
    pub async fn start(
        listen: &[SocketAddr],
        blobs: Blobs,
        catalogue: Option<(Marketplace, Api)>,
        limits: Limits,
        serving: Serving,
    ) -> Result<Http, HttpError> {
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for &address in listen {
            let failed = |source| HttpError { address, source };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            addresses.push(listener.local_addr().map_err(failed)?);
            listeners.push(listener);
        }
        let ending = CancellationToken::new();
        let catalogue = catalogue
            .map(|(marketplace, api)| (marketplace, api.ending_with(ending.child_token())));
        let router = router(blobs, catalogue, &limits, serving);
        let connections = Connections::new(router, limits, ending);
        for listener in listeners {
            connections.listen(listener);
        }
        Ok(Http { addresses, connections })
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Takes no more requests. Answers that are on their way may go on for so long; what
    /// is cut off then, a client goes on with by a range.
    pub async fn stop(self, drain: Duration) {
        self.connections.end(drain).await;
    }
}

/// Everything that is answered.
fn router(
    blobs: Blobs,
    catalogue: Option<(Marketplace, Api)>,
    limits: &Limits,
    serving: Serving,
) -> Router {
    let (marketplace, api) = catalogue.unzip();
    let others = Router::new().fallback(marketplace::answer).with_state(marketplace);
    blobs::routes(blobs, limits.answers, serving)
        .merge(api.map(|api| api::routes(api).merge(page::routes())).unwrap_or_default())
        .merge(others)
        .method_not_allowed_fallback(refusal::no_such_method)
        .layer(middleware::from_fn(answered))
}

/// Refuses heads that nobody answers; notes every answer.
async fn answered(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = match heads::refused(&request) {
        Some(refused) => refused,
        None => next.run(request).await,
    };
    tracing::debug!(%method, path, status = response.status().as_u16(), "answered");
    response
}
