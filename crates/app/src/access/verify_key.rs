//! "Is this key good, and for what?" (contract, section 13, `/v1/verify`).

use std::sync::Arc;

use keyward_domain::{Candidate, Denial, KeyId, PresentedValue, Requirements, ValueError, Verdict, judge};
use keyward_storage::Credential;
use keyward_verifier::Arrival;

use super::{
    Access, Caller, TooManyAttempts,
    attempts::RateLimitKey,
    secret_check::{self, Matched},
    workload::Announced,
};
use crate::Failure;

/// The answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Verified {
    /// Good for all that was asked.
    Valid(Credential),
    /// Not good.
    Invalid {
        /// Why.
        denial: Denial,
        /// The key, where the caller may know which it is.
        id: Option<KeyId>,
    },
}

/// Why the question could not be answered. Never a verdict.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too many wrong secrets for one key whose digest is slow to check.
    #[error(transparent)]
    TooManyAttempts(#[from] TooManyAttempts),
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

secret_check::failures!(Error);

/// Verifies one key without waiting, if it is in memory and good for all that is asked. `None` says nothing but that
/// [`verify_key`] has to be asked.
#[must_use]
pub fn verify_key_from_memory(
    access: &Access,
    arrival: &Arrival,
    caller: &Caller,
    value: &str,
    conditions: &Requirements,
) -> Option<Credential> {
    let presented = PresentedValue::parse(value, access.runtime.settings.environment).ok()?;
    let Matched { credential, proof, .. } = secret_check::find_from_memory(access, arrival, &presented)?;
    let key = credential.key.view();
    let candidate = Candidate { key, chain: &credential.chain, scopes: key.scopes, proof };
    let now = access.verifier.times(arrival);
    match judge(Ok(Some(candidate)), Some(&caller.reach()), conditions, now.expiry) {
        Verdict::Invalid { .. } => return None,
        Verdict::Valid { .. } => access.usage.note(key.id, now.shared),
    }
    Some(credential)
}

/// Slow work that was announced for several keys; over when dropped.
#[must_use]
pub struct Begun<'a> {
    _announced: Announced<'a, RateLimitKey>,
}

/// Begins to verify several keys, one after the other.
///
/// # Errors
/// [`Error`] if what the account has under way already takes as long as it may.
pub fn begin<'a>(
    access: &'a Access,
    caller: &Caller,
    values: impl Iterator<Item = &'a str>,
) -> Result<Begun<'a>, Error> {
    let guesser = RateLimitKey::Account(caller.account().map(|own| own.id));
    Ok(Begun { _announced: secret_check::announce(access, guesser, values).map_err(Failure::from)? })
}

/// Verifies one key within the caller's reach.
///
/// # Errors
/// [`Error`] if the question could not be answered.
pub async fn verify_key(
    access: &Arc<Access>,
    caller: &Caller,
    value: &str,
    conditions: &Requirements,
) -> Result<Verified, Error> {
    let presented = PresentedValue::parse(value, access.runtime.settings.environment);
    let verified = examine(access, caller, &presented, conditions).await?;
    if let (Ok(presented), Verified::Valid(credential)) = (&presented, &verified) {
        access.usage.note(credential.key.id(), access.now());
        secret_check::renew_digest(access, presented, &credential.key);
    }
    Ok(verified)
}

/// The same verdict, of which no trace stays: for a person who looks, also where nothing can be written.
///
/// # Errors
/// [`Error`] if the question could not be answered.
pub async fn examine_key(
    access: &Arc<Access>,
    caller: &Caller,
    value: &str,
    conditions: &Requirements,
) -> Result<Verified, Error> {
    examine(access, caller, &PresentedValue::parse(value, access.runtime.settings.environment), conditions).await
}

async fn examine(
    access: &Arc<Access>,
    caller: &Caller,
    presented: &Result<PresentedValue<'_>, ValueError>,
    conditions: &Requirements,
) -> Result<Verified, Error> {
    let found = match presented {
        Ok(presented) => {
            let guesser = RateLimitKey::Account(caller.account().map(|own| own.id));
            secret_check::find(access, presented, guesser).await?
        }
        Err(_) => None,
    };
    let candidate = found.as_ref().map(|found| Candidate {
        key: found.credential.key.view(),
        chain: &found.credential.chain,
        scopes: found.credential.key.view().scopes,
        proof: found.proof,
    });
    let looked_up = match presented {
        Ok(_) => Ok(candidate),
        Err(error) => Err(*error),
    };
    match judge(looked_up, Some(&caller.reach()), conditions, access.expiry_time()) {
        Verdict::Invalid { denial, id } => {
            // A key that is out of the caller's reach. A wrong value has paid already.
            if let (Denial::NotFound, Ok(presented), Some(found)) = (denial, presented, &found)
                && found.from_memory
                && found.proof.holds()
            {
                secret_check::as_if_absent(
                    access,
                    presented.id(),
                    RateLimitKey::Account(caller.account().map(|own| own.id)),
                )
                .await;
            }
            Ok(Verified::Invalid { denial, id })
        }
        // A valid verdict is about something that was found.
        Verdict::Valid { .. } => Ok(found
            .map_or(Verified::Invalid { denial: Denial::NotFound, id: None }, |Matched { credential, .. }| {
                Verified::Valid(credential)
            })),
    }
}
