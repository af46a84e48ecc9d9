//! What is not the caller's fault: an outage or an internal defect, never a verdict.

use keyward_domain::DigestError;
use keyward_storage::StorageError;
use keyward_verifier::NotEnforced;
use tokio::task::JoinError;

use crate::{access::tokens::TokenFailure, fair_queue::QueueFull, runtime::NoEntropy};

/// Lets `?` convert a failure into a use case's own error.
macro_rules! impl_from_failure {
    ($error:ty: $($cause:ty),+) => {$(
        impl From<$cause> for $error {
            fn from(cause: $cause) -> Self {
                Self::Failure(cause.into())
            }
        }
    )+};
}
pub(crate) use impl_from_failure;

/// What is not the caller's fault: an outage or an internal defect, never a verdict.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The database failed or did not answer.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// This node cannot check a stored digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The operating system returned no random bytes.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// No signing key is usable now.
    #[error("there is no usable signing key")]
    NoSigningKey,
    /// A token dated by the database would already have expired by this machine's clock.
    #[error("the clocks of this machine and of the database differ by more than the lifetime of an access token")]
    ClocksDiffer,
    /// A token could not be made.
    #[error("a token could not be made")]
    Token(#[from] TokenFailure),
    /// Too many requests of the same caller are waiting. This one was not begun.
    #[error(transparent)]
    QueueFull(#[from] QueueFull),
    /// Impossible unless this code is wrong.
    #[error("a defect: {0}")]
    Defect(&'static str),
    /// The process ended before background work was done.
    #[error("the work was cut off")]
    CutOff,
    /// A change is committed, but not known to be enforced on every node.
    #[error(transparent)]
    NotEnforced(#[from] NotEnforced),
}

impl From<JoinError> for Failure {
    fn from(error: JoinError) -> Self {
        if error.is_panic() { Self::Defect("background work panicked") } else { Self::CutOff }
    }
}
