//! What the service remembers: the ports, and (feature `postgres`) their implementation on Postgres.
//!
//! Two kinds of port. **Management** ([`Keys`], [`Accounts`], and the writes of a [`UnitOfWork`]): every method takes a
//! [`Reach`], so that no query can be written that shows a tenant what is not its own. **Authentication**
//! ([`Credentials`]): the only port that reads a key without a reach, one at a time, by id; it lists nothing. The others
//! ([`Tokens`], [`Upkeep`], [`Installation`], and those of the revocation protocol, [`Membership`] and [`Feed`]) show no
//! tenant's data.
//!
//! Adapters record decisions and never make them: what may be revoked, issued or suspended is decided in
//! `keyward-domain`. A precondition stands in the statement's `WHERE`, and [`Write`] says whether it held. Nothing here
//! reads a clock. Feature `testing` brings the conformance suite that every implementation passes, and doubles that
//! inject faults.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use keyward_domain::{
    Account, AccountId, ApiKey, AuthKey, Chain, Environment, FamilyId, KeyId, KeyVersion, Mid, Name, Reach, RefreshId,
    Revocation, SecretDigest, Status, Timestamp,
};

mod authority;
mod error;
mod history;
pub mod pool;
mod revocation;
pub mod row;
mod schema;

#[cfg(feature = "testing")]
pub mod conformance;
#[cfg(feature = "testing")]
pub mod mock;
#[cfg(feature = "postgres")]
mod postgres;

pub use authority::Authority;
pub use error::{Cause, Constraint, StorageError, is_outdated};
pub use history::{HistoryToken, InvalidToken, LostHistory, Nonce, Position, Snapshot};
pub use pool::PoolState;
#[cfg(feature = "postgres")]
pub use postgres::{LeaseSecret, PgControl, PgOptions, PgStore};
pub use revocation::{
    CLOCKS_AGREE, Committed, Enforcement, Event, Events, Feed, Hint, Hints, JoinRequest, LeaseReply, Member, Members,
    Membership, NodeId, Read, Renewal, Seq, Target,
};
pub use schema::Schema;

/// The result of asking the database.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

/// Whether a guarded write found what it was decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Write {
    /// Written.
    Applied,
    /// The precondition did not hold (any more): nothing was written.
    Stale,
}

/// A key as a management reader sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyRecord {
    /// The key.
    pub key: ApiKey,
    /// Its account and those above.
    pub chain: Chain,
    /// When it was last used successfully, to within one flush of the usage recorder.
    pub last_used: Option<Timestamp>,
    /// The last change that decides verdicts about it; none if there was none since it was made.
    pub enforcement: Option<Enforcement>,
}

/// One row of a window over an account's keys. Its chain is that of the account, which the caller has.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedKey {
    /// The key.
    pub key: ApiKey,
    /// When it was last used successfully, to within one flush of the usage recorder.
    pub last_used: Option<Timestamp>,
}

/// An account and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountRecord {
    /// The account.
    pub account: Account,
    /// It and those above.
    pub chain: Chain,
    /// The last change that decides verdicts about its keys; none if there was none since it was made.
    pub enforcement: Option<Enforcement>,
}

/// Which stored states a window looks at. Each is an index of its own, so that no row is examined in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredState {
    /// Keys that are not revoked, expired ones among them.
    Active,
    /// Keys that are revoked themselves.
    Revoked,
    /// All keys.
    Any,
}

/// A stretch of an account's keys, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyWindow {
    /// Only keys older than this one.
    pub before: Option<KeyId>,
    /// Which index to walk.
    pub stored: StoredState,
    /// How many rows to read at the most: as many are examined, and no more.
    pub rows: u16,
}

/// What would die with an account: it and those below it, with their keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Below {
    /// Accounts that are not closed, the account itself among them.
    pub accounts: u64,
    /// Their keys that are neither revoked nor expired.
    pub keys: u64,
}

/// A stretch of accounts, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountWindow {
    /// Only accounts younger ones come before.
    pub before: Option<AccountId>,
    /// How many rows to read at the most: as many are examined, and one more at the most.
    pub rows: u16,
}

/// Management reads of keys, outside any transaction.
#[async_trait]
pub trait Keys: Send + Sync {
    /// The key of this id, if the caller reaches its account. An unknown and a foreign id do the same work.
    async fn key(&self, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>>;

    /// A window over the keys of an account; empty if the caller does not reach it.
    async fn keys(&self, within: &Reach, account: AccountId, window: KeyWindow) -> Result<Vec<ListedKey>>;
}

/// Management reads of accounts, outside any transaction.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// The account of this mid, if the caller reaches it. An unknown and a foreign mid do the same work.
    async fn account(&self, within: &Reach, mid: &Mid) -> Result<Option<AccountRecord>>;

    /// A window over the accounts strictly below the caller's own; over all accounts for the operator.
    async fn accounts(&self, within: &Reach, window: AccountWindow) -> Result<Vec<Account>>;

    /// What would die with this account at this moment; nothing if the caller does not reach it, or if it or one above
    /// it is closed. It examines all of it: for a person who is about to decide, not for the path of a request.
    async fn count_below(&self, within: &Reach, id: AccountId, at: Timestamp) -> Result<Below>;
}

/// What authentication needs of one key. Cloning one copies no text.
#[derive(Clone, Debug, PartialEq)]
pub struct Credential {
    /// The key.
    pub key: Arc<AuthKey>,
    /// Its account and those above.
    pub chain: Chain,
}

/// Authentication only: one key with its account chain, by id. The one port that reads keys without a reach; it lists
/// nothing.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// The key of this id with its chain and the number of the last event, in one statement: all are of one snapshot
    /// (R4).
    async fn credential(&self, id: KeyId) -> Result<Option<Read<Credential>>>;
}

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

/// Upkeep off the request path.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Replaces a digest by another of the same value. `Stale` unless the stored one is still `old`.
    async fn replace_digest(&self, id: KeyId, old: &SecretDigest, new: &SecretDigest) -> Result<Write>;

    /// Notes when keys were last used; of several moments for one key the latest stays. Unknown keys are passed over.
    async fn record_usage(&self, used: &[(KeyId, Timestamp)]) -> Result<()>;
}

/// What a database says about whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The environment it was made for.
    pub environment: Environment,
    /// The fingerprint of each version of the master key it was used with, by version, oldest first.
    pub fingerprints: Vec<(KeyVersion, String)>,
}

/// Whose database this is.
#[async_trait]
pub trait Installation: Send + Sync {
    /// The stamp; none in a database that no server has used yet.
    async fn stamp(&self) -> Result<Option<Stamp>>;

    /// Stamps an unused database. `Stale` if it is stamped already.
    async fn claim(&self, stamp: &Stamp, at: Timestamp) -> Result<Write>;

    /// Adds the fingerprint of a further version of the master key. `Stale` if that version has one.
    async fn add_fingerprint(&self, version: KeyVersion, fingerprint: &str, at: Timestamp) -> Result<Write>;

    /// The issuer of tokens where the settings name none; none before the first stamp.
    async fn issuer(&self) -> Result<Option<String>>;

    /// Stamps the issuer. `Stale` if there is one already, which stays.
    async fn stamp_issuer(&self, url: &str, at: Timestamp) -> Result<Write>;
}

/// One transaction, by somebody's right. Dropping it rolls back. It locks an account before any of its keys, so that no
/// two of them deadlock.
#[async_trait]
pub trait UnitOfWork: Send {
    /// The account, locked against every other unit of work until the end of this one.
    async fn lock_account(&mut self, within: &Reach, id: AccountId) -> Result<Option<AccountRecord>>;

    /// The key as it is now, in this transaction.
    async fn current_key(&mut self, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>>;

    /// Of the unrevoked secret keys of the account that may write keys, beside `except`, the one that expires last (one
    /// that never expires before all): if that one is not usable, none is. Examines a bounded number of rows beyond
    /// `except`.
    async fn longest_lived_manager_key(
        &mut self,
        within: &Reach,
        account: AccountId,
        except: &[KeyId],
    ) -> Result<Option<ApiKey>>;

    /// The unrevoked keys of the account's pairs that bear this name.
    async fn pair_keys_named(&mut self, within: &Reach, account: AccountId, name: &Name) -> Result<Vec<ApiKey>>;

    /// Which of these unique names active pairs of the account bear.
    async fn taken_unique_names(&mut self, within: &Reach, account: AccountId, among: &[String])
    -> Result<Vec<String>>;

    /// Adds an account. `Stale` unless its parent is reached and active with all above it; one without a parent is the
    /// operator's alone to add.
    ///
    /// A taken mid is [`Constraint::AccountMid`], a second platform [`Constraint::OnePlatform`].
    async fn insert_account(&mut self, within: &Reach, account: &Account) -> Result<Write>;

    /// Changes the status of an account, and records how high the caller of this reach stands where that suspends it.
    /// `Stale` unless it is reached and has the status `from`.
    async fn record_status(&mut self, within: &Reach, id: AccountId, from: Status, to: Status) -> Result<Write>;

    /// Adds a key. `Stale` unless its account is reached and active with all above it.
    ///
    /// A unique name that an active pair bears is [`Constraint::PairUniqueName`].
    async fn insert_key(&mut self, within: &Reach, key: &ApiKey) -> Result<Write>;

    /// Writes a revocation down. `Stale` unless the key is reached and not revoked.
    async fn record_revocation(&mut self, within: &Reach, id: KeyId, it: &Revocation) -> Result<Write>;

    /// Makes it all lasting. When this returns `Ok`, it survives the loss of power. Tells the number of the event that
    /// every node must have applied before the change may be called done (R16).
    ///
    /// [`StorageError::CallerChanged`] if the right by which it was begun is not what it was judged as: nothing was
    /// written, and the caller has to be judged anew (R19). No commit by the right of a key becomes visible after an
    /// event that ended that right.
    async fn commit(self: Box<Self>) -> Result<Committed>;
}

/// Everything that a node remembers, and the way to change it.
#[async_trait]
pub trait Store: Keys + Accounts + Credentials + Tokens + Upkeep + Installation {
    /// Begins a unit of work, which is committed only while this right stands (R19).
    async fn begin_as(&self, by: &Authority) -> Result<Box<dyn UnitOfWork>>;

    /// Begins a unit of work of the operator's: for tests, which act for no key.
    #[cfg(feature = "testing")]
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>> {
        self.begin_as(&Authority::operator()).await
    }

    /// Adds one key and makes it lasting: [`UnitOfWork::insert_key`] in a unit of work of its own. Where many are added at
    /// the same time, an adapter may write several of them at once.
    async fn insert_key(&self, by: &Authority, within: &Reach, key: &ApiKey) -> Result<Write> {
        let mut work = self.begin_as(by).await?;
        let write = work.insert_key(within, key).await?;
        if write == Write::Applied {
            work.commit().await?;
        }
        Ok(write)
    }
}
