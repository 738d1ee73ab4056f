//! From a URL to a connection, which only ever goes to an address that was checked.

use std::error::Error;
use std::future::{self, Future, Ready};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use openssl::x509::X509VerifyResult;
use tokio::net::TcpStream;
use tokio_openssl::SslStream;
use tower_service::Service;

use super::error::{Reason, SettingsError, root_cause};
use super::guard::closed;
use super::pattern::{Pattern, literal};
use super::settings::{Proxies, Settings};
use super::stream::Stream;
use super::tls::Tls;

pub(super) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How names become addresses.
pub type Lookup = Arc<dyn Fn(String) -> Boxed<io::Result<Vec<IpAddr>>> + Send + Sync>;

/// Asks the system.
pub(super) fn system_lookup() -> Lookup {
    Arc::new(|host| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(super) struct ConnectError {
    /// Whether asking again is in vain.
    pub(super) never: bool,
    pub(super) reason: Reason,
}

impl ConnectError {
    fn never(reason: Reason) -> ConnectError {
        ConnectError { never: true, reason }
    }

    fn now(reason: Reason) -> ConnectError {
        ConnectError { never: false, reason }
    }
}

/// Connects; the HTTP client calls it for every new connection, also those after
/// redirects.
#[derive(Clone)]
pub(super) struct Connector(Arc<Plan>);

struct Plan {
    allow: Vec<Pattern>,
    matcher: Option<Matcher>,
    lookup: Lookup,
    tls: Tls,
    limit: Duration,
}

impl Connector {
    pub(super) fn new(settings: &Settings, lookup: Lookup) -> Result<Connector, SettingsError> {
        let matcher = match &settings.proxies {
            Proxies::None => None,
            Proxies::Environment => Some(Matcher::from_env()),
            Proxies::These { http, https, no } => {
                let builder = Matcher::builder().http(http.clone()).https(https.clone());
                Some(builder.no(no.clone()).build())
            }
        };
        let plan = Plan {
            allow: settings.allow.clone(),
            matcher,
            lookup,
            tls: Tls::new(settings)?,
            limit: settings.limits.connect,
        };
        for scheme in ["http", "https"] {
            let anywhere = format!("{scheme}://proxied.invalid/");
            let proxy = anywhere.parse().ok().and_then(|uri| plan.proxy(&uri));
            if let Some(proxy) = proxy
                && proxy.uri().scheme_str() != Some("http")
            {
                return Err(SettingsError::Proxy(proxy.uri().to_string()));
            }
        }
        Ok(Connector(Arc::new(plan)))
    }

    /// The proxy that a URL is asked through.
    pub(super) fn proxy(&self, uri: &Uri) -> Option<Intercept> {
        self.0.proxy(uri)
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = ConnectError;
    type Future = Boxed<Result<Stream, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let plan = Arc::clone(&self.0);
        Box::pin(async move {
            let limit = plan.limit;
            let late = |_| ConnectError::now(Reason::ConnectLimit(limit));
            tokio::time::timeout(limit, plan.connect(&uri)).await.map_err(late)?
        })
    }
}

impl Plan {
    fn proxy(&self, uri: &Uri) -> Option<Intercept> {
        self.matcher.as_ref().and_then(|matcher| matcher.intercept(uri))
    }

    async fn connect(&self, uri: &Uri) -> Result<Stream, ConnectError> {
        let host = uri.host().unwrap_or("");
        let https = uri.scheme_str() == Some("https");
        let Some(proxy) = self.proxy(uri) else {
            let tcp = self.dial(uri, self.checked(host).await?).await?;
            return if https { self.secure(host, tcp).await } else { Ok(Stream::new(tcp, false)) };
        };
        self.check_behind_proxy(host).await?;
        let addresses = self.addresses(proxy.uri().host().unwrap_or("")).await.map_err(at_proxy)?;
        if !https {
            let tcp = self.dial(proxy.uri(), addresses).await.map_err(at_proxy)?;
            return Ok(Stream::new(tcp, true));
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.connector(addresses));
        if let Some(authorization) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        let tcp = tunnel.call(uri.clone()).await;
        let tcp = tcp.map_err(|error| ConnectError::now(Reason::Proxy(root_cause(&error))))?;
        self.secure(host, tcp.into_inner()).await
    }

    /// The addresses of a host that may be connected to.
    async fn checked(&self, host: &str) -> Result<Vec<IpAddr>, ConnectError> {
        let found = self.addresses(host).await?;
        let mut refused = None;
        let mut open = Vec::new();
        for address in found {
            match self.refusal(host, address) {
                None => open.push(address),
                Some(reason) => refused = Some(reason),
            }
        }
        match refused {
            Some(reason) if open.is_empty() => Err(ConnectError::never(reason)),
            _ => Ok(open),
        }
    }

    /// What can be known here about a host that a proxy will resolve.
    async fn check_behind_proxy(&self, host: &str) -> Result<(), ConnectError> {
        // Where only the proxy knows names, asking must leave time for the proxy.
        let found = tokio::time::timeout(self.limit / 4, self.addresses(host)).await;
        let Ok(Ok(found)) = found else { return Ok(()) };
        let refusal = found.into_iter().find_map(|address| self.refusal(host, address));
        refusal.map_or(Ok(()), |reason| Err(ConnectError::never(reason)))
    }

    fn refusal(&self, host: &str, address: IpAddr) -> Option<Reason> {
        let why = closed(address)?;
        let allowed = |pattern: &Pattern| pattern.contains(address) || pattern.names(host);
        let allowed = self.allow.iter().any(allowed);
        (!allowed).then_some(Reason::ForbiddenAddress { address, why })
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, ConnectError> {
        if let Some(address) = literal(host) {
            return Ok(vec![address]);
        }
        let found = (self.lookup)(host.to_owned()).await;
        let found = found.map_err(|error| ConnectError::now(Reason::Resolve(error.to_string())))?;
        if found.is_empty() {
            return Err(ConnectError::now(Reason::Resolve("no address".to_owned())));
        }
        Ok(found)
    }

    /// A connector that knows no addresses but these.
    fn connector(&self, addresses: Vec<IpAddr>) -> HttpConnector<Fixed> {
        let mut connector = HttpConnector::new_with_resolver(Fixed(addresses));
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(self.limit));
        connector
    }

    async fn dial(&self, uri: &Uri, addresses: Vec<IpAddr>) -> Result<TcpStream, ConnectError> {
        let found = self.connector(addresses).call(uri.clone()).await;
        let found = found.map_err(|error| ConnectError::now(Reason::Connect(root_cause(&error))));
        Ok(found?.into_inner())
    }

    async fn secure(&self, host: &str, tcp: TcpStream) -> Result<Stream, ConnectError> {
        let name = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        let failed = |text: String| ConnectError::now(Reason::Tls(text));
        let ssl = self.tls.for_host(host).configure().and_then(|tls| tls.into_ssl(name));
        let ssl = ssl.map_err(|error| failed(error.to_string()))?;
        let stream = SslStream::new(ssl, tcp).map_err(|error| failed(error.to_string()))?;
        let mut stream = Box::pin(stream);
        if let Err(error) = stream.as_mut().connect().await {
            let verified = stream.ssl().verify_result();
            return Err(if verified == X509VerifyResult::OK {
                failed(root_cause(&error))
            } else {
                ConnectError::never(Reason::Certificate(verified.error_string().to_owned()))
            });
        }
        Ok(Stream::new(stream, false))
    }
}

fn at_proxy(error: ConnectError) -> ConnectError {
    ConnectError::now(Reason::Proxy(error.reason.to_string()))
}

/// Answers every name with addresses that are known already: between the check
/// and the connection nothing is looked up again.
#[derive(Clone)]
struct Fixed(Vec<IpAddr>);

impl Service<Name> for Fixed {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        let found = self.0.iter().map(|address| SocketAddr::new(*address, 0));
        future::ready(Ok(found.collect::<Vec<_>>().into_iter()))
    }
}

/// The connector's own error, when it is one that the HTTP client passed on.
pub(super) fn connect_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a ConnectError> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}
