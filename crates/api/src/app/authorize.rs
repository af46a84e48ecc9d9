//! For gateways: whether the credential of somebody else's request is good, and for what was asked (contract, section
//! 13, `/v1/auth`). Needs no scope of this service.

use std::sync::Arc;

use keyward_domain::{Conditions, Denial, KeyId, KeyType, Mid, ScopeSet};

use super::{
    App, Source,
    authenticate::{self, accept},
};

/// What a gateway is told about a good credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorized {
    /// The key.
    pub key: KeyId,
    /// Its account.
    pub mid: Mid,
    /// The partner of that account, for merchants that have one.
    pub partner: Option<Mid>,
    /// Its type.
    pub key_type: KeyType,
    /// What it may do.
    pub scopes: ScopeSet,
}

/// Why a request is not to be let through.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The credential is good, but not for this.
    #[error("the credential is good, but not for this: {0}")]
    Forbidden(Denial),
    /// As for any caller.
    #[error(transparent)]
    Authentication(authenticate::Error),
}

/// Judges a credential.
///
/// # Errors
/// [`Error`] if it is not good, not good for this, or the answer is not to be had.
pub async fn authorize(
    app: &Arc<App>,
    credential: &str,
    source: Source,
    conditions: &Conditions,
) -> Result<Authorized, Error> {
    let accepted = accept(app, credential, source, conditions).await.map_err(|error| match error {
        authenticate::Error::Denied(
            denial @ (Denial::WrongType | Denial::WrongAccount | Denial::InsufficientScope),
        ) => Error::Forbidden(denial),
        authenticate::Error::Denied(_) | authenticate::Error::TooManyAttempts(_) | authenticate::Error::Fault(_) => {
            Error::Authentication(error)
        }
    })?;
    let chain = &accepted.credential.chain;
    Ok(Authorized {
        key: accepted.credential.key.id(),
        mid: chain.own().mid.clone(),
        partner: chain.partner().cloned(),
        key_type: accepted.credential.key.facts().key_type,
        scopes: accepted.scopes,
    })
}
