//! The HTTP contract of Keyward: parses requests into commands, calls one use case of `keyward-access`, and turns its outcome
//! into an answer or a problem.
//!
//! Decides nothing, and knows no SQL. [`shares`] keeps what is limited from being taken by one.

pub mod http;
pub mod shares;
