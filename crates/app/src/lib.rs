//! The use cases of Keyward, in two halves.
//!
//! [`Access`] answers questions: which key a credential belongs to, and what it may do. [`Manage`] makes changes: a use
//! case loads within the caller's reach, lets `keyward-domain` decide, records the decision and commits. The crate
//! knows no HTTP, no SQL and no wire format except that of tokens. Each use case has its own error. What is not the
//! caller's fault is a [`Failure`].

use std::sync::Arc;

use keyward_domain::MasterKey;
use keyward_storage::Store;
use keyward_verifier::Verifier;
use tokio_util::task::TaskTracker;

pub mod access;
mod account_queue;
mod acting;
mod commit;
mod failure;
mod fair_queue;
mod fresh_ids;
pub mod jobs;
pub mod manage;
mod runtime;
mod settings;

pub use access::{Access, Caller, Hashing, Load, Refused, Source, TooManyAttempts};
pub use failure::Failure;
pub(crate) use failure::impl_from_failure;
pub use fair_queue::QueueFull;
pub use keyward_verifier::Clock;
pub use manage::Manage;
pub use runtime::{Entropy, NoEntropy};
pub use settings::Settings;

/// What [`assemble`] needs.
pub struct Parts {
    /// Holds every account, key, token and signing key.
    pub store: Arc<dyn Store>,
    /// Verifies from memory, and waits until a revocation is enforced.
    pub verifier: Arc<Verifier>,
    /// The wall clock and the monotonic clock.
    pub clock: Arc<dyn Clock>,
    /// Source of random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// How secrets are hashed, and how many slow hashes run concurrently.
    pub hashing: Hashing,
    /// Derives the keys that seal tokens and signing keys.
    pub master: Arc<MasterKey>,
    /// Settings of the use cases, parsed and checked.
    pub settings: Settings,
    /// Tracks work off the request path; shutdown waits for it.
    pub background: TaskTracker,
}

/// Builds both halves. Reads nothing yet: [`access::rotate_signing_keys`] and [`Access::flush_usage`] have to run
/// meanwhile.
#[must_use]
pub fn assemble(parts: Parts) -> (Arc<Access>, Arc<Manage>) {
    let Parts { store, verifier, clock, entropy, hashing, master, settings, background } = parts;
    let runtime =
        Arc::new(runtime::Runtime { clock, entropy, ids: fresh_ids::FreshIds::default(), settings, background });
    let account_queue = Arc::new(account_queue::AccountQueue::default());
    let access = Access::new(access::AccessParts {
        credentials: Arc::clone(&store) as _,
        token_store: Arc::clone(&store) as _,
        upkeep: Arc::clone(&store) as _,
        verifier: Arc::clone(&verifier),
        hashing,
        master: &master,
        account_queue: Arc::clone(&account_queue),
        runtime: Arc::clone(&runtime),
    });
    let access = Arc::new(access);
    let door = commit::Door::new(Arc::clone(&store), verifier, Arc::clone(&runtime));
    let manage = Manage {
        access: Arc::clone(&access),
        door,
        runtime,
        reads: Arc::clone(&store) as _,
        jobs: store,
        account_queue,
    };
    (access, Arc::new(manage))
}
