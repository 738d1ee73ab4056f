//! The thread that takes pieces, checks them and puts them on the disk.

use std::sync::Arc;

use tokio::sync::mpsc::{Receiver, UnboundedSender};

use super::shared::Shared;
use crate::blobs::{BlobError, Incoming};
use crate::engine::ProviderId;

/// A piece that a provider brought.
pub(super) struct Brought {
    pub(super) from: ProviderId,
    pub(super) piece: u32,
    pub(super) octets: Arc<Vec<u8>>,
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
        let Some(Brought { from, piece, octets }) = pieces.blocking_recv() else { break };
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
