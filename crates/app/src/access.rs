//! Questions: which key a credential belongs to, and what it may do.
//!
//! Changes nothing that a verdict depends on. Writes only upkeep: when keys were used, renewed digests, signing keys
//! and redeemed refresh tokens.

use std::{sync::Arc, time::Duration};

use keyward_domain::{AccessId, FamilyId, KeyId, MasterKey, Now, RefreshId, Timestamp};
use keyward_storage::{Credentials, Tokens, Upkeep};
use keyward_verifier::{ClockDifference, Verifier, protocol::ClockJump};

mod accepted;
mod attempts;
pub mod authenticate;
pub mod authorize;
pub(crate) mod caller;
mod hashing;
mod key_reading;
mod key_reload;
mod load;
pub mod obtain_token;
pub mod refresh_token;
pub mod rotate_signing_keys;
mod secret_check;
pub mod tokens;
mod usage;
pub mod verify_key;
mod workload;

pub(crate) use attempts::RateLimitKey;
pub use attempts::{Source, TooManyAttempts};
pub use caller::{Caller, Refused};
pub use hashing::Hashing;
pub use load::Load;

use crate::{Failure, NoEntropy, Settings, account_queue::AccountQueue, runtime::Runtime};
use attempts::{Attempts, Passed};
use hashing::SecretHashing;
use key_reading::LastReading;
use tokens::{AccessTokens, RefreshTokens};
use usage::Usage;

/// Answers questions about credentials.
pub struct Access {
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) secrets: SecretHashing,
    /// Signing keys and redeemed refresh tokens.
    token_store: Arc<dyn Tokens>,
    /// Renewed digests, and when keys were used.
    upkeep: Arc<dyn Upkeep>,
    /// Used to check that the database answers.
    credentials: Arc<dyn Credentials>,
    attempts: Attempts,
    usage: Usage,
    tokens: TokenIssuer,
    account_queue: Arc<AccountQueue>,
    runtime: Arc<Runtime>,
}

/// Makes and reads access and refresh tokens.
struct TokenIssuer {
    access: AccessTokens,
    refresh: RefreshTokens,
    last_reading: LastReading,
}

/// What [`Access`] is built from.
pub(crate) struct AccessParts<'a> {
    pub(crate) credentials: Arc<dyn Credentials>,
    pub(crate) token_store: Arc<dyn Tokens>,
    pub(crate) upkeep: Arc<dyn Upkeep>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) hashing: Hashing,
    pub(crate) master: &'a MasterKey,
    pub(crate) account_queue: Arc<AccountQueue>,
    pub(crate) runtime: Arc<Runtime>,
}

impl Access {
    pub(crate) fn new(parts: AccessParts<'_>) -> Self {
        let AccessParts { credentials, token_store, upkeep, verifier, hashing, master, account_queue, runtime } = parts;
        let settings = &runtime.settings;
        let tokens = TokenIssuer {
            access: AccessTokens::new(settings, master),
            refresh: RefreshTokens::new(settings.environment, master),
            last_reading: LastReading::default(),
        };
        Self {
            secrets: SecretHashing::new(hashing, settings.environment),
            attempts: Attempts::new(settings.failed_attempts_per_minute, &runtime.clock),
            usage: Usage::default(),
            verifier,
            token_store,
            upkeep,
            credentials,
            tokens,
            account_queue,
            runtime,
        }
    }

    /// Settings of the use cases.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.runtime.settings
    }

    /// The time of a request that arrives now.
    #[must_use]
    pub fn now(&self) -> Now {
        self.verifier.now(&self.verifier.arrival())
    }

    /// Whether this node could not join the others, and so answers from the database alone.
    #[must_use]
    pub fn could_not_join(&self) -> bool {
        self.verifier.could_not_join()
    }

    /// How far the wall clock of this machine differs from the database's; `None` where they agree.
    #[must_use]
    pub fn clock_difference(&self) -> Option<ClockDifference> {
        self.verifier.clock_difference()
    }

    /// How far the clock that dates stored values has jumped; `None` where it runs evenly.
    #[must_use]
    pub fn clock_jump(&self) -> Option<ClockJump> {
        self.verifier.clock_jump()
    }

    /// The shared time for dating and deleting what all nodes share; `None` while it is in doubt.
    fn upkeep_time(&self) -> Option<Timestamp> {
        self.verifier.upkeep_time()
    }

    /// Time since a fixed moment; it never goes back. For measuring.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        self.runtime.clock.monotonic()
    }

    /// Makes and reads access tokens; its key set is public.
    #[must_use]
    pub const fn access_tokens(&self) -> &AccessTokens {
        &self.tokens.access
    }

    /// Random bytes for an adapter's own needs (request and trace ids).
    ///
    /// # Errors
    /// [`NoEntropy`] if the operating system returns none.
    pub fn random<const N: usize>(&self) -> Result<[u8; N], NoEntropy> {
        self.runtime.random()
    }

    /// The verifier, for starting, stopping and monitoring the node.
    #[must_use]
    pub const fn verifier(&self) -> &Arc<Verifier> {
        &self.verifier
    }

    /// Checks that a verification could be answered now: from memory, or by the database query of a verification, for a
    /// key that never exists.
    ///
    /// # Errors
    /// [`Failure::Storage`] if it could not.
    pub async fn ping(&self) -> Result<(), Failure> {
        if !self.verifier.may_answer_from_memory() {
            self.credentials.credential(KeyId::from_uuid(uuid::Uuid::nil())).await?;
        }
        Ok(())
    }

    /// Writes when keys were last used. Call it every few seconds, and again when stopping; if the process is
    /// killed, uses noted since the last call are lost.
    ///
    /// # Errors
    /// [`Failure::Storage`]; the unwritten uses are kept for the next call.
    pub async fn flush_usage(&self) -> Result<(), Failure> {
        Ok(self.usage.flush(&*self.upkeep).await?)
    }

    /// Returns when enough keys were used since the last [`Self::flush_usage`] that the next flush should start early.
    pub async fn much_was_used(&self) {
        self.usage.is_filling().await;
    }

    /// Warns, once per period, about a source that exceeds its share of concurrent requests.
    pub fn warn_of_requests(&self, source: Source) {
        self.attempts.warnings.passed(source, Passed::Requests);
    }

    /// Drops expired entries of limits and queues. Call it every few seconds.
    pub fn forget_attempts(&self) {
        self.attempts.forget();
        self.account_queue.forget();
    }

    fn fresh_refresh_id(&self) -> Result<RefreshId, NoEntropy> {
        self.runtime.fresh_id(self.now().recorded()).map(RefreshId::from_uuid)
    }

    fn fresh_family_id(&self) -> Result<FamilyId, NoEntropy> {
        self.runtime.fresh_id(self.now().recorded()).map(FamilyId::from_uuid)
    }

    fn fresh_access_id(&self) -> Result<AccessId, NoEntropy> {
        self.runtime.fresh_id(self.now().recorded()).map(AccessId::from_uuid)
    }
}
