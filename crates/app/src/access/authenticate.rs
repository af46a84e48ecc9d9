//! Authentication: turns a credential into a [`Caller`].
//!
//! A credential is the value of a secret key or an access token. Every check asks the verifier, so no node accepts a
//! key after its revocation was answered. The log records why a credential is refused; the caller never learns it.

use std::sync::Arc;

use keyward_domain::{
    Candidate, Context, Denial, KeyId, Mid, PresentedValue, Proof, Requirements, ScopeSet, ValueError, Verdict, judge,
    revocation::usable_pair,
};
use keyward_storage::Credential;
use keyward_verifier::Arrival;

use super::{
    Access, Source, TooManyAttempts,
    attempts::RateLimitKey,
    caller::{Bearer, Caller, Held},
    key_reload::KeyReload,
    secret_check::{self, Matched},
    tokens::ReadAccess,
};
use crate::Failure;

/// Why a credential was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The credential is invalid; all reasons except one look the same to a client.
    #[error("invalid credential: {0}")]
    Denied(Denial),
    /// The credential is valid, but does not meet the requirements.
    #[error("the credential does not meet the requirements: {}", .0.denial)]
    Forbidden(Box<Forbidden>),
    /// The source has sent too many wrong credentials.
    #[error(transparent)]
    TooManyAttempts(#[from] TooManyAttempts),
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

secret_check::failures!(Error);

/// A valid credential that does not meet the requirements.
#[derive(Debug)]
pub struct Forbidden {
    /// The first unmet requirement in the contract's order.
    pub denial: Denial,
    /// The requested scopes that it lacks.
    pub missing: ScopeSet,
    /// The presented key, or the key that the token acts for.
    pub key: KeyId,
    /// The account of that key.
    pub mid: Mid,
}

impl Error {
    /// Describes a verdict against this credential.
    fn of(denial: Denial, candidate: &Candidate<'_>, conditions: &Requirements) -> Self {
        let missing = match denial {
            Denial::InsufficientScope => conditions.scopes.uncovered_by(candidate.scopes),
            Denial::WrongType | Denial::WrongAccount => ScopeSet::empty(),
            Denial::NotFound | Denial::WrongEnvironment | Denial::Unusable(_) => {
                return Self::Denied(denial);
            }
        };
        let (key, mid) = (candidate.key.id, candidate.chain.own().mid.clone());
        Self::Forbidden(Box::new(Forbidden { denial, missing, key, mid }))
    }
}

/// An accepted credential.
pub(crate) struct Accepted {
    pub(crate) credential: Credential,
    /// Its scopes: those of the key, or the part that a token grants.
    pub(crate) scopes: Held,
    /// The token that acts for the key, if there is one.
    pub(crate) token: Option<Bearer>,
}

/// Authenticates a caller.
///
/// # Errors
/// [`Error`] if the credential is invalid, the source must wait, or no verdict can be reached.
pub async fn authenticate(access: &Arc<Access>, credential: &str, source: Source) -> Result<Caller, Error> {
    Ok(accept(access, credential, source, &Requirements::default()).await?.into())
}

/// Authenticates a caller without waiting, if its key is in memory and valid. `None` says only that [`authenticate`]
/// must decide.
#[must_use]
pub fn authenticate_from_memory(access: &Access, arrival: &Arrival, credential: &str) -> Option<Caller> {
    accept_from_memory(access, arrival, credential, &Requirements::default()).map(Caller::from)
}

/// Accepts a key value that is in memory, valid, and meets these requirements.
pub(crate) fn accept_from_memory(
    access: &Access,
    arrival: &Arrival,
    credential: &str,
    conditions: &Requirements,
) -> Option<Accepted> {
    let presented = PresentedValue::parse(credential, access.runtime.settings.environment).ok()?;
    let Matched { credential, proof, .. } = secret_check::find_from_memory(access, arrival, &presented)?;
    let key = credential.key.view();
    let candidate = Candidate { key, chain: &credential.chain, scopes: key.scopes, proof };
    let now = access.verifier.now(arrival);
    match judge(Ok(Some(candidate)), None, conditions, &Context::at(now)) {
        Verdict::Invalid { .. } => return None,
        Verdict::Valid { .. } => access.usage.note(key.id, now.recorded()),
    }
    let scopes = Held::OfKey(Arc::clone(&credential.key));
    Some(Accepted { credential, scopes, token: None })
}

/// Accepts a key value or an access token that meets the requirements, and notes it as used.
pub(crate) async fn accept(
    access: &Arc<Access>,
    credential: &str,
    source: Source,
    conditions: &Requirements,
) -> Result<Accepted, Error> {
    let accepted = examine(access, credential, source, conditions).await?;
    access.usage.note(accepted.credential.key.id(), access.now().recorded());
    Ok(accepted)
}

/// As [`accept`], for a credential that is only checked: it does not count as used.
pub(crate) async fn examine(
    access: &Arc<Access>,
    credential: &str,
    source: Source,
    conditions: &Requirements,
) -> Result<Accepted, Error> {
    match PresentedValue::parse(credential, access.runtime.settings.environment) {
        Ok(presented) => accept_value(access, &presented, source, conditions).await,
        Err(ValueError::OtherEnvironment) => Err(Error::Denied(Denial::WrongEnvironment)),
        Err(ValueError::Malformed) => accept_token(access, credential, conditions).await,
    }
}

async fn accept_value(
    access: &Arc<Access>,
    presented: &PresentedValue<'_>,
    source: Source,
    conditions: &Requirements,
) -> Result<Accepted, Error> {
    let found = secret_check::find(access, presented, RateLimitKey::Source(source)).await?;
    let candidate = found.as_ref().map(|found| Candidate {
        key: found.credential.key.view(),
        chain: &found.credential.chain,
        scopes: found.credential.key.view().scopes,
        proof: found.proof,
    });
    let verdict = judge(Ok(candidate), None, conditions, &Context::at(access.now()));
    if let Verdict::Invalid { denial, .. } = verdict {
        if denial == Denial::NotFound {
            access.attempts.failed(source);
        }
        let error = candidate.map_or(Error::Denied(denial), |candidate| Error::of(denial, &candidate, conditions));
        return Err(error);
    }
    // A valid verdict concerns a key that was found.
    let found = found.ok_or(Error::Denied(Denial::NotFound))?;
    secret_check::renew_digest(access, presented, &found.credential.key);
    let scopes = Held::OfKey(Arc::clone(&found.credential.key));
    Ok(Accepted { credential: found.credential, scopes, token: None })
}

async fn accept_token(access: &Arc<Access>, token: &str, conditions: &Requirements) -> Result<Accepted, Error> {
    let read = read_token(access, token).await?.ok_or(Error::Denied(Denial::NotFound))?;
    let accepted = alive(access, &read).await?;
    let Accepted { credential: Credential { key, chain }, scopes, token: _ } = &accepted;
    let candidate = Candidate { key: key.view(), chain, scopes: scopes.as_scopes(), proof: Proof::by_signature(true) };
    match judge(Ok(Some(candidate)), None, conditions, &Context::at(access.now())) {
        Verdict::Valid { .. } => Ok(accepted),
        Verdict::Invalid { denial, .. } => Err(Error::of(denial, &candidate, conditions)),
    }
}

/// Reads a token. A token that names an unknown key makes the key set be read again, once: another node may have made
/// the key. If the set cannot be read, every such token gets an outage, not a verdict.
async fn read_token(access: &Arc<Access>, token: &str) -> Result<Option<ReadAccess>, Failure> {
    KeyReload::in_this_history(access).await?;
    if let Some(read) = access.tokens.access.read(token, access.now()) {
        return Ok(Some(read));
    }
    if !access.tokens.access.names_unknown_key(token) {
        return Ok(None);
    }
    KeyReload::read_again(access).await?;
    Ok(access.tokens.access.read(token, access.now()))
}

/// Rule 9: a token is valid only while both keys that obtained it are.
async fn alive(access: &Access, ReadAccess { grant, expires_at }: &ReadAccess) -> Result<Accepted, Error> {
    let storage = |error| Error::Failure(Failure::Storage(error));
    let (public, secret) =
        tokio::join!(access.verifier.credential(grant.public_key), access.verifier.credential(grant.secret_key));
    let denied = || Error::Denied(Denial::NotFound);
    let (public, secret) = (public.map_err(storage)?.ok_or_else(denied)?, secret.map_err(storage)?.ok_or_else(denied)?);
    usable_pair(public.key.view(), secret.key.view(), &secret.chain, &Context::at(access.now())).map_err(|reason| {
        tracing::debug!(%reason, "a token outlived its keys");
        Error::Denied(reason.into())
    })?;
    if secret.chain.own().mid != grant.mid {
        return Err(denied());
    }
    let scopes = Held::OfToken(grant.scopes.as_scopes().intersection(secret.key.view().scopes));
    let token = Bearer { public_key: grant.public_key, ends_at: *expires_at };
    Ok(Accepted { credential: secret, scopes, token: Some(token) })
}
