//! How fast images go out, to peers and over HTTP together, and whose turn it is.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::transfer::Rate;
use crate::engine::Turns;
use crate::model::Peer;

/// Bytes of one turn: a hundred readers of a line of 1 MB/s have one each half minute,
/// within the time after which a peer gives up.
const TURN_BYTES: u64 = 256 * 1024;

/// Who takes images: however many streams it opens, it has one turn in each round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Taker {
    /// A peer.
    Peer(Peer),
    /// A client of HTTP.
    Client(IpAddr),
}

/// The bound on all that is served; clones share it.
#[derive(Debug, Clone)]
pub struct Serving(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    rate: Rate,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    turns: Turns<Taker, Turn>,
    /// A task lets the next one go.
    is_served: bool,
}

#[derive(Debug)]
struct Turn {
    bytes: u64,
    go: oneshot::Sender<()>,
}

/// What one reader pays with.
#[derive(Debug, Clone)]
pub struct Payer {
    serving: Serving,
    taker: Taker,
}

impl Serving {
    /// At most so many bytes each second; as many as are asked for when there is no bound.
    pub fn new(bytes_per_second: Option<u64>) -> Serving {
        let rate = Rate::new(bytes_per_second);
        Serving(Arc::new(Shared { rate, queue: Mutex::default() }))
    }

    /// A reader of this taker.
    pub fn payer(&self, taker: Taker) -> Payer {
        Payer { serving: self.clone(), taker }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        // Nothing panics while it is held.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next turn; none ends whoever lets them go.
    fn next(&self) -> Option<Turn> {
        let mut queue = self.lock();
        let turn = queue.turns.next();
        queue.is_served = turn.is_some();
        turn.map(|(_, turn)| turn)
    }

    /// Lets one after the other go, as fast as the bound allows.
    async fn serve(self) {
        while let Some(Turn { bytes, go }) = self.next() {
            if go.is_closed() {
                continue;
            }
            // At most TURN_BYTES.
            self.0.rate.pay(bytes as usize).await;
            let _ = go.send(());
        }
    }
}

impl Payer {
    /// How much of so many bytes is sent in one go: a turn, where there is a bound.
    pub fn portion(&self, most: u64) -> u64 {
        if self.serving.0.rate.is_bounded() { most.min(TURN_BYTES) } else { most }
    }

    /// Waits until this reader may send so many bytes, which are a portion.
    pub async fn pay(&self, bytes: u64) {
        if !self.serving.0.rate.is_bounded() {
            return;
        }
        let (go, gone) = oneshot::channel();
        let is_served = {
            let mut queue = self.serving.lock();
            queue.turns.push(self.taker, Turn { bytes, go });
            std::mem::replace(&mut queue.is_served, true)
        };
        if !is_served {
            tokio::spawn(self.serving.clone().serve());
        }
        // It ends only with the process.
        let _ = gone.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u8) -> Taker {
        Taker::Peer(Peer::from_key([number; 32]))
    }

    fn client(number: u8) -> Taker {
        Taker::Client([127, 0, 0, number].into())
    }

    /// Nobody is woken before all of them wait: there is one thread.
    #[tokio::test]
    async fn peers_and_clients_take_turns_however_many_streams_they_open() {
        let serving = Serving::new(Some(100 * TURN_BYTES));
        let order = Arc::new(Mutex::new(Vec::new()));
        let takers = [peer(1), peer(1), peer(1), client(1), client(1), peer(2)];
        let readers = takers.map(|taker| {
            let (payer, order) = (serving.payer(taker), Arc::clone(&order));
            async move {
                payer.pay(payer.portion(u64::MAX)).await;
                order.lock().unwrap().push(taker);
            }
        });
        futures::future::join_all(readers).await;
        let wanted = [peer(1), client(1), peer(2), peer(1), client(1), peer(1)];
        assert_eq!(*order.lock().unwrap(), wanted);
        // Whoever served has ended; the next reader starts another.
        serving.payer(peer(3)).pay(1).await;
    }

    #[tokio::test]
    async fn who_left_holds_up_nobody() {
        // A turn of the first would take days.
        let serving = Serving::new(Some(1));
        let (first, second) = (serving.payer(peer(1)), serving.payer(peer(2)));
        let left = async {
            let gone = first.pay(TURN_BYTES);
            futures::pin_mut!(gone);
            assert!(futures::poll!(&mut gone).is_pending());
        };
        left.await;
        second.pay(0).await;
    }

    #[tokio::test]
    async fn without_a_bound_nobody_waits() {
        let payer = Serving::new(None).payer(peer(1));
        assert_eq!(payer.portion(u64::MAX), u64::MAX);
        let paid = payer.pay(u64::MAX);
        futures::pin_mut!(paid);
        assert!(futures::poll!(&mut paid).is_ready());
        assert_eq!(Serving::new(Some(1)).payer(peer(1)).portion(u64::MAX), TURN_BYTES);
    }
}
