//! The protocol on a database that goes back, searched (R18): nodes, calls and a reaper, each made of the product's own
//! core, and a database of which a copy is made and put in its place, take their steps in every order that the scope of
//! a search allows.
//!
//! With all rules on, no order breaks the promise, and no call is answered by a list that does not show its own change.
//! With a rule off some order does, and the search finds it; where a second rule stands behind it, with both off.
//! Threads within one process are another matter (the test target `schedules`), and so is all that can go wrong while
//! the database stays the same one (the target `model`).

#![expect(clippy::unwrap_used, reason = "these are tests: a panic is how they fail")]

mod all_rules;
mod call;
mod database;
mod each_rule;
mod log;
mod mutants;
#[path = "../model/names.rs"]
mod names;
mod node;
mod scope;
mod search;
mod sights;
#[path = "../model/size.rs"]
mod size;
mod steps;
mod world;
