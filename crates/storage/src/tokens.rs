//! Token-signing keys, and refresh tokens that were redeemed.

use std::time::Duration;

use async_trait::async_trait;
use keyward_domain::{FamilyId, RefreshId, Timestamp};

use crate::{Authority, Result, Write};
#[cfg(doc)]
use crate::{CLOCKS_AGREE, StorageError};

/// A stored token-signing key, with an encrypted private half.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKeyRow {
    /// Counted from 1 without gaps; unique, so that two nodes that rotate at the same time make only one key.
    pub generation: i32,
    /// Key id in tokens and in the key set (RFC 7638 thumbprint).
    pub kid: String,
    /// The public half: 32 bytes of Ed25519.
    pub public: Vec<u8>,
    /// The private half, encrypted under the master key.
    pub sealed: Vec<u8>,
    /// Time of publication.
    pub published_at: Timestamp,
    /// Start of signing; it signs until the next generation does.
    pub signs_from: Timestamp,
}

/// A new token-signing key. The database dates it.
#[derive(Clone, PartialEq, Eq)]
pub struct FreshSigningKey {
    /// As in [`SigningKeyRow`].
    pub generation: i32,
    /// As in [`SigningKeyRow`].
    pub kid: String,
    /// As in [`SigningKeyRow`].
    pub public: Vec<u8>,
    /// As in [`SigningKeyRow`].
    pub sealed: Vec<u8>,
}

/// All signing keys, in one snapshot.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKeys {
    /// The keys, oldest generation first.
    pub keys: Vec<SigningKeyRow>,
    /// The database's wall clock at the read; none if the database has no clock of its own.
    pub database_time: Option<Timestamp>,
}

/// The redemption of one refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redemption {
    /// The redeemed token.
    pub token: RefreshId,
    /// The token's family.
    pub family: FamilyId,
    /// End of the family, after which this row may be dropped.
    pub family_ends_at: Timestamp,
    /// Current time.
    pub at: Timestamp,
    /// The authority: the keys that obtained the token.
    pub by: Authority,
}

/// Outcome of redeeming a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Redeemed {
    /// Redeemed for the first time.
    First,
    /// Redeemed before. The family has been ended.
    Again,
    /// Another token of the family was redeemed twice, which ended the family.
    FamilyEnded,
}

/// Signing keys and redeemed refresh tokens.
///
/// Shared state is dated and deleted by the database's own clock, because a node's clock may be wrong by weeks.
/// `expected` is the time that the caller expects of it. If it differs by more than [`CLOCKS_AGREE`], nothing is
/// rotated or deleted. A database without its own clock, which only one process uses, takes the caller's time.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// Returns all signing keys, and the database's time.
    async fn signing_keys(&self) -> Result<SigningKeys>;

    /// Adds a generation. It signs once it has been published for `published_for`, or immediately if no key signs yet.
    /// Returns `Stale` if the generation exists (another node added it: read again), or if a key signs and the clocks
    /// differ.
    async fn add_signing_key(
        &self,
        key: &FreshSigningKey,
        published_for: Duration,
        expected: Timestamp,
    ) -> Result<Write>;

    /// Drops the generations before the newest one that has been signing for `signed_for`, which stays. Returns how
    /// many.
    async fn drop_signing_keys(&self, signed_for: Duration, expected: Timestamp) -> Result<u64>;

    /// Redeems a refresh token, in one transaction. Of two concurrent redemptions of one token exactly one is the
    /// first. Returns [`StorageError::CallerChanged`] if its keys changed since they were judged: nothing was written
    /// (R19).
    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed>;

    /// Drops the rows of families that ended at least `ended_for` ago, at most `at_most` rows. Returns how many.
    async fn forget_families(&self, ended_for: Duration, expected: Timestamp, at_most: u32) -> Result<u64>;
}
