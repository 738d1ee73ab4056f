//! The table of a run.

use std::fmt::Write;
use std::time::Duration;

use crate::federation::{Outcome, Propagation};
use crate::scenario::Limits;

/// Most sites: the part that the limit of a scenario is about.
const MOST: f64 = 0.99;

impl Outcome {
    /// The run as a table.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let at = |part: f64| {
            let place = (self.connected.len() as f64 * part) as usize;
            self.connected.get(place.min(self.connected.len().saturating_sub(1))).unwrap_or(&0)
        };
        let _ = writeln!(
            text,
            "connected peers at the first publication: {} at least, {} in the middle, {} at most",
            at(0.0),
            at(0.5),
            at(1.0)
        );
        let _ = writeln!(text, "dials by then: {:.0} for each site", self.dials);
        let _ = writeln!(
            text,
            "{:>8} {:>7} {:>6} {:>8} {:>8} {:>8} {:>8} {:>7} {:>12}",
            "document", "bytes", "sites", "50 %", "90 %", "99 %", "100 %", "copies", "received"
        );
        for (number, document) in self.documents.iter().enumerate() {
            let _ = writeln!(text, "{number:>8} {}", document.row());
        }
        if let Some(mean) = self.mean_copies() {
            let _ = writeln!(text, "copies on average: {mean:.2}");
        }
        if let Some(slowest) = self.slowest() {
            let _ = writeln!(text, "slowest to 99 %: {} ms", slowest.as_millis());
        }
        let _ = write!(
            text,
            "{} crashes; equal catalogues {:.0} s after the last disturbance; {:.0} s in all",
            self.crashes,
            self.converged_after.as_secs_f64(),
            self.took.as_secs_f64()
        );
        text
    }

    /// How often a site received a document, on average over all documents that were not
    /// lost with their site before anyone heard of them.
    pub fn mean_copies(&self) -> Option<f64> {
        let spread = self.documents.iter().filter(|document| !document.times.is_empty());
        let copies: Vec<f64> = spread.map(|document| document.copies).collect();
        (!copies.is_empty()).then(|| copies.iter().sum::<f64>() / copies.len() as f64)
    }

    /// The longest that a document took to be in most catalogues.
    pub fn slowest(&self) -> Option<Duration> {
        self.documents.iter().filter_map(|document| document.time_of(MOST)).max()
    }

    /// The limits of the scenario that the run did not keep to.
    pub fn exceeded(&self, limits: &Limits) -> Vec<String> {
        let mut exceeded = Vec::new();
        if let Some(most) = limits.most_sites_within_ms {
            for (number, document) in self.documents.iter().enumerate() {
                let time = document.time_of(MOST);
                if time.is_none_or(|time| time > Duration::from_millis(most)) {
                    exceeded.push(format!("document {number}: 99 % of the sites not in {most} ms"));
                }
            }
        }
        if limits.dials.is_some_and(|most| self.dials > most) {
            exceeded.push(format!("{:.0} dials for each site", self.dials));
        }
        if let (Some(most), Some(mean)) = (limits.copies, self.mean_copies())
            && mean > most
        {
            exceeded.push(format!("{mean:.2} copies on average, more than {most}"));
        }
        exceeded
    }
}

impl Propagation {
    fn row(&self) -> String {
        let time = |part: f64| {
            self.time_of(part).map_or("never".to_owned(), |time| format!("{} ms", time.as_millis()))
        };
        format!(
            "{:>7} {:>6} {:>8} {:>8} {:>8} {:>8} {:>7.2} {:>9.1} kB",
            self.bytes,
            self.sites,
            time(0.5),
            time(0.9),
            time(MOST),
            time(1.0),
            self.copies,
            self.received / 1000.0
        )
    }
}
