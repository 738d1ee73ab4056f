//! The network between the sites: who listens, how far they are apart, and what is
//! cut.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::pipe::{Endpoint, Line, Link, link};

/// A dial that nobody answers ends after this long.
const DIAL_TIMEOUT: Duration = Duration::from_secs(20);

/// Connections that wait to be accepted; more are refused.
const BACKLOG: usize = 128;

/// A site: its place in the simulation, which is also its address.
pub type Number = usize;

/// A connection that arrived.
pub struct Incoming {
    /// Who dialled.
    pub from: Number,
    /// Tells this dial of a site from its others.
    pub port: u64,
    /// This side's end.
    pub endpoint: Endpoint,
}

/// Who cannot hear whom.
#[derive(Debug, Clone, Default)]
pub struct Cut {
    /// The sites on the one side.
    pub sites: BTreeSet<Number>,
    /// The other side cannot hear them; they hear it.
    pub one_way: bool,
}

impl Cut {
    fn is_between(&self, from: Number, to: Number) -> bool {
        let (from, to) = (self.sites.contains(&from), self.sites.contains(&to));
        if self.one_way { from && !to } else { from != to }
    }

    fn parts(&self, a: Number, b: Number) -> bool {
        self.is_between(a, b) || self.is_between(b, a)
    }
}

struct Connection {
    from: Number,
    to: Number,
    link: Link,
}

struct State {
    latency: [Duration; 2],
    bandwidth: Option<u64>,
    random: fastrand::Rng,
    listeners: BTreeMap<Number, mpsc::Sender<Incoming>>,
    connections: Vec<Connection>,
    /// Connections are looked through when there are this many.
    sweep_at: usize,
    received: BTreeMap<Number, Arc<AtomicU64>>,
    ports: u64,
}

/// The network that all sites share.
#[derive(Clone)]
pub struct Network {
    state: Arc<Mutex<State>>,
    cut: watch::Sender<Cut>,
}

impl Network {
    /// A network whose links take some time between the two given, each its own.
    pub fn new(latency: [Duration; 2], bandwidth: Option<u64>, seed: u64) -> Network {
        let state = State {
            latency,
            bandwidth,
            random: fastrand::Rng::with_seed(seed),
            listeners: BTreeMap::new(),
            connections: Vec::new(),
            sweep_at: 1024,
            received: BTreeMap::new(),
            ports: 0,
        };
        Network { state: Arc::new(Mutex::new(state)), cut: watch::Sender::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A site listens; until the receiver is dropped.
    pub fn listen(&self, site: Number) -> mpsc::Receiver<Incoming> {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        self.state().listeners.insert(site, sender);
        receiver
    }

    /// Dials another site: one round trip, or the time-out when a cut is between.
    ///
    /// # Errors
    /// Refused when nobody listens there.
    pub async fn dial(self, from: Number, to: Number) -> io::Result<Endpoint> {
        let timeout = Instant::now() + DIAL_TIMEOUT;
        let line = self.state().line();
        sleep(line.latency).await;
        if self.cut.borrow().parts(from, to) {
            sleep_until(timeout).await;
            return Err(io::ErrorKind::TimedOut.into());
        }
        let endpoint = self.connect(from, to, line);
        sleep(line.latency).await;
        endpoint
    }

    fn connect(&self, from: Number, to: Number, line: Line) -> io::Result<Endpoint> {
        let mut state = self.state();
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let listener = state.listeners.get(&to).cloned().ok_or_else(refused)?;
        let received = [state.received_by(from), state.received_by(to)];
        let (near, far, link) = link(line, received);
        state.ports += 1;
        let incoming = Incoming { from, port: state.ports, endpoint: far };
        listener.try_send(incoming).map_err(|_| refused())?;
        state.connections.push(Connection { from, to, link });
        state.sweep();
        Ok(near)
    }

    /// Puts a cut between the sites. When `breaks` is set, the connections across it
    /// end at once; otherwise what they carry waits, and nobody is told.
    pub fn cut(&self, cut: Cut, breaks: bool) {
        for connection in &self.state().connections {
            let Connection { from, to, link } = connection;
            if breaks && cut.parts(*from, *to) {
                link.break_off();
            } else {
                link.stall(cut.is_between(*from, *to), cut.is_between(*to, *from));
            }
        }
        self.cut.send_replace(cut);
    }

    /// A site is gone, from one moment to the next: its connections break.
    pub fn vanish(&self, site: Number) {
        let mut state = self.state();
        state.listeners.remove(&site);
        for connection in &state.connections {
            if connection.from == site || connection.to == site {
                connection.link.break_off();
            }
        }
    }

    /// Bytes that a site received since the beginning, with all overhead of Noise and
    /// Yamux, without that of TCP and IP.
    pub fn received(&self, site: Number) -> u64 {
        self.state().received_by(site).load(Ordering::Relaxed)
    }

    /// Connections that were ever made.
    pub fn dialled(&self) -> u64 {
        self.state().ports
    }

    /// Connections between each site and others, in the order of the sites.
    pub fn connections(&self, sites: usize) -> Vec<usize> {
        let mut count = vec![0; sites];
        for connection in self.state().connections.iter().filter(|c| c.link.is_there()) {
            for site in [connection.from, connection.to] {
                if let Some(count) = count.get_mut(site) {
                    *count += 1;
                }
            }
        }
        count
    }
}

impl State {
    fn line(&mut self) -> Line {
        let [least, most] = self.latency.map(|latency| latency.as_micros() as u64);
        let latency = Duration::from_micros(self.random.u64(least..=most.max(least)));
        Line { latency, bandwidth: self.bandwidth }
    }

    fn received_by(&mut self, site: Number) -> Arc<AtomicU64> {
        Arc::clone(self.received.entry(site).or_default())
    }

    /// Forgets connections whose ends are gone, so that they do not pile up.
    fn sweep(&mut self) {
        if self.connections.len() >= self.sweep_at {
            self.connections.retain(|connection| connection.link.is_there());
            self.sweep_at = (2 * self.connections.len()).max(1024);
        }
    }
}
