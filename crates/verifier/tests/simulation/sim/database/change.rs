//! A transaction that changes a verdict: the change, its number and its event are one commit (R1). Knows nothing of the
//! barrier.

use std::time::Duration;

use keyward_domain::{AccountId, KeyId, Status};
use keyward_storage::{Enforcement, Event, HistoryToken, Nonce, Position, Result, StorageError, Target};
use tokio::{sync::oneshot, time::timeout};
use uuid::Uuid;

use super::{Database, State};

/// The change to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Revoke(KeyId),
    Status(AccountId, Status),
}

impl Change {
    pub(crate) const fn target(self) -> Target {
        match self {
            Self::Revoke(key) => Target::Key(key),
            Self::Status(account, _) => Target::Account(account),
        }
    }

    /// Whether it makes valid keys invalid.
    pub(crate) const fn restricts(self) -> bool {
        match self {
            Self::Revoke(_) | Self::Status(_, Status::Suspended | Status::Closed) => true,
            Self::Status(_, Status::Active) => false,
        }
    }
}

/// Outcome of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// Committed, with this event.
    Now(Position),
    /// Already done by an earlier call; none if it was created so.
    Before(Option<Enforcement>),
    /// No longer possible.
    Refused,
}

/// Lock time-out of a statement.
const LOCK: Duration = Duration::from_secs(1);

impl Database {
    /// Makes the change, in a transaction. Passes the number to `numbered` as soon as it is known, before the commit.
    pub(crate) async fn change(&self, change: Change, numbered: Option<oneshot::Sender<Position>>) -> Result<Changed> {
        let (_, life) = self.begin()?;
        let in_order = self.world.rules.numbers_in_commit_order;
        // The changed row is locked immediately, the row that numbers events directly before the commit.
        let row = change.target();
        if !self.still(life)?.locked.insert(row) {
            return Err(StorageError::Unavailable("the row is locked".into()));
        }
        let done = async {
            let turn = if in_order { Some(timeout(LOCK, self.head.lock()).await.map_err(|_| late())?) } else { None };
            let event = {
                let mut state = self.still(life)?;
                let seq = match state.compare(change) {
                    Some(already) => return Ok(already),
                    None if in_order => state.head.next(),
                    None => {
                        state.given = state.given.next();
                        state.given
                    }
                };
                // As random as is needed: no two histories give the same one.
                let nonce = u128::from(state.histories) << 64 | u128::from(seq.number());
                Position { seq, nonce: Nonce::from_uuid(Uuid::from_u128(nonce)) }
            };
            if let Some(numbered) = numbered {
                let _ = numbered.send(event);
            }
            let (_, waits) = *super::lock(&self.waits);
            self.wait(waits).await;
            self.commit_takes_time().await;
            let mut state = self.still(life)?;
            state.commit(change, event);
            self.world.history().committed(change, event.seq);
            drop(turn);
            Ok(Changed::Now(event))
        };
        let done = done.await;
        // After a crash, all locks are already gone.
        if let Ok(mut state) = self.still(life) {
            state.locked.remove(&row);
        }
        done
    }
}

fn late() -> StorageError {
    StorageError::Unavailable("the lock was not granted in time".into())
}

/// A change as a statement of this history shows it.
fn read_in(last: Option<Enforcement>, token: HistoryToken) -> Option<Enforcement> {
    last.map(|last| Enforcement { token, ..last })
}

impl State {
    /// The outcome if nothing has to change.
    fn compare(&mut self, change: Change) -> Option<Changed> {
        match change {
            Change::Revoke(id) => {
                let Some(key) = self.keys.get(&id) else { return Some(Changed::Refused) };
                key.revoked.then_some(Changed::Before(read_in(key.last, self.token)))
            }
            Change::Status(id, to) => {
                let Some(account) = self.accounts.get(&id) else { return Some(Changed::Refused) };
                if account.status == to {
                    return Some(Changed::Before(read_in(account.last, self.token)));
                }
                (account.status == Status::Closed).then_some(Changed::Refused)
            }
        }
    }

    fn commit(&mut self, change: Change, event: Position) {
        let seq = event.seq;
        let last = Some(Enforcement { seq, enforced_at: None, token: self.token });
        match change {
            Change::Revoke(id) => {
                if let Some(key) = self.keys.get_mut(&id) {
                    (key.revoked, key.last) = (true, last);
                }
            }
            Change::Status(id, to) => {
                if let Some(account) = self.accounts.get_mut(&id) {
                    (account.status, account.last) = (to, last);
                }
            }
        }
        self.events.insert(seq, Event { position: event, target: change.target() });
        self.head = self.head.max(seq);
        self.given = self.given.max(seq);
    }
}
