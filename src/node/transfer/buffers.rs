//! The memory of transfers: a bounded number of pieces, used again and again, so that
//! neither many providers nor a slow disk can take more.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::round::MAX_AT_ONCE;
use crate::wire::PIECE_BYTES;

/// Pieces of 4 MiB of one transfer: one that each provider fills, and four between them,
/// the disk and the hashing threads.
const MAX_OF_TRANSFER: usize = MAX_AT_ONCE + 4;

/// Pieces of all transfers: 96 MiB, also when many go on at once.
const MAX_OF_ALL: usize = 24;

/// Gives out memory for pieces; clones share it.
#[derive(Clone)]
pub(in crate::node) struct Buffers {
    all: Arc<Semaphore>,
    own: Arc<Semaphore>,
    unused: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// Memory for one piece. It can be used again when this, and all that was made of it,
/// is dropped.
pub(super) struct Buffer {
    octets: Vec<u8>,
    filled: usize,
    home: Buffers,
    _places: [OwnedSemaphorePermit; 2],
}

impl Buffers {
    pub(in crate::node) fn new() -> Buffers {
        let semaphore = |places| Arc::new(Semaphore::new(places));
        let (all, own) = (semaphore(MAX_OF_ALL), semaphore(MAX_OF_TRANSFER));
        Buffers { all, own, unused: Arc::default() }
    }

    /// The same memory for another transfer.
    pub(super) fn for_transfer(&self) -> Buffers {
        Buffers { own: Arc::new(Semaphore::new(MAX_OF_TRANSFER)), ..self.clone() }
    }

    /// Memory for a piece, as soon as there is some.
    pub(super) async fn take(&self) -> Buffer {
        let places = [place(&self.own).await, place(&self.all).await];
        let octets = self.unused.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let octets = octets.unwrap_or_else(|| vec![0; PIECE_BYTES as usize]);
        Buffer { octets, filled: 0, home: self.clone(), _places: places }
    }
}

#[expect(clippy::expect_used)]
async fn place(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(semaphore).acquire_owned().await.expect("nobody closes the semaphore")
}

impl Buffer {
    /// Where the next bytes of a piece of this length belong; empty when it is whole.
    pub(super) fn rest(&mut self, length: u64) -> &mut [u8] {
        let end = usize::try_from(length).unwrap_or(usize::MAX).min(self.octets.len());
        &mut self.octets[self.filled.min(end)..end]
    }

    /// So many bytes were put where they belong.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.filled = (self.filled + bytes).min(self.octets.len());
    }

    /// What was put in.
    pub(super) fn into_octets(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.octets[..self.filled]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let octets = std::mem::take(&mut self.octets);
        let mut unused = self.home.unused.lock().unwrap_or_else(PoisonError::into_inner);
        unused.push(octets);
        if self.home.all.available_permits() + 1 == MAX_OF_ALL {
            // The last one: an idle node needs none.
            unused.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn all_there_are(buffers: &Buffers) -> Vec<Buffer> {
        std::iter::from_fn(|| buffers.take().now_or_never()).collect()
    }

    #[test]
    fn memory_is_bounded_for_each_transfer_and_for_all() {
        let all = Buffers::new();
        let transfers = [all.for_transfer(), all.for_transfer(), all.for_transfer()];
        let taken: Vec<Vec<Buffer>> = transfers.iter().map(all_there_are).collect();
        let counts: Vec<usize> = taken.iter().map(Vec::len).collect();
        assert_eq!(counts, [MAX_OF_TRANSFER, MAX_OF_TRANSFER, MAX_OF_ALL - 2 * MAX_OF_TRANSFER]);
        drop(taken);
        assert_eq!(all_there_are(&transfers[2]).len(), MAX_OF_TRANSFER);
        assert!(all.unused.lock().unwrap().is_empty(), "nothing is kept when nobody fetches");
    }

    #[test]
    fn memory_is_used_again_when_nobody_reads_it_any_more() {
        let buffers = Buffers::new();
        let mut taken = all_there_are(&buffers);
        let mut buffer = taken.pop().unwrap();
        buffer.rest(5).copy_from_slice(b"piece");
        buffer.advance(5);
        assert!(buffer.rest(5).is_empty());
        let octets = buffer.into_octets();
        let shared = octets.clone();
        assert_eq!(shared, b"piece"[..]);
        drop(octets);
        assert!(buffers.take().now_or_never().is_none(), "somebody still reads it");
        drop(shared);
        let mut again = buffers.take().now_or_never().unwrap();
        assert!(again.as_ref().is_empty());
        assert_eq!(again.rest(u64::MAX).len(), PIECE_BYTES as usize);
        assert_eq!(again.rest(u64::MAX)[..5], b"piece"[..], "not made anew");
    }
}
