//! The only way to write a change: records what a use case decided, commits it, and waits until every node enforces it
//! (R16).
//!
//! The store that writes is private to this module, so a use case has no other way. Committing and waiting continue in
//! the background if the caller disconnects: this node must not leave a change that it committed and did not apply.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use keyward_domain::{AccountId, ApiKey, Change, ChangeEffect, KeyId, Name, Now, Policy, Reach};
use keyward_storage::{
    AccountRecord, Authority, Enforcement, KeyRecord, Seq, StorageError, Store, Target, UnitOfWork, Write,
};
use keyward_verifier::{NotEnforced, Verifier};
use tokio::task::JoinHandle;

use crate::{Failure, account_queue::AccountPermit, acting::Acting, runtime::Runtime};

/// Holds the store that writes.
pub(crate) struct Door {
    store: Arc<dyn Store>,
    enforcer: Arc<Enforcer>,
}

impl Door {
    pub(crate) fn new(store: Arc<dyn Store>, verifier: Arc<Verifier>, runtime: Arc<Runtime>) -> Self {
        Self { store, enforcer: Arc::new(Enforcer { verifier, runtime, read: Mutex::default() }) }
    }

    /// Begins a unit of work within the caller's reach. It commits only while the caller's authority holds (R19).
    pub(crate) async fn begin(&self, acting: &Acting) -> Result<Unit, StorageError> {
        self.begin_as(&acting.by, acting.caller.reach()).await
    }

    /// Begins a unit of work for the operator.
    pub(crate) async fn begin_for_operator(&self) -> Result<Unit, StorageError> {
        self.begin_as(&Authority::operator(), Reach::operator()).await
    }

    async fn begin_as(&self, by: &Authority, within: Reach) -> Result<Unit, StorageError> {
        let work = self.store.begin_as(by).await?;
        Ok(Unit { work, within, targets: Vec::new(), enforcer: Arc::clone(&self.enforcer) })
    }

    /// Records a new key by itself. An adapter may write it together with other callers' keys. No verdict depends on a
    /// key that did not exist, so nothing waits.
    pub(crate) async fn record_key(&self, acting: &Acting, key: ApiKey) -> Result<Write, StorageError> {
        let change = Change::KeyIssued(Box::new(key));
        let recorded = self.store.record(&acting.by, &acting.caller.reach(), &change).await?;
        Ok(if recorded.is_some() { Write::Applied } else { Write::Stale })
    }

    /// Begins to wait until a change of an earlier call is enforced (R9).
    pub(crate) fn again(&self, last: Option<Enforcement>, target: Target) -> CommittedChange {
        let enforced = last.map(|last| {
            let verifier = Arc::clone(&self.enforcer.verifier);
            self.enforcer.runtime.background.spawn(async move { verifier.enforce_again(last, vec![target]).await })
        });
        CommittedChange { seq: last.map(|last| last.seq), enforced }
    }

    /// Begins to wait until an already committed change is enforced, so that its enforcement is recorded. One wait per
    /// target runs at a time, for any number of requests.
    pub(crate) fn enforce_in_background(&self, last: Enforcement, target: Target) {
        if !self.enforcer.read().insert(target) {
            return;
        }
        let waiting = Waiting { enforcer: Arc::clone(&self.enforcer), target };
        self.enforcer.runtime.background.spawn(async move {
            // The next read shows whether enforcement was recorded.
            let _ = waiting.enforcer.verifier.enforce_again(last, vec![target]).await;
        });
    }
}

/// Changes of one transaction. Dropping it rolls them back.
pub(crate) struct Unit {
    work: Box<dyn UnitOfWork>,
    within: Reach,
    /// The keys and accounts whose verdicts the changes affect.
    targets: Vec<Target>,
    enforcer: Arc<Enforcer>,
}

impl Unit {
    /// Locks the account until the end of this unit, and returns it.
    pub(crate) async fn lock_account(&mut self, id: AccountId) -> Result<Option<AccountRecord>, StorageError> {
        self.work.lock_account(&self.within, id).await
    }

    /// Locks the key until the end of this unit, and returns it.
    pub(crate) async fn lock_key(&mut self, id: KeyId) -> Result<Option<KeyRecord>, StorageError> {
        self.work.lock_key(&self.within, id).await
    }

    /// Reads the key within this transaction.
    pub(crate) async fn current_key(&mut self, id: KeyId) -> Result<Option<KeyRecord>, StorageError> {
        self.work.current_key(&self.within, id).await
    }

    /// As [`UnitOfWork::longest_lived_manager_key`], for an account with this effective policy.
    pub(crate) async fn longest_lived_manager_key(
        &mut self,
        account: AccountId,
        except: &[KeyId],
        now: Now,
        policy: &Policy,
    ) -> Result<Option<ApiKey>, StorageError> {
        let usable_after = policy.usable_after(now);
        self.work.longest_lived_manager_key(&self.within, account, except, now, usable_after).await
    }

    /// Counts the account's keys that are neither revoked nor expired, by their own end or by this policy.
    pub(crate) async fn count_keys(
        &mut self,
        account: AccountId,
        now: Now,
        policy: &Policy,
        at_most: u32,
    ) -> Result<u32, StorageError> {
        self.work.count_keys(&self.within, account, now, policy.alive_after(now), at_most).await
    }

    /// The unrevoked keys of the account's pairs with this name.
    pub(crate) async fn pair_keys_named(
        &mut self,
        account: AccountId,
        name: &Name,
    ) -> Result<Vec<ApiKey>, StorageError> {
        self.work.pair_keys_named(&self.within, account, name).await
    }

    /// Those of these unique names that active pairs of the account use.
    pub(crate) async fn taken_unique_names(
        &mut self,
        account: AccountId,
        among: &[String],
    ) -> Result<Vec<String>, StorageError> {
        self.work.taken_unique_names(&self.within, account, among).await
    }

    /// Records a change if its precondition holds.
    pub(crate) async fn record(&mut self, change: &Change) -> Result<Write, StorageError> {
        let written = self.work.record(&self.within, change).await?;
        if written == Write::Applied {
            self.targets.extend(target(change));
        }
        Ok(written)
    }

    /// Commits the changes, and begins to wait until they are enforced. The permit for the account is released after
    /// the commit.
    pub(crate) async fn commit(self, permit: Option<AccountPermit>) -> Result<CommittedChange, Failure> {
        let Self { work, targets, enforcer, .. } = self;
        let runtime = Arc::clone(&enforcer.runtime);
        let committing = runtime.background.spawn(async move {
            let committed = work.commit().await;
            drop(permit);
            let event = committed?.event;
            let enforced = event.map(|event| {
                let verifier = Arc::clone(&enforcer.verifier);
                enforcer.runtime.background.spawn(async move { verifier.enforce(event, targets).await })
            });
            Ok(CommittedChange { seq: event.map(|event| event.seq), enforced })
        });
        // The commit may have happened even though the task failed.
        committing.await.map_err(|error| StorageError::OutcomeUnknown(error.into()))?
    }
}

/// The key or account whose verdicts a change affects.
fn target(change: &Change) -> Option<Target> {
    match change {
        Change::AccountRegistered(_)
        | Change::KeyIssued(_)
        | Change::KeyChanged { effect: ChangeEffect::None | ChangeEffect::Record, .. } => None,
        Change::KeyChanged { after, effect: ChangeEffect::Shown | ChangeEffect::Verdict, .. } => {
            Some(Target::Key(after.id()))
        }
        Change::StatusChanged { account, .. } | Change::PolicySet { account, .. } => Some(Target::Account(*account)),
        Change::KeyRevoked { key, .. } => Some(Target::Key(*key)),
    }
}

/// A committed change.
pub(crate) struct CommittedChange {
    /// Its last event; `None` if no verdict depends on it.
    pub(crate) seq: Option<Seq>,
    enforced: Option<JoinHandle<Result<(), NotEnforced>>>,
}

impl CommittedChange {
    /// The same change, whose enforcement nothing waits for. It goes on in the background.
    pub(crate) fn in_background(self) -> Self {
        Self { enforced: None, ..self }
    }

    /// Waits until every node enforces it.
    pub(crate) async fn enforced(self) -> Result<(), Failure> {
        let Some(enforced) = self.enforced else { return Ok(()) };
        // The change is committed even if the wait failed.
        match enforced.await {
            Ok(enforced) => Ok(enforced?),
            Err(error) if error.is_cancelled() => Err(NotEnforced::Stopping.into()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Waits until changes are enforced.
struct Enforcer {
    verifier: Arc<Verifier>,
    runtime: Arc<Runtime>,
    /// Targets whose enforcement this node waits for because a read requested it.
    read: Mutex<HashSet<Target>>,
}

impl Enforcer {
    fn read(&self) -> MutexGuard<'_, HashSet<Target>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait that a read began; ends when dropped.
struct Waiting {
    enforcer: Arc<Enforcer>,
    target: Target,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.enforcer.read().remove(&self.target);
    }
}
