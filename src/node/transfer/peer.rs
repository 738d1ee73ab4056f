//! A peer as a provider: runs of pieces over blob streams.

use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::header::{STALL, read_header, write_header};
use super::keeper::Brought;
use super::rate::Rate;
use super::shared::Shared;
use crate::engine::{ProviderId, Wanted};
use crate::model::{Peer, Sha256, Sha512};
use crate::net::{BlobStream, BlobStreams};
use crate::wire::{
    BlobAsk, BlobReply, BlobRequest, ByteRange, PIECE_BYTES, PieceDigests, decode, encode,
};

/// Brings what the schedule asks for, until all is here.
pub(super) async fn bring(
    id: ProviderId,
    (peer, sha512): (Peer, Sha512),
    streams: &BlobStreams,
    rate: &Rate,
    shared: &Shared,
    pieces: &mpsc::Sender<Brought>,
) -> Result<(), String> {
    shared.join(id, false);
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
            let octets = Arc::new(read(&mut stream, shared.place(piece).1, rate).await?);
            // The keeper ends first when all is here.
            if pieces.send(Brought::Piece { from: id, piece, octets }).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The digests of all pieces that the manifest signs.
pub(super) async fn signed_pieces(
    (peer, sha512): (Peer, Sha512),
    streams: &BlobStreams,
    wanted: &Wanted,
    signed: Sha256,
) -> Result<PieceDigests, String> {
    let count = wanted.bytes.div_ceil(PIECE_BYTES);
    let request = BlobRequest { sha512, ask: BlobAsk::Pieces };
    let mut stream = open(streams, peer, &request, wanted).await?;
    let octets = read(&mut stream, 32 * count, &Rate::new(None)).await?;
    let digests = PieceDigests::from_octets(&octets).filter(|found| found.digest() == signed);
    digests.ok_or_else(|| "its list of pieces is not the one that is signed".to_owned())
}

async fn open(
    streams: &BlobStreams,
    peer: Peer,
    request: &BlobRequest,
    wanted: &Wanted,
) -> Result<BlobStream, String> {
    let opened = timeout(STALL, streams.open(peer)).await;
    let mut stream = opened
        .map_err(|_| "it did not open a stream in time".to_owned())?
        .map_err(|error| error.to_string())?;
    write_header(&mut stream, &encode(request)).await?;
    let reply = read_header(&mut stream).await?;
    match decode(&reply).map_err(|error| error.to_string())? {
        BlobReply::Found { bytes } if bytes == wanted.bytes => Ok(stream),
        BlobReply::Found { bytes } => Err(format!("it has {bytes} bytes under that name")),
        BlobReply::NotFound => Err("it does not hold the image any more".to_owned()),
        BlobReply::Busy => Err("it serves too many others".to_owned()),
        BlobReply::Refused { text } => Err(format!("it refused: {text}")),
    }
}

async fn read(stream: &mut BlobStream, length: u64, rate: &Rate) -> Result<Vec<u8>, String> {
    let mut octets = Vec::with_capacity(length as usize);
    let mut limited = stream.take(length);
    while (octets.len() as u64) < length {
        let read = timeout(STALL, limited.read_buf(&mut octets)).await;
        match read.map_err(|_| "it stopped sending".to_owned())? {
            Ok(0) => return Err("it closed the stream too early".to_owned()),
            Ok(bytes) => rate.pay(bytes).await,
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(octets)
}
