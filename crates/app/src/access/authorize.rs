//! For gateways: whether the credential of a forwarded request is valid and meets the requirements (contract, section
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

/// A valid credential, as a gateway sees it.
#[derive(Clone, Debug)]
pub struct Authorized {
    credential: Credential,
    scopes: Held,
}

impl Authorized {
    /// Id of the key.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.credential.key.id()
    }

    /// The account that holds the key.
    #[must_use]
    pub fn mid(&self) -> &Mid {
        &self.credential.chain.own().mid
    }

    /// The partner above that account; `None` for a merchant without one.
    #[must_use]
    pub fn partner(&self) -> Option<&Mid> {
        self.credential.chain.partner()
    }

    /// Secret or public.
    #[must_use]
    pub fn key_type(&self) -> KeyType {
        self.credential.key.view().key_type
    }

    /// Scopes of the credential: a token may hold fewer than its key.
    #[must_use]
    pub fn scopes(&self) -> Scopes<'_> {
        self.scopes.as_scopes()
    }
}

/// Judges a credential without waiting, if its key is in memory and it meets the requirements. `None` says only that
/// [`authorize`] must decide.
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

/// What a gateway requires of a credential.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Requirements that the key must meet.
    pub conditions: &'a Requirements,
    /// Why every credential is refused, where no key can meet the requirements.
    pub refused: Option<Denial>,
}

/// Judges a credential for a gateway.
///
/// # Errors
/// [`Error`] if it is invalid, does not meet the requirements, or no verdict can be reached.
pub async fn authorize(
    access: &Arc<Access>,
    credential: &str,
    source: Source,
    asked: Question<'_>,
) -> Result<Authorized, Error> {
    let Question { conditions, refused } = asked;
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
        // The account is checked before the scopes.
        (Err(Error::Forbidden(forbidden)), Some(denial @ Denial::WrongAccount))
            if forbidden.denial == Denial::InsufficientScope =>
        {
            Err(Error::Forbidden(Box::new(Forbidden { denial, missing: ScopeSet::empty(), ..*forbidden })))
        }
        (Err(error), _) => Err(error),
    }
}

/// Whether a credential is valid at all, where the requirements cannot be read. Returns its key and account.
///
/// # Errors
/// [`Error`] if it is invalid, the source must wait, or no verdict can be reached.
pub async fn recognize(access: &Arc<Access>, credential: &str, source: Source) -> Result<(KeyId, Mid), Error> {
    match examine(access, credential, source, &Requirements::default()).await {
        Ok(accepted) => Ok((accepted.credential.key.id(), accepted.credential.chain.own().mid.clone())),
        Err(Error::Forbidden(forbidden)) => Ok((forbidden.key, forbidden.mid)),
        Err(error) => Err(error),
    }
}
