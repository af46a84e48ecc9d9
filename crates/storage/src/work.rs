//! How changes are written: a unit of work, which records what was decided and becomes lasting as a whole.

use async_trait::async_trait;
use keyward_domain::{AccountId, ApiKey, Change, KeyId, Name, Now, Reach, Timestamp};

use crate::{
    AccountRecord, Authority, Committed, Credentials, Installation, Jobs, KeyRecord, Reads, Result, Tokens, Upkeep,
    Write,
};
#[cfg(doc)]
use crate::{Constraint, StorageError};

/// One transaction with an [`Authority`]. Dropping it rolls back. It locks an account before any of its keys, so that
/// no two transactions deadlock.
#[async_trait]
pub trait UnitOfWork: Send {
    /// Returns the account, and locks it against all other units of work until the end of this one.
    async fn lock_account(&mut self, within: &Reach, id: AccountId) -> Result<Option<AccountRecord>>;

    /// Returns the key, and locks it against all other units of work until the end of this one.
    async fn lock_key(&mut self, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>>;

    /// Returns the key as it is in this transaction.
    async fn current_key(&mut self, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>>;

    /// Returns the account's unrevoked manager key, not among `except`, that no restriction and no suspension holds
    /// back now, that was created after `usable_after`, and that expires last; one that never expires comes first.
    /// Without such a key, no manager key is usable. Examines few rows beyond `except` and those that are held back.
    async fn longest_lived_manager_key(
        &mut self,
        within: &Reach,
        account: AccountId,
        except: &[KeyId],
        now: Now,
        usable_after: Option<Timestamp>,
    ) -> Result<Option<ApiKey>>;

    /// Counts the account's keys that are not revoked, have not expired now, and were created after `alive_after`.
    /// Counts at most `at_most`.
    async fn count_keys(
        &mut self,
        within: &Reach,
        account: AccountId,
        now: Now,
        alive_after: Option<Timestamp>,
        at_most: u32,
    ) -> Result<u32>;

    /// Returns the unrevoked keys of the account's pairs with this name.
    async fn pair_keys_named(&mut self, within: &Reach, account: AccountId, name: &Name) -> Result<Vec<ApiKey>>;

    /// Returns those of these unique names that active pairs of the account have.
    async fn taken_unique_names(&mut self, within: &Reach, account: AccountId, among: &[String])
    -> Result<Vec<String>>;

    /// Records a change. Returns `Stale` if its precondition does not hold, or if what it is about is not within reach:
    /// nothing was written then. Only the operator registers an account without a parent. For a suspension, also
    /// records the caller's level.
    ///
    /// A taken mid conflicts with [`Constraint::AccountMid`], a second platform with [`Constraint::OnePlatform`], the
    /// unique name of an active pair with [`Constraint::PairUniqueName`].
    async fn record(&mut self, within: &Reach, change: &Change) -> Result<Write>;

    /// Commits. Once this returns `Ok`, the changes survive a power failure. Returns the event that every node must
    /// have applied before the change counts as enforced (R16).
    ///
    /// Returns [`StorageError::CallerChanged`] if the authority changed since it was judged: nothing was written, and
    /// the caller must be judged again (R19). No commit with a key's authority becomes visible after an event that
    /// ended that authority.
    async fn commit(self: Box<Self>) -> Result<Committed>;
}

/// All reads of a database, and the units of work that change it. The only port that writes keys and accounts:
///
/// ```
/// # use keyward_storage::{Authority, Store};
/// async fn write(store: &dyn Store, by: &Authority) {
///     let _ = store.begin_as(by).await;
/// }
/// ```
#[async_trait]
pub trait Store: Reads + Credentials + Tokens + Upkeep + Installation + Jobs {
    /// Begins a unit of work, which commits only while this authority holds (R19).
    async fn begin_as(&self, by: &Authority) -> Result<Box<dyn UnitOfWork>>;

    /// Records one change and commits, in a unit of work of its own. Returns `None` if the change is `Stale`. If many
    /// keys are issued at the same time, an adapter may combine several of them.
    async fn record(&self, by: &Authority, within: &Reach, change: &Change) -> Result<Option<Committed>> {
        record_in_a_unit(self, by, within, change).await
    }
}

/// Records one change in a unit of work of its own: what [`Store::record`] does without batching.
pub(crate) async fn record_in_a_unit<S: Store + ?Sized>(
    store: &S,
    by: &Authority,
    within: &Reach,
    change: &Change,
) -> Result<Option<Committed>> {
    let mut work = store.begin_as(by).await?;
    match work.record(within, change).await? {
        Write::Applied => Ok(Some(work.commit().await?)),
        Write::Stale => Ok(None),
    }
}
