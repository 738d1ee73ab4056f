//! Patience with clients that take what they asked for slowly.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long a client is still waited for. Waiting uses it up; every byte that is taken
/// gives some back. Whoever takes bytes at the slowest rate or faster, never loses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Patience {
    /// The most there is.
    full: Duration,
    left: Duration,
    /// Bytes in a second.
    slowest: u64,
}

impl Patience {
    fn new(full: Duration, slowest: u64) -> Patience {
        Patience { full, left: full, slowest }
    }

    /// After `waited`, so many bytes were taken.
    fn taken(&mut self, bytes: usize, waited: Duration) {
        let allowed = Duration::from_secs_f64(bytes as f64 / self.slowest.max(1) as f64);
        let left = self.left.saturating_sub(waited).saturating_add(allowed);
        self.left = left.min(self.full);
    }
}

/// A connection that breaks when its client takes too little. Only the time counts in
/// which the client could take something: not that in which nothing was there for it.
#[derive(Debug)]
pub(super) struct Paced<S> {
    stream: S,
    patience: Patience,
    /// Since when the client takes nothing.
    waiting: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

impl<S> Paced<S> {
    /// A client that takes nothing for this long goes, and one that takes less than
    /// `slowest` bytes a second goes later.
    pub(super) fn new(stream: S, stalled: Duration, slowest: u64) -> Paced<S> {
        let (patience, timer) = (Patience::new(stalled, slowest), Box::pin(sleep(stalled)));
        Paced { stream, patience, waiting: None, timer }
    }

    fn note(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(written) = written else {
            if self.waiting.is_none() {
                let now = Instant::now();
                self.waiting = Some(now);
                self.timer.as_mut().reset(now + self.patience.left);
            }
            // A timer is no finer than a millisecond, and many waits may be shorter.
            if !self.patience.left.is_zero() {
                ready!(self.timer.as_mut().poll(context));
            }
            let error = io::Error::new(io::ErrorKind::TimedOut, "the client takes too little");
            return Poll::Ready(Err(error));
        };
        let waited = self.waiting.take().map_or(Duration::ZERO, |since| since.elapsed());
        self.patience.taken(*written.as_ref().unwrap_or(&0), waited);
        Poll::Ready(written)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, octets);
        self.note(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, octets);
        self.note(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_is_fast_enough_is_waited_for_for_ever_and_who_is_not_only_for_some_time() {
        let mut patience = Patience::new(60 * SECOND, 1000);
        for _ in 0..10_000 {
            patience.taken(30_000, 30 * SECOND);
        }
        assert_eq!(patience.left, 60 * SECOND);
        // Half as fast: half a second of each is lost.
        for _ in 0..100 {
            patience.taken(500, SECOND);
        }
        assert_eq!(patience.left, 10 * SECOND);
        for _ in 0..20 {
            patience.taken(500, SECOND);
        }
        assert!(patience.left <= SECOND, "{patience:?}");
    }

    #[test]
    fn patience_grows_again_but_not_without_end() {
        let mut patience = Patience::new(60 * SECOND, 1000);
        patience.taken(0, 50 * SECOND);
        assert_eq!(patience.left, 10 * SECOND);
        patience.taken(20_000, Duration::ZERO);
        assert_eq!(patience.left, 30 * SECOND);
        patience.taken(usize::MAX, Duration::ZERO);
        assert_eq!(patience.left, 60 * SECOND);
    }
}
