//! What the measuring programs of this package share: a whole service in one process, whose time stands still and whose
//! randomness is counted, so that two runs do the same work.
//!
//! It measures nothing itself. Nothing of the product depends on it.

mod answer;
mod counted;
mod service;

pub use answer::{Asked, ask, at_once, get, post};
pub use counted::{Counted, Still};
pub use service::{Service, start};
