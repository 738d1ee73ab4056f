//! One site: the node's network and engine, and around them what `node/run.rs` does,
//! on a simulated disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use suq::engine::{
    AskId, CallId, Effect, Engine, FetchOutcome, GossipId, Input, KnockId, QuestionId, Record,
    Reply, Rules, Standing, Start, WriteId,
};
use suq::model::{ContentId, FederationId, Peer, Reachable, Timestamp};
use suq::net::{Config, Event, Identity, Limits, Net, Started, start_over};
use suq::policy::Policy;
use suq::wire::{Gossip, GossipVerdict, Response};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::clock::Clock;
use crate::disk::Disk;
use crate::documents::LIBRARY;
use crate::ledger::Ledger;
use crate::network::{Network, Number};
use crate::transport::{SimulatedTransport, address};

/// The longest sleep: what the engine waits for may be far ahead.
const MAX_SLEEP: Duration = Duration::from_secs(3600);

/// Reading documents from the disk.
const READ: Duration = Duration::from_millis(1);

/// What all sites share.
#[derive(Clone)]
pub struct Surroundings {
    /// Between the sites.
    pub network: Network,
    /// What time it is.
    pub clock: Clock,
    /// What was promised.
    pub ledger: Arc<Mutex<Ledger>>,
    /// One verification takes between these.
    pub verify: [Duration; 2],
    /// One flush of the disk takes between these.
    pub flush: [Duration; 2],
}

impl Surroundings {
    /// The promises.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }
}

/// What a site is told to do from outside.
#[derive(Debug)]
enum Order {
    Publish { call: CallId, document: Arc<[u8]> },
}

/// What others may see of a site that is up.
#[derive(Debug, Default)]
pub struct View {
    /// Entries that the disk holds and the engine answers with.
    pub catalogue: BTreeSet<ContentId>,
    /// Peers that are connected.
    pub connected: BTreeSet<Peer>,
}

/// A site that is up.
pub struct Running {
    orders: mpsc::UnboundedSender<Order>,
    task: JoinHandle<()>,
    disk: Arc<Mutex<Disk>>,
    view: Arc<Mutex<View>>,
}

/// What makes a site the one it is, for as long as the simulation lasts.
#[derive(Clone)]
pub struct Founding {
    /// Its place and address.
    pub number: Number,
    /// Its key.
    pub identity: Identity,
    /// Whom it knows from the start.
    pub known: Vec<(Peer, Number)>,
    /// Its clock less the true time, in milliseconds.
    pub skew_ms: i64,
}

/// The federation of all sites.
pub fn federation() -> FederationId {
    FederationId::from_bytes([7; 32])
}

/// What a site's network starts with.
pub fn config(founding: &Founding) -> Config {
    Config {
        identity: founding.identity.clone(),
        federation: federation(),
        listen: vec![address(founding.number).parse().expect("the address of a site")],
        announce: Vec::new(),
        closed: false,
        blocked: Default::default(),
        // Every simulated site is reached by all: NAT is for tests over real sockets.
        reachable: Reachable::Yes,
        relay: false,
        mdns: false,
        limits: Limits::default(),
    }
}

/// Starts the network of a node at a place of the simulated network.
pub fn start_network(config: Config, network: &Network, number: Number) -> Started {
    let transport = SimulatedTransport::new(network.clone(), number);
    start_over(config, transport).expect("a simulated node listens at its own address")
}

impl Running {
    /// Starts a site with what its disk holds.
    pub fn start(founding: &Founding, around: &Surroundings, disk: Disk, seed: u64) -> Running {
        let (net, events, streams) =
            start_network(config(founding), &around.network, founding.number);
        let (orders, receiver) = mpsc::unbounded_channel();
        let engine = engine(founding, &disk, seed);
        let catalogue = disk.admitted().into_iter();
        let catalogue = catalogue.filter(|id| engine.standing(id) == Some(Standing::Admitted));
        let view = View { catalogue: catalogue.collect(), connected: BTreeSet::new() };
        let (disk, view) = (Arc::new(Mutex::new(disk)), Arc::new(Mutex::new(view)));
        let site = Site {
            number: founding.number,
            skew_ms: founding.skew_ms,
            engine,
            net,
            disk: Arc::clone(&disk),
            view: Arc::clone(&view),
            around: around.clone(),
            agenda: BTreeMap::new(),
            planned: 0,
            verifying_until: Instant::now(),
            flushing_until: Instant::now(),
            heard: BTreeMap::new(),
            written: BTreeMap::new(),
            random: fastrand::Rng::with_seed(seed),
        };
        let task = tokio::spawn(async move {
            // Kept open, as a node that serves blobs does.
            let _streams = streams;
            site.run(receiver, events).await;
        });
        Running { orders, task, disk, view }
    }

    /// Publishes a document.
    pub fn publish(&self, call: CallId, document: Arc<[u8]>) {
        let _ = self.orders.send(Order::Publish { call, document });
    }

    /// What is seen of the site now.
    pub fn view(&self) -> MutexGuard<'_, View> {
        lock(&self.view)
    }

    /// What is on its disk now.
    pub fn disk(&self) -> MutexGuard<'_, Disk> {
        lock(&self.disk)
    }

    /// The site stops at once; what it had not flushed is lost, the rest is given back.
    pub async fn crash(self) -> Disk {
        self.task.abort();
        // Its own task is all that could fail, and it was told to stop.
        if let Err(error) = self.task.await
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
        let mut disk = std::mem::take(&mut *lock(&self.disk));
        disk.crash();
        disk
    }

    /// False when the site's own task ended, which only a panic does.
    pub fn is_well(&self) -> bool {
        !self.task.is_finished()
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn engine(founding: &Founding, disk: &Disk, seed: u64) -> Engine {
    let policy = Policy::parse("policy.cfg", "").expect("an empty policy");
    let rules = Rules { policy: Arc::new(policy), anchors: LIBRARY.anchors_digest() };
    let mut peers = disk.peers.clone();
    for (peer, number) in &founding.known {
        peers.entry(*peer).or_insert_with(|| vec![address(*number).parse().expect("an address")]);
    }
    Engine::new(Start {
        rules,
        judged_under: disk.rules,
        known: disk.known(),
        peers: peers.into_iter().collect(),
        relay_refused: true,
        door: None,
        seed,
    })
}

/// What happens at a site after some time.
enum Job {
    Input(Input),
    Flush(WriteId),
}

struct Site {
    number: Number,
    skew_ms: i64,
    engine: Engine,
    net: Net,
    disk: Arc<Mutex<Disk>>,
    view: Arc<Mutex<View>>,
    around: Surroundings,
    agenda: BTreeMap<(Instant, u64), Job>,
    planned: u64,
    /// One core verifies.
    verifying_until: Instant,
    /// One disk flushes.
    flushing_until: Instant,
    /// Gossip that waits for its verdict.
    heard: BTreeMap<GossipId, Arc<[u8]>>,
    /// Entries of each write.
    written: BTreeMap<WriteId, Vec<ContentId>>,
    random: fastrand::Rng,
}

impl Site {
    async fn run(
        mut self,
        mut orders: mpsc::UnboundedReceiver<Order>,
        mut events: mpsc::Receiver<Event>,
    ) {
        self.take(Input::Tick).await;
        loop {
            let wake_at = self.wake_at();
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Publish { call, document }) => {
                        self.take(Input::Publish { call, document }).await;
                    }
                    None => return,
                },
                Some(event) = events.recv() => self.happened(event).await,
                () = sleep_until(wake_at) => self.wake().await,
            }
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.around.clock.date().millis() + self.skew_ms)
    }

    /// When the engine or a job is due.
    fn wake_at(&self) -> Instant {
        let due = self.engine.deadline().map_or(MAX_SLEEP, |due| due.since(self.now()));
        let tick = Instant::now() + due.min(MAX_SLEEP);
        self.agenda.keys().next().map_or(tick, |(job, _)| tick.min(*job))
    }

    async fn wake(&mut self) {
        let now = Instant::now();
        while let Some(entry) = self.agenda.first_entry() {
            if entry.key().0 > now {
                break;
            }
            match entry.remove() {
                Job::Input(input) => self.take(input).await,
                Job::Flush(write) => self.flush(write).await,
            }
        }
        self.take(Input::Tick).await;
    }

    fn plan(&mut self, at: Instant, job: Job) {
        self.planned += 1;
        self.agenda.insert((at, self.planned), job);
    }

    fn between(&mut self, [least, most]: [Duration; 2]) -> Duration {
        let (least, most) = (least.as_micros() as u64, most.as_micros() as u64);
        Duration::from_micros(self.random.u64(least..=most.max(least)))
    }

    /// Gives the engine one input and does what it asks for.
    async fn take(&mut self, input: Input) {
        let now = self.now();
        for effect in self.engine.handle(input, now) {
            self.carry_out(effect).await;
        }
    }

    async fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Verify { job, document } => {
                let took = self.between(self.around.verify);
                self.verifying_until = self.verifying_until.max(Instant::now()) + took;
                let outcome = LIBRARY.verify(&document);
                let anchors = LIBRARY.anchors_digest();
                let input = Input::Verified { job, outcome, anchors };
                self.plan(self.verifying_until, Job::Input(input));
            }
            Effect::Store { write, records } => {
                let took = self.between(self.around.flush);
                self.flushing_until = self.flushing_until.max(Instant::now()) + took;
                self.written.insert(write, records.iter().filter_map(entry_of).collect());
                lock(&self.disk).write(write, records);
                self.plan(self.flushing_until, Job::Flush(write));
            }
            Effect::Load { load, ids } => {
                let documents = self.load(&ids);
                let input = Input::Loaded { load, documents };
                self.plan(Instant::now() + READ, Job::Input(input));
            }
            Effect::Announce { document } => {
                self.passes_on(&document);
                self.net.publish(Gossip::Manifest(document.to_vec())).await;
            }
            Effect::Judge { gossip, verdict } => {
                let document = self.heard.remove(&gossip);
                if let Some(document) = document.filter(|_| verdict == GossipVerdict::Accept) {
                    self.passes_on(&document);
                }
                self.net.verdict(gossip.0, verdict).await;
            }
            Effect::Ask { ask, peer, request } => self.net.ask(ask.0, peer, request).await,
            Effect::Answer { question, response } => self.net.answer(question.0, response).await,
            Effect::AnswerHoldings { question, .. } => {
                self.net.answer(question.0, Response::Holdings(Vec::new())).await;
            }
            Effect::Fetch { fetch, .. } => {
                let reason = "simulated sites have no blobs".to_owned();
                let outcome = FetchOutcome::Failed { reason, blamed: Vec::new() };
                self.plan(Instant::now(), Job::Input(Input::FetchEnded { fetch, outcome }));
            }
            Effect::Provide { .. } => {}
            Effect::Dial { peer, addresses } => self.net.dial(peer, addresses).await,
            Effect::Disconnect { peer } => self.net.disconnect(peer).await,
            Effect::Reply { reply: Reply::Published { id, .. }, .. } => {
                let at = self.around.clock.elapsed();
                self.around.ledger().published(self.number, &lock(&self.disk), id, at);
            }
            Effect::AnnounceMembership { membership } => {
                self.net.publish(Gossip::Membership(membership)).await;
            }
            Effect::LetIn { members, chain } => self.net.let_in(members, chain).await,
            Effect::AnswerKnock { knock, answer } => self.net.answer_knock(knock.0, answer).await,
            Effect::Reply { .. } | Effect::Alert(_) => {}
        }
    }

    async fn happened(&mut self, event: Event) {
        let input = match event {
            Event::Listening { .. } => return,
            Event::Connected { peer, addresses } => {
                lock(&self.view).connected.insert(peer);
                self.take(Input::PeerFound { peer, addresses }).await;
                Input::Connected { peer }
            }
            Event::Disconnected { peer } => {
                lock(&self.view).connected.remove(&peer);
                Input::Disconnected { peer }
            }
            Event::Found { peer, addresses } => Input::PeerRumoured { peer, addresses },
            Event::DialFailed { peer, .. } => Input::DialFailed { peer },
            Event::Gossip { peer, id, message: Gossip::Manifest(document) } => {
                let (gossip, document) = (GossipId(id), Arc::from(document));
                self.heard.insert(gossip, Arc::clone(&document));
                Input::Heard { peer, gossip, document }
            }
            Event::Gossip { peer, id, message: Gossip::Membership(membership) } => {
                Input::HeardMembership { peer, gossip: GossipId(id), membership }
            }
            Event::Knock { peer, id, chain } => Input::Knocked { peer, knock: KnockId(id), chain },
            Event::Welcome { peer, chain } => Input::Welcomed { peer, chain },
            Event::Question { peer, id, request } => {
                Input::Question { peer, question: QuestionId(id), request }
            }
            Event::Answer { ask, answer } => Input::Answered { ask: AskId(ask), answer },
        };
        self.take(input).await;
    }

    /// A write is durable.
    async fn flush(&mut self, write: WriteId) {
        if !lock(&self.disk).flush(write) {
            return;
        }
        let ids = self.written.remove(&write).unwrap_or_default();
        let at = self.around.clock.elapsed();
        self.around.ledger().flushed(self.number, &lock(&self.disk), &ids, at);
        self.take(Input::Stored { write, result: Ok(()) }).await;
        for id in ids.into_iter().filter(|id| self.engine.standing(id) == Some(Standing::Admitted))
        {
            lock(&self.view).catalogue.insert(id);
            self.around.ledger().arrived(self.number, id, at);
        }
    }

    fn load(&self, ids: &[ContentId]) -> Vec<(ContentId, Arc<[u8]>)> {
        let disk = lock(&self.disk);
        let octets = |id: &ContentId| Some((*id, disk.kept.get(id)?.octets.clone()?));
        ids.iter().filter_map(octets).collect()
    }

    fn passes_on(&self, document: &Arc<[u8]>) {
        let at = self.around.clock.elapsed();
        self.around.ledger().passed_on(self.number, &lock(&self.disk), document, at);
    }
}

fn entry_of(record: &Record) -> Option<ContentId> {
    match record {
        Record::Entry { admitted, .. } => Some(admitted.verified().content_id()),
        _ => None,
    }
}
