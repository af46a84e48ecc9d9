//! Turns at an account: whoever has to hold an account still waits here, before it takes a connection to the database.
//!
//! The database would let them wait, too, but each with a connection in its hands, and the connections are there for all
//! tenants. The queue of one account is short: beyond it the answer is "come back", not a longer queue.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use keyward_domain::AccountId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many may hold or wait for one account.
const MOST: usize = 16;

#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<AccountId, Arc<Semaphore>>>);

/// The queue at an account is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests that change this account are under way")]
pub struct Busy;

/// A turn at an account; over when dropped.
pub(super) struct Turn {
    _permit: OwnedSemaphorePermit,
}

impl Turns {
    /// Waits for a turn.
    pub(super) async fn take(&self, account: AccountId) -> Result<Turn, Busy> {
        let gate = {
            let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let gate = gates.entry(account).or_insert_with(|| Arc::new(Semaphore::new(1)));
            // Whoever holds or waits has a clone; one more is the map's own.
            if Arc::strong_count(gate) > MOST {
                return Err(Busy);
            }
            Arc::clone(gate)
        };
        let permit = gate.acquire_owned().await.map_err(|_| Busy)?;
        Ok(Turn { _permit: permit })
    }

    /// Forgets accounts that nobody waits for.
    pub(super) fn forget(&self) {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        gates.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    //! One at a time, few waiting, nobody else disturbed.
    use std::{future::Future as _, pin::pin, task::Context};

    use uuid::Uuid;

    use super::*;

    fn account(n: u128) -> AccountId {
        AccountId::from_uuid(Uuid::from_u128(n))
    }

    #[tokio::test]
    async fn one_holds_an_account_few_wait_and_the_next_one_is_sent_away() {
        let turns = Turns::default();
        let first = turns.take(account(1)).await.unwrap();
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut waiting: Vec<_> = (1..MOST).map(|_| Box::pin(turns.take(account(1)))).collect();
        assert!(waiting.iter_mut().all(|turn| turn.as_mut().poll(&mut context).is_pending()));
        assert_eq!(turns.take(account(1)).await.err(), Some(Busy));
        assert!(pin!(turns.take(account(2))).poll(&mut context).is_ready(), "another account is not disturbed");
        drop(first);
        assert!(waiting[0].as_mut().poll(&mut context).is_ready());
    }

    #[tokio::test]
    async fn an_account_that_nobody_waits_for_is_forgotten() {
        let turns = Turns::default();
        let turn = turns.take(account(1)).await.unwrap();
        turns.forget();
        assert_eq!(turns.0.lock().unwrap().len(), 1);
        drop(turn);
        turns.forget();
        assert!(turns.0.lock().unwrap().is_empty());
    }
}
