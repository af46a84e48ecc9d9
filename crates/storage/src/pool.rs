//! How the connections of a node stand, for monitoring.

#[cfg(feature = "pool")]
mod watched;

#[cfg(feature = "pool")]
pub use watched::{Pool, Through, Waiting};

/// The connections of one pool at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolState {
    /// What the pool is for.
    pub name: &'static str,
    /// How many connections it may have.
    pub max: u32,
    /// How many it has.
    pub open: u32,
    /// How many of these are idle.
    pub idle: u32,
    /// How many callers wait for one.
    pub waiting: usize,
}
