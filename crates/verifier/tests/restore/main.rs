//! Model checking of the protocol on a database that goes back (R18): nodes, calls and a reaper, each built from the
//! product's own core, and a database that is copied and replaced by the copy, take their steps in every order that the
//! scope of a search allows.
//!
//! With all rules on, no order breaks the promise, and no call is answered by a list that does not show its own change.
//! With a rule off some order does, and the search finds it; if a second rule backs it, with both off. The test target
//! `schedules` covers threads within one process, and the target `model` covers faults without a change of history.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod all_rules;
mod call;
mod database;
mod each_rule;
mod log;
mod milestones;
mod mutants;
#[path = "../model/names.rs"]
mod names;
mod node;
mod scope;
mod search;
#[path = "../model/size.rs"]
mod size;
mod steps;
mod world;
