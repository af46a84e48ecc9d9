//! Doubles of the ports that inject faults: an outage, a commit with unknown outcome.
//!
//! They replace only a database that misbehaves. For one that works, tests use a real database.

use std::time::Duration;

use async_trait::async_trait;
use keyward_domain::{
    Account, AccountId, ApiKey, Chain, Change, KeyId, KeyVersion, Mid, Name, Now, Reach, SecretDigest, Timestamp,
};
use uuid::Uuid;

use crate::{
    AccountRecord, AccountWindow, Accounts, AreaWindow, Authority, Below, Committed, Credential, Credentials,
    EndsWindow, Events, Feed, FreshSigningKey, Hint, Hints, HistoryToken, Installation, JobTimes, JobTurn, Jobs,
    JoinRequest, KeyRecord, KeyWindow, Keys, LeaseReply, ListedKey, LostHistory, Members, Membership, NodeId, Position,
    Read, Redeemed, Redemption, Renewal, Result, Search, Seq, SigningKeys, Stamp, Store, Target, Tokens, UnitOfWork,
    Upkeep, Write,
};

mockall::mock! {
    /// A store that a test controls.
    pub Store {}

    #[async_trait]
    impl Keys for Store {
        async fn key(&self, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>>;
        async fn keys(&self, within: &Reach, account: AccountId, window: KeyWindow) -> Result<Vec<ListedKey>>;
    }

    #[async_trait]
    impl Accounts for Store {
        async fn account(&self, within: &Reach, mid: &Mid) -> Result<Option<AccountRecord>>;
        async fn accounts(&self, within: &Reach, window: AccountWindow) -> Result<Vec<Account>>;
        async fn count_below(&self, within: &Reach, id: AccountId, at: Timestamp) -> Result<Below>;
    }

    #[async_trait]
    impl Search for Store {
        async fn keys_of_area(&self, within: &Reach, window: AreaWindow) -> Result<Vec<ListedKey>>;
        async fn keys_that_end(&self, within: &Reach, window: EndsWindow) -> Result<Option<Vec<ListedKey>>>;
        async fn any_policy_suspends(&self, within: &Reach) -> Result<bool>;
        async fn chains(&self, within: &Reach, accounts: &[AccountId]) -> Result<Vec<Chain>>;
    }

    #[async_trait]
    impl Credentials for Store {
        async fn credential(&self, id: KeyId) -> Result<Option<Read<Credential>>>;
    }

    #[async_trait]
    impl Tokens for Store {
        async fn signing_keys(&self) -> Result<SigningKeys>;
        async fn add_signing_key(
            &self,
            key: &FreshSigningKey,
            published_for: Duration,
            expected: Timestamp,
        ) -> Result<Write>;
        async fn drop_signing_keys(&self, signed_for: Duration, expected: Timestamp) -> Result<u64>;
        async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed>;
        async fn forget_families(&self, ended_for: Duration, expected: Timestamp, at_most: u32) -> Result<u64>;
    }

    #[async_trait]
    impl Upkeep for Store {
        async fn replace_digest(&self, id: KeyId, old: &SecretDigest, new: &SecretDigest) -> Result<Write>;
        async fn record_usage(&self, used: &[(KeyId, Timestamp)]) -> Result<()>;
    }

    #[async_trait]
    impl Jobs for Store {
        async fn begin_turn(&self, job: &str, id: Uuid, times: JobTimes) -> Result<Option<JobTurn>>;
        async fn end_turn(&self, job: &str, id: Uuid, cursor: Option<String>) -> Result<Write>;
    }

    #[async_trait]
    impl Installation for Store {
        async fn stamp(&self) -> Result<Option<Stamp>>;
        async fn claim(&self, stamp: &Stamp, at: Timestamp) -> Result<Write>;
        async fn add_fingerprint(&self, version: KeyVersion, fingerprint: &str, at: Timestamp) -> Result<Write>;
        async fn issuer(&self) -> Result<Option<String>>;
        async fn stamp_issuer(&self, url: &str, at: Timestamp) -> Result<Write>;
    }

    #[async_trait]
    impl Store for Store {
        async fn begin_as(&self, by: &Authority) -> Result<Box<dyn UnitOfWork>>;
    }
}

mockall::mock! {
    /// A unit of work that a test controls.
    pub UnitOfWork {}

    #[async_trait]
    impl UnitOfWork for UnitOfWork {
        async fn lock_account(&mut self, within: &Reach, id: AccountId) -> Result<Option<AccountRecord>>;
        async fn lock_key(&mut self, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>>;
        async fn current_key(&mut self, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>>;
        async fn longest_lived_manager_key(
            &mut self,
            within: &Reach,
            account: AccountId,
            except: &[KeyId],
            now: Now,
            usable_after: Option<Timestamp>,
        ) -> Result<Option<ApiKey>>;
        async fn count_keys(
            &mut self,
            within: &Reach,
            account: AccountId,
            now: Now,
            alive_after: Option<Timestamp>,
            at_most: u32,
        ) -> Result<u32>;
        async fn pair_keys_named(&mut self, within: &Reach, account: AccountId, name: &Name) -> Result<Vec<ApiKey>>;
        async fn taken_unique_names(
            &mut self,
            within: &Reach,
            account: AccountId,
            among: &[String],
        ) -> Result<Vec<String>>;
        async fn record(&mut self, within: &Reach, change: &Change) -> Result<Write>;
        async fn commit(self: Box<Self>) -> Result<Committed>;
    }
}

mockall::mock! {
    /// The protocol ports of a database that a test controls.
    pub Nodes {}

    #[async_trait]
    impl Membership for Nodes {
        async fn join(&self, node: &JoinRequest) -> Result<LeaseReply>;
        async fn renew(&self, renewal: &Renewal) -> Result<Option<LeaseReply>>;
        async fn leave(&self, node: NodeId) -> Result<()>;
        async fn members(&self, events: &[Position]) -> Result<Members>;
        async fn reap(&self, node: NodeId, counter: u64) -> Result<Write>;
        async fn mark(&self, token: HistoryToken) -> Result<Write>;
        async fn record_lost(&self, lost: &LostHistory) -> Result<()>;
        async fn lost(&self, at_most: u32) -> Result<Vec<LostHistory>>;
    }

    #[async_trait]
    impl Feed for Nodes {
        async fn head(&self) -> Result<Read<()>>;
        async fn events_after(&self, position: Position, at_most: u32) -> Result<Events>;
        async fn announce(&self, hint: Hint) -> Result<()>;
        async fn listen(&self) -> Result<Option<Box<dyn Hints>>>;
        async fn record_enforced(
            &self,
            targets: &[Target],
            up_to: Seq,
            shown_by: Position,
            at: Timestamp,
        ) -> Result<()>;
        async fn prune(&self, older_than: Duration, expected: Timestamp, at_most: u32) -> Result<u64>;
    }
}

#[cfg(test)]
mod tests {
    //! The doubles implement the ports.
    use std::sync::Arc;

    use keyward_domain::{Reach, Status};
    use uuid::Uuid;

    use super::*;
    use crate::StorageError;
    use crate::shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _};

    #[tokio::test]
    async fn the_doubles_replace_any_store_and_inject_its_faults() {
        let mut store = MockStore::new();
        store.expect_credential().returning(|_| Err(StorageError::Unavailable("down".into())));
        store.expect_begin_as().returning(|_| {
            let mut unit = MockUnitOfWork::new();
            unit.expect_record().returning(|_, _| Ok(Write::Stale));
            unit.expect_commit().returning(|| Err(StorageError::OutcomeUnknown("cut off".into())));
            Ok(Box::new(unit))
        });
        let store: Arc<dyn crate::Store> = Arc::new(store);

        let id = Uuid::from_u128(1);
        let answer = store.credential(KeyId::from_uuid(id)).await;
        assert!(matches!(answer, Err(StorageError::Unavailable(_))));
        let mut unit = store.begin().await.unwrap();
        let account = AccountId::from_uuid(id);
        let write = unit.record_status(&Reach::operator(), account, Status::Active, Status::Closed).await;
        assert_eq!(write.unwrap(), Write::Stale);
        assert!(matches!(unit.commit().await, Err(StorageError::OutcomeUnknown(_))));
    }
}
