//! The outcome of a write whose statement carries its precondition.

/// Whether the precondition of a guarded write held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Write {
    /// The write was applied.
    Applied,
    /// The precondition did not hold, or no longer holds: nothing was written.
    Stale,
}
