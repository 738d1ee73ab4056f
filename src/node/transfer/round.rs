//! A round: all providers that may take part bring what is missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::keeper::{self, Brought, Kept};
use super::shared::Shared;
use super::sources::{Source, Sources};
use super::{Transfer, died, location, peer};
use crate::blobs::{BlobError, Incoming};
use crate::engine::{ProviderId, Schedule};
use crate::wire::PIECE_BYTES;

/// Pieces between the providers and the disk.
const WAITING_PIECES: usize = 2;

/// Providers at once: each has a piece of 4 MiB in memory.
pub(super) const MAX_AT_ONCE: usize = 6;

/// How a round ended.
pub(super) enum Round {
    /// Every piece is here.
    Complete(Box<Incoming>),
    /// No provider is left that could go on.
    Starved(Box<Incoming>),
    /// The disk refuses.
    Failed(BlobError),
}

/// How a provider ended.
type Ended = (ProviderId, Result<(), String>);

struct Running<'a> {
    transfer: &'a mut Transfer,
    sources: &'a mut Sources,
    shared: Arc<Shared>,
    pieces: mpsc::Sender<Brought>,
    workers: JoinSet<Ended>,
    /// A peer that is asked for the signed digests.
    lists: JoinSet<bool>,
    has_digests: bool,
    running: BTreeMap<ProviderId, AbortHandle>,
    done: u64,
}

/// Goes on until all pieces are here or nobody is left to bring them.
pub(super) async fn run_round(
    transfer: &mut Transfer,
    incoming: Box<Incoming>,
    sources: &mut Sources,
) -> Round {
    let (pieces, receiver) = mpsc::channel(WAITING_PIECES);
    let (verdicts, mut kept) = mpsc::unbounded_channel();
    let schedule = Schedule::new(&incoming.here());
    let buffers = transfer.buffers.for_transfer();
    let shared = Arc::new(Shared::new(Arc::clone(&transfer.wanted), schedule, buffers));
    let done = incoming.bytes_here();
    let incoming_has_digests = incoming.has_digests();
    let keeping = Arc::clone(&shared);
    let keeper =
        tokio::task::spawn_blocking(move || keeper::run(incoming, &keeping, receiver, &verdicts));
    let mut round = Running {
        transfer,
        sources,
        shared,
        pieces,
        workers: JoinSet::new(),
        lists: JoinSet::new(),
        has_digests: incoming_has_digests,
        running: BTreeMap::new(),
        done,
    };
    round.run(&mut kept).await;
    let Running { shared, pieces, mut workers, mut lists, .. } = round;
    workers.shutdown().await;
    lists.shutdown().await;
    // The keeper ends when nobody can bring anything.
    drop(pieces);
    let kept_in_the_end = keeper.await;
    while let Ok(verdict) = kept.try_recv() {
        sources.note(&verdict);
    }
    match kept_in_the_end {
        Ok(Ok(incoming)) if shared.is_complete() => Round::Complete(incoming),
        Ok(Ok(incoming)) => Round::Starved(incoming),
        Ok(Err(error)) => Round::Failed(error),
        Err(error) => Round::Failed(died(&error)),
    }
}

impl Running<'_> {
    async fn run(&mut self, kept: &mut mpsc::UnboundedReceiver<Kept>) {
        self.tell();
        while !self.shared.is_complete() {
            self.start_workers();
            self.ask_for_digests();
            if self.running.is_empty() && self.transfer.holders.is_empty() {
                return;
            }
            tokio::select! {
                Some((peer, sha512)) = self.transfer.holders.recv() => {
                    self.sources.add_peer(peer, sha512);
                }
                Some(asked) = self.lists.join_next() => {
                    self.has_digests = asked.unwrap_or(false);
                }
                Some(ended) = self.workers.join_next() => match ended {
                    Ok((id, outcome)) => {
                        self.running.remove(&id);
                        self.shared.leave(id);
                        self.sources.ended(id, outcome);
                    }
                    // Dismissed, or broken: then nobody waits for what it was to bring.
                    Err(error) if error.is_cancelled() => {}
                    Err(_) => return,
                },
                verdict = kept.recv() => match verdict {
                    Some(verdict) => {
                        self.sources.note(&verdict);
                        match verdict {
                            Kept::Piece { length, .. } => self.done += length,
                            Kept::Wrong { from, .. } => self.dismiss(from),
                        }
                        self.tell();
                    }
                    // All is here, or the disk refuses.
                    None => return,
                },
            }
        }
    }

    fn start_workers(&mut self) {
        for id in self.sources.usable() {
            if self.running.len() >= MAX_AT_ONCE {
                return;
            }
            let Some(source) = self.sources.source(id).filter(|_| !self.running.contains_key(&id))
            else {
                continue;
            };
            let (shared, pieces) = (Arc::clone(&self.shared), self.pieces.clone());
            let Transfer { streams, client, rate, .. } = &*self.transfer;
            let (streams, client, rate) = (streams.clone(), client.clone(), rate.clone());
            let worker = self.workers.spawn(async move {
                let outcome = match source {
                    Source::Peer(peer, sha512) => {
                        peer::bring(id, (peer, sha512), &streams, &rate, &shared, &pieces).await
                    }
                    Source::Url(url) => {
                        location::bring(id, &url, &client, &rate, &shared, &pieces).await
                    }
                };
                (id, outcome)
            });
            self.running.insert(id, worker);
        }
    }

    /// Asks the next peer for the digests that the manifest signs, while nobody is asked.
    fn ask_for_digests(&mut self) {
        let wanted = Arc::clone(&self.transfer.wanted);
        let signed = wanted.pieces.filter(|list| u64::from(list.piece_bytes) == PIECE_BYTES);
        let Some(signed) = signed.filter(|_| self.lists.is_empty() && !self.has_digests) else {
            return;
        };
        let Some(peer) = self.sources.next_for_digests() else { return };
        let (streams, pieces) = (self.transfer.streams.clone(), self.pieces.clone());
        self.lists.spawn(async move {
            let digests = peer::pieces(peer, &streams, &wanted).await;
            let reason = match digests {
                Ok(digests) if digests.digest() == signed.digest => {
                    return pieces.send(Brought::Digests(digests)).await.is_ok();
                }
                Ok(_) => "its list of pieces is not the one that is signed".to_owned(),
                Err(reason) => reason,
            };
            tracing::debug!(peer = %peer.0, reason);
            false
        });
    }

    /// Nothing more is taken from a provider.
    fn dismiss(&mut self, id: ProviderId) {
        if let Some(worker) = self.running.remove(&id) {
            worker.abort();
        }
        self.shared.leave(id);
    }

    fn tell(&self) {
        let (shares, failures) = (self.sources.shares(), self.sources.failures());
        self.transfer.live.set_progress(&self.transfer.wanted, self.done, shares, failures);
    }
}
