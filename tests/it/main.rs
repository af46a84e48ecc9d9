//! End-to-end tests: the real binary over TCP, on both databases.
//!
//! Each file is one kind of promise, each test one claim. Nothing here accesses the service's internals: tests start
//! it, use it over HTTP and the command line, stop it, kill it, and cut it off from its database. `KEYWARD_BIN` names
//! the binary, `KEYWARD_TEST_DATABASE_URL` a Postgres; the defaults are the binary that `cargo build` made and a
//! throwaway cluster.

#![expect(clippy::unwrap_used, reason = "these are tests: a panic is how they fail")]

mod harness;

mod acknowledged;
mod altered;
mod backup;
mod chaos;
mod clients;
mod clocks;
mod command_page;
mod commands;
mod consent;
mod demo;
mod deployed;
mod doctor;
mod document;
mod files;
mod first_steps;
mod floods;
mod gateways;
mod hang_up;
mod health;
mod key_changes;
mod key_commands;
mod last_used;
mod limits;
mod log_fields;
mod metrics;
mod on_terminal;
mod one_database;
mod outage;
mod output;
mod own_role;
mod packaging;
mod page;
mod policies;
mod production;
mod production_page;
mod races;
mod read_only;
mod readme;
mod refusals;
mod revocation;
mod secrecy;
mod silence;
mod sources;
mod stopping;
mod supervised;
mod tls;
mod two_nodes;
mod unusable_settings;
mod upgrading;
mod waiting;
mod went_back;
