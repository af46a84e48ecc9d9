//! Postgres keeps the promises of the ports, and some more.

#![expect(clippy::unwrap_used, reason = "these are tests: a panic is how they fail")]

mod altered;
mod connecting;
mod database;
mod examined;
mod held;
mod leases;
mod locks;
mod neighbours;
mod notifications;
mod numbering;
mod outages;
mod pressure;
mod schema;

keyward_storage::conformance_suite!(crate::database::fixture);
keyward_storage::membership_suite!(crate::database::fixture);
