//! Who brings which piece of a blob: every provider asks for a run of pieces, and for
//! the next when it has brought them, so that the fastest brings the most. Near the end
//! those that are done help out the ones that are not.

use std::collections::{BTreeMap, BTreeSet};

/// A provider of one transfer, as its owner counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProviderId(pub usize);

/// Pieces of one request, at most: 32 MiB, so that the way there and back is paid for
/// seldom, and a provider that leaves takes little with it.
const MAX_RUN: usize = 8;

/// Providers that are asked for one piece at the end, at most.
const MAX_COPIES: usize = 2;

/// The pieces of a blob and the providers that bring them.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    /// Neither here nor asked for.
    missing: BTreeSet<u32>,
    /// Asked for, and of whom.
    asked: BTreeMap<u32, Vec<ProviderId>>,
    providers: BTreeMap<ProviderId, Provider>,
}

#[derive(Debug, Clone, Default)]
struct Provider {
    /// It sends everything from the beginning, whatever is asked.
    in_order: bool,
    /// Pieces of its next request.
    run: usize,
}

impl Schedule {
    /// The pieces of a blob of which some are here.
    pub fn new(here: &[bool]) -> Schedule {
        let missing = (0_u32..).zip(here).filter(|(_, here)| !**here).map(|(piece, _)| piece);
        Schedule { missing: missing.collect(), ..Schedule::default() }
    }

    /// A provider has come. One that is in order cannot be asked for single pieces.
    pub fn join(&mut self, id: ProviderId, in_order: bool) {
        self.providers.insert(id, Provider { in_order, run: 1 });
    }

    /// A provider has left: others bring what it was asked for.
    pub fn leave(&mut self, id: ProviderId) {
        self.providers.remove(&id);
        self.give_back(id);
    }

    /// What a provider is to be asked for next: neighbouring pieces, in order. None when
    /// there is nothing that it could help with now.
    pub fn next(&mut self, id: ProviderId) -> Vec<u32> {
        let Some(provider) = self.providers.get(&id) else { return Vec::new() };
        // What is left is shared out, so that all end together.
        let fair = self.missing.len().div_ceil(2 * self.providers.len());
        let run = self.next_run(provider.run.min(fair).max(1));
        let run = if run.is_empty() { self.help_out(id).into_iter().collect() } else { run };
        for piece in &run {
            self.missing.remove(piece);
            self.asked.entry(*piece).or_default().push(id);
        }
        run
    }

    fn next_run(&self, length: usize) -> Vec<u32> {
        // Whoever sends in order comes from the front: the others go to meet it.
        if self.providers.values().any(|provider| provider.in_order) {
            let mut run: Vec<u32> = Vec::new();
            for piece in self.missing.iter().rev().take(length) {
                if run.last().is_some_and(|last| last - 1 != *piece) {
                    break;
                }
                run.push(*piece);
            }
            run.reverse();
            return run;
        }
        let mut run: Vec<u32> = Vec::new();
        for piece in self.missing.iter().take(length) {
            if run.last().is_some_and(|last| last + 1 != *piece) {
                break;
            }
            run.push(*piece);
        }
        run
    }

    /// The piece that will come last of those that others were asked for: of the one
    /// with the most before it, the end of its run.
    fn help_out(&self, id: ProviderId) -> Option<u32> {
        let others = self.providers.keys().filter(|other| **other != id);
        let most = others.max_by_key(|other| self.asked_of(**other).count())?;
        let may_help = |piece: &u32| {
            self.asked.get(piece).is_some_and(|by| by.len() < MAX_COPIES && !by.contains(&id))
        };
        let of_most = self.asked_of(*most).filter(may_help).last();
        of_most.or_else(|| self.asked.keys().copied().find(may_help))
    }

    /// A provider that sends in order has come to a piece; false when it need not be kept.
    pub fn reach(&mut self, id: ProviderId, piece: u32) -> bool {
        let is_wanted = self.missing.remove(&piece) || self.asked.contains_key(&piece);
        if is_wanted {
            self.asked.entry(piece).or_default().push(id);
        }
        is_wanted
    }

    /// False when a piece has come from elsewhere meanwhile.
    pub fn still_wants(&self, piece: u32) -> bool {
        self.asked.contains_key(&piece) || self.missing.contains(&piece)
    }

    /// A provider brought a piece, and it is kept.
    pub fn arrived(&mut self, id: ProviderId, piece: u32) {
        self.asked.remove(&piece);
        self.missing.remove(&piece);
        let has_more = self.asked_of(id).next().is_some();
        if let Some(provider) = self.providers.get_mut(&id) {
            provider.run = if has_more { provider.run } else { (provider.run * 2).min(MAX_RUN) };
        }
    }

    fn give_up(&mut self, id: ProviderId, piece: u32) {
        let Some(by) = self.asked.get_mut(&piece) else { return };
        by.retain(|other| *other != id);
        if by.is_empty() {
            self.asked.remove(&piece);
            self.missing.insert(piece);
        }
    }

    /// A provider begins anew: it brings nothing of what it was asked for.
    pub fn give_back(&mut self, id: ProviderId) {
        let pieces: Vec<u32> = self.asked_of(id).collect();
        for piece in pieces {
            self.give_up(id, piece);
        }
    }

    /// True when everything is here.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.asked.is_empty()
    }

    fn asked_of(&self, id: ProviderId) -> impl Iterator<Item = u32> {
        self.asked.iter().filter(move |(_, by)| by.contains(&id)).map(|(piece, _)| *piece)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: ProviderId = ProviderId(0);
    const B: ProviderId = ProviderId(1);

    fn schedule(pieces: usize, providers: &[ProviderId]) -> Schedule {
        let mut schedule = Schedule::new(&vec![false; pieces]);
        providers.iter().for_each(|id| schedule.join(*id, false));
        schedule
    }

    #[test]
    fn runs_grow_while_a_provider_delivers_and_never_overlap() {
        let mut schedule = schedule(100, &[A, B]);
        assert_eq!(schedule.next(A), [0]);
        assert_eq!(schedule.next(B), [1]);
        schedule.arrived(A, 0);
        assert_eq!(schedule.next(A), [2, 3]);
        schedule.arrived(A, 2);
        schedule.arrived(A, 3);
        assert_eq!(schedule.next(A), [4, 5, 6, 7]);
    }

    #[test]
    fn who_is_done_helps_the_one_with_the_most_left() {
        let mut schedule = schedule(4, &[A, B]);
        for piece in 0..3 {
            let run = schedule.next(A);
            assert_eq!(run, [piece]);
        }
        assert_eq!(schedule.next(B), [3]);
        schedule.arrived(B, 3);
        assert_eq!(schedule.next(B), [2], "the last of what the other still has to bring");
        assert_eq!(schedule.next(B), [1]);
        schedule.arrived(B, 2);
        assert!(!schedule.still_wants(2) && schedule.still_wants(0));
    }

    #[test]
    fn what_a_provider_takes_with_it_is_asked_of_others() {
        let mut schedule = schedule(10, &[A, B]);
        assert_eq!(schedule.next(A), [0]);
        schedule.leave(A);
        assert_eq!(schedule.next(B), [0]);
        assert_eq!(schedule.next(A), Vec::<u32>::new());
    }

    #[test]
    fn one_that_sends_in_order_is_met_from_the_end() {
        let mut schedule = schedule(4, &[B]);
        schedule.join(A, true);
        assert!(schedule.reach(A, 0));
        assert_eq!(schedule.next(B), [3]);
        schedule.arrived(B, 3);
        schedule.arrived(A, 0);
        assert!(schedule.reach(A, 1));
        assert_eq!(schedule.next(B), [2]);
        schedule.arrived(A, 1);
        schedule.arrived(B, 2);
        assert!(!schedule.reach(A, 2) && schedule.is_complete());
    }

    proptest! {
        /// Whatever providers do, everything arrives as long as one of them goes on.
        #[test]
        fn everything_arrives_in_the_end(
            here in prop::collection::vec(any::<bool>(), 1..60),
            deeds in prop::collection::vec((0_usize..4, 0_u8..4), 0..200),
        ) {
            let mut schedule = Schedule::new(&here);
            let mut arrived: BTreeSet<u32> =
                (0_u32..).zip(&here).filter(|(_, here)| **here).map(|(piece, _)| piece).collect();
            (0..4).for_each(|id| schedule.join(ProviderId(id), id == 3));
            for (id, deed) in deeds {
                let id = ProviderId(id);
                match deed {
                    0 => drop(schedule.next(id)),
                    1 => {
                        let piece = schedule.asked_of(id).next();
                        if let Some(piece) = piece {
                            schedule.arrived(id, piece);
                            arrived.insert(piece);
                        }
                    }
                    2 => schedule.give_back(id),
                    _ => {
                        schedule.leave(id);
                        schedule.join(id, id.0 == 3);
                    }
                }
            }
            (1..4).for_each(|id| schedule.leave(ProviderId(id)));
            let last = ProviderId(0);
            for _ in 0..=here.len() {
                let pieces: Vec<u32> = schedule.asked_of(last).collect();
                for piece in pieces.into_iter().chain(schedule.next(last)) {
                    schedule.arrived(last, piece);
                    arrived.insert(piece);
                }
            }
            prop_assert!(schedule.is_complete());
            prop_assert_eq!(arrived.len(), here.len());
        }
    }
}
