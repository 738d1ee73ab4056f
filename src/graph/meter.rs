//! How much a query may do, and what it has done.
//!
//! The engine holds rows in many places, and goes on when it meets an error. What all its
//! work has in common is that terms are copied and dropped. Each of them is counted, on the
//! thread of the query, and a query that goes too far is ended from there by unwinding: no
//! row that it holds stays.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::time::{Duration, Instant};

/// What one query may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Terms that are copied, and triples that are read. This many take some seconds.
    pub steps: u64,
    /// Octets of rows that are held at once. A row of six variables counts 0.8 kB, so a
    /// third of a million fit.
    pub bytes: usize,
    /// Octets of the answer.
    pub answer: usize,
    /// How long it may take.
    pub time: Duration,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            steps: 500_000_000,
            bytes: 256 * 1024 * 1024,
            answer: 32 * 1024 * 1024,
            time: Duration::from_secs(10),
        }
    }
}

/// Why a query was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// Too many steps.
    #[error("it takes more steps than a query may")]
    Steps,
    /// Too much memory.
    #[error("it holds more rows at once than a query may")]
    Memory,
    /// One text of it became too long.
    #[error("it makes a text that is longer than a query may")]
    Text,
    /// Too long.
    #[error("it takes longer than a query may")]
    Time,
    /// Too much to send.
    #[error("its answer is longer than one may be: ask for less with LIMIT and OFFSET")]
    Answer,
}

/// Steps after which the clock is looked at: one of them may be a long one.
const STEPS_A_LOOK: u64 = 64;

struct Meter {
    steps: Cell<u64>,
    next_look: Cell<u64>,
    most_steps: Cell<u64>,
    held: Cell<usize>,
    most_held: Cell<usize>,
    price: Cell<usize>,
    keeps_texts: Cell<bool>,
    deadline: Cell<Option<Instant>>,
}

thread_local! {
    static METER: Meter = const {
        Meter {
            steps: Cell::new(0),
            next_look: Cell::new(0),
            most_steps: Cell::new(u64::MAX),
            held: Cell::new(0),
            most_held: Cell::new(usize::MAX),
            price: Cell::new(0),
            keeps_texts: Cell::new(false),
            deadline: Cell::new(None),
        }
    };
}

/// Begins to count for a query on this thread.
pub(super) fn start(bounds: &Bounds, price: usize, keeps_texts: bool) {
    METER.with(|meter| {
        meter.steps.set(0);
        meter.next_look.set(STEPS_A_LOOK);
        meter.most_steps.set(bounds.steps);
        meter.held.set(0);
        meter.most_held.set(bounds.bytes);
        meter.price.set(price);
        meter.keeps_texts.set(keeps_texts);
        meter.deadline.set(Instant::now().checked_add(bounds.time));
    });
}

/// Ends the query of this thread.
pub(super) fn stop(why: Stopped) -> ! {
    // Not a panic: nothing is wrong, and nothing is printed.
    resume_unwind(Box::new(why))
}

/// Counts work.
pub(super) fn step(steps: u64) {
    METER.with(|meter| {
        let done = meter.steps.get() + steps;
        meter.steps.set(done);
        if done > meter.most_steps.get() {
            stop(Stopped::Steps);
        }
        if done >= meter.next_look.get() {
            meter.next_look.set(done + STEPS_A_LOOK);
            look_at_the_clock(meter);
        }
    });
}

fn look_at_the_clock(meter: &Meter) {
    if meter.deadline.get().is_some_and(|deadline| Instant::now() > deadline) {
        stop(Stopped::Time);
    }
}

/// Counts memory that is held.
pub(super) fn hold(bytes: usize) {
    METER.with(|meter| {
        let held = meter.held.get().saturating_add(bytes);
        meter.held.set(held);
        if held > meter.most_held.get() {
            stop(Stopped::Memory);
        }
    });
}

/// Counts memory that is held no more.
pub(super) fn release(bytes: usize) {
    METER.with(|meter| meter.held.set(meter.held.get().saturating_sub(bytes)));
}

/// Counts a term that comes to be.
pub(super) fn hold_term() {
    step(1);
    hold(METER.with(|meter| meter.price.get()));
}

/// Counts a term that is dropped.
pub(super) fn release_term() {
    release(METER.with(|meter| meter.price.get()));
}

/// Counts a text that is handed to an expression. An aggregate may keep it, unseen.
pub(super) fn hand_out(bytes: usize) {
    step(1 + bytes as u64 / 256);
    METER.with(|meter| {
        look_at_the_clock(meter);
        if meter.keeps_texts.get() {
            hold(bytes + size_of::<String>());
        }
    });
}
