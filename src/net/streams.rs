//! Blob streams: raw bytes between two nodes, one stream for each transfer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use libp2p::{PeerId, Stream, StreamProtocol};
use tokio::sync::mpsc;
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt};

use super::NetError;
use super::identity::{peer_id, peer_of};
use super::limits::WAITING_STREAMS;
use crate::model::Peer;

/// Both directions of a stream; readable and writable with tokio's traits.
pub type BlobStream = Compat<Stream>;

/// Opens blob streams to connected peers.
#[derive(Clone)]
pub struct BlobStreams {
    control: libp2p_stream::Control,
    protocol: StreamProtocol,
    direct: DirectPeers,
}

/// Peers with a connection that nobody else carries, and how many.
#[derive(Debug, Clone, Default)]
pub(super) struct DirectPeers(Arc<Mutex<BTreeMap<PeerId, usize>>>);

impl DirectPeers {
    pub(super) fn met(&self, id: PeerId) {
        *self.lock().entry(id).or_default() += 1;
    }

    pub(super) fn parted(&self, id: PeerId) {
        let mut peers = self.lock();
        if let Some(count) = peers.get_mut(&id) {
            *count -= 1;
            if *count == 0 {
                peers.remove(&id);
            }
        }
    }

    fn holds(&self, id: &PeerId) -> bool {
        self.lock().contains_key(id)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<PeerId, usize>> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for BlobStreams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlobStreams({})", self.protocol)
    }
}

/// Why no stream could be opened.
#[derive(Debug, thiserror::Error)]
#[error("no stream to {peer}: {reason}")]
pub struct OpenError {
    peer: Peer,
    reason: String,
}

impl BlobStreams {
    /// Takes over the streams of a behaviour; incoming ones arrive in the channel.
    pub(super) fn new(
        mut control: libp2p_stream::Control,
        protocol: StreamProtocol,
        direct: DirectPeers,
    ) -> Result<(BlobStreams, mpsc::Receiver<(Peer, BlobStream)>), NetError> {
        let mut incoming =
            control.accept(protocol.clone()).map_err(|error| NetError::Start(error.to_string()))?;
        let (sender, receiver) = mpsc::channel(WAITING_STREAMS);
        tokio::spawn(async move {
            while let Some((id, stream)) = incoming.next().await {
                if let Some(peer) = peer_of(&id) {
                    // A node that cannot keep up drops the stream: the other
                    // side tries another provider.
                    let _ = sender.try_send((peer, stream.compat()));
                }
            }
        });
        Ok((BlobStreams { control, protocol, direct }, receiver))
    }

    /// Opens a stream to a peer that is connected without others in between.
    pub async fn open(&self, peer: Peer) -> Result<BlobStream, OpenError> {
        let failed = |reason: String| OpenError { peer, reason };
        let id: PeerId = peer_id(peer).ok_or_else(|| failed("not a valid peer id".to_owned()))?;
        if !self.direct.holds(&id) {
            let reason = "no direct connection with it; images do not pass through other sites";
            return Err(failed(reason.to_owned()));
        }
        let mut control = self.control.clone();
        let stream = control.open_stream(id, self.protocol.clone()).await;
        stream.map(FuturesAsyncReadCompatExt::compat).map_err(|error| failed(error.to_string()))
    }
}
