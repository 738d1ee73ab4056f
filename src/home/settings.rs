//! `suq.toml`: how the node runs. Every setting has a default that works.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use super::{Home, HomeError};
use crate::model::{Address, Reachable, Sha256};

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
}

impl Default for Http {
    fn default() -> Http {
        Http { listen: vec![(Ipv4Addr::LOCALHOST, 8081).into()] }
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

impl Home {
    /// The settings of this home.
    pub fn settings(&self) -> Result<Settings, HomeError> {
        let file = self.root().join("suq.toml");
        let text = Home::read_text(&file)?;
        toml::from_str(&text).map_err(|error| HomeError::Invalid { file, what: error.to_string() })
    }
}
