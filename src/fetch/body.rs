//! Bytes as they come.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::error::{Reason, SourceError, root_cause};
use super::settings::MAX_CHUNK_BYTES;

/// The body of one answer, as the server sends it.
pub(super) struct Feed {
    pub(super) host: String,
    incoming: Incoming,
    /// What came first and was looked at already.
    start: Bytes,
    stall: Duration,
    /// Whether its end is marked.
    pub(super) framed: bool,
    found: u64,
}

impl Feed {
    pub(super) fn new(host: String, incoming: Incoming, stall: Duration, framed: bool) -> Feed {
        Feed { host, incoming, start: Bytes::new(), stall, framed, found: 0 }
    }

    /// The first bytes, fewer when it ends before; `next` gives them again.
    pub(super) async fn start(&mut self, bytes: usize) -> Result<Bytes, SourceError> {
        let mut start = BytesMut::new();
        while start.len() < bytes {
            match self.next().await? {
                Some(chunk) => start.extend_from_slice(&chunk),
                None => break,
            }
        }
        start.extend_from_slice(&self.start);
        self.start = start.freeze();
        Ok(self.start.slice(..bytes.min(self.start.len())))
    }

    /// Reads a short body to its end, which leaves the connection for the next
    /// request; a longer one than that is left alone.
    pub(super) async fn finish(mut self, bytes: u64) -> Result<(), SourceError> {
        while self.found <= bytes && self.next().await?.is_some() {}
        Ok(())
    }

    /// The next bytes, at most [`MAX_CHUNK_BYTES`].
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        while self.start.is_empty() {
            let frame = tokio::time::timeout(self.stall, self.incoming.frame()).await;
            let frame =
                frame.map_err(|_| SourceError::failed(&self.host, Reason::Stalled(self.stall)))?;
            match frame {
                None => return Ok(None),
                Some(Err(error)) => {
                    let reason = Reason::Cut { found: self.found, text: root_cause(&error) };
                    return Err(SourceError::failed(&self.host, reason));
                }
                // Trailers say nothing here.
                Some(Ok(frame)) => self.start = frame.into_data().unwrap_or_default(),
            }
            self.found += self.start.len() as u64;
        }
        let length = self.start.len().min(MAX_CHUNK_BYTES);
        Ok(Some(self.start.split_to(length)))
    }
}

/// The bytes that were asked for, exactly as many; fewer or more are an error.
/// Dropped, it closes its connection.
pub struct Body {
    flow: Flow,
    host: String,
    left: u64,
    bytes: u64,
}

enum Flow {
    Plain(Feed),
    Unpacked {
        pieces: mpsc::Receiver<Result<Piece, SourceError>>,
        _pump: JoinSet<()>,
    },
    /// All came, or an error that is told again to who asks again.
    Over(Result<(), SourceError>),
}

/// What a decompressor hands out. Its end is said: a thread that died says nothing.
pub(super) enum Piece {
    Bytes(Bytes),
    End,
}

impl Body {
    pub(super) fn plain(feed: Feed, bytes: u64) -> Body {
        let host = feed.host.clone();
        Body { flow: Flow::Plain(feed), host, left: bytes, bytes }
    }

    pub(super) fn unpacked(
        host: String,
        pieces: mpsc::Receiver<Result<Piece, SourceError>>,
        pump: JoinSet<()>,
        bytes: u64,
    ) -> Body {
        Body { flow: Flow::Unpacked { pieces, _pump: pump }, host, left: bytes, bytes }
    }

    /// The next bytes, at most [`MAX_CHUNK_BYTES`]; `None` when all have come. It
    /// may be dropped while it waits. After an error it gives that error again.
    ///
    /// # Errors
    /// When nothing comes for too long, the connection is cut, more or fewer bytes
    /// come than were asked for, or they cannot be decompressed.
    pub async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        let next = self.advance().await;
        match &next {
            Ok(Some(_)) => {}
            Ok(None) => self.flow = Flow::Over(Ok(())),
            Err(error) => self.flow = Flow::Over(Err(error.clone())),
        }
        next
    }

    async fn advance(&mut self) -> Result<Option<Bytes>, SourceError> {
        let expected = self.bytes;
        let (chunk, framed) = match &mut self.flow {
            Flow::Over(end) => return end.clone().map(|()| None),
            Flow::Plain(feed) => (feed.next().await?, feed.framed),
            Flow::Unpacked { pieces, .. } => match pieces.recv().await {
                Some(Ok(Piece::Bytes(bytes))) => (Some(bytes), true),
                Some(Ok(Piece::End)) => (None, true),
                Some(Err(error)) => return Err(error),
                None => return Err(SourceError::failed(&self.host, Reason::UnpackerStopped)),
            },
        };
        let Some(chunk) = chunk else {
            if self.left == 0 {
                return Ok(None);
            }
            let reason = Reason::TooLittle { found: expected - self.left, expected };
            // Without a mark at its end a cut connection looks like an end.
            return Err(if framed {
                SourceError::never(&self.host, reason)
            } else {
                SourceError::failed(&self.host, reason)
            });
        };
        self.left = self
            .left
            .checked_sub(chunk.len() as u64)
            .ok_or_else(|| SourceError::never(&self.host, Reason::TooMuch { expected }))?;
        Ok(Some(chunk))
    }
}
