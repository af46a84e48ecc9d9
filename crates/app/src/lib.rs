//! The use cases of Keyward, in two halves.
//!
//! [`Access`] answers questions: whose a credential is, and what it is good for. [`Manage`] makes changes: a use case
//! loads within the caller's reach, lets `keyward-domain` decide, records the decision and commits. Knows no HTTP, no SQL
//! and no wire format but that of tokens. Everything that ends a request goes through an error of the use case's own;
//! what is not the caller's fault is a [`Failure`].

use std::sync::Arc;

use keyward_domain::MasterKey;
use keyward_storage::Store;
use keyward_verifier::Verifier;
use tokio_util::task::TaskTracker;

pub mod access;
mod account_queue;
mod commit;
mod failure;
mod fair_queue;
mod fresh_ids;
pub mod manage;
mod runtime;
mod settings;

pub use access::{Access, Caller, Hashing, Load, Refused, Source, TooManyAttempts};
pub use failure::Failure;
pub(crate) use failure::impl_from_failure;
pub use fair_queue::QueueFull;
pub use manage::Manage;
pub use runtime::{Clock, Entropy, NoEntropy};
pub use settings::Settings;

/// What the service is put together from.
pub struct Parts {
    /// The database.
    pub store: Arc<dyn Store>,
    /// Who verifies from memory, and waits until a revocation is in force.
    pub verifier: Arc<Verifier>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// How secrets are hashed.
    pub hashing: Hashing,
    /// The master key, for tokens.
    pub master: Arc<MasterKey>,
    /// Settings.
    pub settings: Settings,
    /// Work off the request path; whoever stops the process waits for it.
    pub background: TaskTracker,
}

/// Puts both halves together. Reads nothing yet: see [`access::rotate_signing_keys`] and [`Access::flush_usage`] for what
/// has to run beside them.
#[must_use]
pub fn assemble(parts: Parts) -> (Arc<Access>, Arc<Manage>) {
    let Parts { store, verifier, clock, entropy, hashing, master, settings, background } = parts;
    let runtime =
        Arc::new(runtime::Runtime { clock, entropy, ids: fresh_ids::FreshIds::default(), settings, background });
    let account_queue = Arc::new(account_queue::AccountQueue::default());
    let access = Access::new(access::Parts {
        store: Arc::clone(&store),
        verifier,
        hashing,
        master: &master,
        account_queue: Arc::clone(&account_queue),
        runtime: Arc::clone(&runtime),
    });
    let access = Arc::new(access);
    let manage = Manage::new(Arc::clone(&access), store, account_queue, runtime);
    (access, Arc::new(manage))
}
