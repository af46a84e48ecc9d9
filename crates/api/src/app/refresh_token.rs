//! Redeem a refresh token for a fresh pair of tokens (contract, section 2). It works once; a second time ends its family.

use keyward_domain::{Actor, KeyId, ScopeSet, revocation::usable_pair};
use keyward_storage::{Redeemed, Redemption, StorageError};

use super::{
    App, Fault,
    obtain_token::{Family, Tokens, make_tokens},
    turns::Lane,
};
use crate::tokens::AccessGrant;

/// The token, and what its bearer says about itself.
pub struct RefreshToken<'a> {
    /// The token.
    pub token: &'a str,
    /// Fewer scopes than the family has; all of them if absent.
    pub scopes: Option<ScopeSet>,
    /// The secret key that the bearer has proved to hold, where the dialect has it prove one.
    pub proved: Option<KeyId>,
}

/// Why there are no fresh tokens.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not ours, ended, used before, or its keys are no longer usable: the client is not told which.
    #[error("the refresh token is not good")]
    Denied,
    /// A scope that the family does not cover: it never widens.
    #[error("the refresh token does not cover a scope that was asked for")]
    ScopeNotCovered,
    /// Not the caller's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

super::faults!(Error: StorageError);

/// Redeems a refresh token.
///
/// # Errors
/// [`Error`] if the token is not good or the answer is not to be had.
pub async fn refresh_token(app: &App, request: RefreshToken<'_>) -> Result<Tokens, Error> {
    let now = app.times();
    let grant = app.refresh_tokens.open(request.token).ok_or(Error::Denied)?;
    if grant.family_ends_at <= now.expiry || request.proved.is_some_and(|key| key != grant.secret_key) {
        return Err(Error::Denied);
    }
    let verifier = &app.verifier;
    let (public, secret) = tokio::join!(verifier.credential(grant.public_key), verifier.credential(grant.secret_key));
    let (Some(public), Some(secret)) = (public?, secret?) else { return Err(Error::Denied) };
    if usable_pair(public.key.view(), secret.key.view(), &secret.chain, now.expiry).is_err() {
        return Err(Error::Denied);
    }
    let scopes = match request.scopes {
        Some(asked) if !grant.scopes.covers_all(&asked) => return Err(Error::ScopeNotCovered),
        Some(asked) => asked,
        None => grant.scopes.clone(),
    };
    let access = AccessGrant {
        public_key: grant.public_key,
        secret_key: grant.secret_key,
        mid: secret.chain.own().mid.clone(),
        scopes,
    };
    let family = Family { id: grant.family, ends_at: grant.family_ends_at, scopes: grant.scopes };
    // Made first, redeemed after: where no tokens can be made, the one presented stays good.
    let tokens = make_tokens(app, access, Some(family), now)?;
    let redemption =
        Redemption { token: grant.token, family: grant.family, family_ends_at: grant.family_ends_at, at: now.shared };
    let by = Actor::Key(grant.secret_key);
    let _turn = app.turns.take(secret.chain.own().id, Lane::Redeem, by).await.map_err(Fault::from)?;
    match app.store.redeem(&redemption).await? {
        Redeemed::First => {}
        Redeemed::Again => {
            tracing::warn!(family = %grant.family, key.id = %grant.secret_key, "a refresh token came a second time; its family is ended");
            return Err(Error::Denied);
        }
        Redeemed::FamilyEnded => return Err(Error::Denied),
    }
    app.usage.note(grant.secret_key, now.shared);
    Ok(tokens)
}
