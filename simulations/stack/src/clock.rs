//! The simulation's time: that of the paused runtime, as dates and as durations.

use std::time::Duration;

use suq::model::Timestamp;
use tokio::time::Instant;

use crate::documents::EPOCH;

/// Where the simulation's time began.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// The simulation begins now.
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    /// Since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// The true date.
    pub fn date(&self) -> Timestamp {
        EPOCH.plus(self.elapsed())
    }

    /// A point of the simulation, this long after its beginning.
    pub fn at(&self, elapsed: Duration) -> Instant {
        self.0 + elapsed
    }
}
