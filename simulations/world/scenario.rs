//! Scenario files: what a simulated federation goes through.

use std::path::Path;

use serde::Deserialize;

/// One scenario. Times are virtual.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The file it was read from.
    #[serde(skip)]
    pub name: String,
    pub sites: usize,
    /// Links of each site, besides a ring that keeps sites of one policy connected.
    pub links: usize,
    /// Sites whose policy blacklists one of the endorsers, the first ones.
    #[serde(default)]
    pub blacklisting_sites: usize,
    /// Sites that lie, the last ones.
    #[serde(default)]
    pub byzantine_sites: usize,
    /// How they lie, in turn; in every way by chance when nothing is said.
    #[serde(default)]
    pub lies: Vec<Lie>,
    /// Documents that are published, at random sites and times, until `publish_until_s`.
    pub documents: usize,
    pub publish_until_s: u64,
    /// Documents with a broken signature that a hostile neighbour gossips.
    #[serde(default)]
    pub forgeries: usize,
    /// Documents dated ahead, each half an hour further than the one before.
    #[serde(default)]
    pub ahead: usize,
    /// Pairs of documents under one key that a lying site shows to different halves.
    #[serde(default)]
    pub equivocations: usize,
    pub latency_ms: [u64; 2],
    pub loss: f64,
    /// Share of the messages that arrive twice.
    #[serde(default)]
    pub duplicated: f64,
    pub flush_ms: [u64; 2],
    pub clock_skew_s: i64,
    /// The run fails when the sites have not converged by then.
    pub horizon_s: u64,
    pub seeds: u64,
    /// Part of the long run only.
    #[serde(default)]
    pub long: bool,
    pub clocks: Option<Clocks>,
    pub churn: Option<Churn>,
    pub flapping: Option<Flapping>,
    pub flood: Option<Flood>,
    pub bulk: Option<Bulk>,
    #[serde(default)]
    pub partition: Vec<Partition>,
    #[serde(default)]
    pub crash: Vec<Crash>,
    #[serde(default)]
    pub slow_disk: Vec<SlowDisk>,
    #[serde(default)]
    pub full_disk: Vec<FullDisk>,
    #[serde(default)]
    pub rules: Vec<RulesChange>,
}

/// What a lying site answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lie {
    /// Forgeries, nonsense, silence and half of the truth, by chance.
    Mixed,
    /// Nothing differs, and it has no document.
    Withhold,
    /// Reconciliations that never end.
    Endless,
    /// Many ids of documents that do not exist.
    Phantoms,
    /// Good documents, but other ones than asked for.
    OtherDocuments,
    /// The truth about ids, as late as a site waits, and no documents.
    Slow,
    /// Nothing.
    Silent,
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

/// Short partitions again and again, until `publish_until_s`; every second one is
/// one-way.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flapping {
    pub every_s: u64,
    pub for_s: u64,
    pub sites: usize,
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

/// The clocks of the first honest sites are this many hours ahead or behind, in turn.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clocks {
    pub sites: usize,
    pub hours: i64,
}

/// The first sites need this long for a flush.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowDisk {
    pub sites: usize,
    pub flush_ms: [u64; 2],
}

/// The disks of some sites take no write for a while.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FullDisk {
    pub from_s: u64,
    pub to_s: u64,
    pub first: usize,
    pub sites: usize,
}

/// Some sites get another policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulesChange {
    /// At this time.
    pub at_s: Option<u64>,
    /// Or while the document of this publication is on its way and being written.
    pub at_publication: Option<usize>,
    pub first: usize,
    pub sites: usize,
    pub blacklist: bool,
}

/// What every lying site sends to each of its neighbours again and again, until
/// `publish_until_s`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flood {
    pub every_s: u64,
    /// Documents that are not verified; no two are equal.
    pub forgeries: usize,
    /// Documents of endorsers with certificates that they made themselves.
    pub strangers: usize,
    /// Documents of a trusted endorser, dated a month ahead.
    pub ahead: usize,
    /// Questions at once.
    pub questions: usize,
}

/// Many documents, published for one hour of each day at random sites.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bulk {
    pub documents: usize,
    pub days: u64,
    /// The most that may be sent, in bytes for each document that a site missed when
    /// the partition ended.
    pub bytes_per_missing: u64,
}

impl Scenario {
    /// Reads a scenario file.
    pub fn read(path: &Path) -> Result<Scenario, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let scenario: Scenario =
            toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        Ok(Scenario { name, ..scenario })
    }

    pub fn is_byzantine(&self, site: usize) -> bool {
        site >= self.sites - self.byzantine_sites
    }

    /// True when the site blacklists an endorser after all changes of rules.
    pub fn blacklists_in_the_end(&self, site: usize) -> bool {
        let begun = site < self.blacklisting_sites;
        self.rules.iter().fold(begun, |blacklists, change| {
            let concerned = (change.first..change.first + change.sites).contains(&site);
            if concerned { change.blacklist } else { blacklists }
        })
    }

    /// What a lying site does.
    pub fn lie(&self, site: usize) -> Lie {
        if self.lies.is_empty() { Lie::Mixed } else { self.lies[site % self.lies.len()] }
    }

    /// How long a flush of a site takes.
    pub fn flush_ms(&self, site: usize) -> [u64; 2] {
        let slow = self.slow_disk.iter().find(|slow| site < slow.sites);
        slow.map_or(self.flush_ms, |slow| slow.flush_ms)
    }
}
