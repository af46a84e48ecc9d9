//! The two kinds of token: access tokens (signed, read by anybody with the key set) and refresh tokens (sealed, read by
//! this service alone). Makes and reads them; decides nothing about the keys that they speak for.

mod access;
mod key_set;
mod refresh;
mod seal;

pub use access::{AccessGrant, AccessTokens, IssuedAccess, ReadAccess};
pub use key_set::{Jwk, KeySet, PUBLISHED_BEFORE_USE, PublishedKey};
pub use refresh::{RefreshGrant, RefreshTokens};

use std::time::Duration;

/// How long an access token lives (contract, section 2).
pub const ACCESS_TOKEN_LIFE: Duration = Duration::from_mins(10);
/// How far two nodes' notions of the shared time may differ before a fresh token of one is too young for the other.
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(30);

/// A token or a signing key could not be made or read for reasons of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// A stored signing key cannot be opened: it was sealed under a master key that this node does not have.
    #[error("a signing key cannot be opened with this node's master key")]
    SigningKeyUnreadable,
    /// The cryptographic library refused.
    #[error("the cryptographic library refused to {0}")]
    Refused(&'static str),
}
