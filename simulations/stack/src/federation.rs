//! A federation of sites that goes through a scenario.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use suq::engine::CallId;
use suq::model::{ContentId, Peer};
use suq::net::Identity;
use tokio::time::sleep_until;

use crate::clock::Clock;
use crate::copies;
use crate::disk::Disk;
use crate::documents::LIBRARY;
use crate::ledger::Violation;
use crate::network::{Cut, Network, Number};
use crate::scenario::{Churn, Crash, Partition, Scenario, millis};
use crate::site::{Founding, Running, Surroundings};

/// Virtual time between two lines on how far a run is.
const REPORT: Duration = Duration::from_secs(10);

/// Between two looks at whether all catalogues are equal.
const LOOK: Duration = Duration::from_secs(1);

/// Something the scenario foresees.
#[derive(Debug, Clone)]
enum Occasion {
    Start(Number),
    Publish(usize),
    Crash {
        site: Option<Number>,
        down: Duration,
    },
    Cut {
        sites: usize,
        one_way: bool,
        breaks: bool,
    },
    Heal,
    /// A look at how well the sites know each other.
    Look,
}

/// What a run showed.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Connected peers of each site when the first document was published, in order.
    pub connected: Vec<usize>,
    /// How often a site had been dialled by then, on average.
    pub dials: f64,
    /// Every document, in the order of their publication.
    pub documents: Vec<Propagation>,
    /// From the last disturbance until all catalogues were equal.
    pub converged_after: Duration,
    /// Crashes of sites.
    pub crashes: usize,
    /// Virtual time from the beginning to the end.
    pub took: Duration,
}

/// How one document spread.
#[derive(Debug, Clone)]
pub struct Propagation {
    /// Its size.
    pub bytes: usize,
    /// After how long each site had it in its catalogue, in order.
    pub times: Vec<Duration>,
    /// Sites that were up when it was published.
    pub sites: usize,
    /// How often a site received it in full, on average.
    pub copies: f64,
    /// What a site received until the next document came, on average, with everything
    /// else that the protocols say in that time.
    pub received: f64,
}

impl Propagation {
    /// After how long a part of the sites that were up had it; none when they never had.
    pub fn time_of(&self, part: f64) -> Option<Duration> {
        let count = (self.sites as f64 * part).ceil() as usize;
        self.times.get(count.max(1) - 1).copied()
    }
}

/// Why a run failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Of the scenario: it makes the same choices again, but libp2p draws from the
    /// system's random numbers, so the run is not the same to the last message.
    pub seed: u64,
    /// What went wrong.
    pub violation: Violation,
    /// What the federation looked like.
    pub state: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { seed, violation, state } = self;
        write!(f, "seed {seed}: {violation}\n{state}")
    }
}

/// Runs a scenario. Needs a runtime of one thread whose clock is paused. `tell` gets a
/// line now and then on how far it is.
///
/// # Errors
/// When an invariant does not hold.
pub async fn run(scenario: &Scenario, tell: impl Fn(String)) -> Result<Outcome, Failure> {
    copies::start_counting();
    let mut federation = Federation::new(scenario.clone(), &tell);
    match federation.run().await {
        Ok(outcome) => Ok(outcome),
        Err(violation) => {
            Err(Failure { seed: scenario.seed, violation, state: federation.describe() })
        }
    }
}

struct Federation<'a> {
    scenario: Scenario,
    tell: &'a dyn Fn(String),
    told: Duration,
    around: Surroundings,
    random: fastrand::Rng,
    foundings: Vec<Founding>,
    up: BTreeMap<Number, Running>,
    /// Disks of sites that are down.
    down: BTreeMap<Number, Disk>,
    /// What is to come, with a number that tells things at the same time apart.
    plan: BTreeMap<(Duration, usize), Occasion>,
    planned: usize,
    publications: Vec<Publication>,
    connected: Vec<usize>,
    dials: f64,
    crashes: usize,
}

struct Publication {
    document: Arc<[u8]>,
    id: ContentId,
    at: Duration,
    sites: usize,
    /// By all sites, until then.
    received: u64,
}

impl<'a> Federation<'a> {
    fn new(scenario: Scenario, tell: &'a dyn Fn(String)) -> Federation<'a> {
        let mut random = fastrand::Rng::with_seed(scenario.seed);
        // The node draws the targets of its searches from this thread's generator.
        fastrand::seed(random.u64(..));
        let around = Surroundings {
            network: Network::new(
                millis(scenario.latency_ms),
                scenario.bytes_per_s,
                random.u64(..),
            ),
            clock: Clock::start(),
            ledger: Arc::new(Mutex::default()),
            verify: millis(scenario.verify_ms),
            flush: millis(scenario.flush_ms),
        };
        let mut federation = Federation {
            foundings: found(&scenario, &mut random),
            around,
            random,
            up: BTreeMap::new(),
            down: BTreeMap::new(),
            plan: BTreeMap::new(),
            planned: 0,
            publications: Vec::new(),
            connected: Vec::new(),
            dials: 0.0,
            crashes: 0,
            scenario,
            tell,
            told: Duration::ZERO,
        };
        federation.foresee();
        federation
    }

    /// Puts everything that the scenario says into the plan.
    fn foresee(&mut self) {
        let seconds = Duration::from_secs;
        let sites = self.scenario.sites;
        for site in 0..sites {
            let at = seconds(self.scenario.started_by_s).mul_f64(site as f64 / sites as f64);
            self.at(at, Occasion::Start(site));
        }
        self.at(self.scenario.publication(0), Occasion::Look);
        for number in 0..self.scenario.documents {
            self.at(self.scenario.publication(number), Occasion::Publish(number));
        }
        for partition in self.scenario.partition.clone() {
            let Partition { from_s, to_s, sites, one_way, breaks } = partition;
            self.at(seconds(from_s), Occasion::Cut { sites, one_way, breaks });
            self.at(seconds(to_s), Occasion::Heal);
        }
        if let Some(Churn { from_s, to_s, every_s, down_s }) = self.scenario.churn.clone() {
            for at in (from_s..to_s).step_by(every_s as usize) {
                self.at(seconds(at), Occasion::Crash { site: None, down: seconds(down_s) });
            }
        }
    }

    fn at(&mut self, at: Duration, occasion: Occasion) {
        self.planned += 1;
        self.plan.insert((at, self.planned), occasion);
    }

    async fn run(&mut self) -> Result<Outcome, Violation> {
        while let Some(((at, _), occasion)) = self.plan.pop_first() {
            self.wait_until(at).await;
            self.happen(occasion).await;
            self.check()?;
        }
        let disturbed_until = self.scenario.last_disturbance();
        self.wait_until(disturbed_until).await;
        let horizon = Duration::from_secs(self.scenario.horizon_s);
        loop {
            let now = self.around.clock.elapsed();
            self.check()?;
            let missing = self.divergence();
            if missing.is_none() {
                return self.end(now.saturating_sub(disturbed_until));
            }
            if let Some(what) = missing.filter(|_| now >= horizon) {
                return Err(Violation { invariant: 3, at: now, what });
            }
            self.wait_until(now + LOOK).await;
        }
    }

    async fn wait_until(&mut self, at: Duration) {
        while self.told + REPORT <= at {
            self.told += REPORT;
            sleep_until(self.around.clock.at(self.told)).await;
            let now: usize = self.around.network.connections(self.foundings.len()).iter().sum();
            (self.tell)(format!(
                "{} s: {} sites up, {} connections of {} ever dialled, {} of {} published",
                self.told.as_secs(),
                self.up.len(),
                now / 2,
                self.around.network.dialled(),
                self.publications.len(),
                self.scenario.documents,
            ));
        }
        sleep_until(self.around.clock.at(at)).await;
    }

    fn end(&mut self, converged_after: Duration) -> Result<Outcome, Violation> {
        let at = self.around.clock.elapsed();
        for (site, running) in &self.up {
            self.around.ledger().check(*site, &running.disk(), at);
        }
        self.check()?;
        Ok(Outcome {
            connected: self.connected.clone(),
            dials: self.dials,
            documents: self.propagations(),
            converged_after,
            crashes: self.crashes,
            took: at,
        })
    }

    async fn happen(&mut self, occasion: Occasion) {
        match occasion {
            Occasion::Start(site) => self.start(site),
            Occasion::Publish(number) => self.publish(number),
            Occasion::Crash { site, down } => self.crash(site, down).await,
            Occasion::Cut { sites, one_way, breaks } => {
                let mut numbers: Vec<Number> = (0..self.foundings.len()).collect();
                self.random.shuffle(&mut numbers);
                let sites: BTreeSet<Number> = numbers.into_iter().take(sites).collect();
                self.around.network.cut(Cut { sites, one_way }, breaks);
            }
            Occasion::Heal => self.around.network.cut(Cut::default(), false),
            Occasion::Look => {
                self.connected = self.up.values().map(|s| s.view().connected.len()).collect();
                self.connected.sort_unstable();
                self.dials = self.around.network.dialled() as f64 / self.up.len().max(1) as f64;
            }
        }
    }

    fn start(&mut self, site: Number) {
        let disk = self.down.remove(&site).unwrap_or_default();
        let seed = self.random.u64(..);
        let running = Running::start(&self.foundings[site], &self.around, disk, seed);
        self.up.insert(site, running);
    }

    fn publish(&mut self, number: usize) {
        let sites: Vec<Number> = self.up.keys().copied().collect();
        let Some(site) = self.random.choice(sites) else { return };
        let document = Arc::clone(&LIBRARY.documents[number]);
        let (verified, _) = LIBRARY.verify(&document).expect("a document of the library");
        self.publications.push(Publication {
            id: verified.content_id(),
            document: Arc::clone(&document),
            at: self.around.clock.elapsed(),
            sites: self.up.len(),
            received: self.received(),
        });
        self.up[&site].publish(CallId(number as u64), document);
        let crash = self.scenario.crash.iter().find(|crash| crash.at_publication == number);
        if let Some(Crash { down_s, .. }) = crash.cloned() {
            // Within the time that a verification and a flush take.
            let longest = self.scenario.verify_ms[1] + self.scenario.flush_ms[1];
            let wait = Duration::from_millis(self.random.u64(0..=longest));
            let crash = Occasion::Crash { site: Some(site), down: Duration::from_secs(down_s) };
            self.at(self.around.clock.elapsed() + wait, crash);
        }
    }

    async fn crash(&mut self, site: Option<Number>, down: Duration) {
        let sites: Vec<Number> = self.up.keys().copied().collect();
        let Some(site) = site.or_else(|| self.random.choice(sites)) else { return };
        let Some(running) = self.up.remove(&site) else { return };
        self.around.network.vanish(site);
        let disk = running.crash().await;
        let at = self.around.clock.elapsed();
        self.around.ledger().check(site, &disk, at);
        self.down.insert(site, disk);
        self.crashes += 1;
        self.at(at + down, Occasion::Start(site));
    }

    fn check(&self) -> Result<(), Violation> {
        assert!(self.up.values().all(Running::is_well), "a site's task panicked");
        self.around.ledger().violation().map_or(Ok(()), |violation| Err(violation.clone()))
    }

    fn divergence(&self) -> Option<String> {
        let catalogues: Vec<(Number, BTreeSet<ContentId>)> = self
            .up
            .iter()
            .map(|(site, running)| (*site, running.view().catalogue.clone()))
            .collect();
        self.around.ledger().divergence(&catalogues)
    }

    fn received(&self) -> u64 {
        (0..self.foundings.len()).map(|site| self.around.network.received(site)).sum()
    }

    fn propagations(&self) -> Vec<Propagation> {
        let ledger = self.around.ledger();
        let sums = self.publications.iter().skip(1).map(|publication| publication.received);
        let sums = sums.chain([self.received()]);
        let propagation = |(publication, sum): (&Publication, u64)| Propagation {
            bytes: publication.document.len(),
            times: ledger.times(&publication.id, publication.at),
            sites: publication.sites,
            copies: copies::of(&publication.document) as f64 / publication.sites as f64,
            received: (sum - publication.received) as f64 / publication.sites as f64,
        };
        self.publications.iter().zip(sums).map(propagation).collect()
    }

    /// What is needed to look further after a failure.
    fn describe(&self) -> String {
        let links = self.around.network.connections(self.foundings.len());
        let mut text = format!(
            "after {:.1} s: {} sites up, {} down",
            self.around.clock.elapsed().as_secs_f64(),
            self.up.len(),
            self.down.len()
        );
        let largest = self.up.values().map(|s| s.view().catalogue.len()).max().unwrap_or(0);
        for (site, running) in &self.up {
            let view = running.view();
            if view.catalogue.len() < largest {
                text.push_str(&format!(
                    "\n  site {site} ({}): {} of {largest} entries, {} peers, {} links",
                    self.foundings[*site].identity.peer(),
                    view.catalogue.len(),
                    view.connected.len(),
                    links[*site],
                ));
            }
        }
        text
    }
}

/// Keys, and whom each site knows: some of those that start before it.
fn found(scenario: &Scenario, random: &mut fastrand::Rng) -> Vec<Founding> {
    let mut foundings: Vec<Founding> = Vec::new();
    let skew = scenario.clock_skew_s * 1000;
    for number in 0..scenario.sites {
        let [least, most] = scenario.knows;
        let count = random.usize(least..=most);
        let before: Vec<(Peer, Number)> =
            foundings.iter().map(|founding| (founding.identity.peer(), founding.number)).collect();
        let known = random.choose_multiple(before, count);
        let skew_ms = random.i64(-skew..=skew);
        foundings.push(Founding { number, identity: Identity::generate(), known, skew_ms });
    }
    foundings
}
