//! What is not the caller's fault: an outage or a defect of ours, never a verdict.

use keyward_domain::DigestError;
use keyward_storage::StorageError;
use keyward_verifier::NotEnforced;

use crate::{access::tokens::TokenFault, fair_queue::QueueFull, runtime::NoEntropy};

/// Lets `?` turn what is not the caller's fault into a use case's own error.
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

/// What is not the caller's fault. An outage, never a verdict.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A stored digest that this node cannot check.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// There is no signing key that could be used now.
    #[error("there is no usable signing key")]
    NoSigningKey,
    /// A token dated by the database would be over by this machine's clock.
    #[error("the clocks of this machine and of the database differ by more than an access token lives")]
    ClocksDiffer,
    /// A token could not be made.
    #[error("a token could not be made")]
    Token(#[from] TokenFault),
    /// Too many requests of the same caller wait already. Nothing was begun.
    #[error(transparent)]
    QueueFull(#[from] QueueFull),
    /// What cannot be, if this code is right.
    #[error("a defect: {0}")]
    Defect(&'static str),
    /// Background work was cut off by the end of the process.
    #[error("the work was cut off")]
    CutOff,
    /// A change is committed and not known to be in force on every node.
    #[error(transparent)]
    NotEnforced(#[from] NotEnforced),
}
