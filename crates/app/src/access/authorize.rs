//! For gateways: whether the credential of a forwarded request is valid and meets the requirements (contract, section
//! 13, `/v1/auth`). Needs no scope of this service.

use std::sync::Arc;

use keyward_domain::{Denial, KeyId, KeyType, Mid, Requirements, ScopeSet, Scopes};
use keyward_verifier::{Arrival, Credential};

use super::{
    Access, Source,
    accepted::{Accepted, Held},
    authenticate::{begin_accept, begin_examine, finish_accept, finish_examine},
};

pub use super::authenticate::{Error, Forbidden, Unfinished};

/// A valid credential, as a gateway sees it.
#[derive(Clone, Debug)]
pub struct Authorized {
    credential: Credential,
    scopes: Held,
}

impl From<Accepted> for Authorized {
    fn from(Accepted { credential, scopes, token: _ }: Accepted) -> Self {
        Self { credential, scopes }
    }
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
        self.credential.key.key_type()
    }

    /// Scopes of the credential: a token may hold fewer than its key.
    #[must_use]
    pub fn scopes(&self) -> Scopes<'_> {
        self.scopes.as_scopes()
    }
}

/// What a gateway requires of a credential.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Requirements that the key must meet.
    pub requirements: &'a Requirements,
    /// Why every credential is refused, where no key can meet the requirements.
    pub refused: Option<Denial>,
}

/// Judges a credential by what memory knows. Never waits.
///
/// # Errors
/// What to [`finish`], if memory does not accept it.
pub fn begin(
    access: &Arc<Access>,
    arrival: &Arrival,
    credential: &str,
    question: Question<'_>,
) -> Result<Authorized, Unfinished> {
    let Question { requirements, refused } = question;
    let Some(denial) = refused else {
        return begin_accept(access, arrival, credential, requirements).map(Authorized::from);
    };
    Err(match begin_examine(access, arrival, credential, requirements) {
        Ok(accepted) => Unfinished::refused(access.verifier.now(arrival), refuse_anyway(&accepted, denial)),
        Err(unfinished) => unfinished.with_refusal(|error| account_first(error, denial)),
    })
}

/// Continues where [`begin`] did not accept this credential.
///
/// # Errors
/// [`Error`] if it is invalid, does not meet the requirements, or no verdict can be reached.
pub async fn finish(
    access: &Arc<Access>,
    unfinished: Unfinished,
    credential: &str,
    source: Source,
    question: Question<'_>,
) -> Result<Authorized, Error> {
    let Question { requirements, refused } = question;
    let Some(denial) = refused else {
        return Ok(finish_accept(access, unfinished, credential, source, requirements).await?.into());
    };
    match finish_examine(access, unfinished, credential, source, requirements).await {
        Ok(accepted) => Err(refuse_anyway(&accepted, denial)),
        Err(error) => Err(account_first(error, denial)),
    }
}

/// The refusal, where no key meets the requirements because of this denial: the account is checked before the scopes.
fn account_first(error: Error, denial: Denial) -> Error {
    match error {
        Error::Forbidden(forbidden)
            if denial == Denial::WrongAccount && forbidden.denial == Denial::InsufficientScope =>
        {
            Error::Forbidden(Box::new(Forbidden { denial, missing: ScopeSet::empty(), ..*forbidden }))
        }
        error @ (Error::Denied(_) | Error::Forbidden(_) | Error::TooManyAttempts(_) | Error::Failure(_)) => error,
    }
}

/// Refuses a credential that meets all requirements but those that no key can meet.
fn refuse_anyway(accepted: &Accepted, denial: Denial) -> Error {
    let Credential { key, chain } = &accepted.credential;
    let (key, mid) = (key.id(), chain.own().mid.clone());
    Error::Forbidden(Box::new(Forbidden { denial, missing: ScopeSet::empty(), key, mid }))
}

/// Whether a credential is valid at all, where the requirements cannot be read. Returns its key and account.
///
/// # Errors
/// [`Error`] if it is invalid, the source must wait, or no verdict can be reached.
pub async fn recognize(access: &Arc<Access>, credential: &str, source: Source) -> Result<(KeyId, Mid), Error> {
    let requirements = Requirements::default();
    let examined = match begin_examine(access, &access.verifier.arrival(), credential, &requirements) {
        Ok(accepted) => Ok(accepted),
        Err(unfinished) => finish_examine(access, unfinished, credential, source, &requirements).await,
    };
    match examined {
        Ok(accepted) => Ok((accepted.credential.key.id(), accepted.credential.chain.own().mid.clone())),
        Err(Error::Forbidden(forbidden)) => Ok((forbidden.key, forbidden.mid)),
        Err(error) => Err(error),
    }
}
