//! What a scenario foresees, as events.

use std::sync::Arc;
use std::time::Duration;

use suq::model::Timestamp;

use super::documents::{AHEAD_STEP, EPOCH};
use super::scenario::{Churn, Partition};
use super::{Event, LIBRARY, World};

fn second(second: u64) -> Timestamp {
    EPOCH.plus(Duration::from_secs(second))
}

impl World {
    /// Puts everything the scenario foresees into the queue.
    pub(super) fn plan(&mut self) {
        for site in 0..self.sites.len() {
            self.start(site);
        }
        self.plan_documents();
        self.plan_partitions();
        let scenario = self.scenario.clone();
        let publications = scenario.publish_until_s;
        if let Some(Churn { every_s, down_s }) = scenario.churn {
            let down = Duration::from_secs(down_s);
            for at in (every_s..publications).step_by(every_s as usize) {
                self.at(second(at), Event::Crash { site: None, down });
            }
        }
        for crash in &scenario.crash {
            if let Some(at) = crash.at_s {
                let down = Duration::from_secs(crash.down_s);
                self.at(second(at), Event::Crash { site: None, down });
            }
        }
        for disk in scenario.full_disk {
            for site in disk.first..disk.first + disk.sites {
                self.at(second(disk.from_s), Event::DiskFull { site, until: second(disk.to_s) });
                self.at(second(disk.to_s), Event::DiskWorks { site });
            }
        }
        for change in scenario.rules {
            let Some(at_s) = change.at_s else { continue };
            for site in change.first..change.first + change.sites {
                let blacklist = change.blacklist;
                self.at(second(at_s), Event::Rules { site, blacklist });
            }
        }
        if let Some(flood) = scenario.flood {
            let liars = (0..scenario.sites).filter(|site| self.sites[*site].byzantine);
            for (place, liar) in liars.collect::<Vec<_>>().into_iter().enumerate() {
                // Not all at once.
                let first = flood.every_s + place as u64 % flood.every_s;
                for at in (first..publications).step_by(flood.every_s as usize) {
                    self.at(second(at), Event::Flood { liar });
                }
            }
        }
    }

    fn plan_documents(&mut self) {
        let until = self.scenario.publish_until_s * 1000;
        let documents = LIBRARY.documents.iter().take(self.scenario.documents);
        let ahead = LIBRARY.ahead.iter().take(self.scenario.ahead);
        for (number, document) in documents.chain(ahead).enumerate() {
            let at = EPOCH.plus(Duration::from_millis(self.random.u64(1000..until)));
            let document = Arc::clone(document);
            self.at(at, Event::Publish { number, document, side: None });
        }
        for number in 0..self.scenario.forgeries {
            let at = EPOCH.plus(Duration::from_millis(self.random.u64(1000..until)));
            self.at(at, Event::Forge { number });
        }
        for pair in 0..self.scenario.equivocations {
            let at = EPOCH.plus(Duration::from_millis(self.random.u64(1000..until)));
            self.at(at, Event::Equivocate { pair });
        }
        if let Some(bulk) = self.scenario.bulk.clone() {
            for (number, document) in bulk.documents().into_iter().enumerate() {
                let side = Some(number % 2 == 1);
                self.at(bulk.time(number), Event::Publish { number, document, side });
            }
        }
    }

    fn plan_partitions(&mut self) {
        for partition in self.scenario.partition.clone() {
            let Partition { sites, one_way, .. } = partition;
            self.at(second(partition.from_s), Event::PartitionBegins { sites, one_way });
            self.at(second(partition.to_s), Event::PartitionEnds);
        }
        if let Some(flapping) = self.scenario.flapping.clone() {
            let times = (flapping.every_s..self.scenario.publish_until_s)
                .step_by(flapping.every_s as usize);
            for (count, at) in times.enumerate() {
                let (sites, one_way) = (flapping.sites, count % 2 == 1);
                self.at(second(at), Event::PartitionBegins { sites, one_way });
                self.at(second(at + flapping.for_s), Event::PartitionEnds);
            }
        }
    }

    /// From then on nothing disturbs the sites, and each has reached the time of
    /// every document.
    pub(super) fn last_disturbance(&self) -> Timestamp {
        let scenario = &self.scenario;
        let publications = scenario.publish_until_s;
        let partitions = scenario.partition.iter().map(|partition| partition.to_s);
        let flapping = scenario.flapping.iter().map(|flapping| publications + flapping.for_s);
        let crashes =
            scenario.crash.iter().map(|crash| crash.at_s.unwrap_or(publications) + crash.down_s);
        let churn = scenario.churn.iter().map(|churn| publications + churn.down_s);
        let disks = scenario.full_disk.iter().map(|disk| disk.to_s);
        let rules = scenario.rules.iter().map(|change| change.at_s.unwrap_or(publications + 60));
        let ahead = AHEAD_STEP.as_secs() * scenario.ahead as u64;
        let behind = scenario.clocks.iter().map(|clocks| ahead + 3600 * clocks.hours as u64);
        let last = partitions.chain(flapping).chain(crashes).chain(churn).chain(disks);
        let last = last.chain(rules).chain(behind).chain([ahead, publications]).max();
        second(last.unwrap_or(publications))
    }

    /// What disturbs the sites, as spans of seconds, for plots.
    pub fn disturbances(scenario: &super::Scenario) -> Vec<(u64, u64, &'static str)> {
        let until = scenario.publish_until_s;
        let partitions = scenario
            .partition
            .iter()
            .map(|p| (p.from_s, p.to_s, if p.one_way { "one-way partition" } else { "partition" }));
        let crashes = scenario.crash.iter();
        let crashes = crashes.filter_map(|c| Some((c.at_s?, c.at_s? + c.down_s, "one site down")));
        let churn = scenario.churn.iter().map(|c| (c.every_s, until + c.down_s, "sites crash"));
        let flapping = scenario.flapping.iter().map(|f| (f.every_s, until + f.for_s, "links flap"));
        let disks = scenario.full_disk.iter().map(|d| (d.from_s, d.to_s, "disks full"));
        let rules = scenario.rules.iter().filter_map(|r| Some((r.at_s?, r.at_s?, "new rules")));
        let floods = scenario.flood.iter().map(|f| (f.every_s, until, "floods"));
        partitions
            .chain(crashes)
            .chain(churn)
            .chain(flapping)
            .chain(disks)
            .chain(rules)
            .chain(floods)
            .collect()
    }
}
