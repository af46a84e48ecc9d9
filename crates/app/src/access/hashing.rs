//! Makes and checks the digests of secrets: slow hashes run off the threads that answer requests, a few at a time.
//!
//! Looks up no key, and counts no attempt. A digest that this node cannot check is a [`Failure`], never "wrong".

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use keyward_domain::{
    DigestError, DigestRef, Environment, KeyId, KeyValue, PresentedValue, Proof, SecretDigest, SecretForm, SecretHasher,
};
use keyward_verifier::PackedKey;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use super::{attempts::RateLimitKey, workload::Workload};
use crate::{Failure, fair_queue::FairQueue};

/// Maximum number of waiting slow hashes of one source or account for each running one: few enough to finish within the
/// time of a request.
const WAITING_FOR_EACH: usize = 128;

/// How secrets are hashed.
pub struct Hashing {
    /// Makes and checks digests.
    pub hasher: SecretHasher,
    /// Form of new digests.
    pub form: SecretForm,
    /// Maximum number of slow hashes that run concurrently.
    pub max_concurrent_slow_hashes: usize,
}

/// Makes and checks digests, slow ones off the threads that answer requests.
pub(crate) struct SecretHashing {
    pub(super) hasher: Arc<SecretHasher>,
    form: SecretForm,
    environment: Environment,
    /// Queue for slow hashes: a caller with many requests waits only behind its own.
    slow: FairQueue<RateLimitKey>,
    /// Slow hashes still to come in requests that may need more than one.
    pub(super) ahead: Workload<RateLimitKey>,
    /// Keys whose digests are being renewed: one renewal each, however often the key is used meanwhile.
    renewing: Mutex<HashSet<KeyId>>,
}

impl SecretHashing {
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

    /// The digest to store for a new value. Where hashing is slow, it waits in the queue of `limit_key`.
    pub(crate) async fn digest(
        &self,
        limit_key: RateLimitKey,
        value: &KeyValue,
        salt: [u8; 16],
    ) -> Result<SecretDigest, Failure> {
        match self.form {
            SecretForm::Hmac => Ok(self.hasher.digest(value, &salt)?),
            SecretForm::Argon2id => {
                let text = Zeroizing::new(value.expose().to_owned());
                self.off_thread(limit_key, text, move |hasher, presented| hasher.rehash(presented, &salt)).await
            }
        }
    }

    /// Compares a presented value with the key's; where that is slow, it waits in the queue of `limit_key`.
    pub(super) async fn prove(
        &self,
        limit_key: RateLimitKey,
        presented: &PresentedValue<'_>,
        key: &PackedKey,
    ) -> Result<Proof, Failure> {
        match key.material().digest().filter(|digest| digest.is_slow()).and_then(DigestRef::stored) {
            None => Ok(key.material().prove(presented, &self.hasher)?),
            Some(digest) => {
                let text = Zeroizing::new(presented.expose().to_owned());
                self.off_thread(limit_key, text, move |hasher, presented| hasher.prove(presented, &digest)).await
            }
        }
    }

    /// Does the same work for a key that does not exist.
    pub(super) async fn prove_absent(
        &self,
        limit_key: RateLimitKey,
        presented: &PresentedValue<'_>,
    ) -> Result<Proof, Failure> {
        if self.hasher.absence_is_slow() {
            let text = Zeroizing::new(presented.expose().to_owned());
            return self.off_thread(limit_key, text, |hasher, presented| Ok(hasher.prove_absent(presented))).await;
        }
        Ok(self.hasher.prove_absent(presented))
    }

    /// Number of slow hashes that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.slow.waiting()
    }

    /// The keys whose digests are being renewed.
    pub(super) fn renewing(&self) -> MutexGuard<'_, HashSet<KeyId>> {
        self.renewing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs slow work on a value off the threads that answer requests.
    pub(super) async fn off_thread<T: Send + 'static>(
        &self,
        limit_key: RateLimitKey,
        text: Zeroizing<String>,
        work: impl FnOnce(&SecretHasher, &PresentedValue<'_>) -> Result<T, DigestError> + Send + 'static,
    ) -> Result<T, Failure> {
        let (hasher, environment) = (Arc::clone(&self.hasher), self.environment);
        let permit = self.slow.enter(limit_key).await?;
        let done = spawn_blocking(move || {
            // Held until the work is done, even if its caller is gone.
            let _permit = permit;
            let presented = PresentedValue::parse(&text, environment).map_err(|_| DigestError::Unreadable)?;
            work(&hasher, &presented)
        });
        Ok(done.await.map_err(Failure::from)??)
    }
}
