//! The interface of `futures-timer` over tokio's clock.
//!
//! The original waits on a thread of its own in real time; this one waits in the
//! time of the runtime, which a simulation pauses.

#![forbid(unsafe_code)]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// The longest wait that is asked of tokio: a century, which nobody simulates.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A future that is ready after some time.
#[derive(Debug)]
pub struct Delay(Pin<Box<Sleep>>);

impl Delay {
    /// Ready after `wait`.
    #[must_use]
    pub fn new(wait: Duration) -> Delay {
        Delay(Box::pin(sleep(wait.min(LONGEST))))
    }

    /// Starts again: ready `wait` from now.
    pub fn reset(&mut self, wait: Duration) {
        self.0.as_mut().reset(Instant::now() + wait.min(LONGEST));
    }
}

impl Future for Delay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context)
    }
}
