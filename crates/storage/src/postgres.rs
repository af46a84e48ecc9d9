//! [`PgStore`] and [`PgControl`]: the ports on Postgres, for many nodes.
//!
//! Each read is one statement through the pool; writes of several statements are a unit of work. Never decides
//! anything, never reads a clock, and exposes no type of sqlx.
//!
//! The files have the names of those of `keyward-storage-sqlite`, port by port. Only here: what many nodes need
//! (`control`, `hints`, `membership`), what shares one connection pool among many requests (`batcher`, `plans`,
//! `transactions`), and what a server and its roles differ in (`instant`, `rights`, `server`).

#[macro_use]
mod restrictions;
#[macro_use]
mod rows;

mod accounts;
mod batcher;
mod callers;
mod control;
mod credentials;
mod error;
mod feed;
mod hints;
mod history;
mod insertion;
mod installation;
mod instant;
mod jobs;
mod keys;
mod membership;
mod options;
mod plans;
mod rights;
mod schema;
mod search;
mod server;
mod store;
mod tokens;
mod transactions;
mod unit_of_work;
mod upkeep;

pub use control::{LeaseSecret, PgControl};
pub use options::PgOptions;
pub use store::PgStore;
