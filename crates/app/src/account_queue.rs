//! The queue of an account: a change of an account or its keys waits here before it takes a database connection.
//!
//! The database would queue it too, but each waiting change would hold a connection, and all tenants share the
//! connections. What stops an account or a key has a lane of its own: it never waits for what it stops. Within a lane
//! each calling key has a short queue of its own; beyond it the answer is "too many", not a longer queue.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use keyward_domain::{AccountId, Actor};

use crate::fair_queue::{FairQueue, Permit, QueueFull};

/// The kind of change that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// Suspend, close or resume an account; revoke or suspend a key where other keys of the account count.
    Stop,
    /// Revoke or suspend where no other key counts.
    Revoke,
    /// Change or resume a key where no other key counts.
    Change,
    /// What locks the account meanwhile: create a pair or an account below it; change a key where other keys count.
    Make,
    /// Create a single key, in one statement.
    MakeKey,
    /// Redeem a refresh token.
    Redeem,
}

impl Lane {
    const ALL: [Self; 6] = [Self::Stop, Self::Revoke, Self::Change, Self::Make, Self::MakeKey, Self::Redeem];

    /// Its name for metrics.
    const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Revoke => "revoke",
            Self::Change => "change",
            Self::Make => "make",
            Self::MakeKey => "make_key",
            Self::Redeem => "redeem",
        }
    }

    /// How many run concurrently, and how many of one calling key may wait.
    const fn room(self) -> (usize, usize) {
        match self {
            Self::Stop | Self::Make => (1, 16),
            Self::Revoke | Self::Change => (8, 128),
            // Concurrent calls share a statement.
            Self::MakeKey => (32, 128),
            Self::Redeem => (4, 64),
        }
    }
}

#[derive(Default)]
pub(crate) struct AccountQueue(Mutex<HashMap<(AccountId, Lane), FairQueue<Actor>>>);

/// Permission to change an account; released when dropped.
pub(crate) struct AccountPermit {
    _permit: Permit<Actor>,
}

impl AccountQueue {
    /// Waits for a permit.
    pub(crate) async fn take(&self, account: AccountId, lane: Lane, by: Actor) -> Result<AccountPermit, QueueFull> {
        let queue = {
            let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let (places, longest) = lane.room();
            queues.entry((account, lane)).or_insert_with(|| FairQueue::new(places, longest)).clone()
        };
        Ok(AccountPermit { _permit: queue.enter(by).await? })
    }

    /// Number of waiting calls in each lane, over all accounts.
    pub(crate) fn waiting(&self) -> Vec<(&'static str, usize)> {
        let queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |lane| queues.iter().filter(|((_, of), _)| *of == lane).map(|(_, queue)| queue.waiting()).sum();
        Lane::ALL.into_iter().map(|lane| (lane.name(), waiting(lane))).collect()
    }

    /// Drops the queues of idle accounts.
    pub(crate) fn forget(&self) {
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|_, queue| !queue.is_idle());
        queues.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    //! One permit at a time in a lane, separate lanes, short queues, and no effect on other lanes.
    use std::{future::Future as _, pin::pin, task::Context};

    use keyward_domain::KeyId;
    use uuid::Uuid;

    use super::*;

    fn account(n: u128) -> AccountId {
        AccountId::from_uuid(Uuid::from_u128(n))
    }

    fn key(n: u128) -> Actor {
        Actor::Key(KeyId::from_uuid(Uuid::from_u128(n)))
    }

    #[tokio::test]
    async fn one_call_holds_an_account_few_wait_and_the_next_one_is_refused() {
        let queue = AccountQueue::default();
        let first = queue.take(account(1), Lane::Make, key(1)).await.unwrap();
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut waiting: Vec<_> = (0..16).map(|_| Box::pin(queue.take(account(1), Lane::Make, key(1)))).collect();
        assert!(waiting.iter_mut().all(|call| call.as_mut().poll(&mut context).is_pending()));
        assert_eq!(queue.take(account(1), Lane::Make, key(1)).await.err(), Some(QueueFull));
        let counted = [("stop", 0), ("revoke", 0), ("change", 0), ("make", 16), ("make_key", 0), ("redeem", 0)];
        assert_eq!(queue.waiting(), counted);
        let mut other = pin!(queue.take(account(1), Lane::Make, key(2)));
        assert!(other.as_mut().poll(&mut context).is_pending(), "another caller has a queue of its own");
        for (account, lane) in [(account(2), Lane::Make), (account(1), Lane::Stop)] {
            assert!(pin!(queue.take(account, lane, key(1))).poll(&mut context).is_ready(), "{lane:?} is not disturbed");
        }
        drop(first);
        assert!(waiting[0].as_mut().poll(&mut context).is_ready());
    }

    #[tokio::test]
    async fn the_queue_of_an_idle_account_is_dropped() {
        let queue = AccountQueue::default();
        let permit = queue.take(account(1), Lane::Stop, key(1)).await.unwrap();
        queue.forget();
        assert_eq!(queue.0.lock().unwrap().len(), 1);
        drop(permit);
        queue.forget();
        assert!(queue.0.lock().unwrap().is_empty());
    }
}
