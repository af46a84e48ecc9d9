//! Finding the key that a presented value names, and proving that the value is that key's.
//!
//! An absent key costs the same look-up and the same comparison as one that is there, and a wrong value of a key that
//! is in memory costs a look-up too: who asks cannot tell by the time whether a key exists. Slow hashes run off the
//! threads that answer, a few at a time. A digest that this node cannot check is a [`Failure`], never "wrong".

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use keyward_domain::{
    AuthKey, DigestError, DigestRef, Environment, KeyId, KeyValue, PresentedValue, Proof, SecretDigest, SecretForm,
    SecretHasher,
};
use keyward_storage::Credential;
use keyward_verifier::Arrival;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use super::{
    Access, TooManyAttempts,
    attempts::RateLimitKey,
    workload::{Announced, Workload},
};
use crate::{Failure, QueueFull, fair_queue::FairQueue};

/// How many slow hashes of one guesser may wait for each that runs: less than the time of a request is enough for.
const WAITING_FOR_EACH: usize = 128;

/// How secrets are hashed.
pub struct Hashing {
    /// Makes and checks digests.
    pub hasher: SecretHasher,
    /// In which form it makes new ones.
    pub form: SecretForm,
    /// How many slow hashes run at once.
    pub max_concurrent_slow_hashes: usize,
}

pub(crate) struct SecretCheck {
    hasher: Arc<SecretHasher>,
    form: SecretForm,
    environment: Environment,
    /// Where slow hashes wait: a caller that asks for many waits for its own.
    slow: FairQueue<RateLimitKey>,
    /// How many slow hashes lie ahead in requests that may need more than one.
    ahead: Workload<RateLimitKey>,
    /// Whose digests are being renewed now: once each, however often the key is used meanwhile.
    renewing: Mutex<HashSet<KeyId>>,
}

/// The key that a value names, and whether the value is its own.
pub(crate) struct Matched {
    pub(crate) credential: Credential,
    pub(crate) proof: Proof,
    /// Whether no look-up was needed: then one is owed if the answer is that there is no such key.
    pub(crate) from_memory: bool,
}

/// Why nothing was found out about a value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProvingError {
    #[error(transparent)]
    TooManyAttempts(#[from] TooManyAttempts),
    #[error(transparent)]
    Failure(#[from] Failure),
}

/// Lets `?` turn the reasons for which nothing was found out into a use case's own error.
macro_rules! failures {
    ($error:ty) => {
        impl From<$crate::access::secret_check::ProvingError> for $error {
            fn from(error: $crate::access::secret_check::ProvingError) -> Self {
                match error {
                    $crate::access::secret_check::ProvingError::TooManyAttempts(error) => error.into(),
                    $crate::access::secret_check::ProvingError::Failure(fault) => fault.into(),
                }
            }
        }
    };
}
pub(crate) use failures;

impl SecretCheck {
    pub(crate) fn new(hashing: Hashing, environment: Environment) -> Self {
        let Hashing { hasher, form, max_concurrent_slow_hashes } = hashing;
        let most = WAITING_FOR_EACH * max_concurrent_slow_hashes.max(1);
        Self {
            hasher: Arc::new(hasher),
            form,
            environment,
            slow: FairQueue::new(max_concurrent_slow_hashes, most),
            ahead: Workload::new(most),
            renewing: Mutex::default(),
        }
    }

    /// The digest to store for a fresh value. Where that is slow, it waits among the work done for `guesser`.
    pub(crate) async fn digest(
        &self,
        guesser: RateLimitKey,
        value: &KeyValue,
        salt: [u8; 16],
    ) -> Result<SecretDigest, Failure> {
        match self.form {
            SecretForm::Hmac => Ok(self.hasher.digest(value, &salt)?),
            SecretForm::Argon2id => {
                let text = Zeroizing::new(value.expose().to_owned());
                self.off_thread(guesser, text, move |hasher, presented| hasher.rehash(presented, &salt)).await
            }
        }
    }

    async fn prove(
        &self,
        guesser: RateLimitKey,
        presented: &PresentedValue<'_>,
        key: &AuthKey,
    ) -> Result<Proof, Failure> {
        match key.view().digest().filter(|digest| digest.is_slow()).and_then(DigestRef::stored) {
            None => Ok(key.view().prove(presented, &self.hasher)?),
            Some(digest) => {
                let text = Zeroizing::new(presented.expose().to_owned());
                self.off_thread(guesser, text, move |hasher, presented| hasher.prove(presented, &digest)).await
            }
        }
    }

    async fn prove_absent(&self, guesser: RateLimitKey, presented: &PresentedValue<'_>) -> Result<Proof, Failure> {
        if self.hasher.absence_is_slow() {
            let text = Zeroizing::new(presented.expose().to_owned());
            return self.off_thread(guesser, text, |hasher, presented| Ok(hasher.prove_absent(presented))).await;
        }
        Ok(self.hasher.prove_absent(presented))
    }

    /// How many slow hashes wait for their turn.
    pub(crate) fn waiting(&self) -> usize {
        self.slow.waiting()
    }

    fn renewing(&self) -> std::sync::MutexGuard<'_, HashSet<KeyId>> {
        self.renewing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs slow work on a value where it delays nobody else.
    async fn off_thread<T: Send + 'static>(
        &self,
        guesser: RateLimitKey,
        text: Zeroizing<String>,
        work: impl FnOnce(&SecretHasher, &PresentedValue<'_>) -> Result<T, DigestError> + Send + 'static,
    ) -> Result<T, Failure> {
        let (hasher, environment) = (Arc::clone(&self.hasher), self.environment);
        let turn = self.slow.enter(guesser).await?;
        let done = spawn_blocking(move || {
            // Held until the work is done, even if nobody waits for it any more.
            let _turn = turn;
            let presented = PresentedValue::parse(&text, environment).map_err(|_| DigestError::Unreadable)?;
            work(&hasher, &presented)
        });
        Ok(done.await.map_err(|_| Failure::CutOff)??)
    }
}

/// Looks a key up: in memory, or else in the database, where lookups of a source that guesses are limited. Keys that are in
/// memory never are (contract, section 10). Says, too, whether it was in memory.
pub(crate) async fn look_up(
    access: &Access,
    id: KeyId,
    guesser: RateLimitKey,
) -> Result<(Option<Credential>, bool), ProvingError> {
    match access.verifier.remembered(id) {
        Some(credential) => Ok((Some(credential), true)),
        None => Ok((look_up_anew(access, id, guesser).await?, false)),
    }
}

async fn look_up_anew(access: &Access, id: KeyId, guesser: RateLimitKey) -> Result<Option<Credential>, ProvingError> {
    if let RateLimitKey::Source(source) = guesser {
        access.attempts.admit_look_up(source)?;
    }
    Ok(access.verifier.credential(id).await.map_err(Failure::from)?)
}

/// The same without waiting: a key that is in memory and whose value is quick to prove and good. `None` says nothing about
/// the value but that [`find`] has to be asked.
pub(crate) fn find_from_memory(access: &Access, arrival: &Arrival, presented: &PresentedValue<'_>) -> Option<Matched> {
    find_quickly(access, arrival, presented, |digest| access.secrets.hasher.needs_rehash(digest))
}

/// The same where the caller brings an outdated digest up to date.
pub(crate) fn find_in_memory(access: &Access, presented: &PresentedValue<'_>) -> Option<Matched> {
    find_quickly(access, &access.verifier.arrival(), presented, |_| false)
}

fn find_quickly(
    access: &Access,
    arrival: &Arrival,
    presented: &PresentedValue<'_>,
    is_left_out: impl FnOnce(DigestRef<'_>) -> bool,
) -> Option<Matched> {
    let credential = access.verifier.remembered_for(arrival, presented.id())?;
    let view = credential.key.view();
    if view.digest().is_some_and(|digest| digest.is_slow() || is_left_out(digest)) {
        return None;
    }
    let proof = view.prove(presented, &access.secrets.hasher).ok()?;
    proof.holds().then_some(Matched { credential, proof, from_memory: true })
}

/// Looks up and proves. `None` if there is no such key. Where hashing is slow, tries of `guesser` are counted before
/// any hashing, whether the id is there or not, and given back if they were right; a stranger's never count against the
/// owner.
pub(crate) async fn find(
    access: &Access,
    presented: &PresentedValue<'_>,
    guesser: RateLimitKey,
) -> Result<Option<Matched>, ProvingError> {
    let (credential, from_memory) = look_up(access, presented.id(), guesser).await?;
    let digest = credential.as_ref().and_then(|credential| credential.key.view().digest());
    let slow = match (&credential, digest) {
        (Some(_), Some(digest)) => digest.is_slow(),
        (Some(_), None) => false,
        (None, _) => access.secrets.hasher.absence_is_slow(),
    };
    let proof = match &credential {
        Some(credential) if slow => {
            counted(access, guesser, access.secrets.prove(guesser, presented, &credential.key)).await?
        }
        Some(credential) => access.secrets.prove(guesser, presented, &credential.key).await?,
        None if slow => counted(access, guesser, access.secrets.prove_absent(guesser, presented)).await?,
        None => access.secrets.prove_absent(guesser, presented).await?,
    };
    let was_slow = digest.is_some_and(|digest| !digest.is_slow() && digest.stored().is_none());
    if was_slow && !proof.holds() {
        // It was quick, and must look like every other wrong value.
        let _ = counted(access, guesser, access.secrets.prove_absent(guesser, presented)).await?;
    }
    if let Some(credential) = credential.as_ref().filter(|_| slow && proof.holds())
        && let Some(value) = access.secrets.hasher.remember(presented)
    {
        access.verifier.exchange(&credential.key, credential.key.remembering(value));
    }
    if from_memory && !proof.holds() {
        as_if_absent(access, presented.id(), guesser).await;
    }
    Ok(credential.map(|credential| Matched { credential, proof, from_memory }))
}

/// Announces the slow work of a request that proves several values, one after the other. Each of them waits alone, so
/// the queue by itself would not see how long the last one waits.
///
/// # Errors
/// [`QueueFull`] if so much of the guesser's work lies ahead that this would not be done in time.
pub(crate) fn announce<'a>(
    access: &Access,
    guesser: RateLimitKey,
    values: impl Iterator<Item = &'a str>,
) -> Result<Announced<'_, RateLimitKey>, QueueFull> {
    let may_be_slow = |value: &str| {
        PresentedValue::parse(value, access.runtime.settings.environment)
            .is_ok_and(|it| find_in_memory(access, &it).is_none())
    };
    let slow =
        if access.secrets.hasher.absence_is_slow() { values.filter(|value| may_be_slow(value)).count() } else { 0 };
    access.secrets.ahead.announce(guesser, slow)
}

/// Does the work that an absent key costs, for a key that is in memory and that the caller must not learn of: the same
/// look-up, where the caller's source may have one. What comes of it decides nothing: memory has the answer.
pub(crate) async fn as_if_absent(access: &Access, id: KeyId, guesser: RateLimitKey) {
    let admitted = match guesser {
        RateLimitKey::Source(source) => access.attempts.admit_look_up(source).is_ok(),
        RateLimitKey::Account(_) | RateLimitKey::Upkeep => true,
    };
    if admitted {
        access.verifier.look_up_for_nothing(id).await;
    }
}

/// Counts a guess, does the slow work, and gives the count back unless the guess was wrong. A caller that hangs up
/// meanwhile has guessed.
async fn counted(
    access: &Access,
    guesser: RateLimitKey,
    work: impl Future<Output = Result<Proof, Failure>>,
) -> Result<Proof, ProvingError> {
    let guess = access.attempts.guess(guesser)?;
    let proof = work.await;
    if !proof.as_ref().is_ok_and(|proof| !proof.holds()) {
        guess.give_back();
    }
    Ok(proof?)
}

/// Brings the digest of a value that was just proved up to date, off the request. Whatever goes wrong, the old one stays
/// and is good.
pub(crate) fn renew_digest(access: &Arc<Access>, presented: &PresentedValue<'_>, key: &AuthKey) {
    let outdated = key.view().digest().filter(|old| access.secrets.hasher.needs_rehash(*old));
    let Some(old) = outdated.and_then(DigestRef::stored) else { return };
    let (id, text) = (presented.id(), Zeroizing::new(presented.expose().to_owned()));
    if !access.secrets.renewing().insert(id) {
        return;
    }
    let renewing = Renewing { access: Arc::clone(access), id };
    access.runtime.background.spawn(async move {
        let renewed = renew(&renewing.access, id, &old, text).await;
        // What there was no room for is tried again when the key is next used.
        if let Some(error) = renewed.err().filter(|error| !matches!(error, Failure::QueueFull(_))) {
            tracing::warn!(key.id = %id, error = &error as &dyn std::error::Error, "an outdated digest could not be renewed");
        }
    });
}

/// A digest that is being renewed; it is no longer when dropped, however the work ended.
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
    // Stale: somebody else renewed it first. Either way what is in memory is outdated.
    let _ = access.upkeep.replace_digest(id, old, &renewed).await?;
    access.verifier.forget(id);
    Ok(())
}
