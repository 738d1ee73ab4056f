//! Requests: the right headers, the redirects, the time limits.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use data_encoding::BASE64;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HeaderValue, IF_RANGE, LOCATION, PROXY_AUTHORIZATION,
    RANGE, USER_AGENT,
};
use hyper::http::request;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use super::answer::wait;
use super::connect::{Connector, Lookup, connect_error, system_lookup};
use super::error::{Reason, SettingsError, SourceError, root_cause};
use super::settings::{
    BUSY_SECONDS, IDLE_SECONDS, Limits, MAX_HEAD_BYTES, MAX_IDLE_PER_HOST, MAX_REDIRECTS,
    MAX_UNPACKERS, MAX_URL_BYTES, Settings,
};

const AGENT: &str = concat!("suq/", env!("CARGO_PKG_VERSION"));

/// Fetches from URLs. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    inner: legacy::Client<Connector, Full<Bytes>>,
    connector: Connector,
    limits: Limits,
    unpackers: Arc<Semaphore>,
}

/// What a request asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Ask {
    /// First and last byte; everything without.
    pub(super) range: Option<(u64, u64)>,
    /// The range only of the file that this validator is of.
    pub(super) of: Option<String>,
}

impl Client {
    /// Reads certificates and proxies.
    ///
    /// # Errors
    /// Names the file or the setting that cannot be used.
    pub fn new(settings: &Settings) -> Result<Client, SettingsError> {
        Client::with_lookup(settings, system_lookup())
    }

    /// As [`Client::new`], with another way from names to addresses.
    ///
    /// # Errors
    /// Names the file or the setting that cannot be used.
    pub fn with_lookup(settings: &Settings, lookup: Lookup) -> Result<Client, SettingsError> {
        let connector = Connector::new(settings, lookup)?;
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(IDLE_SECONDS))
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
            .http1_max_buf_size(MAX_HEAD_BYTES)
            .build(connector.clone());
        let unpackers = Arc::new(Semaphore::new(MAX_UNPACKERS));
        Ok(Client { inner, connector, limits: settings.limits, unpackers })
    }

    /// How long a body may give nothing.
    pub(super) fn stall(&self) -> Duration {
        self.limits.stall
    }

    /// The right to decompress, for as long as it is held.
    pub(super) fn unpacker(&self, host: &str) -> Result<OwnedSemaphorePermit, SourceError> {
        Arc::clone(&self.unpackers).try_acquire_owned().map_err(|_| SourceError::Busy {
            host: host.to_owned(),
            reason: Reason::UnpackersTaken,
            wait: Duration::from_secs(BUSY_SECONDS),
        })
    }

    /// Asks, and follows redirects. The answer has the status 200, 206 or 416.
    pub(super) async fn ask(
        &self,
        start: &Url,
        ask: &Ask,
    ) -> Result<(Url, Response<Incoming>), SourceError> {
        let mut url = start.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(&url, ask).await?;
            match redirect(&url, &response)? {
                Some(next) => url = next,
                None => return judged(&url, response).map(|response| (url, response)),
            }
        }
        let reason = Reason::TooManyRedirects(MAX_REDIRECTS);
        Err(SourceError::never(&host(&url), reason))
    }

    async fn send(&self, url: &Url, ask: &Ask) -> Result<Response<Incoming>, SourceError> {
        let mut request = self.request(Method::GET, url)?.header(ACCEPT, "*/*");
        if let Some((first, last)) = ask.range {
            request = request.header(RANGE, format!("bytes={first}-{last}"));
            if let Some(validator) = &ask.of {
                request = request.header(IF_RANGE, validator);
            }
        }
        self.answer(url, request, Bytes::new()).await
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn answer(
        &self,
        url: &Url,
        request: request::Builder,
        body: Bytes,
    ) -> Result<Response<Incoming>, SourceError> {
        let host = host(url);
        let request = request.body(Full::new(body)).map_err(|error| bad_url(url, error))?;
        let limit = self.limits.answer;
        let answer = tokio::time::timeout(limit, self.inner.request(request)).await;
        let answer = answer.map_err(|_| SourceError::failed(&host, Reason::AnswerLimit(limit)))?;
        answer.map_err(|error| match connect_error(&error) {
            Some(found) if found.never => SourceError::never(&host, found.reason.clone()),
            Some(found) => SourceError::failed(&host, found.reason.clone()),
            None => SourceError::failed(&host, Reason::Protocol(root_cause(&error))),
        })
    }

    /// A request with what every one has.
    pub(super) fn request(
        &self,
        method: Method,
        url: &Url,
    ) -> Result<request::Builder, SourceError> {
        let uri = bare(url)?;
        let mut request = Request::builder()
            .method(method)
            .uri(uri.clone())
            .header(USER_AGENT, AGENT)
            .header(ACCEPT_ENCODING, "identity");
        if let Some(authorization) = basic(url) {
            request = request.header(AUTHORIZATION, authorization);
        }
        // Through https the proxy is only asked for a tunnel, by the connector.
        if uri.scheme_str() == Some("http")
            && let Some(proxy) = self.connector.proxy(&uri)
            && let Some(authorization) = proxy.basic_auth()
        {
            request = request.header(PROXY_AUTHORIZATION, authorization);
        }
        Ok(request)
    }
}

fn bad_url(url: &Url, error: impl std::fmt::Display) -> SourceError {
    SourceError::never(&host(url), Reason::BadUrl(error.to_string()))
}

/// Reads a URL that a stranger wrote.
pub(super) fn parse(text: &str) -> Result<Url, SourceError> {
    let wrong = |text: &str| SourceError::never("URL", Reason::BadUrl(text.to_owned()));
    if text.len() > MAX_URL_BYTES {
        return Err(wrong("too long"));
    }
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    usable(&url)?;
    Ok(url)
}

fn usable(url: &Url) -> Result<(), SourceError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(SourceError::never(&host(url), Reason::Scheme));
    }
    Ok(())
}

/// Host and port, for people; no user, no path, no query.
pub(super) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or("URL");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The URL without user, password and fragment.
fn bare(url: &Url) -> Result<Uri, SourceError> {
    let mut stripped = url.clone();
    stripped.set_fragment(None);
    let done = stripped.set_username("").and_then(|()| stripped.set_password(None));
    done.map_err(|()| bad_url(url, "user"))?;
    stripped.as_str().parse().map_err(|error: hyper::http::uri::InvalidUri| bad_url(url, error))
}

fn basic(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut plain = percent_decode(url.username());
    plain.push(b':');
    plain.extend(percent_decode(url.password().unwrap_or("")));
    let mut value = HeaderValue::from_str(&format!("Basic {}", BASE64.encode(&plain))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn percent_decode(text: &str) -> Vec<u8> {
    percent_encoding::percent_decode_str(text).collect()
}

/// Where an answer sends us on to.
pub(super) fn redirect(
    url: &Url,
    response: &Response<Incoming>,
) -> Result<Option<Url>, SourceError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let never = |reason| SourceError::never(&host(url), reason);
    let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
    if location.len() > MAX_URL_BYTES {
        return Err(never(Reason::BadUrl("a redirect that is too long".to_owned())));
    }
    let text = str::from_utf8(location.as_bytes())
        .map_err(|error| never(Reason::BadUrl(error.to_string())))?;
    let mut next = url.join(text).map_err(|error| never(Reason::BadUrl(error.to_string())))?;
    usable(&next)?;
    if url.scheme() == "https" && next.scheme() == "http" {
        return Err(never(Reason::Downgrade));
    }
    // A user and password stay with the host that they were written for.
    if url.origin() == next.origin() && next.username().is_empty() && next.password().is_none() {
        let kept = next.set_username(url.username());
        let kept = kept.and_then(|()| next.set_password(url.password()));
        kept.map_err(|()| never(Reason::BadUrl("user".to_owned())))?;
    }
    Ok(Some(next))
}

/// Sorts answers by what to do about them.
fn judged(url: &Url, response: Response<Incoming>) -> Result<Response<Incoming>, SourceError> {
    let status = response.status();
    let reason = Reason::Status(status.as_u16());
    match status {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
            Ok(response)
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            let wait = wait(response.headers());
            Err(SourceError::Busy { host: host(url), reason, wait })
        }
        StatusCode::REQUEST_TIMEOUT
        | StatusCode::TOO_EARLY
        | StatusCode::INTERNAL_SERVER_ERROR
        | StatusCode::BAD_GATEWAY
        | StatusCode::GATEWAY_TIMEOUT => Err(SourceError::failed(&host(url), reason)),
        _ => Err(SourceError::never(&host(url), reason)),
    }
}
