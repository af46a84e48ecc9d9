//! The embedded database: the storage ports on SQLite, one file in one folder of one machine.
//!
//! Writers queue for one connection and begin `IMMEDIATE`, so that no decision relies on data that another writer is
//! about to change. Readers have separate, read-only connections and never wait. A confirmed commit survives a power
//! failure (`synchronous=FULL`). One server at a time uses a database, under whatever name: an operating system lock on
//! its file ensures this. A file that is removed or replaced under a server accepts no more writes, and
//! [`SqliteStore::lost`] reports it.
//!
//! Triggers of the schema number changes that affect a verdict, in the transaction of the change. There is one process,
//! so the revocation protocol needs only the feed of events, and no membership.
//!
//! Decides nothing and reads no clock (SQLite's clock dates events and limits callers' authorities). sqlx checks every
//! query at compile time against the migrations.
//!
//! The files have the names of those of `keyward_storage::postgres`, port by port. Only here: what belongs to a file of
//! this machine (`files`, `copies`), to a database that no server guards (`foreign`), and to its clock (`clock`); and
//! `testing`, because this database is also the one that other crates test with.

mod accounts;
mod callers;
mod clock;
mod copies;
mod credentials;
mod error;
mod feed;
mod files;
mod foreign;
mod history;
mod insertion;
mod installation;
mod jobs;
mod keys;
mod options;
mod restrictions;
mod rows;
mod schema;
mod search;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod tokens;
mod unit_of_work;
mod upkeep;

pub use copies::{discard, restore};
pub use files::{Lost, OpenError};
pub use options::Options;
pub use store::SqliteStore;
