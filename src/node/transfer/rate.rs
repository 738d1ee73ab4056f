//! How fast images may come, or go, all of them together.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What was not used of so long may be used later: who is woken a little late, or sends
/// while the next bytes could be paid for, loses nothing by it.
const SAVED: Duration = Duration::from_millis(100);

/// A bound on the bytes of each second; clones share it.
#[derive(Debug, Clone)]
pub(in crate::node) struct Rate {
    bytes_per_second: Option<u64>,
    /// Until then all that came is paid for.
    paid_until: Arc<Mutex<Instant>>,
}

impl Rate {
    /// At most so many bytes each second; as many as come when there is no bound.
    pub(in crate::node) fn new(bytes_per_second: Option<u64>) -> Rate {
        let bytes_per_second = bytes_per_second.filter(|bytes| *bytes > 0);
        Rate { bytes_per_second, paid_until: Arc::new(Mutex::new(Instant::now())) }
    }

    /// False when nobody ever waits.
    pub(in crate::node) fn is_bounded(&self) -> bool {
        self.bytes_per_second.is_some()
    }

    /// Waits until these bytes are within the bound.
    pub(in crate::node) async fn pay(&self, bytes: usize) {
        if let Some(due) = self.due(bytes, Instant::now()) {
            tokio::time::sleep_until(due).await;
        }
    }

    /// When bytes that came now are within the bound.
    fn due(&self, bytes: usize, now: Instant) -> Option<Instant> {
        let rate = self.bytes_per_second?;
        let cost = Duration::from_secs_f64(bytes as f64 / rate as f64);
        let mut paid = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(SAVED).unwrap_or(now);
        *paid = (*paid).max(earliest) + cost;
        Some(*paid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_that_share_a_rate_get_half_of_it_each() {
        let rate = Rate::new(Some(1000));
        let (start, other) = (Instant::now() + Duration::from_secs(1), rate.clone());
        let due = |rate: &Rate, now| rate.due(500, now).unwrap() + SAVED - start;
        for n in 0..10 {
            assert_eq!(due(&rate, start), Duration::from_millis(1000 * n + 500));
            assert_eq!(due(&other, start), Duration::from_millis(1000 * n + 1000));
        }
        // Of what was not used, no more is saved up.
        let later = start + Duration::from_secs(60);
        assert_eq!(due(&rate, later), Duration::from_millis(60_500));
        assert_eq!(Rate::new(None).due(1 << 40, start), None);
        assert_eq!(Rate::new(Some(0)).due(1 << 40, start), None);
    }
}
