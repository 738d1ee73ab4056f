//! A federation in one process and virtual time: sites, links, disks, faults.
//!
//! The engines are the ones that real nodes run. Everything random comes from
//! one seed, so a seed always gives the same run.

mod bulk;
mod byzantine;
mod disk;
mod documents;
mod faults;
mod invariants;
mod network;
mod plan;
mod scenario;
mod site;
mod strangers;
mod trace;

pub use documents::{EPOCH, LIBRARY};
pub use invariants::Violation;
pub use scenario::Scenario;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use invariants::{Broken, Invariants};
use network::{Delivery, Network};
use site::Site;
use suq::engine::{Effect, Input, WriteId};
use suq::model::{Sha256, Timestamp};
use suq::wire::GossipVerdict;
use trace::Trace;

/// What happens at a point of virtual time.
#[derive(Debug)]
enum Event {
    /// A site gets an input, unless it restarted since.
    Input {
        site: usize,
        life: u32,
        input: Input,
    },
    /// A disk flushes a write.
    Flush {
        site: usize,
        life: u32,
        write: WriteId,
    },
    /// Something arrives over the network.
    Delivery(Delivery),
    /// A deadline that a site named.
    Tick {
        site: usize,
        life: u32,
    },
    /// A document is published at a random site that is up, perhaps on one side of a
    /// partition.
    Publish {
        number: usize,
        document: Arc<[u8]>,
        side: Option<bool>,
    },
    /// A hostile neighbour gossips a forged document.
    Forge {
        number: usize,
    },
    /// A lying site shows two documents under one key to different neighbours.
    Equivocate {
        pair: usize,
    },
    /// A lying site sends too much.
    Flood {
        liar: usize,
    },
    /// A connection closes.
    HangUp {
        a: usize,
        b: usize,
    },
    DiskFull {
        site: usize,
        until: Timestamp,
    },
    DiskWorks {
        site: usize,
    },
    /// A site gets another policy.
    Rules {
        site: usize,
        blacklist: bool,
    },
    PartitionBegins {
        sites: usize,
        one_way: bool,
    },
    PartitionEnds,
    Crash {
        site: Option<usize>,
        down: Duration,
    },
    Restart {
        site: usize,
    },
}

/// What a run did, for the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub seed: u64,
    /// Digest of every input and effect in order.
    pub trace: Sha256,
    pub events: u64,
    /// Virtual time from the last disturbance until all sites agreed.
    pub converged_after: Duration,
    pub gossip_messages: u64,
    pub questions: u64,
    /// Bytes of reconciliation and of documents that were asked for.
    pub bytes: u64,
    /// Entries over time, for plots.
    pub samples: Vec<Sample>,
}

/// How many entries the honest sites that are up have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Since the beginning.
    pub after: Duration,
    pub least: usize,
    pub median: usize,
    pub most: usize,
}

/// Samples of one run.
const SAMPLES: u32 = 240;

/// A federation.
pub struct World {
    scenario: Scenario,
    seed: u64,
    now: Timestamp,
    random: fastrand::Rng,
    /// When events are due, and their numbers.
    queue: BinaryHeap<Reverse<(Timestamp, u64)>>,
    events: BTreeMap<u64, Event>,
    scheduled: u64,
    sites: Vec<Site>,
    network: Network,
    invariants: Invariants,
    trace: Trace,
    samples: Vec<Sample>,
    next_sample: Timestamp,
    /// Forgeries made so far; no two are equal.
    forgeries: u64,
    /// When the last partition ended: bytes sent until then, and documents that
    /// sites missed.
    healed: Option<(u64, u64)>,
}

/// Runs one seed of a scenario.
pub fn run(scenario: &Scenario, seed: u64) -> Result<Outcome, Violation> {
    World::new(scenario.clone(), seed).run()
}

/// Where the scenario files are.
pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/simulations/scenarios");

/// All scenarios, the long ones last.
pub fn scenarios() -> Vec<Scenario> {
    let files = std::fs::read_dir(FOLDER).unwrap();
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.sort_unstable();
    let read = |path: PathBuf| Scenario::read(&path).unwrap_or_else(|error| panic!("{error}"));
    let mut scenarios: Vec<Scenario> = paths.into_iter().map(read).collect();
    scenarios.sort_by_key(|scenario| scenario.long);
    scenarios
}

impl World {
    fn new(scenario: Scenario, seed: u64) -> World {
        let mut random = fastrand::Rng::with_seed(seed);
        let network = Network::new(&scenario, &mut random);
        let sites = (0..scenario.sites).map(|n| {
            let drift = scenario.clock_skew_s * 1000;
            let hours = scenario.clocks.as_ref().filter(|clocks| n < clocks.sites);
            let sign = if n % 2 == 0 { 1 } else { -1 };
            let wrong = hours.map_or(0, |clocks| sign * clocks.hours * 3_600_000);
            let mut site = Site::new(n, wrong + random.i64(-drift..=drift));
            site.byzantine = scenario.is_byzantine(n);
            site.blacklisting = n < scenario.blacklisting_sites;
            site
        });
        let mut world = World {
            seed,
            now: EPOCH,
            sites: sites.collect(),
            random,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            scheduled: 0,
            network,
            invariants: Invariants::new(&scenario),
            trace: Trace::default(),
            samples: Vec::new(),
            next_sample: EPOCH,
            forgeries: 0,
            healed: None,
            scenario,
        };
        world.plan();
        world
    }

    fn run(mut self) -> Result<Outcome, Violation> {
        let disturbed_until = self.last_disturbance();
        let horizon = EPOCH.plus(Duration::from_secs(self.scenario.horizon_s));
        while let Some(Reverse((at, number))) = self.queue.pop() {
            let Some(event) = self.events.remove(&number) else { continue };
            if at > horizon {
                break;
            }
            self.now = self.now.max(at);
            self.sample(disturbed_until);
            self.happen(event)?;
            if self.now > disturbed_until
                && self.invariants.take_dirty()
                && self.invariants.divergence(&self.sites).is_none()
            {
                return self.outcome(disturbed_until);
            }
        }
        match self.invariants.divergence(&self.sites) {
            None => self.outcome(disturbed_until),
            Some(what) => Err(self.violation((3, what))),
        }
    }

    fn outcome(mut self, disturbed_until: Timestamp) -> Result<Outcome, Violation> {
        self.sent_little_enough().map_err(|broken| self.violation(broken))?;
        self.next_sample = self.now;
        self.sample(disturbed_until);
        Ok(Outcome {
            seed: self.seed,
            trace: self.trace.digest(),
            events: self.trace.events,
            converged_after: self.now.since(disturbed_until),
            gossip_messages: self.network.gossip_messages,
            questions: self.network.questions,
            bytes: self.network.bytes,
            samples: self.samples,
        })
    }

    /// After a long split: what it took to heal it has a bound.
    fn sent_little_enough(&self) -> Result<(), Broken> {
        let (Some(bulk), Some((before, missing))) = (&self.scenario.bulk, self.healed) else {
            return Ok(());
        };
        let sent = self.network.bytes - before;
        if sent > bulk.bytes_per_missing * missing {
            return Err((6, format!("{sent} bytes were sent for {missing} missing documents")));
        }
        Ok(())
    }

    fn sample(&mut self, disturbed_until: Timestamp) {
        if self.now < self.next_sample {
            return;
        }
        // The disturbances take most of the picture.
        let step = disturbed_until.since(EPOCH) * 5 / 4 / SAMPLES;
        self.next_sample = self.now.plus(step);
        let honest = self.sites.iter().filter(|site| site.is_up() && !site.byzantine);
        let mut counts: Vec<usize> = honest.map(|site| site.disk.admitted_count()).collect();
        counts.sort_unstable();
        let (Some(least), Some(most)) = (counts.first(), counts.last()) else { return };
        let (least, median, most) = (*least, counts[counts.len() / 2], *most);
        self.samples.push(Sample { after: self.now.since(EPOCH), least, median, most });
    }

    fn violation(&self, (invariant, what): Broken) -> Violation {
        let scenario = self.scenario.name.clone();
        Violation { scenario, seed: self.seed, at: self.now, invariant, what }
    }

    fn at(&mut self, time: Timestamp, event: Event) {
        self.scheduled += 1;
        self.events.insert(self.scheduled, event);
        self.queue.push(Reverse((time, self.scheduled)));
    }

    fn after(&mut self, range_ms: [u64; 2], event: Event) {
        let wait = Duration::from_millis(self.random.u64(range_ms[0]..=range_ms[1]));
        self.at(self.now.plus(wait), event);
    }

    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Input { site, life, input } if self.sites[site].is_alive(life) => {
                self.feed(site, input)?;
            }
            // One for an earlier deadline may have taken its place.
            Event::Tick { site, life }
                if self.sites[site].is_alive(life)
                    && self.sites[site].ticking_at == Some(self.now) =>
            {
                self.sites[site].ticking_at = None;
                self.feed(site, Input::Tick)?;
            }
            Event::Flush { site, life, write } if self.sites[site].is_alive(life) => {
                self.flush(site, write)?;
            }
            Event::Input { .. } | Event::Tick { .. } | Event::Flush { .. } => {}
            Event::Delivery(delivery) => self.deliver(delivery)?,
            Event::Publish { number, document, side } => self.publish(number, document, side)?,
            Event::Forge { number } => {
                let site = self.random.usize(0..self.sites.len());
                self.gossip_to(site, Arc::clone(&LIBRARY.forgeries[number]));
            }
            Event::Equivocate { pair } => self.equivocate(pair),
            Event::Flood { liar } => {
                if let Some(flood) = self.scenario.flood.clone() {
                    self.flood(liar, &flood);
                }
            }
            Event::HangUp { a, b } => self.hang_up(a, b)?,
            Event::DiskFull { site, until } => self.sites[site].full_until = Some(until),
            Event::DiskWorks { site } => self.sites[site].full_until = None,
            Event::Rules { site, blacklist } => self.change_rules(site, blacklist)?,
            Event::PartitionBegins { sites, one_way } => self.cut(sites, one_way)?,
            Event::PartitionEnds => self.heal(),
            Event::Crash { site, down } => self.crash(site, down)?,
            Event::Restart { site } => self.start(site),
        }
        Ok(())
    }

    /// Lets a site's engine take one input, and does what it asks for.
    fn feed(&mut self, site: usize, input: Input) -> Result<(), Violation> {
        self.trace.add(&format!("{} {site} {}", self.now.millis(), trace::label(&input)));
        let pending = self.sites[site].engine().map(|engine| engine.pending());
        let before = pending.filter(|_| matches!(input, Input::Answered { .. }));
        let effects = self.sites[site].handle(input, self.now);
        let here = &self.sites[site];
        let answered = before.map_or(Ok(()), |before| self.invariants.answered(here, before));
        let bounded = answered.and_then(|()| self.invariants.bounded(here));
        bounded.map_err(|broken| self.violation(broken))?;
        for effect in effects {
            self.trace.add(&trace::effect_label(&effect));
            let checked = self.check(site, &effect);
            checked.map_err(|broken| self.violation(broken))?;
            self.carry_out(site, effect)?;
        }
        self.schedule_tick(site);
        Ok(())
    }

    /// What a site does must keep what was promised.
    fn check(&mut self, site: usize, effect: &Effect) -> Result<(), Broken> {
        let hostile = |peer| self.is_hostile(peer);
        let here = &self.sites[site];
        match effect {
            Effect::Announce { document } => self.invariants.passed_on(here, document),
            Effect::Reply { reply, .. } => self.invariants.replied(here, self.now, reply),
            Effect::Answer { response, .. } => self.invariants.served(here, response),
            Effect::Alert(alert) => {
                self.invariants.alerted(here, alert);
                Ok(())
            }
            Effect::Disconnect { peer } => {
                self.invariants.broke_with(here, network::number(*peer), hostile(*peer))
            }
            _ => Ok(()),
        }
    }

    fn schedule_tick(&mut self, site: usize) {
        let Some(due) = self.sites[site].deadline() else { return };
        let due = due.max(self.now);
        if self.sites[site].ticking_at.is_none_or(|ticking| due < ticking) {
            self.sites[site].ticking_at = Some(due);
            let life = self.sites[site].life;
            self.at(due, Event::Tick { site, life });
        }
    }

    fn carry_out(&mut self, site: usize, effect: Effect) -> Result<(), Violation> {
        let life = self.sites[site].life;
        match effect {
            Effect::Verify { job, document } => {
                let outcome = LIBRARY.verify(&document);
                let anchors = LIBRARY.anchors_digest();
                let input = Input::Verified { job, outcome, anchors };
                self.after([1, 5], Event::Input { site, life, input });
            }
            Effect::Store { write, records } => {
                self.sites[site].disk.write(write, records);
                let [least, most] = self.scenario.flush_ms(site);
                let wait = Duration::from_millis(self.random.u64(least..=most));
                // One thread writes, in order.
                let done = self.now.plus(wait).max(self.sites[site].flushed_at);
                self.sites[site].flushed_at = done;
                self.at(done, Event::Flush { site, life, write });
            }
            Effect::Load { load, ids } => {
                let documents = self.sites[site].load(&ids);
                let input = Input::Loaded { load, documents };
                self.after([1, 5], Event::Input { site, life, input });
            }
            Effect::Announce { document } => {
                // Gossip passes a message on once.
                if self.sites[site].heard.insert(Sha256::of(&document)) {
                    self.pass_on(site, None, &document);
                }
            }
            Effect::Judge { gossip, verdict } => {
                let Some((from, document)) = self.sites[site].judged(gossip) else {
                    return Ok(());
                };
                let here = &self.sites[site];
                let checked = match verdict {
                    GossipVerdict::Accept => self.invariants.passed_on(here, &document),
                    GossipVerdict::Reject => self.invariants.rejected(here, from, self.now),
                    GossipVerdict::Ignore => Ok(()),
                };
                checked.map_err(|broken| self.violation(broken))?;
                if verdict == GossipVerdict::Accept {
                    self.pass_on(site, Some(from), &document);
                }
            }
            Effect::Reply { call, .. } => {
                self.sites[site].calls.remove(&call);
            }
            Effect::Alert(_) => {}
            network => self.send(site, network),
        }
        Ok(())
    }

    fn flush(&mut self, site: usize, write: WriteId) -> Result<(), Violation> {
        if self.sites[site].full_until.is_some() {
            if self.sites[site].disk.refuse(write) {
                let result = Err("no space left on the device".to_owned());
                self.feed(site, Input::Stored { write, result })?;
            }
        } else if self.sites[site].disk.flush(write) {
            let checked = self.invariants.flushed(&self.sites[site]);
            checked.map_err(|broken| self.violation(broken))?;
            self.feed(site, Input::Stored { write, result: Ok(()) })?;
        }
        Ok(())
    }
}
