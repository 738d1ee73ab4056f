//! A location of the manifest as a provider.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::buffers::Buffer;
use super::keeper::Brought;
use super::rate::Rate;
use super::shared::Shared;
use crate::engine::ProviderId;
use crate::fetch::{Access, Body, Client, Source, SourceError};
use crate::wire::PIECE_BYTES;

/// Attempts that bring nothing before a location is given up: a server that restarts is
/// back by then.
const ATTEMPTS: u32 = 4;

/// Before the second attempt; the next ones wait twice as long each.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// Why an attempt ended.
enum Fault {
    Source(SourceError),
    /// All is here.
    Done,
}

impl From<SourceError> for Fault {
    fn from(error: SourceError) -> Fault {
        Fault::Source(error)
    }
}

/// Brings what the schedule asks for, until all is here.
pub(super) async fn bring(
    id: ProviderId,
    url: &str,
    client: &Client,
    rate: &Rate,
    shared: &Shared,
    pieces: &mpsc::Sender<Brought>,
) -> Result<(), String> {
    let mut wait = FIRST_WAIT;
    let mut attempts = 0;
    loop {
        let mut brought = false;
        let one = Attempt { id, rate, shared, pieces };
        let pause = match one.run(url, client, &mut brought).await {
            Ok(()) | Err(Fault::Done) => return Ok(()),
            Err(Fault::Source(error)) => {
                if brought {
                    (attempts, wait) = (0, FIRST_WAIT);
                }
                attempts += 1;
                match error {
                    SourceError::Never { .. } => return Err(error.to_string()),
                    _ if attempts >= ATTEMPTS => return Err(error.to_string()),
                    SourceError::Busy { wait, .. } => wait,
                    SourceError::Changed { .. } | SourceError::Failed { .. } => wait,
                }
            }
        };
        // Others bring what it was asked for.
        shared.leave(id);
        tokio::time::sleep(pause).await;
        wait *= 2;
    }
}

struct Attempt<'a> {
    id: ProviderId,
    rate: &'a Rate,
    shared: &'a Shared,
    pieces: &'a mpsc::Sender<Brought>,
}

impl Attempt<'_> {
    async fn run(&self, url: &str, client: &Client, brought: &mut bool) -> Result<(), Fault> {
        let source = client.open(url, self.shared.wanted.bytes).await?;
        let in_order = source.access() == Access::Sequential;
        self.shared.join(self.id, in_order);
        match in_order {
            true => self.all_of_it(&source, brought).await,
            false => self.by_ranges(&source, brought).await,
        }
    }

    async fn by_ranges(&self, source: &Source, brought: &mut bool) -> Result<(), Fault> {
        while let Some(run) = self.shared.next(self.id).await {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let (begin, _) = self.shared.place(*first);
            let (start, length) = self.shared.place(*last);
            let mut reader = Reader::new(source.read(begin..start + length).await?, self.rate);
            for piece in run {
                if !self.shared.still_wants(piece) {
                    self.shared.give_back(self.id);
                    break;
                }
                let buffer = self.shared.buffer().await;
                let octets = reader.read(self.shared.place(piece).1, buffer).await?;
                self.hand_over(piece, octets).await?;
                *brought = true;
            }
        }
        Ok(())
    }

    /// Reads everything, and keeps what nobody else has brought.
    async fn all_of_it(&self, source: &Source, brought: &mut bool) -> Result<(), Fault> {
        let mut reader = Reader::new(source.read_all().await?, self.rate);
        let count = self.shared.wanted.bytes.div_ceil(PIECE_BYTES) as u32;
        for piece in 0..count {
            if self.shared.is_complete() {
                return Ok(());
            }
            let is_wanted = self.shared.reach(self.id, piece);
            let buffer = self.shared.buffer().await;
            let octets = reader.read(self.shared.place(piece).1, buffer).await?;
            if is_wanted {
                self.hand_over(piece, octets).await?;
                *brought = true;
            }
        }
        // What others were faster with is theirs; the rest is on its way to the disk.
        Ok(())
    }

    async fn hand_over(&self, piece: u32, octets: Bytes) -> Result<(), Fault> {
        let brought = Brought::Piece { from: self.id, piece, octets };
        // The keeper ends first when all is here.
        self.pieces.send(brought).await.map_err(|_| Fault::Done)
    }
}

/// Reads a body piece by piece.
struct Reader<'a> {
    body: Body,
    rate: &'a Rate,
    /// What came with the piece before.
    rest: Bytes,
}

impl Reader<'_> {
    fn new(body: Body, rate: &Rate) -> Reader<'_> {
        Reader { body, rate, rest: Bytes::new() }
    }

    /// The next bytes: fewer only when the body says that this is all, which the source
    /// has compared with what it should be.
    async fn read(&mut self, length: u64, mut buffer: Buffer) -> Result<Bytes, SourceError> {
        while !buffer.rest(length).is_empty() {
            if self.rest.is_empty() {
                let Some(chunk) = self.body.next().await? else { break };
                self.rate.pay(chunk.len()).await;
                self.rest = chunk;
            }
            let room = buffer.rest(length);
            let wanted = room.len().min(self.rest.len());
            room[..wanted].copy_from_slice(&self.rest.split_to(wanted));
            buffer.advance(wanted);
        }
        Ok(buffer.into_octets())
    }
}
