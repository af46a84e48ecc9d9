//! Redeems a refresh token for a new pair of tokens (contract, section 2). It works once; a second use ends its family.

use std::sync::Arc;

use keyward_domain::{AccountId, Actor, Context, Denial, KeyId, Mid, ScopeSet, Unusable, revocation::usable_pair};
use keyward_storage::{Authority, Redeemed, Redemption, StorageError};

use super::{
    Access,
    caller::{self, ReadFrom, TRIES, read_key},
    key_reload,
    obtain_token::{Family, Tokens, make_tokens},
    tokens::{AccessGrant, RefreshGrant},
};
use crate::{Failure, account_queue::Lane};

/// A refresh token that this service issued. Nothing else is known of it yet.
pub struct Opened(RefreshGrant);

impl Opened {
    /// The secret key that the token acts for.
    #[must_use]
    pub const fn secret_key(&self) -> KeyId {
        self.0.secret_key
    }
}

/// A refresh request.
pub struct RefreshToken {
    /// The refresh token as presented.
    pub token: Opened,
    /// A subset of the family's scopes; all of them if absent.
    pub scopes: Option<ScopeSet>,
    /// The secret key that the client authenticated with, where the dialect requires it.
    pub proved: Option<KeyId>,
}

/// Why no new tokens were issued.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not issued by this service, expired, used before, or its keys are no longer usable. The answer does not
    /// show which.
    #[error("invalid refresh token: {0}")]
    Denied(Denial),
    /// The family does not cover these of the requested scopes: it never widens.
    #[error("the refresh token does not cover {0}")]
    ScopeNotCovered(ScopeSet),
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

crate::impl_from_failure!(Error: StorageError);

caller::denied_or_failure!(Error);

/// Opens a presented refresh token.
///
/// # Errors
/// [`Error::Denied`] if this service did not issue it.
pub fn open(access: &Access, token: &str) -> Result<Opened, Error> {
    access.tokens.refresh.open(token).map(Opened).ok_or(Error::Denied(Denial::NotFound))
}

/// Redeems a refresh token.
///
/// # Errors
/// [`Error`] if the token is invalid, or no verdict can be reached.
pub async fn refresh_token(access: &Arc<Access>, request: RefreshToken) -> Result<Tokens, Error> {
    let Opened(grant) = request.token;
    key_reload::ensure_signer(access).await?;
    let now = access.now();
    if request.proved.is_some_and(|key| key != grant.secret_key) {
        return Err(Error::Denied(Denial::NotFound));
    }
    let (by, account, mid) = judge_keys(access, &grant, ReadFrom::Memory).await?;
    let scopes = match request.scopes {
        Some(requested) if !grant.scopes.covers_all(&requested) => {
            return Err(Error::ScopeNotCovered(requested.uncovered_by(grant.scopes.as_scopes())));
        }
        Some(requested) => requested,
        None => grant.scopes.clone(),
    };
    let granted = AccessGrant { public_key: grant.public_key, secret_key: grant.secret_key, mid, scopes };
    let family = Family { id: grant.family, ends_at: grant.family_ends_at, scopes: grant.scopes.clone() };
    // Made first, redeemed after: if no tokens can be made, the presented one stays valid.
    let tokens = make_tokens(access, granted, Some(family), now)?;
    let redemption = Redemption {
        token: grant.token,
        family: grant.family,
        family_ends_at: grant.family_ends_at,
        at: now.recorded(),
        by,
    };
    let _turn =
        access.account_queue.take(account, Lane::Redeem, Actor::Key(grant.secret_key)).await.map_err(Failure::from)?;
    match redeem(access, &grant, redemption).await? {
        Redeemed::First => {}
        Redeemed::Again => {
            tracing::warn!(
                family = %grant.family,
                key.id = %grant.secret_key,
                "a refresh token was used a second time; its family has ended"
            );
            return Err(Error::Denied(Unusable::Revoked.into()));
        }
        Redeemed::FamilyEnded => return Err(Error::Denied(Unusable::Revoked.into())),
    }
    access.usage.note(grant.secret_key, now.recorded());
    Ok(tokens)
}

/// Returns the authority by which the token is redeemed and the account of its keys. The authority is that of the two
/// keys that obtained the token, as they are now (rule 9, R19), until the family ends.
async fn judge_keys(access: &Access, grant: &RefreshGrant, by: ReadFrom) -> Result<(Authority, AccountId, Mid), Error> {
    if access.now().has_passed(grant.family_ends_at) {
        return Err(Error::Denied(Unusable::Expired.into()));
    }
    let (public, secret) = tokio::join!(read_key(access, grant.public_key, by), read_key(access, grant.secret_key, by));
    let (public, secret) = (public?, secret?);
    let (key, chain) = (secret.credential.key.view(), &secret.credential.chain);
    let public_key = public.credential.key.view();
    usable_pair(public_key, key, chain, &Context::at(access.now())).map_err(|reason| Error::Denied(reason.into()))?;
    let right = Authority::of(key.id, chain, secret.as_of)
        .and(grant.public_key, public.as_of)
        .until(key.usable_until(chain))
        .until(public_key.usable_until(chain))
        .until(Some(grant.family_ends_at));
    Ok((right, chain.own().id, chain.own().mid.clone()))
}

/// Redeems the token. Judges the keys anew and retries where the database found them changed and wrote nothing.
async fn redeem(access: &Access, grant: &RefreshGrant, mut redemption: Redemption) -> Result<Redeemed, Error> {
    for _ in 1..TRIES {
        match access.token_store.redeem(&redemption).await {
            Err(StorageError::CallerChanged) => {
                (redemption.by, ..) = judge_keys(access, grant, ReadFrom::Database).await?;
            }
            redeemed => return Ok(redeemed?),
        }
    }
    Ok(access.token_store.redeem(&redemption).await?)
}
