//! Fetching a blob from all its providers at once.
//!
//! One task for each provider asks the shared schedule what to bring next; a thread of
//! its own ([`keeper`]) takes what they bring, checks it and puts it on the disk. What
//! belongs to a wrong blob is traced to who sent it ([`sources`]).

mod buffers;
mod header;
mod keeper;
mod location;
mod peer;
mod rate;
mod round;
mod shared;
mod sources;
#[cfg(test)]
mod tests;

pub(super) use buffers::Buffers;
pub(super) use header::{read_header, write_header};
pub(super) use rate::Rate;

use std::sync::Arc;

use tokio::sync::mpsc;

use self::round::{Round, run_round};
use self::sources::Sources;
use super::live::Live;
use crate::blobs::{BlobError, Blobs, Expected, Finished, Incoming};
use crate::engine::{FetchOutcome, Wanted};
use crate::fetch::Client;
use crate::model::{Peer, Sha512};
use crate::net::BlobStreams;

/// Locations of a manifest that are tried: anyone can write many.
const MAX_LOCATIONS: usize = 8;

/// What one transfer needs.
pub(super) struct Transfer {
    pub(super) blobs: Blobs,
    pub(super) streams: BlobStreams,
    pub(super) live: Live,
    pub(super) client: Client,
    pub(super) rate: Rate,
    pub(super) buffers: Buffers,
    pub(super) wanted: Arc<Wanted>,
    /// Peers that hold it, as they become known.
    pub(super) holders: mpsc::UnboundedReceiver<(Peer, Sha512)>,
}

impl Transfer {
    /// Fetches what is missing, verifies all of it, and says how that went.
    pub(super) async fn run(mut self) -> FetchOutcome {
        let mut sources = Sources::default();
        let outcome = self.fetch(&mut sources).await;
        self.live.end_transfer(&self.wanted.identifier);
        let blamed = sources.blamed();
        match outcome {
            Ok(true) => FetchOutcome::Complete { shares: sources.shares(), blamed },
            Ok(false) => FetchOutcome::Starved { failures: sources.failures(), blamed },
            Err(error) => FetchOutcome::Failed { reason: error.to_string(), blamed },
        }
    }

    /// True when the blob is in the store, false when nobody is left to bring it.
    async fn fetch(&mut self, sources: &mut Sources) -> Result<bool, BlobError> {
        for url in self.wanted.locations.iter().take(MAX_LOCATIONS) {
            sources.add_url(url.clone());
        }
        let expected =
            Expected { bytes: self.wanted.bytes, checksums: self.wanted.checksums.clone() };
        let blobs = self.blobs.clone();
        let mut incoming = blocking(move || Incoming::begin(&blobs, expected)).await?;
        sources.pieces(incoming.here().len());
        loop {
            match run_round(self, Box::new(incoming), sources).await {
                Round::Failed(error) => return Err(error),
                Round::Starved(left) if sources.try_another() => {
                    incoming = sources.keep_of_trial(left).await?;
                }
                Round::Starved(left) => {
                    blocking(move || left.pause()).await?;
                    return Ok(false);
                }
                Round::Complete(whole) => match blocking(move || whole.finish()).await? {
                    Finished::Placed(blob) => {
                        sources.convict(&self.blobs, &blob).await?;
                        return Ok(true);
                    }
                    Finished::Wrong(wrong, error) => {
                        let streams = &self.streams;
                        incoming = sources.trace(wrong, error, streams, &self.wanted).await?;
                    }
                },
            }
        }
    }
}

/// Runs something that waits for the disk where it blocks nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(died(&error)))
}

fn died(error: &tokio::task::JoinError) -> BlobError {
    let source = std::io::Error::other(error.to_string());
    BlobError::Io { path: "the transfer's own thread".into(), source }
}
