//! How often a client may ask for what costs more than an answer: an upload costs the check
//! of a signature, and who holds an image is asked of many peers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::client::network;

/// What one of them uses up of its client's time: one a second, for as long as it likes.
const COST: Duration = Duration::from_secs(1);

/// How far a client may be ahead: a script that brings a whole archive may send a hundred
/// at once.
const AHEAD: Duration = Duration::from_secs(100);

/// Clients that are watched. When they are more, a new one waits.
const MAX_CLIENTS: usize = 4096;

/// What all clients have asked for.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<BTreeMap<IpAddr, Instant>>);

impl Rates {
    /// Counts one of a client.
    ///
    /// # Errors
    /// How long it has to wait first.
    pub(super) fn pay(&self, client: IpAddr, now: Instant) -> Result<(), Duration> {
        let client = network(client);
        // Nothing panics while it is held.
        let mut paid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if paid.len() >= MAX_CLIENTS && !paid.contains_key(&client) {
            paid.retain(|_, paid| *paid > now);
            if paid.len() >= MAX_CLIENTS {
                return Err(COST);
            }
        }
        let before = paid.get(&client).map_or(now, |paid| now.max(*paid));
        let after = before + COST;
        if after > now + AHEAD {
            return Err(after - (now + AHEAD));
        }
        paid.insert(client, after);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn burst(rates: &Rates, client: &str, now: Instant) -> usize {
        (0..1000).take_while(|_| rates.pay(client.parse().unwrap(), now).is_ok()).count()
    }

    #[test]
    fn a_burst_and_then_one_a_second_for_each_client() {
        let (rates, now) = (Rates::default(), Instant::now());
        assert_eq!(burst(&rates, "192.0.2.1", now), 100);
        assert_eq!(rates.pay("192.0.2.1".parse().unwrap(), now), Err(COST));
        assert_eq!(burst(&rates, "192.0.2.2", now), 100);
        assert_eq!(burst(&rates, "2001:db8::1", now), 100);
        assert_eq!(burst(&rates, "2001:db8::2", now), 0, "the same network");
        assert_eq!(burst(&rates, "::ffff:192.0.2.1", now), 0, "the same client");
        assert_eq!(burst(&rates, "192.0.2.1", now + 3 * COST), 3);
        assert_eq!(burst(&rates, "192.0.2.1", now + 1000 * COST), 100);
    }

    #[test]
    fn clients_that_are_watched_are_bounded() {
        let (rates, now) = (Rates::default(), Instant::now());
        let client = |n: usize| IpAddr::from((n as u32).to_be_bytes());
        for n in 0..MAX_CLIENTS {
            rates.pay(client(n), now).unwrap();
        }
        rates.pay(client(MAX_CLIENTS), now).unwrap_err();
        rates.pay(client(1), now).unwrap();
        rates.pay(client(MAX_CLIENTS), now + 10 * COST).unwrap();
        assert_eq!(rates.0.lock().unwrap().len(), 1);
    }
}
