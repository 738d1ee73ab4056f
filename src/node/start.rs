//! Starting and stopping a node.

use std::net::SocketAddr;
use std::time::SystemTime;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::care::Care;
use super::catalogue::{Catalogue, CatalogueError};
use super::control::ControlError;
use super::locations::Fetching;
use super::mirror::Mirroring;
use super::run::{Asked, RunLoop};
use super::serving::Serving;
use super::{Answer, Call, Failure, FailureKind, control, serve_blobs};
use crate::blobs::Blobs;
use crate::engine::{DoorStart, Engine, Known, Standing, Start};
use crate::fetch::SettingsError;
use crate::home::{Federation, Home, HomeError, Lock, PeerLists, Settings};
use crate::membership::Membership;
use crate::model::{Peer, Timestamp};
use crate::net::{self, Identity, Limits, NetError};
use crate::store::{Kind, KnownRow, Store, StoreError};

/// Calls that wait for the run loop.
const WAITING_CALLS: usize = 64;

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The home.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The store or the blobs.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// Reading the store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key.
    #[error("{0}; restore `key` in the home from a backup, or make a new home")]
    Key(#[from] net::BadIdentity),
    /// The network.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The control socket.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The locations of manifests.
    #[error("`[fetch]` in suq.toml: {0}")]
    Fetch(#[from] SettingsError),
    /// A certificate without a key, or the other way round.
    #[error("`[fetch]` in suq.toml: `certificate` and `key` go together")]
    HalfACertificate,
}

/// The handle of a running node.
#[derive(Debug, Clone)]
pub struct Node {
    calls: mpsc::Sender<Asked>,
    catalogue: Catalogue,
    serving: Serving,
    peer: Peer,
}

impl Node {
    /// Starts a node on a home. The node runs until [`Call::Stop`]; the task
    /// ends when everything is written.
    pub async fn start(home: &Home) -> Result<(Node, JoinHandle<()>), StartError> {
        let lock: Lock = home.lock()?;
        let settings = home.settings()?;
        let federation = home.federation()?;
        let identity = Identity::from_bytes(&home.key()?)?;
        let catalogue = Catalogue::open(home)?;
        let lists = home.peer_lists()?;
        let fetching = Fetching::new(home, &settings.fetch)?;
        let config = net::Config {
            identity: identity.clone(),
            federation: federation.id,
            listen: settings.network.listen.clone(),
            announce: settings.network.announce.clone(),
            closed: federation.is_closed(&settings),
            reachable: settings.network.reachable,
            relay: settings.network.relay,
            mdns: settings.network.mdns,
            blocked: lists.blocked.clone(),
            limits: Limits { connections: settings.network.max_connections },
        };
        let (net, events, streams) = net::start(config)?;
        let peer = identity.peer();
        let engine = Engine::new(engine_start(&catalogue, peer, &lists, &settings, &federation)?);
        let serving = Serving::new(settings.blobs.serve_rate.map(|rate| rate.0));
        let (served, live) = (catalogue.blobs().clone(), catalogue.live.clone());
        tokio::spawn(serve_blobs::run(served, live, streams, serving.clone()));
        let (calls, asked) = mpsc::channel(WAITING_CALLS);
        let node = Node { calls, catalogue: catalogue.clone(), serving, peer };
        let socket = control::listen(home, node.clone())?;
        let blobs = catalogue.blobs().clone();
        let mirror = Mirroring::new(node.clone(), catalogue.clone());
        let indexing = catalogue.clone().keep_indexed();
        let graphing = catalogue.clone().keep_graphs_while_asked();
        let run_loop =
            RunLoop::new(engine, catalogue, home.clone(), federation, (net, fetching), identity);
        let done = run_loop.jobs.done.clone();
        let settings = settings.blobs.clone();
        let care = Care { node: node.clone(), blobs, settings, done, found: Notify::new() };
        let task = tokio::spawn(async move {
            let care = tokio::spawn(care.run());
            let mirror = tokio::spawn(mirror.run());
            let indexing = tokio::spawn(indexing);
            let graphing = tokio::spawn(graphing);
            run_loop.run(asked, events).await;
            care.abort();
            mirror.abort();
            indexing.abort();
            graphing.abort();
            drop(socket);
            drop(lock);
        });
        Ok((node, task))
    }

    /// The node's name.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// The images of the site.
    pub fn blobs(&self) -> &Blobs {
        self.catalogue.blobs()
    }

    /// The bound on what is served, to peers and others together.
    pub fn serving(&self) -> &Serving {
        &self.serving
    }

    /// The catalogue of the site.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Says where HTTP is answered, in the open and over TLS, for the node's status.
    pub fn set_http(&self, plain: &[SocketAddr], tls: &[SocketAddr]) {
        self.catalogue.live.set_http(plain.to_vec(), tls.to_vec());
    }

    /// Asks the node.
    pub async fn call(&self, call: Call) -> Answer {
        let (reply, answer) = oneshot::channel();
        let stopped = || {
            let failure = Failure::new(FailureKind::Unreachable, "the node is stopping");
            Answer::Failed(failure)
        };
        if self.calls.send(Asked { call, reply }).await.is_err() {
            return stopped();
        }
        answer.await.unwrap_or_else(|_| stopped())
    }

    /// How far a call is that takes long: [`Answer::Progress`] for the transfer of an
    /// image, [`Answer::Syncing`] for reconciliations.
    pub async fn progress(&self, call: &Call) -> Option<Answer> {
        match call {
            Call::Get { image, .. } => self.catalogue.live.progress(image).map(Answer::Progress),
            Call::Sync(_) => Some(self.call(Call::Syncs).await),
            _ => None,
        }
    }
}

#[cfg(test)]
impl Node {
    /// A node whose run loop is this: what it has no answer to waits for ever.
    pub(crate) fn played(
        home: &Home,
        mut run_loop: impl FnMut(Call) -> Option<Answer> + Send + 'static,
    ) -> Node {
        let (calls, mut asked) = mpsc::channel(WAITING_CALLS);
        let catalogue = Catalogue::open(home).unwrap();
        let peer = Peer::from_key([1; 32]);
        tokio::spawn(async move {
            let mut waiting = Vec::new();
            while let Some(Asked { call, reply }) = asked.recv().await {
                match run_loop(call) {
                    Some(answer) => drop(reply.send(answer)),
                    None => waiting.push(reply),
                }
            }
        });
        Node { calls, catalogue, serving: Serving::new(None), peer }
    }
}

fn engine_start(
    catalogue: &Catalogue,
    own: Peer,
    lists: &PeerLists,
    settings: &Settings,
    federation: &Federation,
) -> Result<Start, StoreError> {
    let store = catalogue.store();
    let known = |KnownRow { id, key, kind }: KnownRow| {
        let standing = match kind {
            Kind::Admitted => Standing::Admitted,
            Kind::Withdrawn => Standing::Withdrawn,
            Kind::Refused => Standing::Refused,
            Kind::Untrusted => Standing::Untrusted,
        };
        Known { id, key, standing }
    };
    let peers = store.peers()?.into_iter();
    Ok(Start {
        rules: catalogue.trusted().rules(),
        judged_under: store.rules()?,
        known: store.known()?.into_iter().map(known).collect(),
        peers: peers.filter(|(peer, _)| *peer != own && !lists.blocked.contains(peer)).collect(),
        relay_refused: settings.gossip.relay_refused,
        door: door_start(store, own, lists, settings, federation)?,
        seed: seed(own),
    })
}

/// Who is a member; none where everyone comes in.
fn door_start(
    store: &Store,
    own: Peer,
    lists: &PeerLists,
    settings: &Settings,
    federation: &Federation,
) -> Result<Option<DoorStart>, StoreError> {
    if federation.founders.is_empty() && !federation.is_closed(settings) {
        return Ok(None);
    }
    let prove = |membership: Membership| match membership.prove(&federation.id) {
        Ok(proven) => Some(proven),
        Err(error) => {
            tracing::warn!(%error, "a stored membership is passed over");
            None
        }
    };
    Ok(Some(DoorStart {
        federation: federation.id,
        own,
        founders: federation.founders.iter().copied().collect(),
        statements: store.memberships()?.into_iter().filter_map(prove).collect(),
        allowed: lists.allowed.clone(),
        now: Timestamp::from(SystemTime::now()),
    }))
}

/// Sites must not choose in step: the seed is drawn from the key and the process.
fn seed(own: Peer) -> u64 {
    let mut octets = [0; 8];
    octets.copy_from_slice(&own.key()[..8]);
    u64::from_be_bytes(octets) ^ fastrand::u64(..)
}
