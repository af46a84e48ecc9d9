//! Authentication: turns a credential into a [`Caller`].
//!
//! A credential is the value of a secret key or an access token. Every check uses the verifier, so no node accepts a
//! key after its revocation was answered. The log records why a credential is refused; the answer does not.

use std::sync::Arc;

use keyward_domain::{
    Candidate, Context, Denial, KeyId, Mid, Now, PresentedValue, Proof, Requirements, ScopeSet, ValueError, Verdict,
    judge, revocation::usable_pair,
};
use keyward_verifier::{Arrival, Credential};

use super::{
    Access, Source, TooManyAttempts,
    accepted::{Accepted, Bearer, Held},
    attempts::RateLimitKey,
    caller::Caller,
    key_reload,
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
    fn of(denial: Denial, candidate: &Candidate<'_>, requirements: &Requirements) -> Self {
        let missing = match denial {
            Denial::InsufficientScope => requirements.scopes.uncovered_by(candidate.scopes),
            Denial::WrongType | Denial::WrongAccount => ScopeSet::empty(),
            Denial::NotFound | Denial::WrongEnvironment | Denial::Unusable(_) => {
                return Self::Denied(denial);
            }
        };
        let (key, mid) = (candidate.key.id, candidate.chain.own().mid.clone());
        Self::Forbidden(Box::new(Forbidden { denial, missing, key, mid }))
    }
}

/// A credential that memory did not accept. [`finish`] continues, and computes nothing a second time.
#[must_use]
pub struct Unfinished {
    now: Now,
    state: State,
}

enum State {
    /// Refused by what memory knows of its key, which is final.
    Refused(Error),
    /// The value of a key that must be read, or whose value must be checked yet.
    Value(Box<secret_check::Begun>),
    /// Perhaps an access token.
    Token,
}

impl Unfinished {
    /// The refusal, if what memory knows is final.
    ///
    /// # Errors
    /// What to [`finish`], if the credential must be judged by reading.
    pub fn refusal(self) -> Result<Error, Self> {
        match self.state {
            State::Refused(error) => Ok(error),
            state @ (State::Value(_) | State::Token) => Err(Self { now: self.now, state }),
        }
    }

    /// The same, with another refusal in place of one that memory knows.
    pub(super) fn with_refusal(self, change: impl FnOnce(Error) -> Error) -> Self {
        match self.state {
            State::Refused(error) => Self { now: self.now, state: State::Refused(change(error)) },
            state @ (State::Value(_) | State::Token) => Self { now: self.now, state },
        }
    }

    /// A refusal, which is final.
    pub(super) const fn refused(now: Now, error: Error) -> Self {
        Self { now, state: State::Refused(error) }
    }
}

/// Judges a credential by what memory knows, and notes it as used if it is accepted. Never waits.
///
/// # Errors
/// What to [`finish`], if memory does not accept it.
pub fn begin(access: &Arc<Access>, arrival: &Arrival, credential: &str) -> Result<Caller, Unfinished> {
    begin_accept(access, arrival, credential, &Requirements::default()).map(Caller::from)
}

/// Continues where [`begin`] did not accept this credential.
///
/// # Errors
/// [`Error`] if the credential is invalid, the source must wait, or no verdict can be reached.
pub async fn finish(
    access: &Arc<Access>,
    unfinished: Unfinished,
    credential: &str,
    source: Source,
) -> Result<Caller, Error> {
    Ok(finish_accept(access, unfinished, credential, source, &Requirements::default()).await?.into())
}

/// Authenticates a caller.
///
/// # Errors
/// [`Error`] if the credential is invalid, the source must wait, or no verdict can be reached.
pub async fn authenticate(access: &Arc<Access>, credential: &str, source: Source) -> Result<Caller, Error> {
    match begin(access, &access.verifier.arrival(), credential) {
        Ok(caller) => Ok(caller),
        Err(unfinished) => finish(access, unfinished, credential, source).await,
    }
}

/// Judges a credential with these requirements by what memory knows, and notes it as used if it is accepted.
pub(crate) fn begin_accept(
    access: &Arc<Access>,
    arrival: &Arrival,
    credential: &str,
    requirements: &Requirements,
) -> Result<Accepted, Unfinished> {
    let accepted = begin_examine(access, arrival, credential, requirements)?;
    access.usage.note(accepted.credential.key.id(), access.verifier.now(arrival).recorded());
    Ok(accepted)
}

/// Continues where [`begin_accept`] did not accept, and notes the credential as used if it is accepted now.
pub(crate) async fn finish_accept(
    access: &Arc<Access>,
    unfinished: Unfinished,
    credential: &str,
    source: Source,
    requirements: &Requirements,
) -> Result<Accepted, Error> {
    let now = unfinished.now;
    let accepted = finish_examine(access, unfinished, credential, source, requirements).await?;
    access.usage.note(accepted.credential.key.id(), now.recorded());
    Ok(accepted)
}

/// As [`begin_accept`], for a credential that is only checked: it does not count as used.
pub(crate) fn begin_examine(
    access: &Arc<Access>,
    arrival: &Arrival,
    credential: &str,
    requirements: &Requirements,
) -> Result<Accepted, Unfinished> {
    let now = access.verifier.now(arrival);
    let state = match PresentedValue::parse(credential, access.runtime.settings.environment) {
        Ok(presented) => match secret_check::begin(access, arrival, &presented).into_right() {
            Ok(found) => match judge_value(access, &presented, Some(found), requirements, now) {
                Ok(accepted) => return Ok(accepted),
                Err(error) => State::Refused(error),
            },
            Err(begun) => State::Value(Box::new(begun)),
        },
        Err(ValueError::OtherEnvironment) => State::Refused(Error::Denied(Denial::WrongEnvironment)),
        Err(ValueError::Malformed) => State::Token,
    };
    Err(Unfinished { now, state })
}

/// As [`finish_accept`], for a credential that is only checked.
pub(crate) async fn finish_examine(
    access: &Arc<Access>,
    Unfinished { now, state }: Unfinished,
    credential: &str,
    source: Source,
    requirements: &Requirements,
) -> Result<Accepted, Error> {
    let begun = match state {
        State::Refused(error) => return Err(error),
        State::Token => return accept_token(access, credential, requirements, now).await,
        State::Value(begun) => *begun,
    };
    let presented = PresentedValue::parse(credential, access.runtime.settings.environment);
    let presented = presented.map_err(|error| Error::Denied(error.into()))?;
    let found = secret_check::finish(access, begun, &presented, RateLimitKey::Source(source)).await?;
    let found = found.map(|Matched { credential, proof, .. }| (credential, proof));
    let judged = judge_value(access, &presented, found, requirements, now);
    if let Err(Error::Denied(Denial::NotFound)) = &judged {
        access.attempts.failed(source);
    }
    judged
}

/// Judges the key that was found for a value.
fn judge_value(
    access: &Arc<Access>,
    presented: &PresentedValue<'_>,
    found: Option<(Credential, Proof)>,
    requirements: &Requirements,
    now: Now,
) -> Result<Accepted, Error> {
    let (credential, proof) = found.ok_or(Error::Denied(Denial::NotFound))?;
    let key = credential.key.view();
    let candidate = Candidate { key, chain: &credential.chain, scopes: key.scopes, proof };
    if let Verdict::Invalid { denial, .. } = judge(Ok(Some(candidate)), None, requirements, &Context::at(now)) {
        return Err(Error::of(denial, &candidate, requirements));
    }
    secret_check::renew_digest(access, presented.expose(), &credential.key);
    let scopes = Held::OfKey(Arc::clone(&credential.key));
    Ok(Accepted { credential, scopes, token: None })
}

async fn accept_token(
    access: &Arc<Access>,
    token: &str,
    requirements: &Requirements,
    now: Now,
) -> Result<Accepted, Error> {
    let read = read_token(access, token, now).await?.ok_or(Error::Denied(Denial::NotFound))?;
    let accepted = alive(access, &read, now).await?;
    let Accepted { credential: Credential { key, chain }, scopes, token: _ } = &accepted;
    let candidate = Candidate { key: key.view(), chain, scopes: scopes.as_scopes(), proof: Proof::by_signature(true) };
    match judge(Ok(Some(candidate)), None, requirements, &Context::at(now)) {
        Verdict::Valid { .. } => Ok(accepted),
        Verdict::Invalid { denial, .. } => Err(Error::of(denial, &candidate, requirements)),
    }
}

/// Reads a token. A token that names an unknown key makes the key set be read again, once: another node may have made
/// the key. If the set cannot be read, every such token gets an outage, not a verdict.
async fn read_token(access: &Arc<Access>, token: &str, now: Now) -> Result<Option<ReadAccess>, Failure> {
    key_reload::in_this_history(access).await?;
    if let Some(read) = access.tokens.access.read(token, now) {
        return Ok(Some(read));
    }
    if !access.tokens.access.names_unknown_key(token) {
        return Ok(None);
    }
    key_reload::read_again(access).await?;
    Ok(access.tokens.access.read(token, now))
}

/// Rule 9: a token is valid only while both keys that obtained it are.
async fn alive(access: &Access, ReadAccess { grant, expires_at }: &ReadAccess, now: Now) -> Result<Accepted, Error> {
    let storage = |error| Error::Failure(Failure::Storage(error));
    let (public, secret) =
        tokio::join!(access.verifier.credential(grant.public_key), access.verifier.credential(grant.secret_key));
    let denied = || Error::Denied(Denial::NotFound);
    let (public, secret) = (public.map_err(storage)?.ok_or_else(denied)?, secret.map_err(storage)?.ok_or_else(denied)?);
    usable_pair(public.key.view(), secret.key.view(), &secret.chain, &Context::at(now)).map_err(|reason| {
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
