//! The run loop: four arms — calls, network, finished jobs, deadline — and one
//! engine that decides.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc as blocking;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};

use super::Call;
use super::answer::{Answer, Failure, FailureKind, ImageView};
use super::catalogue::{Allowed, Catalogue, Trusted};
use super::collect::Collecting;
use super::jobs::{Done, Jobs};
use super::locations::Fetching;
use super::transfer::Transfer;
use super::verifiers::{Unverified, Verifiers};
use super::writer::{self, Order};
use crate::engine::{
    Alert, AskId, CallId, Effect, Engine, FetchId, GossipId, Input, KnockId, QuestionId, Reply,
    Share, Wanted,
};
use crate::home::{Federation, Home};
use crate::model::{Address, Peer, Sha512, Timestamp};
use crate::net::{Event, Identity, Net};
use crate::wire::Gossip;

/// Alerts that are remembered for `suq status`.
const MAX_ALERTS: usize = 50;

/// Inputs of finished jobs that are taken before the network has its turn.
const MAX_INPUTS: usize = 1024;

/// The longest sleep: what the engine waits for may be far ahead.
const MAX_SLEEP: Duration = Duration::from_secs(3600);

/// A call with its way back.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) call: Call,
    pub(super) reply: oneshot::Sender<Answer>,
}

/// Who waits for a reply of the engine.
struct Pending {
    reply: oneshot::Sender<Answer>,
    /// For a transfer: what was judged.
    allowed: Option<Box<Allowed>>,
}

/// What the effects of some inputs have for the threads.
#[derive(Default)]
struct Together {
    documents: Vec<Unverified>,
    orders: Vec<Order>,
}

pub(super) struct RunLoop {
    pub(super) engine: Engine,
    now: Timestamp,
    pub(super) started: Timestamp,
    pub(super) jobs: Jobs,
    verifiers: Verifiers,
    done: mpsc::UnboundedReceiver<Done>,
    writes: blocking::Sender<Vec<Order>>,
    writer: std::thread::JoinHandle<()>,
    pub(super) home: Home,
    pub(super) federation: Federation,
    pub(super) net: Net,
    fetching: Fetching,
    pub(super) identity: Identity,
    pub(super) own: Peer,
    /// True when only members come in.
    pub(super) is_closed: bool,
    pending: BTreeMap<CallId, Pending>,
    /// Where transfers hear of peers that hold what they fetch.
    holders: BTreeMap<FetchId, mpsc::UnboundedSender<(Peer, Sha512)>>,
    /// Collections that wait for what peers say to hold.
    pub(super) collecting: BTreeMap<CallId, Box<Collecting>>,
    calls: u64,
    pub(super) listening: Vec<Address>,
    pub(super) alerts: VecDeque<String>,
    /// Those that the catalogue has been told of.
    reconciliations: u64,
    stopping: bool,
}

impl RunLoop {
    pub(super) fn new(
        engine: Engine,
        catalogue: Catalogue,
        home: Home,
        federation: Federation,
        (net, fetching): (Net, Fetching),
        identity: Identity,
    ) -> RunLoop {
        let is_closed = home.settings().is_ok_and(|settings| federation.is_closed(&settings));
        let (done_sender, done) = mpsc::unbounded_channel();
        let (writes, writer) = writer::start(&catalogue, done_sender.clone());
        RunLoop {
            engine,
            now: Timestamp::from(SystemTime::now()),
            started: Timestamp::from(SystemTime::now()),
            verifiers: Verifiers::start(&catalogue, &done_sender),
            jobs: Jobs { catalogue, done: done_sender },
            done,
            writes,
            writer,
            home,
            federation,
            net,
            fetching,
            own: identity.peer(),
            identity,
            is_closed,
            pending: BTreeMap::new(),
            holders: BTreeMap::new(),
            collecting: BTreeMap::new(),
            calls: 0,
            listening: Vec::new(),
            alerts: VecDeque::new(),
            reconciliations: 0,
            stopping: false,
        }
    }

    pub(super) async fn run(
        mut self,
        mut asked: mpsc::Receiver<Asked>,
        mut events: mpsc::Receiver<Event>,
    ) {
        self.take(Input::Tick).await;
        while !self.stopping {
            let sleep = self.engine.deadline().map_or(MAX_SLEEP, |due| due.since(self.clock()));
            tokio::select! {
                Some(asked) = asked.recv() => self.asked(asked).await,
                Some(event) = events.recv() => self.happened(event).await,
                Some(done) = self.done.recv() => self.finished(done).await,
                () = tokio::time::sleep(sleep.min(MAX_SLEEP)) => self.take(Input::Tick).await,
            }
        }
        // Every write that was ordered is finished before the node ends.
        let RunLoop { writes, writer, .. } = self;
        drop(writes);
        let _ = tokio::task::spawn_blocking(move || writer.join()).await;
    }

    /// The time, which never goes back.
    pub(super) fn clock(&mut self) -> Timestamp {
        self.now = self.now.max(Timestamp::from(SystemTime::now()));
        self.now
    }

    /// Gives the engine one input and does what it asks for.
    pub(super) async fn take(&mut self, input: Input) {
        self.take_all(vec![input]).await;
    }

    /// Gives the engine some inputs and does what it asks for. What threads are to do
    /// is handed to them together: waking one for each document would cost more than
    /// some of the work.
    async fn take_all(&mut self, inputs: Vec<Input>) {
        let now = self.clock();
        let mut together = Together::default();
        for input in inputs {
            for effect in self.engine.handle(input, now) {
                self.carry_out(effect, &mut together).await;
            }
        }
        self.verifiers.verify(together.documents);
        if !together.orders.is_empty() {
            // The thread lives as long as this sender.
            let _ = self.writes.send(together.orders);
        }
        let reconciliations = self.engine.reconciliations();
        if reconciliations != self.reconciliations {
            self.reconciliations = reconciliations;
            self.jobs.catalogue.live.set_reconciled(self.engine.reconciled().collect());
        }
    }

    async fn carry_out(&mut self, effect: Effect, together: &mut Together) {
        match effect {
            Effect::Verify { job, document } => together.documents.push((job, document)),
            Effect::Store { write, records } => together.orders.push(Order { write, records }),
            Effect::Load { load, ids } => self.jobs.load(load, ids),
            Effect::Announce { document } => {
                self.net.publish(Gossip::Manifest(document.to_vec())).await;
            }
            Effect::AnnounceMembership { membership } => {
                self.net.publish(Gossip::Membership(membership)).await;
            }
            Effect::LetIn { members, chain } => self.net.let_in(members, chain).await,
            Effect::AnswerKnock { knock, answer } => self.net.answer_knock(knock.0, answer).await,
            Effect::Judge { gossip, verdict } => {
                self.jobs.catalogue.live.count(|counts| counts.gossip.add(verdict));
                self.net.verdict(gossip.0, verdict).await;
            }
            Effect::Ask { ask, peer, request } => self.net.ask(ask.0, peer, request).await,
            Effect::Answer { question, response } => self.net.answer(question.0, response).await,
            Effect::AnswerHoldings { question, names } => {
                self.jobs.answer_holdings(self.net.clone(), question.0, names);
            }
            Effect::Fetch { fetch, wanted } => self.start_transfer(fetch, wanted),
            Effect::Provide { fetch, peer, sha512 } => {
                if let Some(holders) = self.holders.get(&fetch) {
                    // A transfer that has just ended needs nobody.
                    let _ = holders.send((peer, sha512));
                }
            }
            Effect::Dial { peer, addresses } => self.net.dial(peer, addresses).await,
            Effect::Disconnect { peer } => self.net.disconnect(peer).await,
            Effect::Reply { call, reply } => self.reply(call, reply),
            Effect::Alert(alert) => self.engine_alert(&alert),
        }
    }

    fn start_transfer(&mut self, fetch: FetchId, wanted: Arc<Wanted>) {
        // Transfers that ended need no more holders.
        self.holders.retain(|_, holders| !holders.is_closed());
        let (sender, holders) = mpsc::unbounded_channel();
        self.holders.insert(fetch, sender);
        let blobs = self.jobs.catalogue.blobs().clone();
        let live = self.jobs.catalogue.live.clone();
        let streams = self.net.blob_streams().clone();
        let Fetching { client, rate, buffers } = self.fetching.clone();
        let transfer = Transfer { blobs, streams, live, client, rate, buffers, wanted, holders };
        self.jobs.fetch(fetch, transfer);
    }

    async fn happened(&mut self, event: Event) {
        let input = match event {
            Event::Listening { address } => {
                tracing::info!(%address, "listening");
                return self.listening.push(address);
            }
            Event::Connected { peer, addresses } => {
                tracing::info!(%peer, "connected");
                self.take(Input::PeerFound { peer, addresses }).await;
                Input::Connected { peer }
            }
            Event::Disconnected { peer } => {
                tracing::info!(%peer, "disconnected");
                Input::Disconnected { peer }
            }
            Event::Found { peer, addresses } => Input::PeerRumoured { peer, addresses },
            Event::DialFailed { peer, reason } => {
                tracing::debug!(%peer, reason, "not reached");
                Input::DialFailed { peer }
            }
            Event::Gossip { peer, id, message: Gossip::Manifest(document) } => {
                Input::Heard { peer, gossip: GossipId(id), document: document.into() }
            }
            Event::Gossip { peer, id, message: Gossip::Membership(membership) } => {
                Input::HeardMembership { peer, gossip: GossipId(id), membership }
            }
            Event::Knock { peer, id, chain } => {
                tracing::info!(%peer, "a stranger knocks");
                Input::Knocked { peer, knock: KnockId(id), chain }
            }
            Event::Welcome { peer, chain } => Input::Welcomed { peer, chain },
            Event::Question { peer, id, request } => {
                Input::Question { peer, question: QuestionId(id), request }
            }
            Event::Answer { ask, answer } => Input::Answered { ask: AskId(ask), answer },
        };
        self.take(input).await;
    }

    async fn finished(&mut self, done: Done) {
        match done {
            Done::Inputs(mut inputs) => {
                // What has ended meanwhile is taken with it.
                let mut other = None;
                while inputs.len() < MAX_INPUTS && other.is_none() {
                    match self.done.try_recv() {
                        Ok(Done::Inputs(more)) => inputs.extend(more),
                        Ok(done) => other = Some(done),
                        Err(_) => break,
                    }
                }
                self.take_all(inputs).await;
                if let Some(other) = other {
                    self.ended(other).await;
                }
            }
            done => self.ended(done).await,
        }
    }

    async fn ended(&mut self, done: Done) {
        match done {
            Done::Inputs(inputs) => self.take_all(inputs).await,
            Done::Allowed(allowed, reply) => self.fetch(allowed, reply).await,
            Done::Planned(collecting) => self.planned(collecting).await,
            Done::Alert(text) => self.alert(text, None),
        }
    }

    async fn fetch(&mut self, allowed: Box<Allowed>, reply: oneshot::Sender<Answer>) {
        let wanted = allowed.wanted.clone();
        let call = self.wait(reply, Some(allowed));
        self.take(Input::Fetch { call, wanted }).await;
    }

    pub(super) fn wait(
        &mut self,
        reply: oneshot::Sender<Answer>,
        allowed: Option<Box<Allowed>>,
    ) -> CallId {
        let call = self.next_call();
        self.pending.insert(call, Pending { reply, allowed });
        call
    }

    pub(super) fn next_call(&mut self) -> CallId {
        self.calls += 1;
        CallId(self.calls)
    }

    async fn asked(&mut self, Asked { call, reply }: Asked) {
        self.hang_up_the_gone().await;
        let now = self.clock();
        let answer = match call {
            Call::Publish(document) => {
                let call = self.wait(reply, None);
                let document = Arc::from(document.into_bytes());
                return self.take(Input::Publish { call, document }).await;
            }
            Call::Sync(peer) => {
                let call = self.wait(reply, None);
                return self.take(Input::Sync { call, peer }).await;
            }
            Call::Get { image, stale } => return self.jobs.get(image, stale, now, reply),
            Call::Collect(order) => return self.jobs.plan(order, now, reply),
            Call::Syncs => Answer::Syncing(self.engine.syncs().cloned().collect()),
            Call::Status => return self.status(now, reply),
            Call::Ping => Answer::Done,
            Call::Invite { member, days } => return self.invite(member, days, reply).await,
            Call::Revoke(member) => return self.revoke(member, reply).await,
            Call::Members => Answer::Members(self.members(now)),
            Call::Peers => self.peers(),
            Call::AddPeer(ticket) => self.add_peer(&ticket).await,
            Call::AllowPeer(peer) => self.change_lists(peer, true).await,
            Call::BlockPeer(peer) => self.change_lists(peer, false).await,
            Call::Holders { sha512, bytes } => {
                let call = self.wait(reply, None);
                let blobs = BTreeMap::from([(sha512, bytes)]);
                return self.take(Input::Survey { call, blobs }).await;
            }
            Call::Reload => self.reload().await,
            Call::Stop => {
                self.stopping = true;
                Answer::Done
            }
            call => return self.jobs.answer(call, now, reply),
        };
        // The caller may have gone.
        let _ = reply.send(answer);
    }

    /// Callers that went away wait for nothing.
    async fn hang_up_the_gone(&mut self) {
        let gone: Vec<CallId> = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.reply.is_closed())
            .map(|(call, _)| *call)
            .collect();
        for call in gone {
            self.pending.remove(&call);
            self.take(Input::Hangup { call }).await;
        }
    }

    fn reply(&mut self, call: CallId, reply: Reply) {
        if let Some(collecting) = self.collecting.remove(&call) {
            let held = if let Reply::Held(held) = reply { held } else { BTreeMap::new() };
            return self.surveyed(collecting, held.into_keys().collect());
        }
        let Some(Pending { reply: sender, allowed }) = self.pending.remove(&call) else { return };
        let failed = |kind, message: String| Answer::Failed(Failure::new(kind, message));
        let answer = match reply {
            Reply::Published { key, id, already } => {
                Answer::Published { key, content_id: id, already }
            }
            Reply::Waiting { key } => Answer::Waiting { key },
            Reply::Unverified { reason } => failed(FailureKind::NotVerified, reason),
            Reply::Refused { key, verdict } => {
                let step = verdict.refusal().cloned();
                let reason = step.map_or_else(String::new, |step| match step.source {
                    Some(source) => format!("{} ({}, {source})", step.reason, step.rule),
                    None => format!("{} ({})", step.reason, step.rule),
                });
                let message = format!("{key} is refused by this site's rules: {reason}");
                failed(FailureKind::Refused, message)
            }
            Reply::Issued { chain, .. } if chain.is_empty() => Answer::Done,
            Reply::Issued { chain, .. } => self.ticket(chain),
            Reply::Synced(reports) if reports.is_empty() => {
                let message = "no such peer is connected: see `suq peers list`";
                failed(FailureKind::Unreachable, message.to_owned())
            }
            Reply::Synced(reports) => Answer::Synced(reports),
            Reply::Fetched { shares } => match allowed.and_then(|a| self.got(&a, shares)) {
                Some(image) => Answer::Got(image),
                None => failed(FailureKind::Failed, "the image vanished after it came".to_owned()),
            },
            Reply::NoProvider { asked, failures } => {
                let mut message = format!("none of {asked} connected peers could send the image");
                for (provider, reason) in failures {
                    message.push_str(&format!("\n  {provider}: {reason}"));
                }
                failed(FailureKind::Unreachable, message)
            }
            Reply::Held(held) => Answer::Holders(held.into_values().flatten().collect()),
            Reply::Failed { reason } => failed(FailureKind::Failed, reason),
            Reply::Busy => {
                failed(FailureKind::Failed, "the node has too much to do: try again".to_owned())
            }
        };
        let _ = sender.send(answer);
    }

    fn got(&self, allowed: &Allowed, shares: Vec<Share>) -> Option<ImageView> {
        let image = self.jobs.catalogue.stored(allowed)?;
        Some(ImageView { from: shares, ..image })
    }

    fn engine_alert(&mut self, alert: &Alert) {
        let peer = match alert {
            Alert::Misbehaviour { peer, .. } => Some(*peer),
            _ => None,
        };
        let text = match alert {
            Alert::Equivocation { key, first, second } => format!(
                "{} signed two different documents for {key}: {first} and {second}; the deprecated \
                 one counts, else the one with the smaller id",
                key.email
            ),
            Alert::Misbehaviour { peer, reason } => {
                format!("the peer {peer} was disconnected: {reason}")
            }
            Alert::Withdrawn { key, rule } => format!("{key} is withdrawn: {rule} refuses it now"),
            Alert::Excluded => "this node is no longer a member of its federation: ask a member \
                                for a new ticket"
                .to_owned(),
            Alert::StoreFailed { reason } => format!("the store could not be written: {reason}"),
        };
        self.alert(text, peer);
    }

    fn alert(&mut self, text: String, peer: Option<Peer>) {
        tracing::warn!(peer = peer.map(tracing::field::display), "{text}");
        self.alerts.push_back(text);
        if self.alerts.len() > MAX_ALERTS {
            self.alerts.pop_front();
        }
    }

    /// Reads the rules again. Anchors that cannot be read change nothing.
    async fn reload(&mut self) -> Answer {
        match Trusted::read(&self.home) {
            Err(error) => failed(format!("{error}; the rules of before stay in force")),
            Ok(trusted) => {
                let rules = trusted.rules();
                self.jobs.catalogue.set_trusted(trusted);
                self.take(Input::RulesChanged(rules)).await;
                Answer::Policy(self.jobs.catalogue.policy_view())
            }
        }
    }
}

pub(super) fn failed(message: String) -> Answer {
    Answer::Failed(Failure::new(FailureKind::Failed, message))
}
