//! Creates an API key (contract, section 3).

use std::ops::ControlFlow;

use keyward_domain::{
    AccountId, AccountNotActive, ApiKey, Chain, Change, KeyId, KeyTerms, KeyType, KeyValue, Mid, Now, Origin,
    Permission, Policy, RestrictionError, ScopeNotHeld, SecretDigest, Standing,
};
use keyward_storage::{AccountRecord, StorageError, Write};

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
    /// The account would have more keys than its policy allows.
    #[error(transparent)]
    TooManyKeys(#[from] TooManyKeys),
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

/// An account would have more keys that are neither revoked nor expired than its policy allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the policy of the account allows at most {max_keys} keys, and the new ones do not fit")]
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
    let account = active_account(manage, &acting, &mid).await?;
    let policy = account.chain.policy();
    terms.clone().under(&policy, now.recorded())?;
    let origin = Origin { id: manage.fresh_key_id(now)?, at: now.recorded(), by: caller.actor(), pair: None };
    let minted = Minted::draw(manage, terms.key_type(), origin.id, account.account.id).await?;
    let draft = Draft { mid, terms, origin, minted };
    // What counts the keys of the account locks it meanwhile.
    let lane = if policy.max_keys.is_some() { Lane::Make } else { Lane::MakeKey };
    let _permit = manage.account_queue.take(account.account.id, lane, caller.actor()).await.map_err(Failure::from)?;
    loop {
        let tried = insert(manage, &acting, &draft).await;
        if let ControlFlow::Break((key, chain)) = acting.again(&manage.access, tried).await? {
            return Ok(Issued { key, chain, value: draft.minted.value });
        }
    }
}

/// What a key is made from, once its account is known.
struct Draft {
    mid: Mid,
    terms: KeyTerms,
    origin: Origin,
    minted: Minted,
}

/// Adds the key under the policy that is in force now: hashing and the queue take time, in which it may have changed.
async fn insert(manage: &Manage, acting: &Acting, draft: &Draft) -> Result<(ApiKey, Chain), Error> {
    acting.caller.may_grant(draft.terms.scopes())?;
    let account = active_account(manage, acting, &draft.mid).await?;
    if account.chain.policy().max_keys.is_some() {
        return insert_counted(manage, acting, draft, account.account.id).await;
    }
    let key = draft.minted.key(draft.terms.clone(), draft.origin.clone(), &account.chain)?;
    acting.is_in_time(&manage.access)?;
    match manage.door.record_key(acting, key.clone()).await? {
        Write::Applied => Ok((key, account.chain)),
        Write::Stale => Err(AccountNotActive.into()),
    }
}

/// Adds the key while its account is locked, so that concurrent calls count each other's keys.
async fn insert_counted(
    manage: &Manage,
    acting: &Acting,
    draft: &Draft,
    account: AccountId,
) -> Result<(ApiKey, Chain), Error> {
    let mut unit = manage.door.begin(acting).await?;
    let chain = unit.lock_account(account).await?.ok_or(Error::NoSuchAccount)?.chain;
    leaves_room_for(manage, &mut unit, account, &chain.policy(), 1).await?;
    let key = draft.minted.key(draft.terms.clone(), draft.origin.clone(), &chain)?;
    if unit.record(&Change::KeyIssued(Box::new(key.clone()))).await? == Write::Stale {
        return Err(AccountNotActive.into());
    }
    acting.is_in_time(&manage.access)?;
    unit.commit(None).await?;
    Ok((key, chain))
}

/// The account, if it exists for the caller and is active with all above.
pub(crate) async fn active_account(manage: &Manage, acting: &Acting, mid: &Mid) -> Result<AccountRecord, Error> {
    let account = manage.reads.account(&acting.caller.reach(), mid).await?.ok_or(Error::NoSuchAccount)?;
    if account.chain.standing() == Standing::Active { Ok(account) } else { Err(AccountNotActive.into()) }
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

/// The value of a new key, and its digest if it is secret.
pub(crate) struct Minted {
    pub(crate) value: KeyValue,
    digest: Option<SecretDigest>,
}

impl Minted {
    /// Draws a value, and hashes it. Writes nothing.
    pub(crate) async fn draw(
        manage: &Manage,
        key_type: KeyType,
        id: KeyId,
        account: AccountId,
    ) -> Result<Self, Failure> {
        let value = KeyValue::mint(key_type, manage.runtime.settings.environment, id, manage.runtime.random()?);
        let digest = if key_type.is_secret() {
            let holder = RateLimitKey::Account(Some(account));
            Some(manage.access.secrets.digest(holder, &value, manage.runtime.random()?).await?)
        } else {
            None
        };
        Ok(Self { value, digest })
    }

    /// The key with these terms, under the policy of its account.
    pub(crate) fn key(&self, terms: KeyTerms, origin: Origin, chain: &Chain) -> Result<ApiKey, Error> {
        let terms = terms.under(&chain.policy(), origin.at)?;
        Ok(ApiKey::issue(terms, origin, chain, &self.value, self.digest.clone())?)
    }
}
