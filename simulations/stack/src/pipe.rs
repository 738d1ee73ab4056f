//! One direction of a link: bytes that arrive later, in order, with backpressure.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

/// Bytes under way in one direction before the writer has to wait: what a system's
/// two socket buffers hold.
const MAX_UNDER_WAY: usize = 256 * 1024;

/// How one direction carries bytes.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// From the writer to the reader.
    pub latency: Duration,
    /// Bytes a second; none when nothing but the latency counts.
    pub bandwidth: Option<u64>,
}

/// One direction of a link.
#[derive(Debug)]
pub struct Flow {
    line: Line,
    /// What is under way, with the time at which it arrives.
    chunks: VecDeque<(Instant, Vec<u8>)>,
    /// Bytes of the first chunk that were read.
    read: usize,
    under_way: usize,
    /// When the line has sent what it was given.
    line_free: Instant,
    end: Option<End>,
    /// Nothing arrives, while nobody is told.
    stalled: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Bytes that the reading site received, over all its links.
    received: Arc<AtomicU64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The writer has closed; the reader sees it at this time.
    Closed(Instant),
    /// The link is gone, with what was under way.
    Broken,
}

/// Two people look at a flow: whoever writes and whoever reads.
type Shared = Arc<Mutex<Flow>>;

fn lock(flow: &Mutex<Flow>) -> MutexGuard<'_, Flow> {
    flow.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Flow {
    fn new(line: Line, received: Arc<AtomicU64>) -> Shared {
        Arc::new(Mutex::new(Flow {
            line,
            chunks: VecDeque::new(),
            read: 0,
            under_way: 0,
            line_free: Instant::now(),
            end: None,
            stalled: false,
            reader: None,
            writer: None,
            received,
        }))
    }

    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }

    fn write(&mut self, octets: &[u8], context: &Context<'_>) -> Poll<io::Result<usize>> {
        match self.end {
            Some(End::Broken) => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Some(End::Closed(_)) => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            None => {}
        }
        let room = MAX_UNDER_WAY.saturating_sub(self.under_way).min(octets.len());
        if room == 0 && !octets.is_empty() {
            self.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        let sending = self.line.bandwidth.map_or(Duration::ZERO, |bandwidth| {
            Duration::from_secs_f64(room as f64 / bandwidth.max(1) as f64)
        });
        self.line_free = self.line_free.max(Instant::now()) + sending;
        self.chunks.push_back((self.line_free + self.line.latency, octets[..room].to_vec()));
        self.under_way += room;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(room))
    }

    /// What can be read now; `Err` names the time from which there is more.
    fn take(&mut self, buffer: &mut [u8]) -> Result<io::Result<usize>, Option<Instant>> {
        if self.end == Some(End::Broken) {
            return Ok(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if self.stalled {
            return Err(None);
        }
        let now = Instant::now();
        let Some((due, chunk)) = self.chunks.front() else {
            return match self.end {
                Some(End::Closed(due)) if due <= now => Ok(Ok(0)),
                Some(End::Closed(due)) => Err(Some(due)),
                _ => Err(None),
            };
        };
        if *due > now {
            return Err(Some(*due));
        }
        let octets = &chunk[self.read..];
        let count = octets.len().min(buffer.len());
        buffer[..count].copy_from_slice(&octets[..count]);
        self.read += count;
        if self.read == chunk.len() {
            self.chunks.pop_front();
            self.read = 0;
        }
        self.under_way -= count;
        self.received.fetch_add(count as u64, Ordering::Relaxed);
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
        Ok(Ok(count))
    }

    fn close(&mut self) {
        if self.end.is_none() {
            let due = self.line_free.max(Instant::now()) + self.line.latency;
            self.end = Some(End::Closed(due));
            self.wake();
        }
    }

    fn break_off(&mut self) {
        self.end = Some(End::Broken);
        self.chunks.clear();
        self.wake();
    }
}

/// One end of a link: what libp2p takes for a TCP connection.
#[derive(Debug)]
pub struct Endpoint {
    incoming: Shared,
    outgoing: Shared,
    /// Until the next bytes arrive.
    arrival: Pin<Box<Sleep>>,
}

/// Both directions of a link between two ends, for as long as they are there.
#[derive(Debug, Clone)]
pub struct Link {
    there: Weak<Mutex<Flow>>,
    back: Weak<Mutex<Flow>>,
}

/// A link: its first end, its second end, and a handle for faults. What arrives at
/// either end is counted.
pub fn link(line: Line, received: [Arc<AtomicU64>; 2]) -> (Endpoint, Endpoint, Link) {
    let [by_first, by_second] = received;
    let (there, back) = (Flow::new(line, by_second), Flow::new(line, by_first));
    let handle = Link { there: Arc::downgrade(&there), back: Arc::downgrade(&back) };
    let end = |incoming: &Shared, outgoing: &Shared| Endpoint {
        incoming: Arc::clone(incoming),
        outgoing: Arc::clone(outgoing),
        arrival: Box::pin(sleep_until(Instant::now())),
    };
    (end(&back, &there), end(&there, &back), handle)
}

impl Link {
    /// False when both ends are gone.
    pub fn is_there(&self) -> bool {
        self.there.strong_count() > 0
    }

    /// Cuts the link; both ends are told.
    pub fn break_off(&self) {
        for flow in [&self.there, &self.back].into_iter().filter_map(Weak::upgrade) {
            lock(&flow).break_off();
        }
    }

    /// Stops or lets go on what flows from the first end to the second, and back.
    /// Nobody is told, and nothing that was sent is lost: the sender sends it again.
    pub fn stall(&self, there: bool, back: bool) {
        for (flow, stalled) in [(&self.there, there), (&self.back, back)] {
            if let Some(flow) = flow.upgrade() {
                let mut flow = lock(&flow);
                flow.stalled = stalled;
                flow.wake();
            }
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        lock(&self.outgoing).close();
        // Nobody reads any more what the other end may still write.
        lock(&self.incoming).break_off();
    }
}

impl AsyncRead for Endpoint {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let due = {
            let mut flow = lock(&self.incoming);
            match flow.take(buffer) {
                Ok(outcome) => return Poll::Ready(outcome),
                Err(due) => {
                    flow.reader = Some(context.waker().clone());
                    due
                }
            }
        };
        if let Some(due) = due {
            if self.arrival.deadline() != due {
                self.arrival.as_mut().reset(due);
            }
            if self.arrival.as_mut().poll(context).is_ready() {
                context.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }
}

impl AsyncWrite for Endpoint {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        lock(&self.outgoing).write(octets, context)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.outgoing).close();
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use futures::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::in_virtual_time;

    const LATENCY: Duration = Duration::from_millis(50);

    fn ends(bandwidth: Option<u64>) -> (Endpoint, Endpoint, Link) {
        link(Line { latency: LATENCY, bandwidth }, Default::default())
    }

    async fn read(endpoint: &mut Endpoint, bytes: usize) -> io::Result<Vec<u8>> {
        let mut octets = vec![0; bytes];
        endpoint.read_exact(&mut octets).await.map(|()| octets)
    }

    #[test]
    fn bytes_arrive_in_order_after_the_latency() {
        in_virtual_time(async {
            let start = Instant::now();
            let (mut a, mut b, _) = ends(None);
            a.write_all(b"one").await.unwrap();
            a.write_all(b"two").await.unwrap();
            assert_eq!(read(&mut b, 6).await.unwrap(), b"onetwo");
            assert_eq!(start.elapsed(), LATENCY);
        });
    }

    #[test]
    fn a_narrow_line_takes_its_time() {
        in_virtual_time(async {
            let start = Instant::now();
            let (mut a, mut b, _) = ends(Some(1000));
            a.write_all(&[1; 2000]).await.unwrap();
            read(&mut b, 2000).await.unwrap();
            assert_eq!(start.elapsed(), LATENCY + Duration::from_secs(2));
        });
    }

    #[test]
    fn who_writes_faster_than_the_other_reads_waits() {
        in_virtual_time(async {
            let (mut a, mut b, _) = ends(None);
            a.write_all(&[1; MAX_UNDER_WAY]).await.unwrap();
            let more = async { a.write_all(&[2]).await };
            let waits = tokio::time::timeout(LATENCY * 10, more).await;
            assert!(waits.is_err());
            read(&mut b, 1).await.unwrap();
            a.write_all(&[2]).await.unwrap();
        });
    }

    #[test]
    fn a_closed_link_ends_after_its_last_bytes() {
        in_virtual_time(async {
            let (mut a, mut b, _) = ends(None);
            a.write_all(b"last").await.unwrap();
            drop(a);
            let mut octets = Vec::new();
            b.read_to_end(&mut octets).await.unwrap();
            assert_eq!(octets, b"last");
            assert!(b.write_all(b"nobody").await.is_err());
        });
    }

    #[test]
    fn a_broken_link_loses_what_is_under_way_and_tells_both_ends() {
        in_virtual_time(async {
            let (mut a, mut b, link) = ends(None);
            a.write_all(b"lost").await.unwrap();
            link.break_off();
            assert_eq!(read(&mut b, 4).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
            assert!(a.write_all(b"more").await.is_err());
        });
    }

    #[test]
    fn a_stalled_direction_waits_and_the_other_goes_on() {
        in_virtual_time(async {
            let start = Instant::now();
            let (mut a, mut b, link) = ends(None);
            link.stall(true, false);
            a.write_all(b"later").await.unwrap();
            b.write_all(b"now").await.unwrap();
            assert_eq!(read(&mut a, 3).await.unwrap(), b"now");
            assert_eq!(start.elapsed(), LATENCY);
            tokio::time::sleep(LATENCY * 100).await;
            link.stall(false, false);
            assert_eq!(read(&mut b, 5).await.unwrap(), b"later");
            assert_eq!(start.elapsed(), LATENCY * 101);
        });
    }
}
