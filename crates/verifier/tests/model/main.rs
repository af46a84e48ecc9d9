//! The protocol, searched (T3): nodes, one database, one narrowing call and a reaper, each made of the product's own core,
//! take their steps in every order that the scope of a search allows.
//!
//! With all rules on, no order breaks the promise; with any one of them off, some order does, and the search finds it. What
//! the core leaves to the driver (what is sent, in which order a memory is purged and acknowledged) is done here as the
//! driver does it. Threads within one process are another matter: see the test target `schedules`.

#![expect(clippy::unwrap_used, reason = "these are tests: a panic is how they fail")]

mod all_rules;
mod call;
mod database;
mod each_rule;
mod names;
mod node;
mod promises;
mod request;
mod scope;
mod search;
mod sights;
mod size;
mod steps;
mod world;
mod writers;
