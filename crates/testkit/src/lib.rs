//! Shared by tests, measurements and the automation: a throwaway Postgres, nodes, an HTTP client, a faulty network, a
//! seeded generator, other programs, and tools that a machine may lack.
//!
//! Contains no business rules. The product never depends on it: it is only a development dependency.

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
