//! Shared by the measuring programs of this package: a complete service in one process. Its clock is stopped and its
//! random bytes come from a counter, so that two runs do the same work.
//!
//! Measures nothing itself. The product does not depend on it.

mod answer;
mod counted;
mod service;

pub use answer::{CompleteRequest, ask, get, poll_once, post};
pub use counted::{Counted, Still};
pub use service::{Service, start};
