//! The memory and the published lease of one process under many schedules of its threads (T4).
//!
//! The real [`Cache`](keyward_verifier::Cache) and [`PublishedLease`](keyward_verifier::PublishedLease), on locks and
//! numbers of a scheduler that tries random orders; the core's lease and requests; a database and readers like the
//! driver's. The test target `model` searches the interaction of several nodes, lost messages and clocks. The scheduler
//! treats every atomic access as sequentially consistent: weaker orders are not tried here.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod content;
mod database;
mod platform;
mod process;
mod promise;
mod run;
mod scheduler;
