//! Where and how HTTP is answered.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::tls::{Tls, TlsError};
use crate::home::{AccessLog, Http as Settings};

/// How much is done for clients at once, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; more wait until one ends.
    pub connections: usize,
    /// Of them, those of one client; more are refused. A trusted proxy, which speaks for
    /// many, may have all.
    pub per_client: usize,
    /// Answers with images that are on their way; more are told to come again.
    pub answers: usize,
    /// How long a client may take nothing of what it asked for.
    pub stalled: Duration,
    /// Bytes of a second below which a client takes too little: it may for a while.
    pub slowest: u64,
    /// How long a client may take to send the head of a request, and to send nothing
    /// before it.
    pub request: Duration,
    /// How long a client may take to send the body of a request.
    pub body: Duration,
    /// How long the node may take to say how it is, before what it said last is told.
    pub status: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 256,
            per_client: 64,
            answers: 64,
            stalled: Duration::from_secs(60),
            // A line of 128 kbit/s.
            slowest: 16 * 1024,
            request: Duration::from_secs(30),
            body: Duration::from_secs(30),
            // Prometheus waits for ten.
            status: Duration::from_secs(5),
        }
    }
}

/// Where and how HTTP is answered.
#[derive(Debug, Default)]
pub struct Options {
    pub(super) listen: Vec<SocketAddr>,
    pub(super) tls_listen: Vec<SocketAddr>,
    pub(super) tls: Option<Tls>,
    pub(super) limits: Limits,
    pub(super) access_log: AccessLog,
    pub(super) trusted_proxies: Vec<IpAddr>,
}

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// An address.
    #[error(
        "HTTP cannot listen on {address}: {source}; choose another address or port with \
         `{setting}` under [http] in suq.toml"
    )]
    Listen {
        /// Where.
        address: SocketAddr,
        /// The setting that names it.
        setting: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The host certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Half of it.
    #[error("`tls_listen` under [http] in suq.toml needs both `certificate` and `key`")]
    NoCertificate,
}

impl Options {
    /// As the settings say; the files that they name are read.
    pub fn new(settings: &Settings, home: &Path) -> Result<Options, HttpError> {
        let tls = match (&settings.certificate, &settings.key) {
            (Some(certificate), Some(key)) => {
                Some(Tls::read(home.join(certificate), home.join(key))?)
            }
            (None, None) if settings.tls_listen.is_empty() => None,
            _ => return Err(HttpError::NoCertificate),
        };
        Ok(Options {
            listen: settings.listen.clone(),
            tls_listen: settings.tls_listen.clone(),
            tls,
            limits: Limits::default(),
            access_log: settings.access_log,
            trusted_proxies: settings.trusted_proxies.clone(),
        })
    }
}
