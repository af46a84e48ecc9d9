//! Verifies a key for a service that received it (contract, section 13, `/v1/verify`).

use std::sync::Arc;

use keyward_domain::{Candidate, Context, Denial, KeyId, Now, PresentedValue, Proof, Requirements, Verdict, judge};
use keyward_verifier::{Arrival, Credential};

use super::{Access, Caller, attempts::RateLimitKey, secret_check, workload::Announced};
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

impl Verified {
    /// The key, where the caller may know its id.
    #[must_use]
    pub fn id(&self) -> Option<KeyId> {
        match self {
            Self::Valid(credential) => Some(credential.key.id()),
            Self::Invalid { id, .. } => *id,
        }
    }
}

/// A value that memory could not judge. [`finish`] continues.
#[must_use]
pub struct Unfinished {
    now: Now,
    begun: Box<secret_check::Begun>,
}

/// Judges a key within the caller's reach by what memory knows, and notes it as used if it is valid. Never waits.
///
/// # Errors
/// What to [`finish`], if memory cannot judge it, or must not answer sooner than a look-up would.
pub fn begin(
    access: &Arc<Access>,
    arrival: &Arrival,
    caller: &Caller,
    value: &str,
    requirements: &Requirements,
) -> Result<Verified, Unfinished> {
    let now = access.verifier.now(arrival);
    let verified = begin_examine(access, (arrival, now), caller, value, requirements)?;
    note(access, value, &verified, now);
    Ok(verified)
}

/// Continues where [`begin`] did not judge this value.
///
/// # Errors
/// [`Error`] if no verdict was reached.
pub async fn finish(
    access: &Arc<Access>,
    unfinished: Unfinished,
    caller: &Caller,
    value: &str,
    requirements: &Requirements,
) -> Result<Verified, Error> {
    let now = unfinished.now;
    let verified = finish_examine(access, unfinished, caller, value, requirements).await?;
    note(access, value, &verified, now);
    Ok(verified)
}

/// Notes the use of a valid key, and renews its digest where it is outdated.
fn note(access: &Arc<Access>, value: &str, verified: &Verified, now: Now) {
    let Verified::Valid(credential) = verified else { return };
    access.usage.note(credential.key.id(), now.recorded());
    secret_check::renew_digest(access, value, &credential.key);
}

/// Announced slow work for several keys; ends when dropped.
#[must_use]
pub struct Announcement<'a> {
    _announced: Announced<'a, RateLimitKey>,
}

/// Announces the verification of several keys in turn.
///
/// # Errors
/// [`Error`] if the account's pending work already takes the maximum time.
pub fn announce<'a>(
    access: &'a Access,
    caller: &Caller,
    values: impl Iterator<Item = &'a str>,
) -> Result<Announcement<'a>, Error> {
    let limit_key = RateLimitKey::Account(caller.account().map(|own| own.id));
    Ok(Announcement { _announced: secret_check::announce(access, limit_key, values).map_err(Failure::from)? })
}

/// Verifies one key within the caller's reach.
///
/// # Errors
/// [`Error`] if no verdict was reached.
pub async fn verify_key(
    access: &Arc<Access>,
    caller: &Caller,
    value: &str,
    requirements: &Requirements,
) -> Result<Verified, Error> {
    match begin(access, &access.verifier.arrival(), caller, value, requirements) {
        Ok(verified) => Ok(verified),
        Err(unfinished) => finish(access, unfinished, caller, value, requirements).await,
    }
}

/// As [`verify_key`], without noting a use: for a person who inspects a key, also where nothing can be written.
///
/// # Errors
/// [`Error`] if no verdict was reached.
pub async fn examine_key(
    access: &Arc<Access>,
    caller: &Caller,
    value: &str,
    requirements: &Requirements,
) -> Result<Verified, Error> {
    let arrival = access.verifier.arrival();
    match begin_examine(access, (&arrival, access.verifier.now(&arrival)), caller, value, requirements) {
        Ok(verified) => Ok(verified),
        Err(unfinished) => finish_examine(access, unfinished, caller, value, requirements).await,
    }
}

fn begin_examine(
    access: &Access,
    (arrival, now): (&Arrival, Now),
    caller: &Caller,
    value: &str,
    requirements: &Requirements,
) -> Result<Verified, Unfinished> {
    let presented = match PresentedValue::parse(value, access.runtime.settings.environment) {
        Ok(presented) => presented,
        Err(error) => return Ok(Verified::Invalid { denial: error.into(), id: None }),
    };
    let begun = match secret_check::begin(access, arrival, &presented).into_right() {
        Ok((credential, proof)) => match judge_value(caller, Some((&credential, proof)), requirements, now) {
            Ok(()) => return Ok(Verified::Valid(credential)),
            // The key is outside the caller's reach: the answer must cost what an absent key costs.
            Err(Refused { denial: Denial::NotFound, .. }) => {
                secret_check::Begun::Known { credential, proof: Some(proof) }
            }
            Err(Refused { denial, id }) => return Ok(Verified::Invalid { denial, id }),
        },
        Err(begun) => begun,
    };
    Err(Unfinished { now, begun: Box::new(begun) })
}

async fn finish_examine(
    access: &Access,
    Unfinished { now, begun }: Unfinished,
    caller: &Caller,
    value: &str,
    requirements: &Requirements,
) -> Result<Verified, Error> {
    let presented = match PresentedValue::parse(value, access.runtime.settings.environment) {
        Ok(presented) => presented,
        Err(error) => return Ok(Verified::Invalid { denial: error.into(), id: None }),
    };
    let limit_key = RateLimitKey::Account(caller.account().map(|own| own.id));
    let found = secret_check::finish(access, *begun, &presented, limit_key).await?;
    let candidate = found.as_ref().map(|found| (&found.credential, found.proof));
    match (judge_value(caller, candidate, requirements, now), found) {
        (Ok(()), Some(found)) => Ok(Verified::Valid(found.credential)),
        (Err(Refused { denial, id }), found) => {
            // The key is outside the caller's reach. A wrong value has already cost this look-up.
            if denial == Denial::NotFound && found.is_some_and(|found| found.from_memory && found.proof.holds()) {
                secret_check::as_if_absent(access, presented.id(), limit_key).await;
            }
            Ok(Verified::Invalid { denial, id })
        }
        // A valid verdict concerns a key that was found.
        (Ok(()), None) => Ok(Verified::Invalid { denial: Denial::NotFound, id: None }),
    }
}

/// Why a key is refused, and its id where the caller may know it.
struct Refused {
    denial: Denial,
    id: Option<KeyId>,
}

/// Judges the key that was found for a value.
fn judge_value(
    caller: &Caller,
    found: Option<(&Credential, Proof)>,
    requirements: &Requirements,
    now: Now,
) -> Result<(), Refused> {
    let candidate = found.map(|(credential, proof)| {
        let key = credential.key.view();
        Candidate { key, chain: &credential.chain, scopes: key.scopes, proof }
    });
    match judge(Ok(candidate), Some(&caller.reach()), requirements, &Context::at(now)) {
        Verdict::Valid { .. } => Ok(()),
        Verdict::Invalid { denial, id } => Err(Refused { denial, id }),
    }
}
