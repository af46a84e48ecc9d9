//! The only door for changes: what a use case decided is recorded, committed, and waited for until every node judges by
//! it (R16).
//!
//! The store that writes is private to this module, so a use case has no other way. Committing and waiting go on to
//! their end in the background if the caller has gone: a client that hangs up must not leave a change behind that this
//! node has committed and not applied.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use keyward_domain::{AccountId, ApiKey, Change, KeyId, Name, Reach};
use keyward_storage::{
    AccountRecord, Authority, Enforcement, KeyRecord, Seq, StorageError, Store, Target, UnitOfWork, Write,
};
use keyward_verifier::NotEnforced;
use tokio::task::JoinHandle;

use crate::{
    Failure,
    account_queue::AccountPermit,
    manage::{Manage, acting::Acting},
};

/// Where changes are written.
pub(crate) struct Door {
    store: Arc<dyn Store>,
    enforcing: Enforcing,
}

impl Door {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, enforcing: Enforcing::default() }
    }

    /// Begins a unit of work within the caller's reach, which is committed only while its right stands (R19).
    pub(crate) async fn begin(&self, acting: &Acting) -> Result<Unit, StorageError> {
        self.begin_as(&acting.by, acting.caller.reach()).await
    }

    /// Begins a unit of work of the operator's.
    pub(crate) async fn begin_for_operator(&self) -> Result<Unit, StorageError> {
        self.begin_as(&Authority::operator(), Reach::operator()).await
    }

    async fn begin_as(&self, by: &Authority, within: Reach) -> Result<Unit, StorageError> {
        Ok(Unit { work: self.store.begin_as(by).await?, within, targets: Vec::new() })
    }

    /// Records a change that restricts nothing, by itself: an adapter may write it together with those of other callers.
    pub(crate) async fn record_alone(&self, acting: &Acting, change: &Change) -> Result<Write, StorageError> {
        let recorded = self.store.record(&acting.by, &acting.caller.reach(), change).await?;
        Ok(if recorded.is_some() { Write::Applied } else { Write::Stale })
    }
}

/// Changes of one transaction. Dropping it takes them back.
pub(crate) struct Unit {
    work: Box<dyn UnitOfWork>,
    within: Reach,
    /// What was changed that a verdict depends on.
    targets: Vec<Target>,
}

impl Unit {
    /// The account, locked until the end of this unit.
    pub(crate) async fn lock_account(&mut self, id: AccountId) -> Result<Option<AccountRecord>, StorageError> {
        self.work.lock_account(&self.within, id).await
    }

    /// The key as it is now.
    pub(crate) async fn current_key(&mut self, id: KeyId) -> Result<Option<KeyRecord>, StorageError> {
        self.work.current_key(&self.within, id).await
    }

    /// As [`UnitOfWork::longest_lived_manager_key`].
    pub(crate) async fn longest_lived_manager_key(
        &mut self,
        account: AccountId,
        except: &[KeyId],
    ) -> Result<Option<ApiKey>, StorageError> {
        self.work.longest_lived_manager_key(&self.within, account, except).await
    }

    /// The unrevoked keys of the account's pairs that bear this name.
    pub(crate) async fn pair_keys_named(
        &mut self,
        account: AccountId,
        name: &Name,
    ) -> Result<Vec<ApiKey>, StorageError> {
        self.work.pair_keys_named(&self.within, account, name).await
    }

    /// Which of these unique names active pairs of the account bear.
    pub(crate) async fn taken_unique_names(
        &mut self,
        account: AccountId,
        among: &[String],
    ) -> Result<Vec<String>, StorageError> {
        self.work.taken_unique_names(&self.within, account, among).await
    }

    /// Writes a change down, where its precondition holds.
    pub(crate) async fn record(&mut self, change: &Change) -> Result<Write, StorageError> {
        let written = self.work.record(&self.within, change).await?;
        if written == Write::Applied {
            self.targets.extend(target(change));
        }
        Ok(written)
    }

    /// Makes the changes lasting, and begins to wait until they are in force. The permit for the account ends with the
    /// commit.
    pub(crate) async fn commit(
        self,
        manage: &Arc<Manage>,
        permit: Option<AccountPermit>,
    ) -> Result<Committed, Failure> {
        let Self { work, targets, .. } = self;
        let within = Arc::clone(manage);
        let committing = manage.runtime.background.spawn(async move {
            let committed = work.commit().await;
            drop(permit);
            let event = committed?.event;
            let enforced = event.map(|event| {
                let verifier = Arc::clone(&within.access.verifier);
                within.runtime.background.spawn(async move { verifier.enforce(event, targets).await })
            });
            Ok(Committed { seq: event.map(|event| event.seq), enforced })
        });
        // It may be committed, whatever became of the task.
        committing.await.map_err(|error| StorageError::OutcomeUnknown(error.into()))?
    }
}

/// What verdicts depend on a change.
const fn target(change: &Change) -> Option<Target> {
    match change {
        Change::AccountRegistered(_) | Change::KeyIssued(_) => None,
        Change::StatusChanged { account, .. } => Some(Target::Account(*account)),
        Change::KeyRevoked { key, .. } => Some(Target::Key(*key)),
    }
}

/// A change that was committed.
pub(crate) struct Committed {
    /// Its last event; none if it decides no verdict.
    pub(crate) seq: Option<Seq>,
    enforced: Option<JoinHandle<Result<(), NotEnforced>>>,
}

impl Committed {
    /// Waits until it is in force on every node.
    pub(crate) async fn enforced(self) -> Result<(), Failure> {
        let Some(enforced) = self.enforced else { return Ok(()) };
        // It is committed, whatever became of the wait.
        Ok(enforced.await.map_err(|_| NotEnforced::Stopping)??)
    }
}

/// Begins to wait until a change that an earlier call committed is in force (R9).
pub(crate) fn again(manage: &Arc<Manage>, last: Option<Enforcement>, subject: Target) -> Committed {
    let enforced = last.map(|last| {
        let verifier = Arc::clone(&manage.access.verifier);
        manage.runtime.background.spawn(async move { verifier.enforce_again(last, vec![subject]).await })
    });
    Committed { seq: last.map(|last| last.seq), enforced }
}

/// Begins to wait until a change that somebody committed is in force, so that this is noted; once at a time for each
/// subject, however many ask.
pub(crate) fn enforce_in_background(manage: &Arc<Manage>, last: Enforcement, subject: Target) {
    if !manage.door.enforcing.begins(subject) {
        return;
    }
    let waiting = Waiting { manage: Arc::clone(manage), subject };
    manage.runtime.background.spawn(async move {
        // Whether it was noted is seen by whoever asks next.
        let _ = waiting.manage.access.verifier.enforce_again(last, vec![subject]).await;
    });
}

/// What this node waits for because somebody asked about it.
#[derive(Default)]
pub(crate) struct Enforcing(Mutex<HashSet<Target>>);

impl Enforcing {
    /// Whether nobody waits for it yet.
    fn begins(&self, subject: Target) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(subject)
    }
}

/// A wait that somebody's question began; over when dropped.
struct Waiting {
    manage: Arc<Manage>,
    subject: Target,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.manage.door.enforcing.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.subject);
    }
}
