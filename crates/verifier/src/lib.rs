//! Verification from memory that still enforces every revocation.
//!
//! **The promise (guarantee N).** Once a restricting change (revoke, overwrite, suspend, close) has returned 2xx other
//! than 202, no node answers "valid" to a request about that key that arrives afterwards. **Liveness (L).** Once its
//! commit is confirmed, the call returns within the lease time plus a guard of one second, whatever else fails.
//!
//! [`protocol`] decides: small values without I/O, clock, task or lock. The server, the model checker and the
//! simulation drive the same code. [`Cache`] is the memory, in parts with one lock each. [`Verifier`] drives both
//! through the ports [`Membership`](keyward_storage::Membership) and [`Feed`](keyward_storage::Feed). This crate has no
//! SQL and no HTTP, judges no key (`keyward-domain` does), and never answers "unknown" or "valid" because of a failure.

mod cache;
mod driver;
mod lookup;
mod machine;
mod metrics;
mod node_state;
mod platform;
pub mod protocol;
mod published_lease;
mod seen;
mod singleflight;
mod verifier;

pub use cache::{Cache, Credential, Known, PackedKey, Size};
pub use driver::{ClockDifference, NotEnforced};
pub use lookup::{Arrival, Lookup};
pub use machine::{Clock, Tasks};
pub use platform::{Platform, Std};
pub use published_lease::PublishedLease;
pub use verifier::{Verifier, VerifierParts};
