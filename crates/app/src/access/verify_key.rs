//! Verifies a key for a service that received it (contract, section 13, `/v1/verify`).

use std::sync::Arc;

use keyward_domain::{Candidate, Context, Denial, KeyId, PresentedValue, Requirements, ValueError, Verdict, judge};
use keyward_storage::Credential;
use keyward_verifier::Arrival;

use super::{
    Access, Caller,
    attempts::RateLimitKey,
    secret_check::{self, Matched},
    workload::Announced,
};
use crate::Failure;

pub use super::secret_check::Error;

/// The verdict on a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Verified {
    /// The key meets all requirements.
    Valid(Credential),
    /// The key is refused.
    Invalid {
        /// The first reason in the contract's order.
        denial: Denial,
        /// The key, where the caller may know its id.
        id: Option<KeyId>,
    },
}

/// Verifies one key without waiting, if it is in memory and meets all requirements. `None` says only that
/// [`verify_key`] must decide.
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
    let now = access.verifier.now(arrival);
    match judge(Ok(Some(candidate)), Some(&caller.reach()), conditions, &Context::at(now)) {
        Verdict::Invalid { .. } => return None,
        Verdict::Valid { .. } => access.usage.note(key.id, now.recorded()),
    }
    Some(credential)
}

/// Announced slow work for several keys; ends when dropped.
#[must_use]
pub struct Begun<'a> {
    _announced: Announced<'a, RateLimitKey>,
}

/// Announces the verification of several keys in turn.
///
/// # Errors
/// [`Error`] if the account's pending work already takes the maximum time.
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
/// [`Error`] if no verdict was reached.
pub async fn verify_key(
    access: &Arc<Access>,
    caller: &Caller,
    value: &str,
    conditions: &Requirements,
) -> Result<Verified, Error> {
    let presented = PresentedValue::parse(value, access.runtime.settings.environment);
    let verified = examine(access, caller, &presented, conditions).await?;
    if let (Ok(presented), Verified::Valid(credential)) = (&presented, &verified) {
        access.usage.note(credential.key.id(), access.now().recorded());
        secret_check::renew_digest(access, presented, &credential.key);
    }
    Ok(verified)
}

/// As [`verify_key`], without noting a use: for a person who inspects a key, also where nothing can be written.
///
/// # Errors
/// [`Error`] if no verdict was reached.
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
    match judge(looked_up, Some(&caller.reach()), conditions, &Context::at(access.now())) {
        Verdict::Invalid { denial, id } => {
            // The key is outside the caller's reach. A wrong value has already cost this look-up.
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
        // A valid verdict concerns a key that was found.
        Verdict::Valid { .. } => Ok(found
            .map_or(Verified::Invalid { denial: Denial::NotFound, id: None }, |Matched { credential, .. }| {
                Verified::Valid(credential)
            })),
    }
}
