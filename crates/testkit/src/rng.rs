//! The random number generator of tests, simulations and measurements: the same seed gives the same numbers.
//!
//! Uses the machine's randomness only for a seed if none was given. Not for secrets.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

/// A stream of numbers: `SplitMix64`, after Steele, Lea and Flood (2014).
#[derive(Clone, Debug)]
pub struct Rng(u64);

/// The golden ratio: every number occurs once.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// The number at a position of one fixed stream, for callers that share a counter.
#[must_use]
pub const fn nth(place: u64) -> u64 {
    Rng(place.wrapping_mul(STEP)).draw()
}

impl Rng {
    /// The stream of this seed. Adjacent seeds have distant streams.
    #[must_use]
    pub const fn of_seed(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xD6E8_FEB8_6659_FD93))
    }

    /// One of many streams of the same seed.
    #[must_use]
    pub const fn stream(&self, number: u64) -> Self {
        let mut of = Self(self.0 ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        Self(of.draw())
    }

    /// The next number.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // For the bounds in use, the bias of the remainder is about one in 2^40.
        self.draw().checked_rem(bound).unwrap_or_default()
    }

    /// A number from the first to the last, both included.
    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last.saturating_sub(first).saturating_add(1))
    }

    /// True this many times in a hundred.
    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// True this many times in a thousand.
    pub fn per_mille(&mut self, chance: u64) -> bool {
        self.below(1_000) < chance
    }

    /// A position in a list of this length.
    pub fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(u64::try_from(length).unwrap_or(u64::MAX))).unwrap_or_default()
    }

    /// One of these items; none of an empty list.
    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.place(choices.len()))
    }

    /// Shuffles the items.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for left in (1..items.len()).rev() {
            items.swap(left, self.place(left + 1));
        }
    }

    /// A duration in whole milliseconds, both ends included.
    pub fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.between(least, most))
    }

    /// A duration in whole milliseconds. Each doubling is equally likely, so that short durations are not rare.
    pub fn doubling(&mut self, least: u64, most: u64) -> Duration {
        let doublings = (most / least.max(1)).checked_ilog2().unwrap_or_default();
        let from = least.max(1) << self.below(u64::from(doublings) + 1);
        self.millis(from, (from * 2).min(most).max(from))
    }
}

/// A new random seed, from the kernel's randomness in the keys of std's hash tables.
#[must_use]
pub fn any_seed() -> u64 {
    // Short enough to type.
    RandomState::new().build_hasher().finish() >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_equal_those_of_splitmix() {
        // From the reference implementation, for the seed 1234567.
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        let mut rng = Rng(1_234_567);
        assert_eq!(expected.map(|_| rng.draw()), expected);
        assert_eq!(nth(1), {
            let mut rng = Rng(0);
            let _first = rng.draw();
            rng.draw()
        });
    }

    #[test]
    fn the_same_seed_draws_the_same_and_streams_differ() {
        let draw = |mut rng: Rng| (0..8).map(|_| rng.draw()).collect::<Vec<_>>();
        let rng = Rng::of_seed(7);
        assert_eq!(draw(rng.clone()), draw(Rng::of_seed(7)));
        assert_ne!(draw(rng.clone()), draw(rng.stream(0)));
        assert_ne!(draw(rng.stream(1)), draw(rng.stream(2)));
    }

    #[test]
    fn durations_stay_within_their_bounds_and_reach_both_ends() {
        let mut rng = Rng::of_seed(1);
        let millis: Vec<u128> = (0..2_000).map(|_| rng.doubling(10, 10_000).as_millis()).collect();
        assert!(millis.iter().all(|it| (10..=10_000).contains(it)));
        assert!(millis.iter().any(|it| *it < 20) && millis.iter().any(|it| *it > 5_000));
        assert_eq!(rng.doubling(10, 10), Duration::from_millis(10));
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<u32> = (0..100).collect();
        Rng::of_seed(3).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
