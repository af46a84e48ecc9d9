//! The HTTP contract of Keyward: parses requests into commands, calls one use case of `keyward-app`, and turns the
//! outcome into an answer or a problem.
//!
//! Decides nothing, and knows no SQL. [`shares`] keeps one holder from taking all of a limited resource.

pub mod http;
pub mod shares;
