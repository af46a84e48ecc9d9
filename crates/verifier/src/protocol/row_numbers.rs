//! The random numbers of a node's row, by which a renewal identifies the row (R18a).
//!
//! Generates no numbers: the caller passes them.

use super::HistoryRules;

/// Maximum number of remembered renewals with unknown outcome. Forgetting one that took effect costs the membership.
const UNKNOWN: usize = 64;

/// The numbers that a node's row may have, as far as the node knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowNumbers {
    rules: HistoryRules,
    /// The confirmed number, then those of renewals with unknown outcome.
    known: Vec<u64>,
}

impl RowNumbers {
    /// State of a node without a row.
    #[must_use]
    pub const fn new(rules: HistoryRules) -> Self {
        Self { rules, known: Vec::new() }
    }

    /// Records that the row is confirmed to have this number.
    pub fn confirmed(&mut self, number: u64) {
        self.known.clear();
        self.known.push(number);
    }

    /// The numbers that the row may have.
    #[must_use]
    pub fn may_have(&self) -> &[u64] {
        &self.known
    }

    /// The number that the next renewal assigns to the row: the one drawn. Whether the row has it is unknown until it
    /// is [confirmed](Self::confirmed), so call this after [`Self::may_have`].
    pub fn next(&mut self, drawn: u64) -> u64 {
        let counted = self.known.last().map_or(0, |last| last + 1);
        let number = if self.rules.rows_are_numbered_at_random() { drawn } else { counted };
        if self.known.len() > UNKNOWN {
            // The first is the confirmed number.
            self.known.remove(1);
        }
        self.known.push(number);
        number
    }

    /// Records that the membership and its row have ended.
    pub fn ended(&mut self) {
        self.known.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_may_have_the_confirmed_number_or_any_with_unknown_outcome() {
        let mut numbers = RowNumbers::new(HistoryRules::ALL);
        numbers.confirmed(7);
        assert_eq!((numbers.next(3), numbers.next(9)), (3, 9));
        assert_eq!(numbers.may_have(), [7, 3, 9]);
        numbers.confirmed(3);
        assert_eq!(numbers.may_have(), [3]);
        numbers.ended();
        assert!(numbers.may_have().is_empty());
    }

    #[test]
    fn numbers_with_unknown_outcome_never_displace_the_confirmed_one() {
        let mut numbers = RowNumbers::new(HistoryRules::ALL);
        numbers.confirmed(1_000);
        for drawn in 0..200 {
            numbers.next(drawn);
        }
        assert_eq!(numbers.may_have().len(), UNKNOWN + 1);
        assert_eq!((numbers.may_have()[0], numbers.may_have()[UNKNOWN]), (1_000, 199));
    }
}
