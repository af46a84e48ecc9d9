//! Committing what decides verdicts, and waiting until it is in force on every node (R16: there is no other door).
//!
//! Both go on to their end in the background if nobody waits for them any more: a client that hangs up must not leave a
//! change behind that this node has committed and not applied.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use keyward_storage::{Enforcement, Seq, StorageError, Target, UnitOfWork};
use keyward_verifier::NotEnforced;
use tokio::task::JoinHandle;

use crate::{Failure, account_queue::AccountPermit, manage::Manage};

/// A change that was committed.
pub(crate) struct Committed {
    /// Its last event; none if it decides no verdict.
    pub(crate) seq: Option<Seq>,
    in_force: Option<JoinHandle<Result<(), NotEnforced>>>,
}

impl Committed {
    /// Waits until it is in force on every node.
    pub(crate) async fn in_force(self) -> Result<(), Failure> {
        let Some(in_force) = self.in_force else { return Ok(()) };
        // It is committed, whatever became of the wait.
        Ok(in_force.await.map_err(|_| NotEnforced::Stopping)??)
    }
}

/// Commits a change of these subjects, and begins to wait until it is in force. The turn at the account ends with the
/// commit.
pub(crate) async fn commit(
    manage: &Arc<Manage>,
    work: Box<dyn UnitOfWork>,
    subjects: Vec<Target>,
    turn: Option<AccountPermit>,
) -> Result<Committed, Failure> {
    let within = Arc::clone(manage);
    let committing = manage.runtime.background.spawn(async move {
        let committed = work.commit().await;
        drop(turn);
        let event = committed?.event;
        let in_force = event.map(|event| {
            let verifier = Arc::clone(&within.access.verifier);
            within.runtime.background.spawn(async move { verifier.enforce(event, subjects).await })
        });
        Ok(Committed { seq: event.map(|event| event.seq), in_force })
    });
    // It may be committed, whatever became of the task.
    committing.await.map_err(|error| StorageError::OutcomeUnknown(error.into()))?
}

/// Begins to wait until a change that an earlier call committed is in force (R9).
pub(crate) fn again(manage: &Arc<Manage>, last: Option<Enforcement>, subject: Target) -> Committed {
    let in_force = last.map(|last| {
        let verifier = Arc::clone(&manage.access.verifier);
        manage.runtime.background.spawn(async move { verifier.enforce_again(last, vec![subject]).await })
    });
    Committed { seq: last.map(|last| last.seq), in_force }
}

/// Begins to wait until a change that somebody committed is in force, so that this is noted; once at a time for each
/// subject, however many ask.
pub(crate) fn note_by_and_by(manage: &Arc<Manage>, last: Enforcement, subject: Target) {
    if !manage.noting.begins(subject) {
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
pub(crate) struct Noting(Mutex<HashSet<Target>>);

impl Noting {
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
        self.manage.noting.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.subject);
    }
}
