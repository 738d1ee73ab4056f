//! Links between simulated sites: they delay, reorder, lose and break.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use suq::engine::{AskId, Effect, Input, QuestionId};
use suq::model::Peer;
use suq::wire::{Request, Response};

use super::site::NOBODY;
use super::{Event, Scenario, Violation, World};

/// How long a site waits for an answer that is lost.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Something on a link.
#[derive(Debug)]
pub enum Delivery {
    Gossip { from: Option<usize>, to: usize, document: Arc<[u8]>, again: bool },
    Question { from: usize, to: usize, ask: AskId, life: u32, request: Request },
    Answer { from: usize, to: usize, ask: AskId, life: u32, response: Response },
    Dial { from: usize, to: usize, life: u32 },
}

/// Which sites are linked, connected and cut off.
pub struct Network {
    /// Whom each site knows.
    links: Vec<BTreeSet<usize>>,
    /// Open connections, in both directions.
    connections: BTreeSet<(usize, usize)>,
    /// Sites on the far side of a partition.
    pub cut_off: BTreeSet<usize>,
    /// They still hear the others.
    one_way: bool,
    /// Questions that wait for an answer: who asked what, in which life.
    open: BTreeMap<QuestionId, (usize, AskId, u32)>,
    /// Asks that were answered, or will fail by their time-out.
    unanswered: BTreeSet<(usize, u32, AskId)>,
    question_ids: u64,
    pub gossip_messages: u64,
    pub questions: u64,
    /// Bytes of frames and documents in questions and answers.
    pub bytes: u64,
}

/// The name of a simulated site.
pub fn peer(number: usize) -> Peer {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&(number as u64).to_be_bytes());
    Peer::from_key(key)
}

/// The number behind a name.
pub fn number(peer: Peer) -> usize {
    let mut bytes = [0u8; 8];
    bytes.copy_from_slice(&peer.key()[..8]);
    u64::from_be_bytes(bytes) as usize
}

impl Network {
    pub fn new(scenario: &Scenario, random: &mut fastrand::Rng) -> Network {
        let count = scenario.sites;
        let mut links = vec![BTreeSet::new(); count];
        // A ring of each policy keeps honest sites of equal policy connected, even
        // where everyone else lies.
        let kind =
            |site: &usize| (scenario.is_byzantine(*site), scenario.blacklists_in_the_end(*site));
        for (site, known) in links.iter_mut().enumerate() {
            let ring: Vec<usize> = (0..count).filter(|n| kind(n) == kind(&site)).collect();
            let place = ring.iter().position(|n| *n == site).unwrap_or(0);
            known.insert(ring[(place + 1) % ring.len()]);
            for _ in 0..scenario.links / 2 {
                known.insert(random.usize(0..count));
            }
            known.remove(&site);
        }
        Network {
            links,
            connections: BTreeSet::new(),
            cut_off: BTreeSet::new(),
            one_way: false,
            open: BTreeMap::new(),
            unanswered: BTreeSet::new(),
            question_ids: 0,
            gossip_messages: 0,
            questions: 0,
            bytes: 0,
        }
    }

    pub fn neighbours(&self, site: usize) -> Vec<Peer> {
        self.links[site].iter().map(|other| peer(*other)).collect()
    }

    fn is_cut(&self, from: usize, to: usize) -> bool {
        let (from, to) = (self.cut_off.contains(&from), self.cut_off.contains(&to));
        if self.one_way { from && !to } else { from != to }
    }

    pub fn connected(&self, site: usize) -> Vec<usize> {
        self.connections.range((site, 0)..=(site, usize::MAX)).map(|(_, other)| *other).collect()
    }

    fn are_connected(&self, a: usize, b: usize) -> bool {
        self.connections.contains(&(a, b))
    }

    fn connect(&mut self, a: usize, b: usize) -> bool {
        self.connections.insert((b, a));
        self.connections.insert((a, b))
    }

    fn disconnect(&mut self, a: usize, b: usize) -> bool {
        self.connections.remove(&(b, a));
        self.connections.remove(&(a, b))
    }
}

impl World {
    /// Carries out an effect that concerns other sites.
    pub(super) fn send(&mut self, site: usize, effect: Effect) {
        let life = self.sites[site].life;
        match effect {
            Effect::Ask { ask, peer, request } => {
                self.network.questions += 1;
                self.network.unanswered.insert((site, life, ask));
                let failed = Input::Answered { ask, answer: Err("no answer in time".to_owned()) };
                let event = Event::Input { site, life, input: failed };
                self.at(self.now.plus(ANSWER_TIMEOUT), event);
                let to = number(peer);
                self.network.bytes += request_bytes(&request);
                let question = Delivery::Question { from: site, to, ask, life, request };
                self.transmit(site, to, question, 0);
            }
            Effect::Answer { question, response } => {
                let open = self.network.open.remove(&question);
                if let (Some((to, ask, life)), Some((response, wait_ms))) =
                    (open, self.answer_of(site, response))
                {
                    let from = site;
                    self.network.bytes += response_bytes(&response);
                    let answer = Delivery::Answer { from, to, ask, life, response };
                    self.transmit(from, to, answer, wait_ms);
                }
            }
            Effect::Dial { peer, .. } => {
                let to = number(peer);
                let dial = Delivery::Dial { from: site, to, life };
                self.after(self.scenario.latency_ms, Event::Delivery(dial));
            }
            Effect::Disconnect { peer } => {
                let from = number(peer);
                self.at(self.now, Event::HangUp { a: site, b: from });
                if self.sites[from].byzantine {
                    // Whoever is hostile comes back at once.
                    let life = self.sites[from].life;
                    let dial = Delivery::Dial { from, to: site, life };
                    self.after([500, 2000], Event::Delivery(dial));
                }
            }
            _ => {}
        }
    }

    /// Puts something on a link, which may lose it or bring it twice.
    pub(super) fn transmit(&mut self, from: usize, to: usize, delivery: Delivery, wait_ms: u64) {
        if !self.network.are_connected(from, to) || self.random.f64() < self.scenario.loss {
            return;
        }
        let [least, most] = self.scenario.latency_ms;
        let range = [least + wait_ms, most + wait_ms];
        if self.random.f64() < self.scenario.duplicated
            && let Some(copy) = delivery.copy()
        {
            self.after(range, Event::Delivery(copy));
        }
        self.after(range, Event::Delivery(delivery));
    }

    /// Gossips a document to every connected site but the one it came from.
    pub(super) fn forward(&mut self, site: usize, from: Option<Peer>, document: &Arc<[u8]>) {
        for to in self.network.connected(site) {
            if from.map(number) != Some(to) {
                self.gossip(site, to, document);
            }
        }
    }

    pub(super) fn gossip(&mut self, from: usize, to: usize, document: &Arc<[u8]>) {
        self.network.gossip_messages += 1;
        let document = Arc::clone(document);
        let gossip = Delivery::Gossip { from: Some(from), to, document, again: false };
        self.transmit(from, to, gossip, 0);
    }

    /// A document from nowhere: a hostile neighbour.
    pub(super) fn gossip_to(&mut self, to: usize, document: Arc<[u8]>) {
        let gossip = Delivery::Gossip { from: None, to, document, again: false };
        self.after(self.scenario.latency_ms, Event::Delivery(gossip));
    }

    pub(super) fn deliver(&mut self, delivery: Delivery) -> Result<(), Violation> {
        match delivery {
            Delivery::Gossip { from, to, document, again } => {
                let arrives =
                    |from| !self.network.is_cut(from, to) && self.network.are_connected(from, to);
                if !from.is_none_or(arrives) {
                    return Ok(());
                }
                match self.sites[to].hear(from.map_or(NOBODY, peer), &document, again) {
                    Some(input) => self.feed(to, input),
                    None => Ok(()),
                }
            }
            Delivery::Question { from, to, ask, life, request } => {
                if self.network.is_cut(from, to) || !self.sites[to].is_up() {
                    return Ok(());
                }
                self.network.question_ids += 1;
                let question = QuestionId(self.network.question_ids);
                self.network.open.insert(question, (from, ask, life));
                self.feed(to, Input::Question { peer: peer(from), question, request })
            }
            Delivery::Answer { from, to, ask, life, response } => {
                let late = !self.network.unanswered.remove(&(to, life, ask));
                if late || self.network.is_cut(from, to) || !self.sites[to].is_alive(life) {
                    return Ok(());
                }
                self.feed(to, Input::Answered { ask, answer: Ok(response) })
            }
            Delivery::Dial { from, to, life } => self.dialled(from, to, life),
        }
    }

    fn dialled(&mut self, from: usize, to: usize, life: u32) -> Result<(), Violation> {
        if !self.sites[from].is_alive(life) {
            return Ok(());
        }
        if self.network.is_cut(from, to) || !self.sites[to].is_up() {
            return self.feed(from, Input::DialFailed { peer: peer(to) });
        }
        if self.network.connect(from, to) {
            self.feed(from, Input::Connected { peer: peer(to) })?;
            self.feed(to, Input::Connected { peer: peer(from) })?;
        }
        Ok(())
    }

    /// Cuts a random part of the sites off.
    pub(super) fn cut(&mut self, count: usize, one_way: bool) -> Result<(), Violation> {
        let mut sites: Vec<usize> = (0..self.sites.len()).collect();
        self.random.shuffle(&mut sites);
        self.network.cut_off = sites.into_iter().take(count).collect();
        self.network.one_way = one_way;
        if one_way {
            return Ok(());
        }
        let cut: Vec<(usize, usize)> = self.network.connections.iter().copied().collect();
        for (a, b) in cut {
            if a < b && self.network.is_cut(a, b) {
                self.hang_up(a, b)?;
            }
        }
        Ok(())
    }

    /// A site vanishes from its neighbours.
    pub(super) fn hang_up_all(&mut self, site: usize) -> Result<(), Violation> {
        for other in self.network.connected(site) {
            self.hang_up(site, other)?;
        }
        Ok(())
    }

    pub(super) fn hang_up(&mut self, a: usize, b: usize) -> Result<(), Violation> {
        if !self.network.disconnect(a, b) {
            return Ok(());
        }
        self.feed(a, Input::Disconnected { peer: peer(b) })?;
        self.feed(b, Input::Disconnected { peer: peer(a) })
    }
}

impl Delivery {
    /// The same once more; connections are made once.
    fn copy(&self) -> Option<Delivery> {
        match self {
            Delivery::Gossip { from, to, document, .. } => Some(Delivery::Gossip {
                from: *from,
                to: *to,
                document: Arc::clone(document),
                again: true,
            }),
            Delivery::Question { from, to, ask, life, request } => Some(Delivery::Question {
                from: *from,
                to: *to,
                ask: *ask,
                life: *life,
                request: request.clone(),
            }),
            Delivery::Answer { from, to, ask, life, response } => Some(Delivery::Answer {
                from: *from,
                to: *to,
                ask: *ask,
                life: *life,
                response: response.clone(),
            }),
            Delivery::Dial { .. } => None,
        }
    }
}

fn request_bytes(request: &Request) -> u64 {
    match request {
        Request::Reconcile(frame) => frame.len() as u64,
        Request::Documents(ids) => 32 * ids.len() as u64,
        Request::List(_) => 40,
        Request::Holdings(_) | Request::Members(_) => 0,
    }
}

fn response_bytes(response: &Response) -> u64 {
    match response {
        Response::Reconcile(frame) => frame.len() as u64,
        Response::Documents { documents, .. } => {
            documents.iter().map(|document| document.octets.len() as u64).sum()
        }
        Response::List { ids, .. } => ids.len() as u64,
        Response::Holdings(_) | Response::Members(_) | Response::Error { .. } => 0,
    }
}
