//! Connections of clients, each in a task of its own.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Limits;
use super::pace::Paced;

/// Headers of a request; browsers send about twenty.
const MAX_HEADERS: usize = 64;

/// Unsent and unread bytes that a connection holds beside the piece that is being sent. A
/// head that does not fit is refused without a look at it; hyper reads targets of 64 KiB,
/// and [`super::heads`] refuses them by the right name.
const BUFFER_BYTES: usize = 80 * 1024;

/// After the system could not give a connection: what it lacks, such as file
/// descriptors, comes back when others end.
const PAUSE: Duration = Duration::from_millis(100);

/// Who sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Client(pub(super) IpAddr);

/// All connections.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    router: Router,
    limits: Limits,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    /// No more requests.
    ending: CancellationToken,
    /// Not even the answers that are on their way.
    cut: CancellationToken,
}

impl Connections {
    /// Requests are taken until `ending` is cancelled.
    pub(super) fn new(router: Router, limits: Limits, ending: CancellationToken) -> Connections {
        Connections {
            router,
            limits,
            places: Arc::new(Semaphore::new(limits.connections)),
            tasks: TaskTracker::new(),
            ending,
            cut: CancellationToken::new(),
        }
    }

    /// Serves whoever connects.
    pub(super) fn listen(&self, listener: TcpListener) {
        let connections = self.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = connections.ending.cancelled() => {}
                () = connections.accept(&listener) => {}
            }
        });
    }

    async fn accept(&self, listener: &TcpListener) {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
            let (stream, client) = match listener.accept().await {
                Ok((stream, address)) => (stream, Client(address.ip())),
                Err(error) => {
                    tracing::warn!(%error, "no HTTP connection");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            // A head and a short body are two writes; it works without.
            let _ = stream.set_nodelay(true);
            let connections = self.clone();
            self.tasks.spawn(async move {
                connections.serve(stream, client).await;
                drop(place);
            });
        }
    }

    /// Serves one client until it goes, or has to.
    pub(super) async fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        client: Client,
    ) {
        let stream = Paced::new(stream, self.limits.stalled, self.limits.slowest);
        let routes = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(client);
            routes.call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.request)
            .max_headers(MAX_HEADERS)
            .max_buf_size(BUFFER_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = self.ending.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = &mut connection => ended,
                    () = self.cut.cancelled() => Ok(()),
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "an HTTP connection ended early");
        }
    }

    /// Ends in order, within some time.
    pub(super) async fn end(&self, drain: Duration) {
        self.ending.cancel();
        self.tasks.close();
        if tokio::time::timeout(drain, self.tasks.wait()).await.is_err() {
            tracing::info!("answers that take too long are cut off: clients go on by ranges");
        }
        self.cut();
    }

    /// Ends at once.
    pub(super) fn cut(&self) {
        self.ending.cancel();
        self.cut.cancel();
    }
}
