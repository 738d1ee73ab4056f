//! Scenario files: what a simulated federation goes through.

use std::path::Path;

use serde::Deserialize;

/// One scenario. Times are virtual.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub sites: usize,
    pub links: usize,
    pub blacklisting_sites: usize,
    #[serde(default)]
    pub byzantine_sites: usize,
    pub documents: usize,
    pub publish_until_s: u64,
    pub forgeries: usize,
    pub latency_ms: [u64; 2],
    pub loss: f64,
    pub flush_ms: [u64; 2],
    pub clock_skew_s: i64,
    pub horizon_s: u64,
    pub seeds: u64,
    pub churn: Option<Churn>,
    #[serde(default)]
    pub partition: Vec<Partition>,
    #[serde(default)]
    pub crash: Vec<Crash>,
}

/// A part of the sites is cut off from the rest for a while.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    pub from_s: u64,
    pub to_s: u64,
    pub sites: usize,
    /// Nothing from these sites arrives elsewhere, while they hear everything, and
    /// no connection is seen to break.
    #[serde(default)]
    pub one_way: bool,
}

/// Sites crash and come back all the time, until `publish_until_s`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    pub every_s: u64,
    pub down_s: u64,
}

/// One site stops at once, loses what it had not flushed, and comes back.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crash {
    /// At this time, a random site.
    pub at_s: Option<u64>,
    /// Or the site of this publication, right after it.
    pub at_publication: Option<usize>,
    pub down_s: u64,
}

impl Scenario {
    /// Reads a scenario file.
    pub fn read(path: &Path) -> Result<Scenario, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }
}
