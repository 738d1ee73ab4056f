//! The task that owns the swarm.
//!
//! It always takes commands, and stops reading from the network while too many
//! events wait for the node: so a slow node slows its peers, and neither of the
//! two channels can wait for the other.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use futures::{AsyncRead, AsyncWrite, StreamExt};
use libp2p::core::upgrade;
use libp2p::gossipsub::{self, MessageAcceptance, MessageId, PublishError};
use libp2p::request_response::{self, OutboundRequestId, ResponseChannel};
use libp2p::swarm::{self, ConnectionId, SwarmEvent};
use libp2p::{PeerId, Swarm, Transport, dns, identify, noise, ping, relay, tcp, yamux};
use tokio::sync::mpsc;

use super::behaviour::{Behaviour, BehaviourEvent, Inside, InsideEvent, Protocols};
use super::discovery::{FEW_MEMBERS, LOOK_INTERVAL, Searches};
use super::door::Door;
use super::identity::{peer_id, peer_of};
use super::limits::{
    DOOR_LOOK, DOOR_TIMEOUT, IDLE, MAX_SILENT_PINGS, PUBLISH_RETRY, WAITING_ARRIVALS,
    WAITING_COMMANDS, WAITING_EVENTS, WAITING_PUBLICATIONS,
};
use super::listen::{free, parse};
use super::reach::Reach;
use super::streams::DirectPeers;
use super::{ArrivalId, AskId, BlobStream, BlobStreams, Command, Config, Event, Net, NetError};
use crate::model::{Address, Peer};
use crate::wire::{
    DecodeError, ErrorCode, Gossip, GossipVerdict, Request, Response, decode, encode,
};

/// Starts the network over TCP: the handle, what happens, and incoming blob streams.
///
/// # Errors
/// When an address cannot be listened on.
pub fn start(config: Config) -> Result<Started, NetError> {
    for address in &config.listen {
        free(address)?;
    }
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
    match dns::tokio::Transport::system(tcp) {
        Ok(transport) => start_over(config, transport),
        Err(error) => {
            // A machine without any resolver: addresses that are numbers work.
            tracing::warn!(%error, "addresses with names cannot be dialled");
            let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
            start_over(config, tcp)
        }
    }
}

/// The same over any transport: simulations have one of their own.
///
/// # Errors
/// When an address cannot be listened on.
pub fn start_over<T>(config: Config, transport: T) -> Result<Started, NetError>
where
    T: Transport + Send + Unpin + 'static,
    T::Output: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T::Error: Send + Sync + 'static,
    T::Dial: Send,
    T::ListenerUpgrade: Send,
{
    let protocols = Protocols::of(&config.federation)?;
    let key = config.identity.keypair();
    let (circuits, client) = relay::client::new(key.public().to_peer_id());
    let behaviour = Behaviour::new(&config, &protocols, client)?;
    let noise = noise::Config::new(key).map_err(|error| NetError::Start(error.to_string()))?;
    let transport = circuits
        .or_transport(transport)
        .upgrade(upgrade::Version::V1Lazy)
        .authenticate(noise)
        .multiplex(yamux::Config::default())
        .timeout(DOOR_TIMEOUT)
        .boxed();
    let timing = swarm::Config::with_tokio_executor().with_idle_connection_timeout(IDLE);
    let mut swarm = Swarm::new(transport, behaviour, key.public().to_peer_id(), timing);
    for address in &config.listen {
        swarm.listen_on(parse(address)?).map_err(|error| NetError::Listen {
            address: address.clone(),
            reason: error.to_string(),
        })?;
    }
    for address in &config.announce {
        swarm.add_external_address(parse(address)?);
    }
    let control = swarm.behaviour().inside.behaviour.streams.behaviour.new_control();
    let direct = DirectPeers::default();
    let (streams, incoming) = BlobStreams::new(control, protocols.blob.clone(), direct.clone())?;
    let (commands, command_receiver) = mpsc::channel(WAITING_COMMANDS);
    let (events, event_receiver) = mpsc::channel(WAITING_EVENTS);
    let task = Task {
        swarm,
        protocols,
        outbox: VecDeque::new(),
        members: BTreeSet::new(),
        called: BTreeSet::new(),
        collided: BTreeSet::new(),
        passing: BTreeMap::new(),
        arrivals: 0,
        gossip: BTreeMap::new(),
        questions: BTreeMap::new(),
        asks: BTreeMap::new(),
        unpublished: VecDeque::new(),
        searches: Searches::default(),
        direct,
        silent: HashMap::new(),
        door: Door::default(),
        reach: Reach::new(config.reachable, &config.announce),
    };
    tokio::spawn(task.run(command_receiver, events));
    Ok((Net { commands, streams }, event_receiver, incoming))
}

/// The handle of a network, what happens on it, and incoming blob streams.
pub type Started = (Net, mpsc::Receiver<Event>, mpsc::Receiver<(Peer, BlobStream)>);

pub(super) struct Task {
    pub(super) swarm: Swarm<Behaviour>,
    protocols: Protocols,
    /// Events for the node.
    pub(super) outbox: VecDeque<Event>,
    /// Connected peers that speak this federation's protocols.
    pub(super) members: BTreeSet<Peer>,
    /// Peers that the node wanted to be connected with.
    pub(super) called: BTreeSet<Peer>,
    /// Peers whose last dial failed.
    pub(super) collided: BTreeSet<Peer>,
    /// Connected peers that only a search talks to, and where they can be reached once
    /// that is known. The connection ends with the search, unless the node wants it.
    pub(super) passing: BTreeMap<Peer, Vec<Address>>,
    arrivals: ArrivalId,
    /// Gossip that waits for its verdict, oldest first.
    gossip: BTreeMap<ArrivalId, (MessageId, PeerId)>,
    /// Questions that wait for an answer, oldest first.
    questions: BTreeMap<ArrivalId, ResponseChannel<Response>>,
    asks: BTreeMap<OutboundRequestId, AskId>,
    /// Messages that nobody was there to hear.
    unpublished: VecDeque<Vec<u8>>,
    pub(super) searches: Searches,
    direct: DirectPeers,
    /// Connections whose last pings were not answered, and how many.
    silent: HashMap<ConnectionId, u32>,
    pub(super) door: Door,
    pub(super) reach: Reach,
}

impl Task {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>, events: mpsc::Sender<Event>) {
        let mut retry = tokio::time::interval(PUBLISH_RETRY);
        let mut look = tokio::time::interval(LOOK_INTERVAL);
        let mut door = tokio::time::interval(DOOR_LOOK);
        loop {
            let has_room = self.outbox.len() < WAITING_EVENTS;
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
                permit = events.reserve(), if !self.outbox.is_empty() => match permit {
                    Ok(permit) => {
                        if let Some(event) = self.outbox.pop_front() {
                            permit.send(event);
                        }
                    }
                    Err(_) => return,
                },
                event = self.swarm.select_next_some(), if has_room => self.happened(event),
                _ = look.tick() => self.look_around(),
                _ = door.tick() => self.look_at_the_door(),
                _ = retry.tick(), if !self.unpublished.is_empty() => self.publish_waiting(),
            }
        }
    }

    /// What members speak.
    pub(super) fn inside(&mut self) -> &mut Inside {
        &mut self.swarm.behaviour_mut().inside.behaviour
    }

    pub(super) fn next_arrival(&mut self) -> ArrivalId {
        self.arrivals += 1;
        self.arrivals
    }

    fn look_around(&mut self) {
        self.search_anywhere();
        self.ask_relays();
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Dial { peer, addresses } => self.dial(peer, &addresses),
            Command::Publish { message } => {
                self.unpublished.push_back(encode(&message));
                if self.unpublished.len() > WAITING_PUBLICATIONS {
                    // Sync brings it to whoever connects.
                    self.unpublished.pop_front();
                }
                self.publish_waiting();
            }
            Command::Verdict { id, verdict } => self.verdict(id, verdict),
            Command::Ask { ask, peer, request } => match peer_id(peer) {
                Some(id) if self.members.contains(&peer) => {
                    let request = self.inside().sync.send_request(&id, Ok(request));
                    self.asks.insert(request, ask);
                }
                _ => {
                    let answer = Err("the peer is not connected".to_owned());
                    self.outbox.push_back(Event::Answer { ask, answer });
                }
            },
            Command::Answer { id, response } => {
                if let Some(channel) = self.questions.remove(&id) {
                    // The one who asked may have gone.
                    let _ = self.inside().sync.send_response(channel, response);
                }
            }
            Command::Disconnect { peer } => {
                if let Some(id) = peer_id(peer) {
                    let _ = self.swarm.disconnect_peer_id(id);
                }
            }
            Command::Block { peer } => {
                if let Some(id) = peer_id(peer) {
                    self.swarm.behaviour_mut().blocked.block_peer(id);
                }
            }
            Command::Unblock { peer } => {
                if let Some(id) = peer_id(peer) {
                    self.swarm.behaviour_mut().blocked.unblock_peer(id);
                }
            }
            Command::LetIn { members, chain } => self.let_in(members.into_iter(), chain),
            Command::AnswerKnock { id, answer } => self.answer_knock(id, answer),
        }
    }

    /// Publishes what waits, until someone has to be waited for again.
    fn publish_waiting(&mut self) {
        while let Some(octets) = self.unpublished.pop_front() {
            let topic = self.protocols.topic.hash();
            match self.inside().gossip.publish(topic, octets.clone()) {
                Err(PublishError::NoPeersSubscribedToTopic | PublishError::AllQueuesFull(_)) => {
                    return self.unpublished.push_front(octets);
                }
                Ok(_) | Err(PublishError::Duplicate) => {}
                Err(error) => tracing::warn!(%error, "a document could not be gossiped"),
            }
        }
    }

    fn verdict(&mut self, id: ArrivalId, verdict: GossipVerdict) {
        let Some((message, source)) = self.gossip.remove(&id) else { return };
        let acceptance = match verdict {
            GossipVerdict::Accept => MessageAcceptance::Accept,
            GossipVerdict::Reject => MessageAcceptance::Reject,
            GossipVerdict::Ignore => MessageAcceptance::Ignore,
        };
        let gossip = &mut self.inside().gossip;
        gossip.report_message_validation_result(&message, &source, acceptance);
    }

    fn happened(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::NewListenAddr { address, .. } => {
                if self.reach.is_sure() {
                    self.swarm.add_external_address(address.clone());
                }
                if let Ok(address) = address.to_string().parse() {
                    self.outbox.push_back(Event::Listening { address });
                }
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                if !endpoint.is_relayed() {
                    self.direct.met(peer_id);
                }
                self.met(peer_id, connection_id, endpoint.is_dialer());
                self.note_passing(&peer_id, endpoint.is_dialer());
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                connection_id,
                num_established,
                endpoint,
                ..
            } => {
                self.silent.remove(&connection_id);
                if !endpoint.is_relayed() {
                    self.direct.parted(peer_id);
                }
                if num_established == 0 {
                    self.parted(peer_id);
                }
            }
            SwarmEvent::ListenerClosed { listener_id, .. } => self.listener_closed(listener_id),
            SwarmEvent::OutgoingConnectionError { peer_id: Some(id), error, .. } => {
                self.not_reached(id, &error);
            }
            SwarmEvent::Behaviour(event) => self.behaved(event),
            _ => {}
        }
    }

    fn parted(&mut self, id: PeerId) {
        self.forget_relay(&id);
        let welcome = self.left_the_door(&id);
        let Some(peer) = peer_of(&id) else { return };
        self.called.remove(&peer);
        let only_passed = self.passing.remove(&peer).is_some();
        self.outbox.push_back(match (self.members.remove(&peer), welcome) {
            (true, _) => Event::Disconnected { peer },
            (false, Some(chain)) => Event::Welcome { peer, chain },
            (false, None) if only_passed => return,
            // Kept out by the other side, or of another federation.
            (false, None) => {
                let reason = "it closed the connection at once".to_owned();
                Event::DialFailed { peer, reason }
            }
        });
    }

    fn behaved(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Door(event) => self.at_the_door(event),
            BehaviourEvent::Inside(event) => self.behaved_inside(event),
            _ => {}
        }
    }

    fn behaved_inside(&mut self, event: InsideEvent) {
        match event {
            InsideEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                self.identified(peer_id, &info);
            }
            InsideEvent::Identify(identify::Event::Error { peer_id, .. }) => {
                self.unanswered(peer_id);
            }
            InsideEvent::Gossip(gossipsub::Event::Message {
                propagation_source,
                message_id,
                message,
            }) => self.gossiped(propagation_source, message_id, &message.data),
            InsideEvent::Gossip(gossipsub::Event::Subscribed { .. }) => self.publish_waiting(),
            InsideEvent::Ping(ping::Event { connection, result, .. }) => {
                self.pinged(connection, result.is_ok());
            }
            InsideEvent::Sync(event) => self.synced(event),
            InsideEvent::Discovery(event) => self.discovered(event),
            InsideEvent::Reach(event) => self.reachability(&event),
            InsideEvent::Nearby(event) => self.nearby(event),
            InsideEvent::Punching(event) => {
                tracing::debug!(peer = %event.remote_peer_id, result = ?event.result, "hole punching");
            }
            _ => {}
        }
    }

    /// A peer that vanished without a word holds a connection that TCP takes a quarter
    /// of an hour to give up.
    fn pinged(&mut self, connection: ConnectionId, answered: bool) {
        if answered {
            self.silent.remove(&connection);
            return;
        }
        let pings = self.silent.entry(connection).or_default();
        *pings += 1;
        if *pings >= MAX_SILENT_PINGS {
            self.silent.remove(&connection);
            self.swarm.close_connection(connection);
        }
    }

    /// Only now it is known whether the peer is of this federation.
    fn identified(&mut self, id: PeerId, info: &identify::Info) {
        let member = info.protocols.contains(&self.protocols.sync);
        let Some(peer) = peer_of(&id).filter(|_| member) else {
            tracing::debug!(peer = %id, "it is not a node of this federation");
            let _ = self.swarm.disconnect_peer_id(id);
            return;
        };
        self.is_no_stranger(&id);
        let addresses = self.learn_addresses(id, info);
        if self.is_only_passing(peer, &addresses) {
            self.outbox.push_back(Event::Found { peer, addresses });
            return self.part_after_search();
        }
        self.learn_relay(id, info, &addresses);
        self.joined(peer, addresses);
    }

    /// A member is connected that this node or the peer itself wanted to be.
    pub(super) fn joined(&mut self, peer: Peer, addresses: Vec<Address>) {
        self.collided.remove(&peer);
        if self.members.insert(peer) {
            self.outbox.push_back(Event::Connected { peer, addresses });
            if self.members.len() <= FEW_MEMBERS {
                self.search_around();
            }
        }
    }

    fn gossiped(&mut self, source: PeerId, message: MessageId, octets: &[u8]) {
        let id = self.next_arrival();
        self.gossip.insert(id, (message, source));
        match (decode::<Gossip>(octets), peer_of(&source)) {
            (Ok(message), Some(peer)) => {
                self.outbox.push_back(Event::Gossip { peer, id, message });
            }
            // A newer suq may know what it is: not passed on, not held against it.
            (Err(DecodeError::Version(_)), _) => self.verdict(id, GossipVerdict::Ignore),
            _ => self.verdict(id, GossipVerdict::Reject),
        }
        if self.gossip.len() > WAITING_ARRIVALS {
            self.gossip.pop_first();
        }
    }

    fn synced(&mut self, event: request_response::Event<Result<Request, DecodeError>, Response>) {
        use request_response::{Event as SyncEvent, Message};
        match event {
            SyncEvent::Message {
                peer, message: Message::Request { request, channel, .. }, ..
            } => {
                self.asked(peer, request, channel);
            }
            SyncEvent::Message { message: Message::Response { request_id, response }, .. } => {
                if let Some(ask) = self.asks.remove(&request_id) {
                    self.outbox.push_back(Event::Answer { ask, answer: Ok(response) });
                }
            }
            SyncEvent::OutboundFailure { request_id, error, .. } => {
                if let Some(ask) = self.asks.remove(&request_id) {
                    let answer = Err(error.to_string());
                    self.outbox.push_back(Event::Answer { ask, answer });
                }
            }
            SyncEvent::InboundFailure { .. } | SyncEvent::ResponseSent { .. } => {}
        }
    }

    fn asked(
        &mut self,
        from: PeerId,
        request: Result<Request, DecodeError>,
        channel: ResponseChannel<Response>,
    ) {
        let refusal = |code, text: String| Response::Error { code, text };
        let response = match (request, peer_of(&from)) {
            (Ok(request), Some(peer)) => {
                let id = self.next_arrival();
                self.questions.insert(id, channel);
                if self.questions.len() > WAITING_ARRIVALS {
                    self.questions.pop_first();
                }
                return self.outbox.push_back(Event::Question { peer, id, request });
            }
            (Err(error @ DecodeError::Version(_)), _) => {
                refusal(ErrorCode::Version, error.to_string())
            }
            (Err(error), _) => refusal(ErrorCode::Malformed, error.to_string()),
            (_, None) => refusal(ErrorCode::Malformed, "an unknown kind of key".to_owned()),
        };
        let _ = self.inside().sync.send_response(channel, response);
    }
}
