//! What happens to sites: callers, crashes, new rules, partitions.

use std::sync::Arc;
use std::time::Duration;

use suq::engine::{CallId, Input};

use super::scenario::RulesChange;
use super::{Event, Violation, World};

impl World {
    pub(super) fn publish(
        &mut self,
        number: usize,
        document: Arc<[u8]>,
        side: Option<bool>,
    ) -> Result<(), Violation> {
        // What is published at a hostile site may be lost.
        let fits = |n: &usize| {
            let right_side = side.is_none_or(|side| side == self.network.cut_off.contains(n));
            self.sites[*n].is_up() && !self.sites[*n].byzantine && right_side
        };
        let up: Vec<usize> = (0..self.sites.len()).filter(fits).collect();
        let Some(site) = self.random.choice(up) else { return Ok(()) };
        let call = CallId(number as u64);
        self.sites[site].calls.insert(call);
        self.feed(site, Input::Publish { call, document })?;
        self.plan_rules_at(number);
        let crash = self.scenario.crash.iter().find(|crash| crash.at_publication == Some(number));
        if let Some(crash) = crash {
            let down = Duration::from_secs(crash.down_s);
            // Within the time a verification and a flush take.
            let range = [1, self.scenario.flush_ms(site)[1]];
            self.after(range, Event::Crash { site: Some(site), down });
        }
        Ok(())
    }

    /// Changes of rules that catch a document on its way.
    fn plan_rules_at(&mut self, number: usize) {
        let is_now = |change: &&RulesChange| change.at_publication == Some(number);
        for change in self.scenario.rules.iter().filter(is_now).cloned().collect::<Vec<_>>() {
            for site in change.first..change.first + change.sites {
                let range = [1, 2 * self.scenario.flush_ms(site)[1]];
                self.after(range, Event::Rules { site, blacklist: change.blacklist });
            }
        }
    }

    pub(super) fn crash(&mut self, site: Option<usize>, down: Duration) -> Result<(), Violation> {
        let site = site.unwrap_or_else(|| self.random.usize(0..self.sites.len()));
        if !self.sites[site].is_up() {
            return Ok(());
        }
        self.sites[site].crash();
        self.sites[site].flushed_at = self.now;
        let checked = self.invariants.crashed(&self.sites[site]);
        checked.map_err(|broken| self.violation(broken))?;
        self.hang_up_all(site)?;
        self.at(self.now.plus(down), Event::Restart { site });
        Ok(())
    }

    pub(super) fn start(&mut self, site: usize) {
        let peers = self.network.neighbours(site);
        let seed = self.random.u64(..);
        self.sites[site].start(&peers, seed);
        self.invariants.touch();
        let life = self.sites[site].life;
        self.after([0, 100], Event::Input { site, life, input: Input::Tick });
    }

    /// A site that is down finds its new rules when it starts.
    pub(super) fn change_rules(&mut self, site: usize, blacklist: bool) -> Result<(), Violation> {
        self.sites[site].blacklisting = blacklist;
        self.invariants.touch();
        if !self.sites[site].is_up() {
            return Ok(());
        }
        let rules = self.sites[site].rules();
        self.feed(site, Input::RulesChanged(rules))
    }

    pub(super) fn heal(&mut self) {
        self.network.cut_off.clear();
        let Some(bulk) = &self.scenario.bulk else { return };
        let honest = self.sites.iter().filter(|site| !site.byzantine);
        let missing = honest.map(|site| bulk.documents - site.disk.admitted_count());
        self.healed = Some((self.network.bytes, missing.map(|n| n as u64).sum()));
    }
}
