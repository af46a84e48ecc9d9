//! Token-signing keys, and refresh tokens that were redeemed.

use std::time::Duration;

use async_trait::async_trait;
use keyward_domain::{FamilyId, RefreshId, Timestamp};

use crate::{Authority, Result, Write};
#[cfg(doc)]
use crate::{CLOCKS_AGREE, StorageError};

/// A token-signing key as it is stored: its private half sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKeyRow {
    /// Counted from 1 without a gap; unique, so that two nodes that rotate at once make one key.
    pub generation: i32,
    /// Its name in tokens and in the key set (RFC 7638 thumbprint).
    pub kid: String,
    /// The public half: 32 bytes of Ed25519.
    pub public: Vec<u8>,
    /// The private half, sealed under the master key.
    pub sealed: Vec<u8>,
    /// When it was published.
    pub published_at: Timestamp,
    /// From when on it signs; until the next generation does.
    pub signs_from: Timestamp,
}

/// A token-signing key on its way into the database, which dates it.
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
    /// The database's wall clock when they were read; none where it has none of its own.
    pub database_time: Option<Timestamp>,
}

/// The use of one refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redemption {
    /// The token.
    pub token: RefreshId,
    /// Its family.
    pub family: FamilyId,
    /// When the family's life is over, and this row may go.
    pub family_ends_at: Timestamp,
    /// Now.
    pub at: Timestamp,
    /// By whose right: that of the keys that obtained it.
    pub by: Authority,
}

/// What came of redeeming a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Redeemed {
    /// The first time: good.
    First,
    /// It was redeemed before. The family has been ended.
    Again,
    /// Another token of the family was redeemed twice.
    FamilyEnded,
}

/// Signing keys and redeemed refresh tokens.
///
/// What all nodes share is dated and deleted by the database's own clock: one node's may be wrong by weeks. `expected`
/// is what the caller expects it to show; where it differs by more than [`CLOCKS_AGREE`], nothing is rotated or
/// deleted. A database without a clock of its own, which belongs to one process, takes the caller's.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// All signing keys, and the database's time.
    async fn signing_keys(&self) -> Result<SigningKeys>;

    /// Adds a generation: it signs after it has been published for this long, or at once where no key signs yet.
    /// `Stale` if that generation exists (another node was faster: read again), or if a key signs and the clocks
    /// differ.
    async fn add_signing_key(
        &self,
        key: &FreshSigningKey,
        published_for: Duration,
        expected: Timestamp,
    ) -> Result<Write>;

    /// Drops the generations below the newest one that has been signing for this long, which stays. Returns how many.
    async fn drop_signing_keys(&self, signed_for: Duration, expected: Timestamp) -> Result<u64>;

    /// Redeems a refresh token, in one transaction. Of two racing redemptions of one token exactly one is the first.
    /// [`StorageError::CallerChanged`] if its keys are not what they were judged as: nothing was written (R19).
    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed>;

    /// Drops what is kept of families whose life has been over for this long, at most `at_most` rows. Returns how many.
    async fn forget_families(&self, ended_for: Duration, expected: Timestamp, at_most: u32) -> Result<u64>;
}
