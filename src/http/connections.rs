//! Connections of clients, each in a task of its own.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Limits;
use super::access::Access;
use super::addresses::Addresses;
use super::client::Client;
use super::metrics::Failure;
use super::pace::Paced;
use super::tls::Tls;

/// Headers of a request; browsers send about twenty.
const MAX_HEADERS: usize = 64;

/// Unsent and unread bytes that a connection holds beside the piece that is being sent. A
/// head that does not fit is refused without a look at it; hyper reads targets of 64 KiB,
/// and [`super::heads`] refuses them by the right name.
const BUFFER_BYTES: usize = 80 * 1024;

/// After the system could not give a connection: what it lacks, such as file
/// descriptors, comes back when others end.
const PAUSE: Duration = Duration::from_millis(100);

/// What a client hears that has all the connections that it may have.
const CROWDED: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\n\
    Retry-After: 5\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 62\r\n\r\n\
    This address has all the connections that one client may have\n";

/// Clients at once that hear so; more are hung up on without a word.
const MAX_FAREWELLS: usize = 16;

/// How long such a client may take to hear it.
const FAREWELL: Duration = Duration::from_secs(2);

/// All connections.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    router: Router,
    limits: Limits,
    places: Arc<Semaphore>,
    addresses: Addresses,
    farewells: Arc<Semaphore>,
    access: Access,
    tasks: TaskTracker,
    /// No more requests.
    ending: CancellationToken,
    /// Not even the answers that are on their way.
    cut: CancellationToken,
}

impl Connections {
    /// Requests are taken until `ending` is cancelled.
    pub(super) fn new(
        router: Router,
        limits: Limits,
        access: Access,
        ending: CancellationToken,
    ) -> Connections {
        Connections {
            router,
            limits,
            places: Arc::new(Semaphore::new(limits.connections)),
            addresses: Addresses::new(limits.per_client),
            farewells: Arc::new(Semaphore::new(MAX_FAREWELLS)),
            access,
            tasks: TaskTracker::new(),
            ending,
            cut: CancellationToken::new(),
        }
    }

    /// Serves whoever connects; over TLS when there is a certificate for it.
    pub(super) fn listen(&self, listener: TcpListener, tls: Option<Arc<Tls>>) {
        let connections = self.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = connections.ending.cancelled() => {}
                () = connections.accept(&listener, tls) => {}
            }
        });
    }

    async fn accept(&self, listener: &TcpListener, tls: Option<Arc<Tls>>) {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
            let (stream, client) = match listener.accept().await {
                Ok((stream, address)) => (stream, Client::new(address.ip(), tls.is_some())),
                Err(error) => {
                    tracing::warn!(%error, "no HTTP connection");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            // A head and a short body are two writes; it works without.
            let _ = stream.set_nodelay(true);
            let is_proxy = self.access.proxies.contains(&client.address);
            let counted = self.addresses.count(client.address);
            if counted.is_none() && !is_proxy {
                self.refuse(stream, client);
                continue;
            }
            let (connections, tls) = (self.clone(), tls.clone());
            let open = self.access.traffic.open();
            self.tasks.spawn(async move {
                match tls {
                    Some(tls) => connections.serve_tls(&tls, stream, client).await,
                    None => connections.serve(stream, client).await,
                }
                drop((place, counted, open));
            });
        }
    }

    /// Sends a client away that has all the connections that it may have.
    fn refuse(&self, stream: TcpStream, client: Client) {
        let most = self.limits.per_client;
        let error = io::Error::other(format!("it has {most} connections already"));
        self.access.failed(Failure::Crowded, client.address, &error);
        let place = Arc::clone(&self.farewells).try_acquire_owned();
        if let (Ok(place), false) = (place, client.is_secure) {
            self.tasks.spawn(async move {
                let _ = tokio::time::timeout(FAREWELL, farewell(stream)).await;
                drop(place);
            });
        }
    }

    async fn serve_tls(&self, tls: &Tls, stream: TcpStream, client: Client) {
        let stream = tokio::select! {
            () = self.ending.cancelled() => return,
            stream = tls.accept(stream) => stream,
        };
        match stream {
            Ok(stream) => self.serve(stream, client).await,
            Err(error) => self.access.failed(Failure::Handshake, client.address, &error),
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
            self.access.failed(why(&error), client.address, &error);
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

/// Why a connection ended before its time.
fn why(error: &hyper::Error) -> Failure {
    if error.is_parse() {
        return Failure::Unreadable;
    }
    if error.is_timeout() {
        return Failure::Late;
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        let timed_out = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut;
        if error.downcast_ref::<io::Error>().is_some_and(timed_out) {
            return Failure::Slow;
        }
        cause = error.source();
    }
    Failure::Broken
}

/// Says why, and then reads what the client has sent: the answer would be lost with it.
async fn farewell(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(CROWDED).await?;
    stream.shutdown().await?;
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}
