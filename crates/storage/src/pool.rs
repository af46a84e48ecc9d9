//! State of a node's database connections, for monitoring.

#[cfg(feature = "pool")]
mod watched;

#[cfg(feature = "pool")]
pub use watched::{Pool, Through, Waiting};

/// The connections of one pool at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolState {
    /// Purpose of the pool.
    pub name: &'static str,
    /// Maximum number of connections.
    pub max: u32,
    /// Number of open connections.
    pub open: u32,
    /// Number of idle connections.
    pub idle: u32,
    /// Number of callers that wait for a connection.
    pub waiting: usize,
}
