//! Chance from a seed: the same seed draws the same faults.
//!
//! It never asks the machine for randomness, but for a seed where nobody gave one. Not for secrets.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

/// A stream of numbers (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Rng(u64);

impl Rng {
    pub(super) const fn of_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// Another stream for each number, none of which shares its numbers with this one.
    pub(super) fn stream(&self, number: u64) -> Self {
        let mut of = Self(self.0 ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        Self(of.draw())
    }

    pub(super) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 when there is none.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        // The bias of a remainder is one in 2^40 for what is drawn here.
        self.draw().checked_rem(bound).unwrap_or_default()
    }

    /// A place in a list of this length.
    pub(super) fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(u64::try_from(length).unwrap_or(u64::MAX))).unwrap_or_default()
    }

    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(super) fn shuffle<T>(&mut self, cards: &mut [T]) {
        for left in (1..cards.len()).rev() {
            cards.swap(left, self.place(left + 1));
        }
    }

    /// A time between the two; each doubling is as likely as the next, so that short ones are not rare.
    pub(super) fn time(&mut self, least: Duration, most: Duration) -> Duration {
        let (least, most) = (micros(least).max(1), micros(most));
        let doublings = most.checked_div(least).and_then(u64::checked_ilog2).unwrap_or_default();
        let from = least << self.below(u64::from(doublings) + 1);
        let up_to = from.saturating_mul(2).min(most);
        Duration::from_micros(from + self.below(up_to.saturating_sub(from) + 1))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A seed for a run that nobody wants to repeat; std keys its hash tables by the kernel's randomness.
pub(super) fn any_seed() -> u64 {
    // Short enough to be typed again.
    RandomState::new().build_hasher().finish() >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_and_streams_differ() {
        let draw = |mut rng: Rng| (0..8).map(|_| rng.draw()).collect::<Vec<_>>();
        let rng = Rng::of_seed(7);
        assert_eq!(draw(rng.clone()), draw(Rng::of_seed(7)));
        assert_ne!(draw(rng.clone()), draw(rng.stream(0)));
        assert_ne!(draw(rng.stream(1)), draw(rng.stream(2)));
    }

    #[test]
    fn times_stay_within_their_bounds_and_reach_both_ends() {
        let (least, most) = (Duration::from_millis(10), Duration::from_secs(10));
        let mut rng = Rng::of_seed(1);
        let times: Vec<Duration> = (0..2_000).map(|_| rng.time(least, most)).collect();
        assert!(times.iter().all(|time| (least..=most).contains(time)));
        assert!(times.iter().any(|time| *time < least * 2));
        assert!(times.iter().any(|time| *time > most / 2));
        assert_eq!(rng.time(least, least), least);
    }

    #[test]
    fn a_shuffle_keeps_every_card() {
        let mut cards: Vec<u32> = (0..100).collect();
        Rng::of_seed(3).shuffle(&mut cards);
        assert_ne!(cards, (0..100).collect::<Vec<_>>());
        cards.sort_unstable();
        assert_eq!(cards, (0..100).collect::<Vec<_>>());
    }
}
