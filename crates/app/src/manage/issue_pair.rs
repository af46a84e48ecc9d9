//! Creates a public and a secret key that belong together (contract, section 7).

use std::{ops::ControlFlow, sync::Arc};

use keyward_domain::{
    AccountId, AccountNotActive, ApiKey, Chain, Change, Description, KeyId, KeyTerms, KeyType, KeyValue, Mid, Name,
    Origin, OtherManagerKeys, PairMembership, Permission, Reason, Refusal, RestrictionError, Restrictions,
    RevocationRequest, ScopeNotHeld, ScopeSet, TermsError, revocation::overwrite,
};
use keyward_storage::{Constraint, Enforcement, StorageError, Target, Write};

use super::{
    Manage,
    issue_key::{self, Minted, active_account, leaves_room_for},
};
use crate::{
    Failure, NoEntropy,
    access::{Caller, Refused},
    account_queue::Lane,
    acting::{Acting, MayBeFailure},
    commit::Unit,
};

/// Number of unique names in the first query; each later query tries four times as many.
const NAMES_AT_FIRST: u32 = 8;
const NAMES_AT_MOST: u32 = 4_096;
/// Maximum number of attempts after a lost race for the unique name.
const TRIES: u32 = 8;

/// Command: create a pair for this account.
#[derive(Clone, Debug)]
pub struct IssuePair {
    /// The account that will hold the pair.
    pub mid: Mid,
    /// Display name of the pair.
    pub name: Name,
    /// Free text of the caller about the pair.
    pub description: Option<Description>,
    /// Scopes of the secret key.
    pub scopes: ScopeSet,
    /// What may hold both keys back.
    pub restrictions: Restrictions,
    /// Whether to revoke the active pairs of this name.
    pub overwrite: bool,
}

/// A new pair and its values; the secret value exists nowhere else.
pub struct IssuedPair {
    /// Its name among the active pairs of the account.
    pub unique_name: String,
    /// The public key as stored.
    pub public: ApiKey,
    /// Value of the public key.
    pub public_value: KeyValue,
    /// The secret key as stored.
    pub secret: ApiKey,
    /// Value of the secret key.
    pub secret_value: KeyValue,
    /// The account and those above.
    pub chain: Chain,
}

/// Why no pair was created.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Any reason of `issue_key`.
    #[error(transparent)]
    Key(#[from] issue_key::Error),
    /// Refused by rule 7.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Lets `?` convert the reasons against any new key into those against a pair.
macro_rules! as_for_any_key {
    ($($cause:ty),+) => {$(
        impl From<$cause> for Error {
            fn from(cause: $cause) -> Self {
                Self::Key(cause.into())
            }
        }
    )+};
}

as_for_any_key!(Refused, ScopeNotHeld, AccountNotActive, RestrictionError, Failure, StorageError, NoEntropy);

impl MayBeFailure for Error {
    fn failure(&self) -> Option<&Failure> {
        if let Self::Key(error) = self { error.failure() } else { None }
    }
}

/// Creates a pair, stores it and revokes what it overwrites; then waits until no node accepts the overwritten keys.
///
/// # Errors
/// [`Error`]; nothing was written then, unless the outcome of the commit is unknown.
pub async fn issue_pair(manage: &Arc<Manage>, caller: &Caller, command: &IssuePair) -> Result<IssuedPair, Error> {
    let mut acting = Acting::begin(&manage.access, caller, Permission::WriteKeys).await?;
    acting.caller.may_grant(&command.scopes)?;
    let account = active_account(manage, &acting, &command.mid).await?;
    let mut other_names = TRIES;
    loop {
        let tried = try_once(manage, &acting, command, account.account.id, &account.chain).await;
        if other_names > 1 && tried.as_ref().is_err_and(name_was_taken) {
            other_names -= 1;
            continue;
        }
        if let ControlFlow::Break(issued) = acting.again(&manage.access, tried).await? {
            return Ok(issued);
        }
    }
}

/// Whether a caller that does not hold the account took the name meanwhile: the next name must be tried.
fn name_was_taken(error: &Error) -> bool {
    matches!(error.failure(), Some(Failure::Storage(StorageError::Conflict(Constraint::PairUniqueName))))
}

async fn try_once(
    manage: &Arc<Manage>,
    acting: &Acting,
    command: &IssuePair,
    account: AccountId,
    chain: &Chain,
) -> Result<IssuedPair, Error> {
    let caller = &acting.caller;
    caller.may_grant(&command.scopes)?;
    let reach = caller.reach();
    let now = manage.access.now();
    let id = manage.fresh_pair_id(now)?;
    let terms = |key_type, scopes| {
        KeyTerms::agree(
            key_type,
            command.name.clone(),
            command.description.clone(),
            scopes,
            command.restrictions.clone(),
            now,
        )
    };
    let unnamed = |key| Origin { id: key, at: now.recorded(), by: caller.actor(), pair: None };
    let fits = |_: TermsError| Failure::Defect("the checked terms of a pair do not fit");
    let public_terms = terms(KeyType::Public, ScopeSet::empty()).map_err(fits)?;
    let secret_terms = terms(KeyType::Secret, command.scopes.clone()).map_err(fits)?;
    public_terms.clone().under(&chain.policy(), now.recorded())?;
    // Slow hashing runs before the account is locked.
    let (public_origin, secret_origin) = (unnamed(manage.fresh_key_id(now)?), unnamed(manage.fresh_key_id(now)?));
    let public = Minted::draw(manage, KeyType::Public, public_origin.id, account).await?;
    let secret = Minted::draw(manage, KeyType::Secret, secret_origin.id, account).await?;

    let permit = manage.account_queue.take(account, Lane::Make, caller.actor()).await.map_err(Failure::from)?;
    let mut unit = manage.door.begin(acting).await?;
    let locked = unit.lock_account(account).await?.ok_or(issue_key::Error::NoSuchAccount)?;
    // Under the policy that is in force now.
    let public_key = public.key(public_terms, public_origin, &locked.chain)?;
    let secret_key = secret.key(secret_terms, secret_origin, &locked.chain)?;
    let mut ended_before = Vec::new();
    if command.overwrite {
        let request = RevocationRequest { now, by: caller.actor(), reason: Reason::Superseded, reach };
        ended_before =
            revoke_namesakes(&mut unit, &request, account, &locked.chain, &command.name, &secret_key).await?;
    }
    leaves_room_for(manage, &mut unit, account, &locked.chain.policy(), 2).await?;
    let unique_name = free_name(&mut unit, account, command.name.as_str()).await?;
    let named = |key: ApiKey| key.in_pair(PairMembership { id, unique_name: unique_name.as_str().into() });
    let (public_key, secret_key) = (named(public_key), named(secret_key));
    for key in [&public_key, &secret_key] {
        if unit.record(&Change::KeyIssued(Box::new(key.clone()))).await? == Write::Stale {
            return Err(AccountNotActive.into());
        }
    }
    acting.is_in_time(&manage.access)?;
    let committed = unit.commit(Some(permit)).await?;
    let ended_nothing = committed.seq.is_none() && ended_before.is_empty();
    committed.enforced().await?;
    if command.overwrite && ended_nothing {
        // A pair of this name may have vanished with a history of which a node still holds a lease (R18b). The wait
        // ends immediately if every such lease has expired.
        let history = acting.by.histories().next();
        let shown_by =
            history.map(|token| Enforcement { seq: acting.by.as_of(), enforced_at: Some(now.recorded()), token });
        manage.door.again(shown_by, Target::Account(account)).enforced().await?;
    }
    for key in ended_before {
        let last = manage.reads.key(&caller.reach(), key).await?.and_then(|found| found.enforcement);
        manage.door.again(last, Target::Key(key)).enforced().await?;
    }
    Ok(IssuedPair {
        unique_name,
        public: public_key,
        public_value: public.value,
        secret: secret_key,
        secret_value: secret.value,
        chain: locked.chain,
    })
}

/// Revokes the active pairs of this name. Returns the keys that another call has just revoked: their enforcement must
/// be awaited too (R9). The new secret key counts as a remaining one (rule 7).
async fn revoke_namesakes(
    unit: &mut Unit,
    request: &RevocationRequest,
    account: AccountId,
    chain: &Chain,
    name: &Name,
    successor: &ApiKey,
) -> Result<Vec<KeyId>, Error> {
    let replaced = unit.pair_keys_named(account, name).await?;
    let ids: Vec<KeyId> = replaced.iter().map(ApiKey::id).collect();
    let left = unit.longest_lived_manager_key(account, &ids, request.now, &chain.policy()).await?;
    let others = OtherManagerKeys::among(&left, chain, request.now);
    let mut ended_before = Vec::new();
    for (key, revocation) in overwrite(&replaced, successor, chain, request, others)? {
        match unit.record(&Change::KeyRevoked { key: key.id(), revocation }).await? {
            Write::Applied => {}
            // The first revocation stays (rule 2).
            Write::Stale => ended_before.push(key.id()),
        }
    }
    Ok(ended_before)
}

/// The first of `name`, `name-2`, `name-3` … that no active pair of the account uses.
async fn free_name(unit: &mut Unit, account: AccountId, name: &str) -> Result<String, StorageError> {
    let numbered = |n: u32| if n == 1 { name.to_owned() } else { format!("{name}-{n}") };
    let (mut first, mut count) = (1, NAMES_AT_FIRST);
    loop {
        let among: Vec<String> = (first..first + count).map(numbered).collect();
        let taken = unit.taken_unique_names(account, &among).await?;
        if let Some(free) = among.into_iter().find(|name| !taken.contains(name)) {
            return Ok(free);
        }
        first += count;
        count = (count * 4).min(NAMES_AT_MOST);
    }
}
