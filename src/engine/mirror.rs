//! What a site mirrors and does not have: one image at a time, and what nobody could send
//! again after a while that grows.
//!
//! Which images those are, the policy says; fetching them is the node's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::limits::{MAX_MIRROR_DELAY, MAX_MIRROR_WAITING, MIN_MIRROR_DELAY};
use crate::model::{Identifier, Timestamp};

/// Images that are to be fetched, each with its attempts.
#[derive(Debug)]
pub struct Mirror {
    waiting: BTreeMap<Identifier, Attempts>,
    fetching: Option<Identifier>,
    fetched: u64,
    /// There were more than have a place.
    is_full: bool,
    /// Sites must not try again in step: they would all ask the one that has the image.
    random: fastrand::Rng,
}

#[derive(Debug, Clone)]
struct Attempts {
    due: Timestamp,
    failures: u32,
    reason: String,
}

/// An image that could not be fetched until now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorFailure {
    /// The image.
    pub image: Identifier,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub reason: String,
    /// When it is tried again.
    pub next: Timestamp,
}

impl Mirror {
    /// Nothing is wanted; the seed decides when attempts are repeated.
    pub fn new(seed: u64) -> Mirror {
        Mirror {
            waiting: BTreeMap::new(),
            fetching: None,
            fetched: 0,
            is_full: false,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// An image is wanted and not here. What is known already keeps its time.
    pub fn want(&mut self, image: Identifier, now: Timestamp) {
        if self.waiting.len() >= MAX_MIRROR_WAITING && !self.waiting.contains_key(&image) {
            self.is_full = true;
            return;
        }
        let attempts = || Attempts { due: now, failures: 0, reason: String::new() };
        self.waiting.entry(image).or_insert_with(attempts);
    }

    /// An image is here, or no longer wanted.
    pub fn forget(&mut self, image: &Identifier) {
        self.waiting.remove(image);
    }

    /// These are all that are wanted and not here.
    pub fn want_only(&mut self, images: &BTreeSet<Identifier>, now: Timestamp) {
        self.is_full = false;
        self.waiting.retain(|image, _| images.contains(image));
        for image in images {
            self.want(*image, now);
        }
    }

    /// The image to fetch now; none while one is being fetched.
    pub fn next(&mut self, now: Timestamp) -> Option<Identifier> {
        if self.fetching.is_some() {
            return None;
        }
        let is_due = |attempts: &Attempts| {
            // A clock that was put back keeps nothing waiting.
            attempts.due <= now || attempts.due > now.plus(2 * MAX_MIRROR_DELAY)
        };
        let due = self.waiting.iter().filter(|(_, attempts)| is_due(attempts));
        self.fetching = due.min_by_key(|(_, attempts)| attempts.due).map(|(image, _)| *image);
        self.fetching
    }

    /// When there is something to fetch; none while one is being fetched.
    pub fn deadline(&self) -> Option<Timestamp> {
        let due = self.waiting.values().map(|attempts| attempts.due).min();
        due.filter(|_| self.fetching.is_none())
    }

    /// The image that was fetched is here.
    pub fn came(&mut self) {
        if let Some(image) = self.fetching.take() {
            self.fetched += 1;
            self.forget(&image);
        }
    }

    /// The image that was to be fetched is not wanted any more.
    pub fn dropped(&mut self) {
        if let Some(image) = self.fetching.take() {
            self.forget(&image);
        }
    }

    /// The image could not be fetched: it is tried again.
    pub fn failed(&mut self, reason: String, now: Timestamp) {
        let Some(image) = self.fetching.take() else { return };
        // It may have been forgotten meanwhile.
        let Some(attempts) = self.waiting.get_mut(&image) else { return };
        let doubled = MIN_MIRROR_DELAY.saturating_mul(1 << attempts.failures.min(16));
        let delay = doubled.min(MAX_MIRROR_DELAY);
        let spread = self.random.u64(0..=delay.as_secs() / 2);
        attempts.failures += 1;
        attempts.reason = reason;
        attempts.due = now.plus(delay + Duration::from_secs(spread));
    }

    /// Images that are wanted and not here.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// True when there were more than [`Mirror::waiting`], which were not noted.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// The image that is being fetched.
    pub fn fetching(&self) -> Option<Identifier> {
        self.fetching
    }

    /// Images that were fetched since the start.
    pub fn fetched(&self) -> u64 {
        self.fetched
    }

    /// What could not be fetched until now.
    pub fn failures(&self) -> impl Iterator<Item = MirrorFailure> {
        let failing = self.waiting.iter().filter(|(_, attempts)| attempts.failures > 0);
        failing.map(|(image, Attempts { due, failures, reason })| MirrorFailure {
            image: *image,
            attempts: *failures,
            reason: reason.clone(),
            next: *due,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sha1;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn image(number: u16) -> Identifier {
        let mut octets = [0; 20];
        octets[..2].copy_from_slice(&number.to_be_bytes());
        Identifier::from_sha1(Sha1::from_bytes(octets))
    }

    #[test]
    fn one_is_fetched_at_a_time_and_each_once() {
        let mut mirror = Mirror::new(1);
        assert_eq!((mirror.next(NOW), mirror.deadline()), (None, None));
        mirror.want(image(1), NOW);
        mirror.want(image(2), NOW);
        assert_eq!(mirror.deadline(), Some(NOW));
        assert_eq!(mirror.next(NOW), Some(image(1)));
        assert_eq!((mirror.next(NOW), mirror.deadline()), (None, None), "one is under way");
        mirror.want(image(1), NOW);
        mirror.came();
        assert_eq!(mirror.next(NOW), Some(image(2)));
        mirror.dropped();
        assert_eq!((mirror.next(NOW), mirror.waiting(), mirror.fetched()), (None, 0, 1));
    }

    #[test]
    fn what_nobody_sends_is_tried_again_ever_more_seldom() {
        let mut mirror = Mirror::new(2);
        mirror.want(image(1), NOW);
        let (mut now, mut waits) = (NOW, Vec::new());
        for attempt in 1..=12 {
            assert_eq!(mirror.next(now), Some(image(1)));
            mirror.failed(format!("attempt {attempt}"), now);
            let due = mirror.deadline().unwrap();
            assert_eq!(mirror.next(due.minus(Duration::from_secs(1))), None, "not yet");
            waits.push(due.since(now));
            now = due;
        }
        for (failures, wait) in (0_u32..).zip(&waits) {
            let least = MIN_MIRROR_DELAY.saturating_mul(1 << failures).min(MAX_MIRROR_DELAY);
            assert!((least..=least * 3 / 2).contains(wait), "{failures}: {wait:?}");
        }
        let failures: Vec<MirrorFailure> = mirror.failures().collect();
        assert_eq!((failures[0].attempts, failures[0].reason.as_str()), (12, "attempt 12"));
        // Another one does not wait for it.
        mirror.want(image(2), NOW);
        assert_eq!(mirror.next(now.minus(Duration::from_secs(1))), Some(image(2)));
    }

    #[test]
    fn sites_do_not_try_again_in_step() {
        let due = |seed| {
            let mut mirror = Mirror::new(seed);
            mirror.want(image(1), NOW);
            mirror.next(NOW);
            mirror.failed(String::new(), NOW);
            mirror.deadline()
        };
        assert_eq!(due(1), due(1));
        assert!((2..10).any(|seed| due(seed) != due(1)));
    }

    #[test]
    fn a_new_look_keeps_the_time_of_what_is_still_wanted() {
        let mut mirror = Mirror::new(3);
        (1..=3).for_each(|number| mirror.want(image(number), NOW));
        assert_eq!(mirror.next(NOW), Some(image(1)));
        mirror.failed("nobody has it".to_owned(), NOW);
        let later = NOW.plus(Duration::from_secs(1));
        mirror.want_only(&BTreeSet::from([image(1), image(4)]), later);
        assert_eq!(mirror.waiting(), 2);
        assert_eq!(mirror.next(later), Some(image(4)), "the first one waits for its time");
        // Forgotten while it was fetched: nothing is tried again.
        mirror.want_only(&BTreeSet::new(), later);
        mirror.failed("nobody has it".to_owned(), later);
        assert_eq!((mirror.waiting(), mirror.deadline()), (0, None));
    }

    #[test]
    fn a_clock_that_was_put_back_keeps_nothing_waiting() {
        let mut mirror = Mirror::new(4);
        mirror.want(image(1), NOW);
        mirror.next(NOW);
        mirror.failed(String::new(), NOW);
        let year = Duration::from_secs(365 * 24 * 3600);
        assert_eq!(mirror.next(NOW.minus(year)), Some(image(1)));
    }

    #[test]
    fn no_more_wait_than_have_a_place() {
        let mut mirror = Mirror::new(5);
        let all: BTreeSet<Identifier> = (0..=MAX_MIRROR_WAITING as u16).map(image).collect();
        mirror.want_only(&all, NOW);
        assert_eq!((mirror.waiting(), mirror.is_full()), (MAX_MIRROR_WAITING, true));
        mirror.want_only(&BTreeSet::from([image(1)]), NOW);
        assert_eq!((mirror.waiting(), mirror.is_full()), (1, false));
    }
}
