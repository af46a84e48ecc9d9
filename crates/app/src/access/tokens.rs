//! The two kinds of token: access tokens (signed; any holder of the key set can read them) and refresh tokens (sealed;
//! only this service can read them). Makes and reads them; decides nothing about the keys that they act for.

mod access;
mod key_set;
mod refresh;
mod seal;

pub use access::{AccessGrant, AccessTokens, IssuedAccess, ReadAccess};
pub use key_set::{Jwk, KeySet, PUBLISHED_BEFORE_USE, PublishedKey};
pub use refresh::{RefreshGrant, RefreshTokens};

use std::time::Duration;

/// Lifetime of an access token (contract, section 2).
pub const ACCESS_TOKEN_LIFE: Duration = Duration::from_mins(10);
/// Maximum difference between two nodes' shared times at which one node's new token is not too young for the other.
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(30);

/// An internal reason why a token or a signing key could not be made or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFailure {
    /// A stored signing key cannot be opened: it was sealed under a master key that this node does not have.
    #[error("a signing key cannot be opened with this node's master key")]
    SigningKeyUnreadable,
    /// The cryptographic library refused an operation.
    #[error("the cryptographic library refused to {0}")]
    Refused(&'static str),
}
