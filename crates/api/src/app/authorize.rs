//! For gateways: whether the credential of somebody else's request is good, and for what was asked (contract, section
//! 13, `/v1/auth`). Needs no scope of this service.

use std::sync::Arc;

use keyward_domain::{Conditions, Denial, KeyId, KeyType, Mid, Scopes};
use keyward_storage::Credential;
use keyward_verifier::Arrival;

use super::{
    App, Source,
    authenticate::{self, Accepted, Held, accept, accept_at_once},
};

/// What a gateway is told about a good credential.
#[derive(Clone, Debug)]
pub struct Authorized {
    credential: Credential,
    scopes: Held,
}

impl Authorized {
    /// The key.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.credential.key.id()
    }

    /// Its account.
    #[must_use]
    pub fn mid(&self) -> &Mid {
        &self.credential.chain.own().mid
    }

    /// The partner of that account, for merchants that have one.
    #[must_use]
    pub fn partner(&self) -> Option<&Mid> {
        self.credential.chain.partner()
    }

    /// Its type.
    #[must_use]
    pub fn key_type(&self) -> KeyType {
        self.credential.key.view().key_type
    }

    /// What it may do.
    #[must_use]
    pub fn scopes(&self) -> Scopes<'_> {
        self.scopes.as_scopes()
    }
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

/// Judges a credential without waiting, if its key is in memory and it is good for what is asked. `None` says nothing but
/// that [`authorize`] has to be asked.
#[must_use]
pub fn authorize_at_once(
    app: &App,
    arrival: &Arrival,
    credential: &str,
    conditions: &Conditions,
) -> Option<Authorized> {
    let Accepted { credential, scopes, public: _ } = accept_at_once(app, arrival, credential, conditions)?;
    Some(Authorized { credential, scopes })
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
    Ok(Authorized { credential: accepted.credential, scopes: accepted.scopes })
}
