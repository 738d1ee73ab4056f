//! What programs and browsers see: HTTP/1.1.
//!
//! ```text
//! GET, HEAD /blobs/sha512/HEX    an image by its SHA-512
//! GET, HEAD /blobs/sha1/HEX      an image by its SHA-1
//! /metadata, /endorsers, /tag    the Marketplace: see [`Marketplace`]
//! /api/v1                        the catalogue and the site in JSON: see [`Api`]
//! GET /metrics                   numbers for Prometheus
//! GET /healthz, /readyz          whether the node works, and whether it should be asked
//! GET, HEAD /, /page/FILE        the page for people, which asks [`Api`]
//! ```
//!
//! Uploads carry their own proof; everything else that changes the node is on the control
//! socket. A client is bounded in what it may send, in how long it may take for that, in
//! how long it may take nothing and in how slowly it may take something; all clients
//! together in [`Limits`].

mod access;
mod addresses;
mod api;
mod blobs;
mod client;
mod conditions;
mod connections;
mod content;
mod heads;
mod marketplace;
pub mod metrics;
mod opened;
mod operations;
mod options;
mod pace;
mod page;
mod range;
mod rate;
mod refusal;
mod request_id;
mod statuses;
mod tls;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::blobs::Blobs;
use crate::home::AccessLog;
use crate::node::Serving;
use access::Access;
pub use api::{Api, ApiSettings};
use connections::Connections;
pub use marketplace::Marketplace;
use metrics::Traffic;
use operations::Operations;
pub use options::{HttpError, Limits, Options};
use statuses::Statuses;
use tls::Tls;
pub use tls::TlsError;

/// A running HTTP interface; every connection ends when it is dropped.
#[derive(Debug)]
pub struct Http {
    addresses: Vec<SocketAddr>,
    tls_addresses: Vec<SocketAddr>,
    connections: Connections,
    tls: Option<Arc<Tls>>,
}

impl Drop for Http {
    fn drop(&mut self) {
        self.connections.cut();
    }
}

impl Http {
    /// Listens; port 0 takes a free one. Without a catalogue only images are answered.
    /// They go out as fast as `serving` allows.
    pub async fn start(
        options: Options,
        blobs: Blobs,
        catalogue: Option<(Marketplace, Api)>,
        serving: Serving,
    ) -> Result<Http, HttpError> {
        let (plain, addresses) = listeners(&options.listen, "listen").await?;
        let (secure, tls_addresses) = listeners(&options.tls_listen, "tls_listen").await?;
        let Options { tls, limits, access_log, trusted_proxies, .. } = options;
        let tls = tls.map(Arc::new);
        let access = Access {
            traffic: Traffic::new(),
            is_logged: access_log == AccessLog::Stderr,
            proxies: trusted_proxies.into(),
        };
        let ending = CancellationToken::new();
        let router = router(blobs, catalogue, &limits, serving, (&access, tls.clone(), &ending));
        let connections = Connections::new(router, limits, access, ending);
        for listener in plain {
            connections.listen(listener, None);
        }
        for listener in secure {
            connections.listen(listener, tls.clone());
        }
        Ok(Http { addresses, tls_addresses, connections, tls })
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where it listens with TLS.
    pub fn tls_addresses(&self) -> &[SocketAddr] {
        &self.tls_addresses
    }

    /// Reads the host certificate again, where there is one.
    ///
    /// # Errors
    /// When it cannot be used; the one of before stays.
    pub fn reload(&self) -> Result<(), HttpError> {
        self.tls.as_ref().map_or(Ok(()), |tls| Ok(tls.read_again()?))
    }

    /// Takes no more requests. Answers that are on their way may go on for so long; what
    /// is cut off then, a client goes on with by a range.
    pub async fn stop(self, drain: Duration) {
        self.connections.end(drain).await;
    }
}

/// Listens on these addresses, which this setting names.
async fn listeners(
    addresses: &[SocketAddr],
    setting: &'static str,
) -> Result<(Vec<TcpListener>, Vec<SocketAddr>), HttpError> {
    let mut listeners = Vec::new();
    let mut bound = Vec::new();
    for address in addresses {
        let failed = |source| HttpError::Listen { address: *address, setting, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        bound.push(listener.local_addr().map_err(failed)?);
        listeners.push(listener);
    }
    Ok((listeners, bound))
}

/// Everything that is answered.
fn router(
    blobs: Blobs,
    catalogue: Option<(Marketplace, Api)>,
    limits: &Limits,
    serving: Serving,
    (access, tls, ending): (&Access, Option<Arc<Tls>>, &CancellationToken),
) -> Router {
    let (marketplace, api) = catalogue.unzip();
    let of_node = api.map_or_else(Router::new, |api| {
        let statuses = Statuses::new(api.node().clone(), limits.status);
        let traffic = access.traffic.clone();
        let operations = Operations { statuses: statuses.clone(), traffic, tls }.routes();
        operations.merge(page::routes()).merge(api::routes(api.with(statuses, ending.clone())))
    });
    let marketplace = marketplace.map(|marketplace| marketplace.within(limits));
    let others = Router::new().fallback(marketplace::answer).with_state(marketplace);
    blobs::routes(blobs, limits.answers, serving)
        .merge(of_node)
        .merge(others)
        .method_not_allowed_fallback(refusal::no_such_method)
        .layer(middleware::from_fn_with_state(access.clone(), access::answered))
}
