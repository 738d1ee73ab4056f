//! The interface of `web-time` over tokio's clock.
//!
//! The original is `std::time` outside of browsers, which no simulation can stop.

#![forbid(unsafe_code)]

use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::sync::LazyLock;

pub use std::time::{Duration, SystemTimeError};

/// A point of the runtime's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(tokio::time::Instant);

impl Instant {
    /// Now, in the time of the runtime.
    #[must_use]
    pub fn now() -> Instant {
        Instant(tokio::time::Instant::now())
    }

    /// The time since an earlier point; zero when that is later.
    #[must_use]
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// The time since an earlier point; none when that is later.
    #[must_use]
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.0.checked_duration_since(earlier.0)
    }

    /// The time since an earlier point; zero when that is later.
    #[must_use]
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// The time since then.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Later by a time; none when that cannot be said.
    #[must_use]
    pub fn checked_add(&self, time: Duration) -> Option<Instant> {
        self.0.checked_add(time).map(Instant)
    }

    /// Earlier by a time; none when that cannot be said.
    #[must_use]
    pub fn checked_sub(&self, time: Duration) -> Option<Instant> {
        self.0.checked_sub(time).map(Instant)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, time: Duration) -> Instant {
        Instant(self.0 + time)
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    fn sub(self, time: Duration) -> Instant {
        Instant(self.0 - time)
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, time: Duration) {
        self.0 += time;
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, time: Duration) {
        self.0 -= time;
    }
}

/// What [`SystemTime`] shows when it is first asked.
const EPOCH: Duration = Duration::from_secs(1_800_000_000);

/// When [`SystemTime`] was first asked.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The start of 1970.
pub const UNIX_EPOCH: SystemTime = SystemTime::UNIX_EPOCH;

/// A date that moves with the time of the runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SystemTime(std::time::SystemTime);

impl SystemTime {
    /// The start of 1970.
    pub const UNIX_EPOCH: SystemTime = SystemTime(std::time::SystemTime::UNIX_EPOCH);

    /// Now, in the time of the runtime.
    #[must_use]
    pub fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + EPOCH + START.elapsed()
    }

    /// The time since an earlier date.
    ///
    /// # Errors
    /// When that is later.
    pub fn duration_since(&self, earlier: SystemTime) -> Result<Duration, SystemTimeError> {
        self.0.duration_since(earlier.0)
    }
}

impl Add<Duration> for SystemTime {
    type Output = SystemTime;

    fn add(self, time: Duration) -> SystemTime {
        SystemTime(self.0 + time)
    }
}
