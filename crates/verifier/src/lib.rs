//! Verification from memory that a revocation can trust.
//!
//! **The promise (guarantee N).** When a narrowing call (revoke, overwrite, suspend, close) has answered 2xx other than 202,
//! no node says "valid" to a request about that key that arrives afterwards. **Liveness (L).** Once its commit is
//! confirmed, the call answers within the lease time and a guard of one second, whatever else fails.
//!
//! [`protocol`] decides: small values without I/O, clock, task or lock, which the model checker and the simulation drive
//! as the server does. [`Cache`] is the memory, in parts of one lock each. [`Verifier`] drives both over the ports
//! [`Membership`](keyward_storage::Membership) and [`Feed`](keyward_storage::Feed). It knows no SQL and no HTTP, judges no
//! key (`keyward-domain` does), and never says "unknown" or "valid" because something failed.

mod cache;
mod driver;
mod known;
mod lookup;
mod meters;
mod platform;
pub mod protocol;
mod published_lease;
mod seen;
mod singleflight;
mod verifier;

pub use cache::{Cache, Size};
pub use driver::ClockDifference;
pub use known::Known;
pub use lookup::{Arrival, Lookup, Times};
pub use platform::{Platform, Std};
pub use published_lease::PublishedLease;
pub use verifier::{Clock, NotEnforced, Parts, Tasks, Verifier};
