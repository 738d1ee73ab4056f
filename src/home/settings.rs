//! `suq.toml`: how the node runs. Every setting has a default that works.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::{Home, HomeError};
use crate::model::{Address, Reachable, Sha256, Size, Span, none_or};

/// Everything in `suq.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The site's name, for people.
    pub name: String,
    /// How peers are reached.
    pub network: Network,
    /// How programs and browsers reach it.
    pub http: Http,
    /// Whom to trust.
    pub trust: Trust,
    /// Who may connect.
    pub membership: Membership,
    /// What is passed on.
    pub gossip: Gossip,
    /// How images are fetched.
    pub fetch: Fetch,
    /// How images are kept.
    pub blobs: BlobSettings,
}

/// `[fetch]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fetch {
    /// Hosts, addresses and networks that locations may name although they are private.
    pub allow: Vec<String>,
    /// Bytes of each second, of all images together; none for as many as come.
    #[serde(deserialize_with = "bound")]
    pub rate: Option<Size>,
    /// Certificate authorities of web servers, beside the system's.
    pub trust: Option<PathBuf>,
    /// A client certificate for grid storage, in PEM,
    pub certificate: Option<PathBuf>,
    /// its key,
    pub key: Option<PathBuf>,
    /// and the hosts that may see it.
    pub show_certificate_to: Vec<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            name: "unnamed".to_owned(),
            network: Network::default(),
            http: Http::default(),
            trust: Trust::default(),
            membership: Membership::default(),
            gossip: Gossip::default(),
            fetch: Fetch::default(),
            blobs: BlobSettings::default(),
        }
    }
}

/// `[network]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// Where to listen.
    pub listen: Vec<Address>,
    /// Addresses to put into tickets instead of those.
    pub announce: Vec<Address>,
    /// Open connections at the most.
    pub max_connections: u32,
    /// Whether others reach this node: `auto` asks them.
    pub reachable: Reachable,
    /// Carry manifests, but no images, for sites that nobody reaches.
    pub relay: bool,
    /// Look for peers in the same network segment.
    pub mdns: bool,
}

impl Default for Network {
    fn default() -> Network {
        // Invariant: a constant of the right form.
        #[expect(clippy::expect_used)]
        let listen = vec!["/ip4/0.0.0.0/tcp/8082".parse().expect("an address")];
        Network {
            listen,
            announce: Vec::new(),
            max_connections: 256,
            reachable: Reachable::Auto,
            relay: true,
            mdns: false,
        }
    }
}

/// `[http]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Where to listen; nowhere when it is empty.
    pub listen: Vec<SocketAddr>,
    /// Where to listen with TLS,
    pub tls_listen: Vec<SocketAddr>,
    /// with this certificate and its chain, in PEM; relative paths start in the home,
    pub certificate: Option<PathBuf>,
    /// and its key.
    pub key: Option<PathBuf>,
    /// Take signed manifests from whoever sends them.
    pub uploads: bool,
    /// Origins whose pages may ask `/api/v1`.
    pub origins: Vec<String>,
    /// Tell which rules refuse what, peers, and alerts.
    pub judgements: bool,
    /// Where every answer is noted.
    pub access_log: AccessLog,
    /// Proxies that are believed when they say for whom they ask.
    pub trusted_proxies: Vec<IpAddr>,
}

/// Where answers are noted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessLog {
    /// Nowhere; with `-v`, in the log.
    #[default]
    Off,
    /// In the log, on standard error.
    Stderr,
}

impl Default for Http {
    fn default() -> Http {
        Http {
            listen: vec![(Ipv4Addr::LOCALHOST, 8081).into()],
            tls_listen: Vec::new(),
            certificate: None,
            key: None,
            uploads: true,
            origins: Vec::new(),
            judgements: true,
            access_log: AccessLog::Off,
            trusted_proxies: Vec::new(),
        }
    }
}

/// `[trust]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Trust {
    /// Folders of anchors; relative ones start in the home.
    pub anchors: Vec<PathBuf>,
    /// SHA-256 of certificates that are trusted by themselves.
    pub pins: Vec<Sha256>,
}

impl Default for Trust {
    fn default() -> Trust {
        Trust { anchors: vec!["trust".into()], pins: Vec::new() }
    }
}

/// `[membership]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Membership {
    /// Who may connect.
    pub mode: Mode,
}

/// Who may connect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Whoever the federation lets in: members, when it has founders.
    #[default]
    Federation,
    /// Anyone of the federation.
    Open,
    /// Only members, and peers that this site lets in by itself.
    Closed,
}

/// `[gossip]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gossip {
    /// Pass on what only the local policy refuses.
    pub relay_refused: bool,
}

impl Default for Gossip {
    fn default() -> Gossip {
        Gossip { relay_refused: true }
    }
}

/// `[blobs]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BlobSettings {
    /// Bytes of the disk that images may take; none when it is up to the disk.
    #[serde(deserialize_with = "bound")]
    pub quota: Option<Size>,
    /// Bytes of each second that are served, to peers and over HTTP together; none for as
    /// many as are asked for.
    #[serde(deserialize_with = "bound")]
    pub serve_rate: Option<Size>,
    /// How long one round of the scrub takes at least; none when it is off.
    #[serde(deserialize_with = "scrub")]
    pub scrub: Option<Span>,
    /// Bytes that the scrub reads in a second at the most.
    pub scrub_rate: Size,
}

impl Default for BlobSettings {
    fn default() -> BlobSettings {
        BlobSettings {
            quota: None,
            serve_rate: None,
            scrub: Some(Span(Duration::from_secs(30 * 24 * 3600))),
            scrub_rate: Size(20_000_000),
        }
    }
}

fn bound<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Size>, D::Error> {
    none_or("none", deserializer)
}

fn scrub<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Span>, D::Error> {
    none_or("never", deserializer)
}

impl Home {
    /// The settings of this home.
    pub fn settings(&self) -> Result<Settings, HomeError> {
        let file = self.root().join("suq.toml");
        let text = Home::read_text(&file)?;
        toml::from_str(&text).map_err(|error| HomeError::Invalid { file, what: error.to_string() })
    }
}
