//! The random numbers of a node's row: by them a renewal says which row it means (R18a).
//!
//! Draws nothing: the numbers are handed in.

use super::HistoryRules;

/// How many renewals of unknown outcome are remembered. One that is forgotten and was carried out costs a membership.
const UNKNOWN: usize = 64;

/// What a node knows of the number that its row has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowNumbers {
    rules: HistoryRules,
    /// The one that is confirmed, then those of renewals of unknown outcome.
    known: Vec<u64>,
}

impl RowNumbers {
    /// Of a node that has no row.
    #[must_use]
    pub const fn new(rules: HistoryRules) -> Self {
        Self { rules, known: Vec::new() }
    }

    /// The row is confirmed to have this number.
    pub fn confirmed(&mut self, number: u64) {
        self.known.clear();
        self.known.push(number);
    }

    /// The numbers that the row may have.
    #[must_use]
    pub fn may_have(&self) -> &[u64] {
        &self.known
    }

    /// The number that the next renewal gives the row: the one that was drawn. Whether the row has it is unknown until
    /// it is [confirmed](Self::confirmed), so it is to be called after [`Self::may_have`].
    pub fn next(&mut self, drawn: u64) -> u64 {
        let counted = self.known.last().map_or(0, |last| last + 1);
        let number = if self.rules.rows_are_numbered_at_random() { drawn } else { counted };
        if self.known.len() > UNKNOWN {
            // The first one is the confirmed one.
            self.known.remove(1);
        }
        self.known.push(number);
        number
    }

    /// The membership has ended, and with it the row.
    pub fn ended(&mut self) {
        self.known.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_may_have_the_confirmed_number_and_any_of_unknown_outcome() {
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
    fn the_confirmed_number_is_never_forgotten_for_those_of_unknown_outcome() {
        let mut numbers = RowNumbers::new(HistoryRules::ALL);
        numbers.confirmed(1_000);
        for drawn in 0..200 {
            numbers.next(drawn);
        }
        assert_eq!(numbers.may_have().len(), UNKNOWN + 1);
        assert_eq!((numbers.may_have()[0], numbers.may_have()[UNKNOWN]), (1_000, 199));
    }
}
