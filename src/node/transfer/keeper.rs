//! The thread that takes pieces, checks them and puts them on the disk.

use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, UnboundedSender};

use super::shared::Shared;
use crate::blobs::{BlobError, Incoming};
use crate::engine::ProviderId;
use crate::wire::PieceDigests;

/// What a provider brought.
pub(super) enum Brought {
    /// A piece.
    Piece { from: ProviderId, piece: u32, octets: Bytes },
    /// The digests that the manifest signs.
    Digests(PieceDigests),
}

/// What became of it.
pub(super) enum Kept {
    /// It is on the disk.
    Piece { from: ProviderId, piece: u32, length: u64 },
    /// It is not what the manifest signs.
    Wrong { from: ProviderId, piece: u32 },
}

/// Takes pieces until all are here, or until nobody brings any more.
pub(super) fn run(
    mut incoming: Box<Incoming>,
    shared: &Shared,
    mut pieces: Receiver<Brought>,
    verdicts: &UnboundedSender<Kept>,
) -> Result<Box<Incoming>, BlobError> {
    while !shared.is_complete() {
        let (from, piece, octets) = match pieces.blocking_recv() {
            Some(Brought::Piece { from, piece, octets }) => (from, piece, octets),
            Some(Brought::Digests(digests)) => {
                incoming.check_by(digests);
                continue;
            }
            None => break,
        };
        if !shared.still_wants(piece) {
            continue;
        }
        let verdict = match incoming.take(piece, &octets)? {
            true => {
                shared.arrived(from, piece);
                Kept::Piece { from, piece, length: octets.len() as u64 }
            }
            false => {
                shared.leave(from);
                Kept::Wrong { from, piece }
            }
        };
        // The round is over when nobody listens.
        if verdicts.send(verdict).is_err() {
            break;
        }
    }
    Ok(incoming)
}
