//! How large the memory, or one part of it, is. Measures nothing itself.

/// Size of the memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes, counted as for the capacity.
    pub bytes: u64,
    /// Number of keys.
    pub keys: u64,
}
