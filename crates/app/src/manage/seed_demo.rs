//! The demo accounts of an empty sandbox: a platform and a partner with a pair of keys each, and a merchant.
//!
//! Changes neither a database that has accounts nor one of production.

use std::sync::Arc;

use keyward_domain::{
    Account, ApiKey, Chain, Change, Environment, KeyTerms, KeyType, KeyValue, Link, Name, Origin, PairMembership,
    Parent, Reach, Restrictions, Role, ScopeSet, Status, TextError,
};
use keyward_storage::{AccountWindow, Constraint, StorageError, Write};

use super::{
    Manage,
    issue_key::{self, Minted},
};
use crate::{Failure, access::Caller, commit::Unit};

/// A demo account and its keys. Both values exist nowhere else.
pub struct DemoAccount {
    /// The platform or the partner.
    pub account: Account,
    /// Value of its public key.
    pub app_key: KeyValue,
    /// Value of its secret key.
    pub app_secret: KeyValue,
}

/// All demo accounts.
pub struct Demo {
    /// The root account.
    pub platform: DemoAccount,
    /// A partner below the platform.
    pub partner: DemoAccount,
    /// A merchant below that partner, without keys.
    pub merchant: Account,
}

/// Creates the demo accounts in an empty sandbox. `keep` receives them before the commit and must store the values
/// safely: if it fails, nothing is created. Returns `None` if the database already has accounts.
///
/// # Errors
/// The error of `keep`, or a [`Failure`].
pub async fn seed_demo<E: From<Failure>>(
    manage: &Arc<Manage>,
    keep: impl FnOnce(&Demo) -> Result<(), E>,
) -> Result<Option<Demo>, E> {
    let outage = |error: StorageError| E::from(error.into());
    let any = AccountWindow { before: None, rows: 1 };
    let used = !manage.reads.accounts(&Reach::operator(), any).await.map_err(outage)?.is_empty();
    if used || manage.runtime.settings.environment != Environment::Sandbox {
        return Ok(None);
    }
    let mut unit = manage.door.begin_for_operator().await.map_err(outage)?;
    let Some(demo) = create_demo(manage, &mut unit).await? else { return Ok(None) };
    keep(&demo)?;
    unit.commit(None).await?;
    Ok(Some(demo))
}

async fn create_demo(manage: &Manage, unit: &mut Unit) -> Result<Option<Demo>, Failure> {
    let platform = account(manage, Role::Platform, "Demo platform", None)?;
    let partner = account(manage, Role::Partner, "Demo partner", Some(&platform))?;
    let merchant = account(manage, Role::Merchant, "Demo merchant", Some(&partner))?;
    for account in [&platform, &partner, &merchant] {
        match unit.record(&Change::AccountRegistered(Box::new(account.clone()))).await {
            Ok(Write::Applied) => {}
            // Another node is creating the demo accounts now; leave them to it.
            Ok(Write::Stale) | Err(StorageError::Conflict(Constraint::OnePlatform)) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    let platform = with_keys(manage, unit, platform, vec![]).await?;
    let partner = with_keys(manage, unit, partner, vec![Link::from(&platform.account)]).await?;
    Ok(Some(Demo { platform, partner, merchant }))
}

fn account(manage: &Manage, role: Role, name: &str, parent: Option<&Account>) -> Result<Account, Failure> {
    let now = manage.access.now();
    let id = manage.fresh_account_id(now)?;
    Ok(Account {
        id,
        mid: keyward_domain::Mid::made_for(id),
        role,
        name: fixed_name(name)?,
        status: Status::Active,
        suspended_by: None,
        parent: parent.map(|parent| Parent { id: parent.id, mid: parent.mid.clone() }),
        created_at: now.recorded(),
    })
}

async fn with_keys(
    manage: &Manage,
    unit: &mut Unit,
    account: Account,
    above: Vec<Link>,
) -> Result<DemoAccount, Failure> {
    let chain = Chain::new(Link::from(&account), above).map_err(|_| Failure::Defect("the demo tree is too high"))?;
    let pair = PairMembership { id: manage.fresh_pair_id(manage.access.now())?, unique_name: "Demo pair".into() };
    let scopes = ["api-keys:*", "merchants:*"].into_iter().collect();
    let (public, app_key) = key(manage, KeyType::Public, ScopeSet::empty(), &pair, &chain).await?;
    let (secret, app_secret) = key(manage, KeyType::Secret, scopes, &pair, &chain).await?;
    for key in [&public, &secret] {
        if unit.record(&Change::KeyIssued(Box::new(key.clone()))).await? == Write::Stale {
            return Err(Failure::Defect("a demo account takes no keys"));
        }
    }
    Ok(DemoAccount { account, app_key, app_secret })
}

async fn key(
    manage: &Manage,
    key_type: KeyType,
    scopes: ScopeSet,
    pair: &PairMembership,
    chain: &Chain,
) -> Result<(ApiKey, KeyValue), Failure> {
    let now = manage.access.now();
    let by = Caller::operator().actor();
    let origin = Origin { id: manage.fresh_key_id(now)?, at: now.recorded(), by, pair: Some(pair.clone()) };
    let terms = KeyTerms::agree(key_type, fixed_name("Demo pair")?, None, scopes, Restrictions::NONE, now);
    let terms = terms.map_err(|_| Failure::Defect("the terms of a demo key do not fit"))?;
    let minted = Minted::draw(manage, key_type, origin.id, chain.own().id).await?;
    let key = minted.key(terms, origin, chain).map_err(|error| match error {
        issue_key::Error::Failure(failure) => failure,
        issue_key::Error::Caller(_)
        | issue_key::Error::ScopeNotHeld(_)
        | issue_key::Error::NoSuchAccount
        | issue_key::Error::AccountNotActive(_)
        | issue_key::Error::BeyondPolicy(_)
        | issue_key::Error::TooManyKeys(_) => Failure::Defect("a demo account takes no keys"),
    })?;
    Ok((key, minted.value))
}

fn fixed_name(text: &str) -> Result<Name, Failure> {
    Name::parse(text).map_err(|_: TextError| Failure::Defect("a demo name does not fit"))
}
