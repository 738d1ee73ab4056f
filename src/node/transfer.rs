//! Fetching a blob from one peer: bytes from a stream into the store.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::live::{Live, Progress};
use crate::blobs::{BlobError, Blobs, CHUNK_BYTES, Expected, Incoming};
use crate::engine::{FetchOutcome, Wanted};
use crate::model::{Peer, Sha512};
use crate::net::{BlobStream, BlobStreams};
use crate::wire::{
    BlobReply, BlobRequest, ByteRange, MAX_BLOB_HEADER_BYTES, MAX_RANGES, decode, encode,
};

/// A peer that sends nothing for this long has failed.
const STALL: Duration = Duration::from_secs(30);

/// Chunks between the network and the disk.
const WAITING_CHUNKS: usize = 4;

/// What one transfer needs.
pub(super) struct Transfer {
    pub(super) blobs: Blobs,
    pub(super) streams: BlobStreams,
    pub(super) live: Live,
    pub(super) wanted: Arc<Wanted>,
    pub(super) peer: Peer,
    pub(super) sha512: Sha512,
}

type Chunk = (u64, Arc<Vec<u8>>);

impl Transfer {
    /// Fetches what is missing, verifies all of it, and says how that went.
    pub(super) async fn run(self) -> FetchOutcome {
        let image = self.wanted.identifier;
        let outcome = self.receive().await;
        self.live.end_transfer(&image);
        outcome
    }

    async fn receive(&self) -> FetchOutcome {
        let expected =
            Expected { bytes: self.wanted.bytes, checksums: self.wanted.checksums.clone() };
        let blobs = self.blobs.clone();
        let begun = tokio::task::spawn_blocking(move || Incoming::begin(&blobs, expected)).await;
        let mut incoming = match begun {
            Ok(Ok(incoming)) => incoming,
            Ok(Err(error)) => return failed(error),
            Err(error) => return FetchOutcome::Failed { reason: error.to_string() },
        };
        let ranges = incoming.missing();
        let mut done = incoming.resumed();
        let (chunks, mut receiver) = mpsc::channel::<Chunk>(WAITING_CHUNKS);
        let writer = tokio::task::spawn_blocking(move || {
            while let Some((offset, chunk)) = receiver.blocking_recv() {
                incoming.write(offset, &chunk)?;
            }
            Ok(incoming)
        });
        let received = self.stream(&ranges, &chunks, &mut done).await;
        drop(chunks);
        let incoming: Incoming = match writer.await {
            Ok(Ok(incoming)) => incoming,
            Ok(Err(error)) => return failed(error),
            Err(error) => return FetchOutcome::Failed { reason: error.to_string() },
        };
        if let Err(reason) = received {
            return FetchOutcome::PeerFailed { reason };
        }
        match tokio::task::spawn_blocking(move || incoming.finish()).await {
            Ok(Ok(_)) => FetchOutcome::Complete,
            Ok(Err(error)) => failed(error),
            Err(error) => FetchOutcome::Failed { reason: error.to_string() },
        }
    }

    /// Asks for the ranges, some at a time, and passes the bytes on.
    async fn stream(
        &self,
        ranges: &[ByteRange],
        chunks: &mpsc::Sender<Chunk>,
        done: &mut u64,
    ) -> Result<(), String> {
        for ranges in ranges.chunks(MAX_RANGES) {
            let opened = timeout(STALL, self.streams.open(self.peer)).await;
            let mut stream = opened
                .map_err(|_| "it did not open a stream in time".to_owned())?
                .map_err(|error| error.to_string())?;
            self.request(&mut stream, ranges).await?;
            for range in ranges {
                self.read_range(&mut stream, range, chunks, done).await?;
            }
        }
        Ok(())
    }

    async fn request(&self, stream: &mut BlobStream, ranges: &[ByteRange]) -> Result<(), String> {
        let request = BlobRequest { sha512: self.sha512, ranges: ranges.to_vec() };
        write_header(stream, &encode(&request)).await?;
        let reply = read_header(stream).await?;
        match decode(&reply).map_err(|error| error.to_string())? {
            BlobReply::Found { bytes } if bytes == self.wanted.bytes => Ok(()),
            BlobReply::Found { bytes } => Err(format!("it has {bytes} bytes under that name")),
            BlobReply::NotFound => Err("it does not hold the image any more".to_owned()),
            BlobReply::Busy => Err("it serves too many others".to_owned()),
            BlobReply::Refused { text } => Err(format!("it refused: {text}")),
        }
    }

    async fn read_range(
        &self,
        stream: &mut BlobStream,
        range: &ByteRange,
        chunks: &mpsc::Sender<Chunk>,
        done: &mut u64,
    ) -> Result<(), String> {
        let end = range.offset + range.length;
        let mut offset = range.offset;
        while offset < end {
            let length = (end - offset).min(CHUNK_BYTES as u64);
            let mut chunk = Vec::with_capacity(CHUNK_BYTES);
            let mut limited = (&mut *stream).take(length);
            while (chunk.len() as u64) < length {
                let read = timeout(STALL, limited.read_buf(&mut chunk)).await;
                match read.map_err(|_| "it stopped sending".to_owned())? {
                    Ok(0) => return Err("it closed the stream too early".to_owned()),
                    Ok(_) => {}
                    Err(error) => return Err(error.to_string()),
                }
            }
            // The writer ends early only with an error of its own.
            if chunks.send((offset, Arc::new(chunk))).await.is_err() {
                return Ok(());
            }
            offset += length;
            *done += length;
            let progress = Progress { done: *done, total: self.wanted.bytes };
            self.live.set_progress(self.wanted.identifier, progress);
        }
        Ok(())
    }
}

/// What is wrong with the bytes is the peer's fault; what is wrong with the
/// disk is ours.
fn failed(error: BlobError) -> FetchOutcome {
    let reason = error.to_string();
    match error {
        BlobError::Checksum { .. } | BlobError::Size { .. } => FetchOutcome::PeerFailed { reason },
        _ => FetchOutcome::Failed { reason },
    }
}

/// Writes a header: its length in four octets, big-endian, then its CBOR.
pub(super) async fn write_header(stream: &mut BlobStream, header: &[u8]) -> Result<(), String> {
    let length = u32::try_from(header.len()).unwrap_or(u32::MAX).to_be_bytes();
    let write = async {
        stream.write_all(&[&length[..], header].concat()).await?;
        stream.flush().await
    };
    timeout(STALL, write)
        .await
        .map_err(|_| "it does not take what is sent".to_owned())?
        .map_err(|error| error.to_string())
}

/// Reads a header of bounded size.
pub(super) async fn read_header(stream: &mut BlobStream) -> Result<Vec<u8>, String> {
    let read = async {
        let length = stream.read_u32().await? as usize;
        if length > MAX_BLOB_HEADER_BYTES {
            return Err(std::io::Error::other(format!("a header of {length} bytes")));
        }
        let mut header = vec![0; length];
        stream.read_exact(&mut header).await?;
        Ok(header)
    };
    timeout(STALL, read)
        .await
        .map_err(|_| "it sent no header in time".to_owned())?
        .map_err(|error: std::io::Error| error.to_string())
}
