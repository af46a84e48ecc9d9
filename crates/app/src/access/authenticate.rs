//! Who is calling: from a credential to a [`Caller`].
//!
//! A credential is the value of a secret key or an access token. Every check asks the verifier, so once a revocation is
//! answered no node lets its key in. Why a credential is refused goes to the log and never to the caller.

use std::sync::Arc;

use keyward_domain::{
    Candidate, Denial, KeyId, Mid, PresentedValue, Proof, Requirements, ScopeSet, ValueError, Verdict, judge,
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

/// Why nobody was let in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The credential is not good; all reasons but one look the same to a client.
    #[error("the credential is not good: {0}")]
    Denied(Denial),
    /// The credential is good, and not for this.
    #[error("the credential is good, but not for this: {}", .0.denial)]
    Forbidden(Box<Forbidden>),
    /// The source has shown too many wrong credentials.
    #[error(transparent)]
    TooManyAttempts(#[from] TooManyAttempts),
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

secret_check::failures!(Error);

/// A good credential that does not do for what was asked of it.
#[derive(Debug)]
pub struct Forbidden {
    /// Why: the first reason in the contract's order.
    pub denial: Denial,
    /// Which of the scopes that were asked for it lacks.
    pub missing: ScopeSet,
    /// The key that was presented, or that the token speaks for.
    pub key: KeyId,
    /// Its account.
    pub mid: Mid,
}

impl Error {
    /// What a verdict against this credential means.
    fn of(denial: Denial, candidate: &Candidate<'_>, conditions: &Requirements) -> Self {
        let missing = match denial {
            Denial::InsufficientScope => conditions.scopes.uncovered_by(candidate.scopes),
            Denial::WrongType | Denial::WrongAccount => ScopeSet::empty(),
            Denial::NotFound | Denial::WrongEnvironment | Denial::Revoked | Denial::Suspended | Denial::Expired => {
                return Self::Denied(denial);
            }
        };
        let (key, mid) = (candidate.key.id, candidate.chain.own().mid.clone());
        Self::Forbidden(Box::new(Forbidden { denial, missing, key, mid }))
    }
}

/// A credential that turned out to be good.
pub(crate) struct Accepted {
    pub(crate) credential: Credential,
    /// What it may do: the key's scopes, or what a token leaves of them.
    pub(crate) scopes: Held,
    /// The token that speaks for it, if one does.
    pub(crate) token: Option<Bearer>,
}

/// Lets a caller in.
///
/// # Errors
/// [`Error`] if the credential is not good, the source must wait, or the answer is not to be had.
pub async fn authenticate(access: &Arc<Access>, credential: &str, source: Source) -> Result<Caller, Error> {
    Ok(accept(access, credential, source, &Requirements::default()).await?.into())
}

/// Lets a caller in without waiting, if its key is in memory and good. `None` says nothing about the credential but that
/// [`authenticate`] has to be asked.
#[must_use]
pub fn authenticate_from_memory(access: &Access, arrival: &Arrival, credential: &str) -> Option<Caller> {
    accept_from_memory(access, arrival, credential, &Requirements::default()).map(Caller::from)
}

/// Takes a key value that is in memory, good, and good for these conditions.
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
    let now = access.verifier.times(arrival);
    match judge(Ok(Some(candidate)), None, conditions, now.expiry) {
        Verdict::Invalid { .. } => return None,
        Verdict::Valid { .. } => access.usage.note(key.id, now.shared),
    }
    let scopes = Held::OfKey(Arc::clone(&credential.key));
    Some(Accepted { credential, scopes, token: None })
}

/// Takes a key value or an access token, and holds it to conditions. It counts as used then.
pub(crate) async fn accept(
    access: &Arc<Access>,
    credential: &str,
    source: Source,
    conditions: &Requirements,
) -> Result<Accepted, Error> {
    let accepted = examine(access, credential, source, conditions).await?;
    access.usage.note(accepted.credential.key.id(), access.now());
    Ok(accepted)
}

/// The same for a credential that is not let in whatever comes of it: it does not count as used.
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
    let verdict = judge(Ok(candidate), None, conditions, access.expiry_time());
    if let Verdict::Invalid { denial, .. } = verdict {
        if denial == Denial::NotFound {
            access.attempts.failed(source);
        }
        let error = candidate.map_or(Error::Denied(denial), |candidate| Error::of(denial, &candidate, conditions));
        return Err(error);
    }
    // A valid verdict is about something that was found.
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
    match judge(Ok(Some(candidate)), None, conditions, access.expiry_time()) {
        Verdict::Valid { .. } => Ok(accepted),
        Verdict::Invalid { denial, .. } => Err(Error::of(denial, &candidate, conditions)),
    }
}

/// Reads a token. One that names a key unknown here makes the key set be read again, once: another node may have made it.
/// Where it cannot be read, that is an outage for every such token, not a verdict about any.
async fn read_token(access: &Arc<Access>, token: &str) -> Result<Option<ReadAccess>, Failure> {
    KeyReload::in_this_history(access).await?;
    if let Some(read) = access.tokens.access.read(token, access.times()) {
        return Ok(Some(read));
    }
    if !access.tokens.access.names_unknown_key(token) {
        return Ok(None);
    }
    KeyReload::read_again(access).await?;
    Ok(access.tokens.access.read(token, access.times()))
}

/// Rule 9: a token lives only while both keys that obtained it do.
async fn alive(access: &Access, ReadAccess { grant, expires_at }: &ReadAccess) -> Result<Accepted, Error> {
    let storage = |error| Error::Failure(Failure::Storage(error));
    let (public, secret) =
        tokio::join!(access.verifier.credential(grant.public_key), access.verifier.credential(grant.secret_key));
    let denied = || Error::Denied(Denial::NotFound);
    let (public, secret) = (public.map_err(storage)?.ok_or_else(denied)?, secret.map_err(storage)?.ok_or_else(denied)?);
    usable_pair(public.key.view(), secret.key.view(), &secret.chain, access.expiry_time()).map_err(|reason| {
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
