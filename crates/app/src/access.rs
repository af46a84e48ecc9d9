//! Questions: whose a credential is, and what it is good for.
//!
//! Changes nothing that a verdict depends on. Writes only what nobody decides: when keys were used, digests brought up to
//! date, signing keys, and redeemed refresh tokens.

use std::{sync::Arc, time::Duration};

use keyward_domain::{AccessId, FamilyId, KeyId, MasterKey, RefreshId, Timestamp};
use keyward_storage::{Credentials, Store, Tokens, Upkeep};
use keyward_verifier::{ClockDifference, Times, Verifier, protocol::ClockJump};

mod attempts;
pub mod authenticate;
pub mod authorize;
pub(crate) mod caller;
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
pub use load::Load;
pub use secret_check::Hashing;

use crate::{Failure, NoEntropy, Settings, account_queue::AccountQueue, runtime::Runtime};
use attempts::{Attempts, Passed};
use key_reload::KeyReload;
use secret_check::SecretCheck;
use tokens::{AccessTokens, RefreshTokens};
use usage::Usage;

/// Answers questions about credentials.
pub struct Access {
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) secrets: SecretCheck,
    /// Signing keys and redeemed refresh tokens.
    token_store: Arc<dyn Tokens>,
    /// Digests brought up to date, and when keys were used.
    upkeep: Arc<dyn Upkeep>,
    /// Asked whether the database answers.
    credentials: Arc<dyn Credentials>,
    attempts: Attempts,
    usage: Usage,
    tokens: TokenIssuer,
    account_queue: Arc<AccountQueue>,
    runtime: Arc<Runtime>,
}

/// Makes and reads tokens.
struct TokenIssuer {
    access: AccessTokens,
    refresh: RefreshTokens,
    reload: KeyReload,
}

/// What an [`Access`] is put together from.
pub(crate) struct Parts<'a> {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) hashing: Hashing,
    pub(crate) master: &'a MasterKey,
    pub(crate) account_queue: Arc<AccountQueue>,
    pub(crate) runtime: Arc<Runtime>,
}

impl Access {
    pub(crate) fn new(parts: Parts<'_>) -> Self {
        let Parts { store, verifier, hashing, master, account_queue, runtime } = parts;
        let settings = &runtime.settings;
        let tokens = TokenIssuer {
            access: AccessTokens::new(settings, master),
            refresh: RefreshTokens::new(settings.environment, master),
            reload: KeyReload::default(),
        };
        Self {
            secrets: SecretCheck::new(hashing, settings.environment),
            attempts: Attempts::new(settings.failed_attempts_per_minute, &runtime.clock),
            usage: Usage::default(),
            verifier,
            token_store: Arc::clone(&store) as _,
            upkeep: Arc::clone(&store) as _,
            credentials: store,
            tokens,
            account_queue,
            runtime,
        }
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.runtime.settings
    }

    /// The time that all nodes share, by which is dated what others will read: the database's as far as it is known,
    /// else this machine's.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.times().shared
    }

    /// Whether this node could not join the others, and so answers by reading alone.
    #[must_use]
    pub fn could_not_join(&self) -> bool {
        self.verifier.could_not_join()
    }

    /// How the wall clock of this machine differs from the database's; none where they agree.
    #[must_use]
    pub fn clock_difference(&self) -> Option<ClockDifference> {
        self.verifier.clock_difference()
    }

    /// How far the clock that dates what is stored has jumped; none where it goes evenly.
    #[must_use]
    pub fn clock_jump(&self) -> Option<ClockJump> {
        self.verifier.clock_jump()
    }

    /// The time by which what all nodes share may be dated and deleted now; none while it is in doubt.
    fn upkeep_time(&self) -> Option<Timestamp> {
        self.verifier.upkeep_time()
    }

    /// Time since some fixed moment, never going back: for measuring.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        self.runtime.clock.monotonic()
    }

    /// The access tokens: their key set is public.
    #[must_use]
    pub const fn access_tokens(&self) -> &AccessTokens {
        &self.tokens.access
    }

    /// Reads the signing keys again where the database may have others since it went on in another history. Those that
    /// are known stay where it does not answer: what is published without it is as good as it can be.
    pub async fn follow_history(self: &Arc<Self>) {
        // Said in the log by the reading.
        let _ = KeyReload::in_this_history(self).await;
    }

    /// Random bytes for an adapter's own needs (request and trace ids).
    ///
    /// # Errors
    /// [`NoEntropy`] if the operating system gives none.
    pub fn random<const N: usize>(&self) -> Result<[u8; N], NoEntropy> {
        self.runtime.random()
    }

    /// The verifier: how the node stands, for whoever starts, stops and watches it.
    #[must_use]
    pub const fn verifier(&self) -> &Arc<Verifier> {
        &self.verifier
    }

    fn times(&self) -> Times {
        self.verifier.times(&self.verifier.arrival())
    }

    /// The moment by which keys and tokens end.
    #[must_use]
    pub fn expiry_time(&self) -> Timestamp {
        self.times().expiry
    }

    /// Whether a verification could be answered now: from memory, or by asking the database what a verification asks,
    /// about a key that is never there.
    ///
    /// # Errors
    /// [`Failure::Storage`] if it could not.
    pub async fn ping(&self) -> Result<(), Failure> {
        if !self.verifier.may_answer_from_memory() {
            self.credentials.credential(KeyId::from_uuid(uuid::Uuid::nil())).await?;
        }
        Ok(())
    }

    /// Writes down when keys were last used. To be called every few seconds, and once more when stopping; what was noted
    /// since the last call is lost if the process is killed.
    ///
    /// # Errors
    /// [`Failure::Storage`]; what was to be written is kept for the next call.
    pub async fn flush_usage(&self) -> Result<(), Failure> {
        Ok(self.usage.flush(&*self.upkeep).await?)
    }

    /// Ends when so many keys were used since the last call of [`Self::flush_usage`] that another one should not wait for its
    /// time.
    pub async fn much_was_used(&self) {
        self.usage.is_filling().await;
    }

    /// Warns, once in a while, of a source that asks more at once than its share.
    pub fn warn_of_requests(&self, source: Source) {
        self.attempts.warnings.passed(source, Passed::Requests);
    }

    /// Drops what limits and queues no longer need to remember. To be called every few seconds.
    pub fn forget_attempts(&self) {
        self.attempts.forget();
        self.account_queue.forget();
    }

    fn fresh_refresh_id(&self) -> Result<RefreshId, NoEntropy> {
        self.runtime.fresh_id(self.now()).map(RefreshId::from_uuid)
    }

    fn fresh_family_id(&self) -> Result<FamilyId, NoEntropy> {
        self.runtime.fresh_id(self.now()).map(FamilyId::from_uuid)
    }

    fn fresh_access_id(&self) -> Result<AccessId, NoEntropy> {
        self.runtime.fresh_id(self.now()).map(AccessId::from_uuid)
    }
}
