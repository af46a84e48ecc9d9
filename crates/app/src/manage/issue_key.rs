//! Creates an API key (contract, section 3).

use std::ops::ControlFlow;

use keyward_domain::{
    AccountId, AccountNotActive, ApiKey, Chain, Change, KeyTerms, KeyValue, Mid, Now, Origin, Permission, Policy,
    RestrictionError, ScopeNotHeld, Standing,
};
use keyward_storage::{StorageError, Write};

use super::Manage;
use crate::{
    Failure, NoEntropy,
    access::{Caller, RateLimitKey, Refused},
    account_queue::Lane,
    acting::{self, Acting},
    commit::Unit,
};

/// Command: create a key for this account with these terms.
pub struct IssueKey {
    /// The account that will hold the key.
    pub mid: Mid,
    /// Type, scopes, name and restrictions of the key.
    pub terms: KeyTerms,
    /// The time at which the terms were agreed: the key is created then.
    pub now: Now,
}

/// A new key and its value, which exists nowhere else.
pub struct Issued {
    /// The key as stored.
    pub key: ApiKey,
    /// Its account and those above.
    pub chain: Chain,
    /// The value to return to the caller.
    pub value: KeyValue,
}

/// Why no key was created.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller may no longer make changes.
    #[error(transparent)]
    Caller(#[from] Refused),
    /// The caller lacks a scope of the new key.
    #[error(transparent)]
    ScopeNotHeld(#[from] ScopeNotHeld),
    /// No such account within the caller's reach.
    #[error("no such account")]
    NoSuchAccount,
    /// The account, or one above it, is suspended or closed.
    #[error(transparent)]
    AccountNotActive(#[from] AccountNotActive),
    /// The key would live longer than the policy of its account allows.
    #[error(transparent)]
    BeyondPolicy(#[from] RestrictionError),
    /// The account has as many keys as its policy allows.
    #[error(transparent)]
    TooManyKeys(#[from] TooManyKeys),
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

/// An account has as many keys that are neither revoked nor expired as its policy allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the account has {max_keys} keys, the maximum that its policy allows")]
pub struct TooManyKeys {
    /// The maximum.
    pub max_keys: u32,
}

crate::impl_from_failure!(Error: StorageError, NoEntropy);

acting::may_be_failure!(Error);

/// Creates a key and stores it.
///
/// # Errors
/// [`Error`]; nothing was written then, unless the outcome of the commit is unknown.
pub async fn issue_key(manage: &Manage, caller: &Caller, command: IssueKey) -> Result<Issued, Error> {
    let IssueKey { mid, terms, now } = command;
    let mut acting = Acting::begin(&manage.access, caller, Permission::WriteKeys).await?;
    acting.caller.may_grant(terms.scopes())?;
    let reach = acting.caller.reach();
    let account = manage.reads.account(&reach, &mid).await?.ok_or(Error::NoSuchAccount)?;
    if account.chain.standing() != Standing::Active {
        return Err(AccountNotActive.into());
    }
    let policy = account.chain.policy();
    let terms = terms.under(&policy, now.recorded())?;
    let origin = Origin { id: manage.fresh_key_id(now)?, at: now.recorded(), by: caller.actor(), pair: None };
    let (key, value) = mint(manage, terms, origin, &account.chain).await?;
    // What counts the keys of the account locks it meanwhile.
    let lane = if policy.max_keys.is_some() { Lane::Make } else { Lane::MakeKey };
    let _permit = manage.account_queue.take(account.account.id, lane, caller.actor()).await.map_err(Failure::from)?;
    loop {
        let tried = match policy.max_keys {
            None => insert(manage, &acting, &key).await,
            Some(_) => insert_counted(manage, &acting, &key).await,
        };
        if let ControlFlow::Break(()) = acting.again(&manage.access, tried).await? {
            return Ok(Issued { key, chain: account.chain, value });
        }
    }
}

async fn insert(manage: &Manage, acting: &Acting, key: &ApiKey) -> Result<(), Error> {
    acting.caller.may_grant(&key.facts().scopes)?;
    acting.is_in_time(&manage.access)?;
    match manage.door.record_key(acting, key.clone()).await? {
        Write::Applied => Ok(()),
        Write::Stale => Err(AccountNotActive.into()),
    }
}

/// Adds the key while its account is locked, so that concurrent calls count each other's keys.
async fn insert_counted(manage: &Manage, acting: &Acting, key: &ApiKey) -> Result<(), Error> {
    acting.caller.may_grant(&key.facts().scopes)?;
    let mut unit = manage.door.begin(acting).await?;
    let account = key.facts().account;
    let locked = unit.lock_account(account).await?.ok_or(Error::NoSuchAccount)?;
    leaves_room_for(manage, &mut unit, account, &locked.chain.policy(), 1).await?;
    if unit.record(&Change::KeyIssued(Box::new(key.clone()))).await? == Write::Stale {
        return Err(AccountNotActive.into());
    }
    acting.is_in_time(&manage.access)?;
    unit.commit(None).await?;
    Ok(())
}

/// Checks that the policy of a locked account allows this number of new keys.
pub(crate) async fn leaves_room_for(
    manage: &Manage,
    unit: &mut Unit,
    account: AccountId,
    policy: &Policy,
    new: u32,
) -> Result<(), Error> {
    let Some(max_keys) = policy.max_keys else { return Ok(()) };
    let count = unit.count_keys(account, manage.access.now(), policy, max_keys).await?;
    if count.saturating_add(new) > max_keys { Err(TooManyKeys { max_keys }.into()) } else { Ok(()) }
}

/// Draws the value of a new key and builds the key. Writes nothing.
pub(crate) async fn mint(
    manage: &Manage,
    terms: KeyTerms,
    origin: Origin,
    chain: &Chain,
) -> Result<(ApiKey, KeyValue), Error> {
    let value =
        KeyValue::mint(terms.key_type(), manage.runtime.settings.environment, origin.id, manage.runtime.random()?);
    let digest = if terms.key_type().is_secret() {
        Some(
            manage
                .access
                .secrets
                .digest(RateLimitKey::Account(Some(chain.own().id)), &value, manage.runtime.random()?)
                .await?,
        )
    } else {
        None
    };
    Ok((ApiKey::issue(terms, origin, chain, &value, digest)?, value))
}
