//! A peer as a provider: runs of pieces over blob streams.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::header::{STALL, read_header, write_header};
use super::keeper::Brought;
use super::rate::Rate;
use super::shared::Shared;
use crate::engine::{ProviderId, Wanted};
use crate::model::{Peer, Sha512};
use crate::net::{BlobStream, BlobStreams};
use crate::wire::{
    BlobAsk, BlobReply, BlobRequest, ByteRange, PIECE_BYTES, PieceDigests, decode, encode,
};

/// Attempts that bring nothing before a peer is given up: a connection may be closed for
/// another one in the very moment when a stream is opened on it.
const ATTEMPTS: u32 = 3;

/// Before the second attempt; the next one waits twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// A list of pieces comes within this time, and a second more for each of
/// [`LIST_BYTES_PER_SECOND`]: nobody else is asked for it meanwhile.
const LIST_PATIENCE: Duration = Duration::from_secs(30);

/// Slower than any link on which an image is worth fetching.
const LIST_BYTES_PER_SECOND: u64 = 10_000;

/// Why an attempt ended.
enum Fault {
    /// It does not have what is wanted.
    Never(String),
    /// Another attempt may do better.
    Now(String),
}

impl Fault {
    fn reason(self) -> String {
        match self {
            Fault::Never(reason) | Fault::Now(reason) => reason,
        }
    }
}

/// Brings what the schedule asks for, until all is here.
pub(super) async fn bring(
    id: ProviderId,
    peer: (Peer, Sha512),
    streams: &BlobStreams,
    rate: &Rate,
    shared: &Shared,
    pieces: &mpsc::Sender<Brought>,
) -> Result<(), String> {
    let (mut attempts, mut wait) = (0, FIRST_WAIT);
    loop {
        let mut brought = false;
        shared.join(id, false);
        let attempt = attempt(id, peer, streams, rate, shared, pieces, &mut brought).await;
        let reason = match attempt {
            Ok(()) => return Ok(()),
            Err(Fault::Never(reason)) => return Err(reason),
            Err(Fault::Now(reason)) => reason,
        };
        if brought {
            (attempts, wait) = (0, FIRST_WAIT);
        }
        attempts += 1;
        if attempts >= ATTEMPTS {
            return Err(reason);
        }
        // Others bring what it was asked for.
        shared.leave(id);
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
}

async fn attempt(
    id: ProviderId,
    (peer, sha512): (Peer, Sha512),
    streams: &BlobStreams,
    rate: &Rate,
    shared: &Shared,
    pieces: &mpsc::Sender<Brought>,
    brought: &mut bool,
) -> Result<(), Fault> {
    while let Some(run) = shared.next(id).await {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        let (offset, _) = shared.place(*first);
        let (start, length) = shared.place(*last);
        let range = ByteRange { offset, length: start + length - offset };
        let request = BlobRequest { sha512, ask: BlobAsk::Ranges(vec![range]) };
        let mut stream = open(streams, peer, &request, &shared.wanted).await?;
        for piece in run {
            if !shared.still_wants(piece) {
                // Another one was faster: what else comes here is asked for again.
                shared.give_back(id);
                break;
            }
            let mut buffer = shared.buffer().await;
            let length = shared.place(piece).1;
            fill(buffer.rest(length), &mut stream, rate).await.map_err(Fault::Now)?;
            buffer.advance(length as usize);
            let octets = buffer.into_octets();
            *brought = true;
            // The keeper ends first when all is here.
            if pieces.send(Brought::Piece { from: id, piece, octets }).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The digests of all pieces, as a peer has them.
pub(super) async fn pieces(
    (peer, sha512): (Peer, Sha512),
    streams: &BlobStreams,
    wanted: &Wanted,
) -> Result<PieceDigests, String> {
    let count = wanted.bytes.div_ceil(PIECE_BYTES);
    let request = BlobRequest { sha512, ask: BlobAsk::Pieces };
    let mut stream = open(streams, peer, &request, wanted).await.map_err(Fault::reason)?;
    let mut octets = vec![0; 32 * count as usize];
    let patience = LIST_PATIENCE + Duration::from_secs(32 * count / LIST_BYTES_PER_SECOND);
    timeout(patience, fill(&mut octets, &mut stream, &Rate::new(None)))
        .await
        .map_err(|_| "it is too slow with its list of pieces".to_owned())??;
    PieceDigests::from_octets(&octets).ok_or_else(|| "it sent no list of pieces".to_owned())
}

async fn open(
    streams: &BlobStreams,
    peer: Peer,
    request: &BlobRequest,
    wanted: &Wanted,
) -> Result<BlobStream, Fault> {
    let opened = timeout(STALL, streams.open(peer)).await;
    let mut stream = opened
        .map_err(|_| Fault::Now("it did not open a stream in time".to_owned()))?
        .map_err(|error| Fault::Now(error.to_string()))?;
    write_header(&mut stream, &encode(request)).await.map_err(Fault::Now)?;
    let reply = read_header(&mut stream).await.map_err(Fault::Now)?;
    match decode(&reply).map_err(|error| Fault::Never(error.to_string()))? {
        BlobReply::Found { bytes } if bytes == wanted.bytes => Ok(stream),
        BlobReply::Found { bytes } => {
            Err(Fault::Never(format!("it has {bytes} bytes under that name")))
        }
        BlobReply::NotFound => Err(Fault::Never("it does not hold the image any more".to_owned())),
        BlobReply::Busy => Err(Fault::Now("it serves too many others".to_owned())),
        BlobReply::Refused { text } => Err(Fault::Never(format!("it refused: {text}"))),
    }
}

/// Reads as many bytes as there is room for.
async fn fill(room: &mut [u8], stream: &mut BlobStream, rate: &Rate) -> Result<(), String> {
    let mut filled = 0;
    while filled < room.len() {
        let read = timeout(STALL, stream.read(&mut room[filled..])).await;
        match read.map_err(|_| "it stopped sending".to_owned())? {
            Ok(0) => return Err("it closed the stream too early".to_owned()),
            Ok(bytes) => {
                filled += bytes;
                rate.pay(bytes).await;
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}
