//! Shares a limited resource so that no holder, and no group of holders, takes all of it.
//!
//! A group (the gateway or network of sources, the accounts of one partner) holds at most as much as it leaves free;
//! one member holds at most as much as it leaves for the rest of its group. A flood takes a part, the next one the same
//! part of the rest. Nothing waits here, and nothing here knows what is shared.

use std::{collections::HashMap, hash::Hash};

/// A holder of shares.
pub trait Holder: Copy + Eq + Hash {
    /// The group that this holder shares with; `None` for a group.
    fn group(self) -> Option<Self>;
}

/// Why nothing was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// All are taken.
    NoneFree,
    /// The holder, or its group, has its full share.
    ShareTaken,
}

/// The number of free ones, and of those that each holder and each group has.
pub struct Shares<H> {
    most: usize,
    free: usize,
    held: HashMap<H, usize, foldhash::fast::RandomState>,
}

impl<H: Holder> Shares<H> {
    /// All `most` are free.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, free: most, held: HashMap::default() }
    }

    /// Takes one for this holder.
    ///
    /// # Errors
    /// [`Refusal`] if none is free, or the holder or its group has its full share.
    pub fn take(&mut self, holder: H) -> Result<(), Refusal> {
        self.take_above(0, holder)
    }

    /// As [`Shares::take`], leaving the last `kept` ones.
    ///
    /// # Errors
    /// As [`Shares::take`].
    pub fn take_above(&mut self, kept: usize, holder: H) -> Result<(), Refusal> {
        let free = self.free.saturating_sub(kept);
        if free == 0 {
            return Err(Refusal::NoneFree);
        }
        // The number that the group may still take; a holder without a group counts as one.
        let for_the_group = match holder.group() {
            Some(group) => free.checked_sub(self.held_by(group)).ok_or(Refusal::ShareTaken)?,
            None => free,
        };
        if self.held_by(holder) > for_the_group {
            return Err(Refusal::ShareTaken);
        }
        for holder in [Some(holder), holder.group()].into_iter().flatten() {
            *self.held.entry(holder).or_default() += 1;
        }
        self.free -= 1;
        Ok(())
    }

    /// Takes one for a holder without a limit.
    ///
    /// # Errors
    /// [`Refusal::NoneFree`].
    pub fn take_for_any(&mut self) -> Result<(), Refusal> {
        self.free = self.free.checked_sub(1).ok_or(Refusal::NoneFree)?;
        Ok(())
    }

    /// Gives back one that this holder took; `None` for a holder without a limit.
    pub fn give_back(&mut self, holder: Option<H>) {
        self.free += 1;
        let group = holder.and_then(Holder::group);
        for holder in [holder, group].into_iter().flatten() {
            if let Some(held) = self.held.get_mut(&holder) {
                *held -= 1;
                if *held == 0 {
                    self.held.remove(&holder);
                }
            }
        }
    }

    /// Number of taken ones.
    #[must_use]
    pub const fn taken(&self) -> usize {
        self.most - self.free
    }

    /// Number that this holder has.
    pub fn held_by(&self, holder: H) -> usize {
        self.held.get(&holder).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    //! Which holders get something.

    use super::*;

    /// A member of a group, by their numbers, or the group itself.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    enum Test {
        Member(u8, u8),
        Group(u8),
    }

    impl Holder for Test {
        fn group(self) -> Option<Self> {
            match self {
                Self::Member(group, _) => Some(Self::Group(group)),
                Self::Group(_) => None,
            }
        }
    }

    /// Takes until none is left for this holder.
    fn flood(shares: &mut Shares<Test>, by: Test) -> (usize, Refusal) {
        let mut taken = 0;
        loop {
            match shares.take(by) {
                Ok(()) => taken += 1,
                Err(refusal) => return (taken, refusal),
            }
        }
    }

    #[test]
    fn each_flood_leaves_room_for_the_next() {
        let mut shares = Shares::new(512);
        let floods: Vec<_> = (1..=6).map(|n| flood(&mut shares, Test::Member(n, 0))).collect();
        let taken: Vec<_> = floods.iter().map(|(taken, _)| *taken).collect();
        assert_eq!(taken, [171, 114, 76, 51, 34, 23]);
        assert!(floods.iter().all(|(_, refusal)| *refusal == Refusal::ShareTaken));
        assert_eq!(shares.take(Test::Member(7, 0)), Ok(()));
    }

    #[test]
    fn however_many_flood_from_one_group_the_others_have_room() {
        let mut shares = Shares::new(512);
        let members: Vec<_> = (0..=u8::MAX).map(|n| flood(&mut shares, Test::Member(1, n)).0).collect();
        assert_eq!(members[..4], [171, 57, 19, 7], "each leaves room for the next one of the group");
        assert_eq!(members.iter().sum::<usize>(), 257, "half, and the one that was asked for before it was half");
        let others: Vec<_> = (2..=8).map(|group| flood(&mut shares, Test::Member(group, 0)).0).collect();
        assert!(others.iter().all(|taken| *taken > 0), "{others:?}");
    }

    #[test]
    fn a_returned_share_is_free_again_and_nothing_is_remembered() {
        let mut shares = Shares::new(8);
        let (taken, _) = flood(&mut shares, Test::Member(1, 1));
        shares.take_for_any().unwrap();
        assert_eq!(shares.taken(), taken + 1);
        for _ in 0..taken {
            shares.give_back(Some(Test::Member(1, 1)));
        }
        shares.give_back(None);
        assert_eq!((shares.free, shares.taken(), shares.held.len()), (8, 0, 0));
    }

    #[test]
    fn the_last_ones_are_kept_for_holders_without_a_limit() {
        let mut shares = Shares::new(4);
        assert_eq!(shares.take_above(3, Test::Member(1, 1)), Ok(()));
        assert_eq!(shares.take_above(3, Test::Member(2, 1)), Err(Refusal::NoneFree));
        for _ in 0..3 {
            shares.take_for_any().unwrap();
        }
        assert_eq!(shares.take_for_any(), Err(Refusal::NoneFree));
    }
}
