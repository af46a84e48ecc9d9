//! Finds the key that a presented value names, and checks that the value belongs to it.
//!
//! An absent key costs the same look-up and the same comparison as an existing one, and a wrong value of a key in
//! memory costs a look-up too: response times do not reveal whether a key exists. Judges no key. A digest that this
//! node cannot check is a [`Failure`], never "wrong".

use std::sync::Arc;

use keyward_domain::{DigestRef, KeyId, PresentedValue, Proof, SecretDigest};
use keyward_verifier::{Arrival, Credential, Lookup, PackedKey};
use zeroize::Zeroizing;

use super::{Access, TooManyAttempts, attempts::RateLimitKey, workload::Announced};
use crate::{Failure, QueueFull};

/// A key that was looked up, and whether the value is its own.
pub(crate) struct Matched {
    pub(crate) credential: Credential,
    pub(crate) proof: Proof,
    /// Whether no look-up was needed: if the answer is that there is no such key, one still has to be made.
    pub(crate) from_memory: bool,
}

/// Why a value could not be checked. Never a verdict.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too many wrong secrets for one key whose digest is slow to check, or too many look-ups of one source.
    #[error(transparent)]
    TooManyAttempts(#[from] TooManyAttempts),
    /// Not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

/// Lets `?` convert the reasons why a value could not be checked into a use case's own error.
macro_rules! failures {
    ($error:ty) => {
        impl From<$crate::access::secret_check::Error> for $error {
            fn from(error: $crate::access::secret_check::Error) -> Self {
                match error {
                    $crate::access::secret_check::Error::TooManyAttempts(error) => error.into(),
                    $crate::access::secret_check::Error::Failure(failure) => failure.into(),
                }
            }
        }
    };
}
pub(crate) use failures;

/// A presented value after its look-up in memory. [`finish`] continues.
pub(crate) enum Begun {
    /// Its key is in memory.
    Known {
        credential: Credential,
        /// Whether the value is the key's own; `None` where that is slow to check, or this node cannot.
        proof: Option<Proof>,
    },
    /// Its key must be read.
    Missing(Lookup),
}

impl Begun {
    /// The key and the proof, if memory holds the key and the value is its own.
    pub(crate) fn into_right(self) -> Result<(Credential, Proof), Self> {
        match self {
            Self::Known { credential, proof: Some(proof) } if proof.holds() => Ok((credential, proof)),
            Self::Known { .. } | Self::Missing(_) => Err(self),
        }
    }

    /// Whether memory holds the key, and the value is its own.
    pub(crate) fn is_right(&self) -> bool {
        matches!(self, Self::Known { proof: Some(proof), .. } if proof.holds())
    }
}

/// Looks up the key of a presented value in memory, and checks the value where that is quick. Never waits, and counts
/// no attempt.
pub(crate) fn begin(access: &Access, arrival: &Arrival, presented: &PresentedValue<'_>) -> Begun {
    match access.verifier.begin(arrival, presented.id()) {
        Ok(credential) => {
            let material = credential.key.material();
            let is_quick = !material.digest().is_some_and(DigestRef::is_slow);
            let proof = if is_quick { material.prove(presented, &access.secrets.hasher).ok() } else { None };
            Begun::Known { credential, proof }
        }
        Err(lookup) => Begun::Missing(lookup),
    }
}

/// Looks up a key in memory, or else in the database. Also returns whether the key was in memory.
pub(crate) async fn look_up(
    access: &Access,
    id: KeyId,
    limit_key: RateLimitKey,
) -> Result<(Option<Credential>, bool), Error> {
    match access.verifier.begin(&access.verifier.arrival(), id) {
        Ok(credential) => Ok((Some(credential), true)),
        Err(lookup) => Ok((read(access, lookup, limit_key).await?, false)),
    }
}

/// Reads a key that is not in memory. Look-ups in the database are limited for a source that guesses; keys in memory
/// never are (contract, section 10).
async fn read(access: &Access, lookup: Lookup, limit_key: RateLimitKey) -> Result<Option<Credential>, Error> {
    if let RateLimitKey::Source(source) = limit_key {
        access.attempts.admit_look_up(source)?;
    }
    Ok(access.verifier.finish(lookup).await.map_err(Failure::from)?)
}

/// Reads the key where memory lacks it, and checks the value where memory could not. Returns `None` if there is no such
/// key. Where hashing is slow, attempts of `limit_key` are counted before any hashing, whether the id exists or not,
/// and uncounted if they were right. Attempts of others never count against the key's owner.
pub(crate) async fn finish(
    access: &Access,
    begun: Begun,
    presented: &PresentedValue<'_>,
    limit_key: RateLimitKey,
) -> Result<Option<Matched>, Error> {
    let (credential, proof, from_memory) = match begun {
        Begun::Known { credential, proof } => (Some(credential), proof, true),
        Begun::Missing(lookup) => (read(access, lookup, limit_key).await?, None, false),
    };
    let digest = credential.as_ref().and_then(|credential| credential.key.material().digest());
    let slow = match (&credential, digest) {
        (Some(_), Some(digest)) => digest.is_slow(),
        (Some(_), None) => false,
        (None, _) => access.secrets.hasher.absence_is_slow(),
    };
    let proof = match (&credential, proof) {
        (_, Some(proof)) => proof,
        (Some(credential), None) if slow => {
            counted(access, limit_key, access.secrets.prove(limit_key, presented, &credential.key)).await?
        }
        (Some(credential), None) => access.secrets.prove(limit_key, presented, &credential.key).await?,
        (None, None) if slow => counted(access, limit_key, access.secrets.prove_absent(limit_key, presented)).await?,
        (None, None) => access.secrets.prove_absent(limit_key, presented).await?,
    };
    let was_slow = digest.is_some_and(|digest| !digest.is_slow() && digest.stored().is_none());
    if was_slow && !proof.holds() {
        // The check was quick, and must take as long as for every other wrong value.
        let _ = counted(access, limit_key, access.secrets.prove_absent(limit_key, presented)).await?;
    }
    if let Some(credential) = credential.as_ref().filter(|_| slow && proof.holds())
        && let Some(value) = access.secrets.hasher.remember(presented)
    {
        access.verifier.exchange(&credential.key, credential.key.remembering(value));
    }
    if from_memory && !proof.holds() {
        as_if_absent(access, presented.id(), limit_key).await;
    }
    Ok(credential.map(|credential| Matched { credential, proof, from_memory }))
}

/// Announces the slow work of a request that checks several values in turn. They enter the queue one at a time, so the
/// queue alone does not see how long the last one waits.
///
/// # Errors
/// [`QueueFull`] if too much of the work under this key lies ahead to finish in time.
pub(crate) fn announce<'a>(
    access: &Access,
    limit_key: RateLimitKey,
    values: impl Iterator<Item = &'a str>,
) -> Result<Announced<'_, RateLimitKey>, QueueFull> {
    let may_be_slow = |value: &str| {
        PresentedValue::parse(value, access.runtime.settings.environment)
            .is_ok_and(|it| !begin(access, &access.verifier.arrival(), &it).is_right())
    };
    let slow =
        if access.secrets.hasher.absence_is_slow() { values.filter(|value| may_be_slow(value)).count() } else { 0 };
    access.secrets.ahead.announce(limit_key, slow)
}

/// Does the work that an absent key costs, for a key in memory that the answer must not reveal: the same look-up,
/// where the caller's source may make one. Its result is ignored: memory has the answer.
pub(crate) async fn as_if_absent(access: &Access, id: KeyId, limit_key: RateLimitKey) {
    let admitted = match limit_key {
        RateLimitKey::Source(source) => access.attempts.admit_look_up(source).is_ok(),
        RateLimitKey::Account(_) | RateLimitKey::Upkeep => true,
    };
    if admitted {
        access.verifier.look_up_and_discard(id).await;
    }
}

/// Counts a guess, does the slow work, and uncounts the guess unless it was wrong. The guess of a caller that hangs up
/// stays counted.
async fn counted(
    access: &Access,
    limit_key: RateLimitKey,
    work: impl Future<Output = Result<Proof, Failure>>,
) -> Result<Proof, Error> {
    let guess = access.attempts.guess(limit_key)?;
    let proof = work.await;
    if !proof.as_ref().is_ok_and(|proof| !proof.holds()) {
        guess.give_back();
    }
    Ok(proof?)
}

/// Renews the digest of a value that was just verified, off the request. If renewal fails, the old digest stays and is
/// valid.
pub(crate) fn renew_digest(access: &Arc<Access>, value: &str, key: &PackedKey) {
    let outdated = key.material().digest().filter(|old| access.secrets.hasher.needs_rehash(*old));
    let Some(old) = outdated.and_then(DigestRef::stored) else { return };
    let (id, text) = (key.id(), Zeroizing::new(value.to_owned()));
    if !access.secrets.renewing().insert(id) {
        return;
    }
    let renewing = Renewing { access: Arc::clone(access), id };
    access.runtime.background.spawn(async move {
        let renewed = renew(&renewing.access, id, &old, text).await;
        // Where the queue was full, renewal is retried when the key is next used.
        if let Some(error) = renewed.err().filter(|error| !matches!(error, Failure::QueueFull(_))) {
            tracing::warn!(
                key.id = %id,
                error = &error as &dyn std::error::Error,
                "an outdated digest could not be renewed"
            );
        }
    });
}

/// A digest under renewal; no longer when dropped, however the work ended.
struct Renewing {
    access: Arc<Access>,
    id: KeyId,
}

impl Drop for Renewing {
    fn drop(&mut self) {
        self.access.secrets.renewing().remove(&self.id);
    }
}

async fn renew(access: &Access, id: KeyId, old: &SecretDigest, text: Zeroizing<String>) -> Result<(), Failure> {
    let salt = access.runtime.random()?;
    let renewed = access
        .secrets
        .off_thread(RateLimitKey::Upkeep, text, move |hasher, presented| hasher.rehash(presented, &salt))
        .await?;
    // Stale: another node renewed it first. In either case the entry in memory is outdated.
    let _ = access.upkeep.replace_digest(id, old, &renewed).await?;
    access.verifier.forget(id);
    Ok(())
}
