//! Spans around every call of a port, with the same names whichever database answers.
//!
//! A decorator that adds nothing else: what a call returns is what the adapter returned.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use keyward_domain::{
    Account, AccountId, ApiKey, Chain, Change, KeyId, KeyVersion, Mid, Name, Now, Reach, SecretDigest, Timestamp,
};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::{
    AccountRecord, AccountWindow, Accounts, AreaWindow, Authority, Below, Committed, Credential, Credentials,
    EndsWindow, Events, Feed, FreshSigningKey, Hint, Hints, HistoryToken, Installation, JobTimes, JobTurn, Jobs,
    JoinRequest, KeyRecord, KeyWindow, Keys, LeaseReply, ListedKey, LostHistory, Members, Membership, NodeId, Position,
    Read, Redeemed, Redemption, Renewal, Result, Search, Seq, SigningKeys, Stamp, Store, Target, Tokens, UnitOfWork,
    Upkeep, Write,
};

/// A port with spans around its calls.
pub struct Traced<S: ?Sized>(Arc<S>);

impl<S: ?Sized> Traced<S> {
    /// Adds the spans to this adapter.
    pub const fn new(adapter: Arc<S>) -> Self {
        Self(adapter)
    }
}

/// Implements a port by calling the adapter in a span. The name of the span is `db.`, the port and the call.
macro_rules! traced {
    ($port:ident as $name:literal {
        $(fn $call:ident($($argument:ident: $of:ty),* $(,)?) -> $result:ty $({ $($field:tt)+ })?;)+
    }) => {
        #[async_trait]
        impl<S: $port + ?Sized> $port for Traced<S> {
            $(async fn $call(&self, $($argument: $of),*) -> $result {
                let span = tracing::debug_span!(concat!("db.", $name, ".", stringify!($call)) $(, $($field)+)?);
                self.0.$call($($argument),*).instrument(span).await
            })+
        }
    };
}

traced!(Keys as "keys" {
    fn key(within: &Reach, id: KeyId) -> Result<Option<KeyRecord>> { key.id = %id };
    fn keys(within: &Reach, account: AccountId, window: KeyWindow) -> Result<Vec<ListedKey>> { account.id = %account };
});

traced!(Accounts as "accounts" {
    fn account(within: &Reach, mid: &Mid) -> Result<Option<AccountRecord>>;
    fn accounts(within: &Reach, window: AccountWindow) -> Result<Vec<Account>>;
    fn count_below(within: &Reach, id: AccountId, at: Timestamp) -> Result<Below> { account.id = %id };
});

traced!(Search as "search" {
    fn keys_of_area(within: &Reach, window: AreaWindow) -> Result<Vec<ListedKey>>;
    fn keys_that_end(within: &Reach, window: EndsWindow) -> Result<Option<Vec<ListedKey>>>;
    fn any_policy_suspends(within: &Reach) -> Result<bool>;
    fn chains(within: &Reach, accounts: &[AccountId]) -> Result<Vec<Chain>>;
});

traced!(Credentials as "credentials" {
    fn credential(id: KeyId) -> Result<Option<Read<Credential>>> { key.id = %id };
});

traced!(Tokens as "tokens" {
    fn signing_keys() -> Result<SigningKeys>;
    fn add_signing_key(key: &FreshSigningKey, published_for: Duration, expected: Timestamp) -> Result<Write>;
    fn drop_signing_keys(signed_for: Duration, expected: Timestamp) -> Result<u64>;
    fn redeem(redemption: &Redemption) -> Result<Redeemed>;
    fn forget_families(ended_for: Duration, expected: Timestamp, at_most: u32) -> Result<u64>;
});

traced!(Upkeep as "upkeep" {
    fn replace_digest(id: KeyId, old: &SecretDigest, new: &SecretDigest) -> Result<Write> { key.id = %id };
    fn record_usage(used: &[(KeyId, Timestamp)]) -> Result<()>;
});

traced!(Jobs as "jobs" {
    fn begin_turn(job: &str, id: Uuid, times: JobTimes) -> Result<Option<JobTurn>> { job };
    fn end_turn(job: &str, id: Uuid, cursor: Option<String>) -> Result<Write> { job };
});

traced!(Installation as "installation" {
    fn stamp() -> Result<Option<Stamp>>;
    fn claim(stamp: &Stamp, at: Timestamp) -> Result<Write>;
    fn add_fingerprint(version: KeyVersion, fingerprint: &str, at: Timestamp) -> Result<Write>;
    fn issuer() -> Result<Option<String>>;
    fn stamp_issuer(url: &str, at: Timestamp) -> Result<Write>;
});

traced!(Membership as "membership" {
    fn join(node: &JoinRequest) -> Result<LeaseReply>;
    fn renew(renewal: &Renewal) -> Result<Option<LeaseReply>>;
    fn leave(node: NodeId) -> Result<()>;
    fn members(events: &[Position]) -> Result<Members>;
    fn reap(node: NodeId, counter: u64) -> Result<Write>;
    fn mark(token: HistoryToken) -> Result<Write>;
    fn record_lost(lost: &LostHistory) -> Result<()>;
    fn lost(at_most: u32) -> Result<Vec<LostHistory>>;
});

traced!(Feed as "feed" {
    fn head() -> Result<Read<()>>;
    fn events_after(position: Position, at_most: u32) -> Result<Events>;
    fn announce(hint: Hint) -> Result<()>;
    fn listen() -> Result<Option<Box<dyn Hints>>>;
    fn record_enforced(targets: &[Target], up_to: Seq, shown_by: Position, at: Timestamp) -> Result<()>;
    fn prune(older_than: Duration, expected: Timestamp, at_most: u32) -> Result<u64>;
    fn note_lost(lost: &LostHistory) -> Result<()>;
});

#[async_trait]
impl<S: Store + ?Sized> Store for Traced<S> {
    async fn begin_as(&self, by: &Authority) -> Result<Box<dyn UnitOfWork>> {
        let work = self.0.begin_as(by).instrument(tracing::debug_span!("db.store.begin_as")).await?;
        Ok(Box::new(TracedUnit(work)))
    }

    async fn record(&self, by: &Authority, within: &Reach, change: &Change) -> Result<Option<Committed>> {
        self.0.record(by, within, change).instrument(tracing::debug_span!("db.store.record")).await
    }
}

/// A unit of work with spans around its calls.
struct TracedUnit(Box<dyn UnitOfWork>);

#[async_trait]
impl UnitOfWork for TracedUnit {
    async fn lock_account(&mut self, within: &Reach, id: AccountId) -> Result<Option<AccountRecord>> {
        let span = tracing::debug_span!("db.unit_of_work.lock_account", account.id = %id);
        self.0.lock_account(within, id).instrument(span).await
    }

    async fn lock_key(&mut self, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>> {
        let span = tracing::debug_span!("db.unit_of_work.lock_key", key.id = %id);
        self.0.lock_key(within, id).instrument(span).await
    }

    async fn current_key(&mut self, within: &Reach, id: KeyId) -> Result<Option<KeyRecord>> {
        let span = tracing::debug_span!("db.unit_of_work.current_key", key.id = %id);
        self.0.current_key(within, id).instrument(span).await
    }

    async fn longest_lived_manager_key(
        &mut self,
        within: &Reach,
        account: AccountId,
        except: &[KeyId],
        now: Now,
        usable_after: Option<Timestamp>,
    ) -> Result<Option<ApiKey>> {
        let span = tracing::debug_span!("db.unit_of_work.longest_lived_manager_key", account.id = %account);
        self.0.longest_lived_manager_key(within, account, except, now, usable_after).instrument(span).await
    }

    async fn count_keys(
        &mut self,
        within: &Reach,
        account: AccountId,
        now: Now,
        alive_after: Option<Timestamp>,
        at_most: u32,
    ) -> Result<u32> {
        let span = tracing::debug_span!("db.unit_of_work.count_keys", account.id = %account);
        self.0.count_keys(within, account, now, alive_after, at_most).instrument(span).await
    }

    async fn pair_keys_named(&mut self, within: &Reach, account: AccountId, name: &Name) -> Result<Vec<ApiKey>> {
        let span = tracing::debug_span!("db.unit_of_work.pair_keys_named", account.id = %account);
        self.0.pair_keys_named(within, account, name).instrument(span).await
    }

    async fn taken_unique_names(
        &mut self,
        within: &Reach,
        account: AccountId,
        among: &[String],
    ) -> Result<Vec<String>> {
        let span = tracing::debug_span!("db.unit_of_work.taken_unique_names", account.id = %account);
        self.0.taken_unique_names(within, account, among).instrument(span).await
    }

    async fn record(&mut self, within: &Reach, change: &Change) -> Result<Write> {
        self.0.record(within, change).instrument(tracing::debug_span!("db.unit_of_work.record")).await
    }

    async fn commit(self: Box<Self>) -> Result<Committed> {
        self.0.commit().instrument(tracing::debug_span!("db.unit_of_work.commit")).await
    }
}
