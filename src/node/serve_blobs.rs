//! Serving blobs to peers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::live::Live;
use super::serving::{Payer, Serving, Taker};
use super::transfer::{read_header, write_header};
use crate::blobs::{Blobs, CHUNK_BYTES};
use crate::model::{Peer, Sha512};
use crate::net::BlobStream;
use crate::wire::{BlobAsk, BlobReply, BlobRequest, ByteRange, MAX_RANGES, decode, encode};

/// Transfers served at once. Each holds two megabytes and a file.
const MAX_SERVED: usize = 16;

/// Of them, those of one peer: one that reads slowly must not take all places.
const MAX_SERVED_PER_PEER: usize = 4;

/// A peer that takes nothing for this long is hung up on.
const STALL: Duration = Duration::from_secs(60);

/// How many transfers go to each peer.
#[derive(Clone, Default)]
struct Places(Arc<Mutex<BTreeMap<Peer, usize>>>);

/// A place that is free again when dropped.
struct Place(Places, Peer);

impl Places {
    fn take(&self, peer: Peer) -> Option<Place> {
        let mut taken = self.lock();
        if taken.values().sum::<usize>() >= MAX_SERVED {
            return None;
        }
        let of_peer = taken.entry(peer).or_default();
        if *of_peer >= MAX_SERVED_PER_PEER {
            return None;
        }
        *of_peer += 1;
        Some(Place(self.clone(), peer))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Peer, usize>> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.0.lock();
        if let Some(of_peer) = taken.get_mut(&self.1) {
            *of_peer -= 1;
            if *of_peer == 0 {
                taken.remove(&self.1);
            }
        }
    }
}

/// Serves every incoming stream until the network ends.
pub(super) async fn run(
    blobs: Blobs,
    live: Live,
    mut incoming: mpsc::Receiver<(Peer, BlobStream)>,
    serving: Serving,
) {
    let places = Places::default();
    while let Some((peer, mut stream)) = incoming.recv().await {
        let (blobs, live) = (blobs.clone(), live.clone());
        let (place, payer) = (places.take(peer), serving.payer(Taker::Peer(peer)));
        tokio::spawn(async move {
            let served = match place {
                Some(_place) => serve(&blobs, &live, &mut stream, &payer).await,
                None => write_header(&mut stream, &encode(&BlobReply::Busy)).await,
            };
            let _ = stream.shutdown().await;
            if let Err(reason) = served {
                tracing::debug!(%peer, reason, "a blob was not served");
            }
        });
    }
}

async fn serve(
    blobs: &Blobs,
    live: &Live,
    stream: &mut BlobStream,
    payer: &Payer,
) -> Result<(), String> {
    let request: Result<BlobRequest, _> = decode(&read_header(stream).await?);
    let request = match request {
        Ok(request) => request,
        Err(error) => return refuse(stream, error.to_string()).await,
    };
    let Some(bytes) = blobs.size(&request.sha512) else {
        return write_header(stream, &encode(&BlobReply::NotFound)).await;
    };
    let inside = |range: &ByteRange| {
        let end = range.offset.checked_add(range.length);
        range.length > 0 && end.is_some_and(|end| end <= bytes)
    };
    let ranges = match &request.ask {
        BlobAsk::Ranges(ranges) if ranges.len() <= MAX_RANGES && ranges.iter().all(inside) => {
            ranges
        }
        BlobAsk::Ranges(_) => {
            return refuse(stream, "a range does not lie within the blob".to_owned()).await;
        }
        BlobAsk::Pieces => return serve_pieces(blobs, &request.sha512, bytes, stream).await,
    };
    let file = blobs.read(&request.sha512).map_err(|error| error.to_string())?;
    let mut file = tokio::fs::File::from_std(file);
    file.set_max_buf_size(CHUNK_BYTES);
    write_header(stream, &encode(&BlobReply::Found { bytes })).await?;
    let mut buffer = vec![0; CHUNK_BYTES];
    for range in ranges {
        file.seek(SeekFrom::Start(range.offset)).await.map_err(|error| error.to_string())?;
        let mut left = range.length;
        while left > 0 {
            let length = payer.portion(left.min(CHUNK_BYTES as u64)) as usize;
            let read = file.read(&mut buffer[..length]).await.map_err(|error| error.to_string())?;
            if read == 0 {
                return Err("the blob is shorter than it was".to_owned());
            }
            payer.pay(read as u64).await;
            timeout(STALL, stream.write_all(&buffer[..read]))
                .await
                .map_err(|_| "the peer takes nothing".to_owned())?
                .map_err(|error| error.to_string())?;
            left -= read as u64;
            live.add_sent(read as u64);
        }
    }
    stream.flush().await.map_err(|error| error.to_string())
}

async fn serve_pieces(
    blobs: &Blobs,
    sha512: &Sha512,
    bytes: u64,
    stream: &mut BlobStream,
) -> Result<(), String> {
    let Some(digests) = blobs.pieces(sha512) else {
        return write_header(stream, &encode(&BlobReply::NotFound)).await;
    };
    write_header(stream, &encode(&BlobReply::Found { bytes })).await?;
    let write = async {
        stream.write_all(&digests.to_octets()).await?;
        stream.flush().await
    };
    timeout(STALL, write)
        .await
        .map_err(|_| "the peer takes nothing".to_owned())?
        .map_err(|error| error.to_string())
}

async fn refuse(stream: &mut BlobStream, text: String) -> Result<(), String> {
    write_header(stream, &encode(&BlobReply::Refused { text: text.clone() })).await?;
    Err(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_peer_takes_all_places_and_each_is_free_again() {
        let places = Places::default();
        let peer = |number| Peer::from_key([number; 32]);
        let mut taken: Vec<Place> =
            (0..MAX_SERVED_PER_PEER).filter_map(|_| places.take(peer(1))).collect();
        assert_eq!(taken.len(), MAX_SERVED_PER_PEER);
        assert!(places.take(peer(1)).is_none());
        taken.extend((2..100).filter_map(|number| places.take(peer(number))));
        assert_eq!(taken.len(), MAX_SERVED);
        taken.clear();
        assert!(places.take(peer(1)).is_some());
        assert!(places.lock().is_empty());
    }
}
