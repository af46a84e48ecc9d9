//! For gateways: whether the credential of somebody else's request is good, and for what was asked (contract, section
//! 13, `/v1/auth`). Needs no scope of this service.

use std::sync::Arc;

use keyward_domain::{Denial, KeyId, KeyType, Mid, Requirements, ScopeSet, Scopes};
use keyward_storage::Credential;
use keyward_verifier::Arrival;

use super::{
    Access, Source,
    authenticate::{Accepted, accept, accept_from_memory, examine},
    caller::Held,
};

pub use super::authenticate::{Error, Forbidden};

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

/// Judges a credential without waiting, if its key is in memory and it is good for what is asked. `None` says nothing but
/// that [`authorize`] has to be asked.
#[must_use]
pub fn authorize_from_memory(
    access: &Access,
    arrival: &Arrival,
    credential: &str,
    conditions: &Requirements,
) -> Option<Authorized> {
    let Accepted { credential, scopes, token: _ } = accept_from_memory(access, arrival, credential, conditions)?;
    Some(Authorized { credential, scopes })
}

/// What a gateway asks of a credential.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What must hold.
    pub conditions: &'a Requirements,
    /// Why every credential is refused, where something was asked that none meets.
    pub refused: Option<Denial>,
}

/// Judges a credential.
///
/// # Errors
/// [`Error`] if it is not good, not good for this, or no answer could be found.
pub async fn authorize(
    access: &Arc<Access>,
    credential: &str,
    source: Source,
    asked: Asked<'_>,
) -> Result<Authorized, Error> {
    let Asked { conditions, refused } = asked;
    let judged = match refused {
        None => accept(access, credential, source, conditions).await,
        Some(_) => examine(access, credential, source, conditions).await,
    };
    match (judged, refused) {
        (Ok(accepted), None) => Ok(Authorized { credential: accepted.credential, scopes: accepted.scopes }),
        (Ok(accepted), Some(denial)) => Err(Error::Forbidden(Box::new(Forbidden {
            denial,
            missing: ScopeSet::empty(),
            key: accepted.credential.key.id(),
            mid: accepted.credential.chain.own().mid.clone(),
        }))),
        // The account is looked at before the scopes.
        (Err(Error::Forbidden(forbidden)), Some(denial @ Denial::WrongAccount))
            if forbidden.denial == Denial::InsufficientScope =>
        {
            Err(Error::Forbidden(Box::new(Forbidden { denial, missing: ScopeSet::empty(), ..*forbidden })))
        }
        (Err(error), _) => Err(error),
    }
}

/// Whether a credential is good at all, where what is asked of it cannot be read. Returns its key and account.
///
/// # Errors
/// As for any caller.
pub async fn recognize(access: &Arc<Access>, credential: &str, source: Source) -> Result<(KeyId, Mid), Error> {
    match examine(access, credential, source, &Requirements::default()).await {
        Ok(accepted) => Ok((accepted.credential.key.id(), accepted.credential.chain.own().mid.clone())),
        Err(Error::Forbidden(forbidden)) => Ok((forbidden.key, forbidden.mid)),
        Err(error) => Err(error),
    }
}
