//! Model checking of the protocol (T3): nodes, one database, one restricting change and a reaper, each built from the
//! product's own core, take their steps in every order that the scope of a search allows.
//!
//! With all rules on, no order breaks the promise; with any one of them off, some order does, and the search finds it.
//! The parts of the driver (what is sent, in which order a memory is purged and acknowledged) are modelled here like
//! the driver. The test target `schedules` covers threads within one process.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod all_rules;
mod call;
mod database;
mod each_rule;
mod milestones;
mod names;
mod node;
mod promises;
mod request;
mod scope;
mod search;
mod size;
mod steps;
mod world;
mod writers;
