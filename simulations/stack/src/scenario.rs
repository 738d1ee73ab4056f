//! Scenario files: what a simulated federation goes through.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

/// One scenario. Times are virtual, since the beginning.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// How many sites there are.
    pub sites: usize,
    /// Of those before it, a site knows at least and at most so many at the start.
    pub knows: [usize; 2],
    /// The sites start one after the other until then.
    pub started_by_s: u64,
    /// Documents that are published at random sites that are up.
    pub documents: usize,
    /// The first of them is published at this time,
    pub publish_from_s: u64,
    /// and the others one after the other, so far apart.
    pub publish_every_s: u64,
    /// One way, each link its own.
    pub latency_ms: [u64; 2],
    /// Of each link and each direction; without it only the latency counts.
    pub bytes_per_s: Option<u64>,
    /// One verification.
    pub verify_ms: [u64; 2],
    /// One flush of the disk.
    pub flush_ms: [u64; 2],
    /// A site's clock may be so much ahead or behind.
    #[serde(default)]
    pub clock_skew_s: i64,
    /// The run fails when the sites have not converged by then.
    pub horizon_s: u64,
    /// What is random in the scenario comes from this.
    pub seed: u64,
    /// Sites crash and come back all the time.
    pub churn: Option<Churn>,
    /// Some sites are cut off from the rest.
    #[serde(default)]
    pub partition: Vec<Partition>,
    /// A site crashes right after it published.
    #[serde(default)]
    pub crash: Vec<Crash>,
    /// What the run must keep to.
    #[serde(default)]
    pub limits: Limits,
}

/// A part of the sites is cut off from the rest for a while.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// From then
    pub from_s: u64,
    /// until then.
    pub to_s: u64,
    /// So many.
    pub sites: usize,
    /// Nothing from these sites arrives elsewhere, while they hear everything.
    #[serde(default)]
    pub one_way: bool,
    /// The connections across it end at once; otherwise nobody is told.
    #[serde(default)]
    pub breaks: bool,
}

/// A random site crashes every so often, loses what it had not flushed, and comes back.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// From then
    pub from_s: u64,
    /// until then.
    pub to_s: u64,
    /// Between two crashes.
    pub every_s: u64,
    /// From the crash to the start.
    pub down_s: u64,
}

/// The site of one publication crashes within the time that its disk takes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crash {
    /// Which.
    pub at_publication: usize,
    /// From the crash to the start.
    pub down_s: u64,
}

/// What a run must keep to, beside the invariants.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Every document is in the catalogues of 99 % of the sites within this time.
    pub most_sites_within_ms: Option<u64>,
    /// A site receives a document so many times at the most, on average.
    pub copies: Option<f64>,
    /// A site is dialled so many times at the most until the first document, on average.
    pub dials: Option<f64>,
}

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// When it cannot be read or says something else than a scenario.
    pub fn read(path: &Path) -> Result<Scenario, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// When a document is published.
    pub fn publication(&self, number: usize) -> Duration {
        Duration::from_secs(self.publish_from_s + number as u64 * self.publish_every_s)
    }

    /// When the last thing that the scenario foresees has happened, and the last document
    /// has had as long as the others.
    pub fn last_disturbance(&self) -> Duration {
        let publications = [self.publication(self.documents)];
        let partitions = self.partition.iter().map(|p| Duration::from_secs(p.to_s));
        let churn = self.churn.iter().map(|c| Duration::from_secs(c.to_s + c.down_s));
        let crashes = self.crash.iter().map(|crash| {
            self.publication(crash.at_publication) + Duration::from_secs(crash.down_s + 1)
        });
        publications
            .into_iter()
            .chain(partitions)
            .chain(churn)
            .chain(crashes)
            .max()
            .unwrap_or_default()
    }
}

/// Milliseconds as the scenario has them.
pub fn millis([least, most]: [u64; 2]) -> [Duration; 2] {
    [Duration::from_millis(least), Duration::from_millis(most)]
}
