//! A federation in one process and virtual time: sites, links, disks, faults.
//!
//! The engines are the ones that real nodes run. Everything random comes from
//! one seed, so a seed always gives the same run.

mod byzantine;
mod disk;
mod documents;
mod invariants;
mod network;
mod scenario;
mod site;

pub use documents::{EPOCH, LIBRARY};
pub use invariants::Violation;
pub use scenario::Scenario;
use scenario::{Churn, Partition};

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use invariants::Invariants;
use network::{Delivery, Network};
use site::Site;
use suq::engine::{CallId, Effect, Input};
use suq::model::{Sha256, Timestamp};

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
        write: suq::engine::WriteId,
    },
    /// Something arrives over the network.
    Delivery(Delivery),
    /// A deadline that a site named.
    Tick {
        site: usize,
        life: u32,
    },
    /// A document is published at a random site that is up.
    Publish {
        number: usize,
    },
    /// A hostile neighbour gossips a forged document.
    Forge {
        number: usize,
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
}

/// A federation.
pub struct World {
    scenario: Scenario,
    seed: u64,
    now: Timestamp,
    random: fastrand::Rng,
    queue: BinaryHeap<Reverse<(Timestamp, u64, usize)>>,
    /// Events by the last number in the queue's key.
    events: BTreeMap<usize, Event>,
    scheduled: usize,
    sites: Vec<Site>,
    network: Network,
    invariants: Invariants,
    trace: Trace,
}

/// A running digest of everything that happened.
#[derive(Default)]
struct Trace {
    digest: Option<Sha256>,
    events: u64,
}

impl Trace {
    fn add(&mut self, text: &str) {
        let mut octets = self.digest.map_or_else(Vec::new, |d| d.as_bytes().to_vec());
        octets.extend_from_slice(text.as_bytes());
        self.digest = Some(Sha256::of(&octets));
        self.events += 1;
    }
}

/// Runs one seed of a scenario.
pub fn run(scenario: &Scenario, seed: u64) -> Result<Outcome, Violation> {
    World::new(scenario.clone(), seed).run()
}

/// Reads a scenario file of `simulations/scenarios`.
pub fn scenario(name: &str) -> Scenario {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("simulations/scenarios");
    Scenario::read(&folder.join(name)).unwrap_or_else(|error| panic!("{error}"))
}

impl World {
    fn new(scenario: Scenario, seed: u64) -> World {
        let mut random = fastrand::Rng::with_seed(seed);
        let network = Network::new(&scenario, &mut random);
        let skew = scenario.clock_skew_s * 1000;
        let sites = (0..scenario.sites)
            .map(|n| {
                let byzantine = n >= scenario.sites - scenario.byzantine_sites;
                let blacklisting = n < scenario.blacklisting_sites;
                let mut site = Site::new(n, blacklisting, random.i64(-skew..=skew));
                site.byzantine = byzantine;
                site
            })
            .collect();
        let mut world = World {
            seed,
            now: EPOCH,
            random,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            scheduled: 0,
            sites,
            network,
            invariants: Invariants::new(&scenario),
            trace: Trace::default(),
            scenario,
        };
        world.plan();
        world
    }

    /// Puts everything the scenario foresees into the queue.
    fn plan(&mut self) {
        for site in 0..self.sites.len() {
            self.start(site);
        }
        let until = self.scenario.publish_until_s * 1000;
        for number in 0..self.scenario.documents {
            let at = self.random.u64(1000..until);
            self.at(EPOCH.plus(Duration::from_millis(at)), Event::Publish { number });
        }
        for number in 0..self.scenario.forgeries {
            let at = self.random.u64(1000..until);
            self.at(EPOCH.plus(Duration::from_millis(at)), Event::Forge { number });
        }
        for partition in self.scenario.partition.clone() {
            let Partition { sites, one_way, .. } = partition;
            let begin = Event::PartitionBegins { sites, one_way };
            self.at(EPOCH.plus(Duration::from_secs(partition.from_s)), begin);
            self.at(EPOCH.plus(Duration::from_secs(partition.to_s)), Event::PartitionEnds);
        }
        if let Some(Churn { every_s, down_s }) = self.scenario.churn.clone() {
            let down = Duration::from_secs(down_s);
            for at in (every_s..self.scenario.publish_until_s).step_by(every_s as usize) {
                let at = EPOCH.plus(Duration::from_secs(at));
                self.at(at, Event::Crash { site: None, down });
            }
        }
        for crash in self.scenario.crash.clone() {
            if let Some(at) = crash.at_s {
                let down = Duration::from_secs(crash.down_s);
                self.at(EPOCH.plus(Duration::from_secs(at)), Event::Crash { site: None, down });
            }
        }
    }

    fn run(mut self) -> Result<Outcome, Violation> {
        let disturbed_until = self.last_disturbance();
        let horizon = EPOCH.plus(Duration::from_secs(self.scenario.horizon_s));
        while let Some(Reverse((at, _, number))) = self.queue.pop() {
            let Some(event) = self.events.remove(&number) else { continue };
            if at > horizon {
                break;
            }
            self.now = self.now.max(at);
            self.happen(event)?;
            if self.now > disturbed_until && self.invariants.is_dirty() {
                let missing = self.invariants.divergence(&self.sites, &self.network);
                if missing.is_none() {
                    return Ok(self.outcome(disturbed_until));
                }
            }
        }
        let what = self.invariants.divergence(&self.sites, &self.network);
        match what {
            None => Ok(self.outcome(disturbed_until)),
            Some(what) => Err(self.violation(3, what)),
        }
    }

    fn outcome(&self, disturbed_until: Timestamp) -> Outcome {
        Outcome {
            seed: self.seed,
            trace: self.trace.digest.unwrap_or(Sha256::of(b"")),
            events: self.trace.events,
            converged_after: self.now.since(disturbed_until),
            gossip_messages: self.network.gossip_messages,
            questions: self.network.questions,
        }
    }

    fn last_disturbance(&self) -> Timestamp {
        let publications = self.scenario.publish_until_s;
        let partitions = self.scenario.partition.iter().map(|partition| partition.to_s);
        let crashes = self
            .scenario
            .crash
            .iter()
            .map(|crash| crash.at_s.unwrap_or(self.scenario.publish_until_s) + crash.down_s);
        let churn = self.scenario.churn.iter().map(|churn| publications + churn.down_s);
        let last = partitions.chain(crashes).chain(churn).max().unwrap_or(0).max(publications);
        EPOCH.plus(Duration::from_secs(last))
    }

    fn violation(&self, invariant: u8, what: String) -> Violation {
        Violation { seed: self.seed, at: self.now, invariant, what }
    }

    fn at(&mut self, time: Timestamp, event: Event) {
        let number = self.scheduled;
        self.scheduled += 1;
        self.events.insert(number, event);
        self.queue.push(Reverse((time, number as u64, number)));
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
            Event::Tick { site, life } if self.sites[site].is_alive(life) => {
                self.sites[site].ticking_at = None;
                self.feed(site, Input::Tick)?;
            }
            Event::Flush { site, life, write } if self.sites[site].is_alive(life) => {
                if self.sites[site].disk.flush(write) {
                    self.invariants.flushed(&self.sites[site]).map_err(|w| self.violation(1, w))?;
                    self.feed(site, Input::Stored { write, result: Ok(()) })?;
                }
            }
            Event::Input { .. } | Event::Tick { .. } | Event::Flush { .. } => {}
            Event::Delivery(delivery) => self.deliver(delivery)?,
            Event::Publish { number } => self.publish(number)?,
            Event::Forge { number } => {
                let site = self.random.usize(0..self.sites.len());
                self.gossip_to(site, None, Arc::clone(&LIBRARY.forgeries[number]));
            }
            Event::PartitionBegins { sites, one_way } => self.cut(sites, one_way)?,
            Event::PartitionEnds => self.network.cut_off.clear(),
            Event::Crash { site, down } => self.crash(site, down)?,
            Event::Restart { site } => self.start(site),
        }
        Ok(())
    }

    /// Lets a site's engine take one input, and does what it asks for.
    fn feed(&mut self, site: usize, input: Input) -> Result<(), Violation> {
        self.trace.add(&format!("{} {site} {}", self.now.millis(), site::label(&input)));
        let effects = self.sites[site].handle(input, self.now);
        for effect in effects {
            self.trace.add(&site::effect_label(&effect));
            self.carry_out(site, effect)?;
        }
        self.schedule_tick(site);
        Ok(())
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
                self.after(self.scenario.flush_ms, Event::Flush { site, life, write });
            }
            Effect::Load { load, ids } => {
                let documents = self.sites[site].load(&ids);
                self.after(
                    [1, 5],
                    Event::Input { site, life, input: Input::Loaded { load, documents } },
                );
            }
            Effect::Announce { document } => {
                // Gossip passes a message on once.
                if self.sites[site].heard.insert(Sha256::of(&document)) {
                    self.pass_on(site, None, &document);
                }
            }
            Effect::Judge { gossip, verdict } => {
                if let Some((from, document)) = self.sites[site].judged(gossip, verdict) {
                    self.invariants
                        .passed_on(&self.sites[site], &document)
                        .map_err(|what| self.violation(4, what))?;
                    self.pass_on(site, from, &document);
                }
            }
            Effect::Reply { call, reply } => {
                self.invariants
                    .replied(site, &self.sites[site], &reply)
                    .map_err(|what| self.violation(4, what))?;
                self.sites[site].calls.remove(&call);
            }
            Effect::Alert(_) => {}
            network => self.send(site, network),
        }
        Ok(())
    }

    fn publish(&mut self, number: usize) -> Result<(), Violation> {
        // What is published at a hostile site may be lost.
        let honest = |n: &usize| self.sites[*n].is_up() && !self.sites[*n].byzantine;
        let up: Vec<usize> = (0..self.sites.len()).filter(honest).collect();
        let site = up[self.random.usize(0..up.len())];
        let call = CallId(number as u64);
        self.sites[site].calls.insert(call);
        let document = Arc::clone(&LIBRARY.documents[number]);
        self.feed(site, Input::Publish { call, document })?;
        let crash = self.scenario.crash.iter().find(|crash| crash.at_publication == Some(number));
        if let Some(crash) = crash {
            let down = Duration::from_secs(crash.down_s);
            // Within the time a verification and a flush take.
            self.after([1, self.scenario.flush_ms[1]], Event::Crash { site: Some(site), down });
        }
        Ok(())
    }

    fn crash(&mut self, site: Option<usize>, down: Duration) -> Result<(), Violation> {
        let site = site.unwrap_or_else(|| self.random.usize(0..self.sites.len()));
        if !self.sites[site].is_up() {
            return Ok(());
        }
        self.sites[site].crash();
        self.invariants.flushed(&self.sites[site]).map_err(|what| self.violation(5, what))?;
        self.hang_up_all(site)?;
        self.at(self.now.plus(down), Event::Restart { site });
        Ok(())
    }

    fn start(&mut self, site: usize) {
        let peers = self.network.neighbours(site);
        let seed = self.random.u64(..);
        self.sites[site].start(&peers, seed);
        let life = self.sites[site].life;
        self.after([0, 100], Event::Input { site, life, input: Input::Tick });
    }

    /// Honest sites of the same policy that are up.
    pub fn camps(sites: &[Site]) -> [BTreeSet<usize>; 2] {
        let camp = |blacklisting: bool| {
            let fits = |n: &usize| {
                let site = &sites[*n];
                site.blacklisting == blacklisting && site.is_up() && !site.byzantine
            };
            (0..sites.len()).filter(fits).collect()
        };
        [camp(false), camp(true)]
    }
}
