//! Taking turns: whoever waits with many things goes no faster than who waits with one.

use std::collections::{BTreeMap, VecDeque};

/// What waits for its turn, in the order of its party; each party has its turn before
/// another has its second. As much waits as is put in: callers bound it.
#[derive(Debug)]
pub struct Turns<P, T> {
    /// Parties of which something waits, next one first.
    order: VecDeque<P>,
    waiting: BTreeMap<P, VecDeque<T>>,
}

impl<P, T> Default for Turns<P, T> {
    fn default() -> Turns<P, T> {
        Turns { order: VecDeque::new(), waiting: BTreeMap::new() }
    }
}

impl<P: Copy + Ord, T> Turns<P, T> {
    /// Something of a party waits.
    pub fn push(&mut self, party: P, thing: T) {
        let waiting = self.waiting.entry(party).or_default();
        if waiting.is_empty() {
            self.order.push_back(party);
        }
        waiting.push_back(thing);
    }
}

/// Whose turn it is, and for what; none while nothing waits.
impl<P: Copy + Ord, T> Iterator for Turns<P, T> {
    type Item = (P, T);

    fn next(&mut self) -> Option<(P, T)> {
        let party = self.order.pop_front()?;
        let waiting = self.waiting.get_mut(&party)?;
        let thing = waiting.pop_front()?;
        if waiting.is_empty() {
            self.waiting.remove(&party);
        } else {
            self.order.push_back(party);
        }
        Some((party, thing))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drain(turns: &mut Turns<char, u32>) -> Vec<(char, u32)> {
        turns.by_ref().collect()
    }

    #[test]
    fn each_party_has_its_turn_before_another_has_its_second() {
        let mut turns = Turns::default();
        (1..=4).for_each(|thing| turns.push('a', thing));
        turns.push('b', 5);
        turns.push('c', 6);
        turns.push('c', 7);
        let taken = drain(&mut turns);
        let wanted = [('a', 1), ('b', 5), ('c', 6), ('a', 2), ('c', 7), ('a', 3), ('a', 4)];
        assert_eq!(taken, wanted);
        assert_eq!(turns.next(), None);
    }

    #[test]
    fn who_comes_back_at_once_waits_for_the_others() {
        let mut turns = Turns::default();
        turns.push('a', 1);
        turns.push('b', 2);
        assert_eq!(turns.next(), Some(('a', 1)));
        turns.push('a', 3);
        assert_eq!(drain(&mut turns), [('b', 2), ('a', 3)]);
    }

    proptest! {
        /// Whoever waits all the time has as many turns as anyone else, give or take one.
        #[test]
        fn nobody_is_passed_over(
            many in prop::collection::vec(1_usize..20, 2..6),
            turns_taken in 1_usize..200,
        ) {
            let mut turns = Turns::default();
            for (party, things) in many.iter().enumerate() {
                (0..*things).for_each(|_| turns.push(party, ()));
            }
            let mut had = vec![0_usize; many.len()];
            for _ in 0..turns_taken {
                let (party, ()) = turns.next().unwrap();
                had[party] += 1;
                turns.push(party, ());
            }
            let (most, least) = (had.iter().max().unwrap(), had.iter().min().unwrap());
            prop_assert!(most - least <= 1, "{had:?}");
        }
    }
}
