//! What tests, measurements and the automation share: a throwaway Postgres, nodes, a client for them, a network that
//! breaks, numbers from a seed, other programs, and tools that a machine may lack.
//!
//! It never holds business rules, and the product never depends on it: it is a development dependency only.

#[cfg(feature = "http")]
mod answer;
pub mod clock;
#[cfg(feature = "http")]
pub mod http;
pub mod nginx;
pub mod outside;
pub mod pg;
pub mod process;
pub mod program;
pub mod proxy;
pub mod rng;
pub mod run;
pub mod tools;
pub mod watcher;
