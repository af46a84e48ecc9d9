//! The use cases, one module each, and what they all need: the ports to the outside world and the settings.
//!
//! Knows no HTTP, no SQL and no wire format. Everything that ends a request goes through an error of the use case's own;
//! what is nobody's fault but ours is a [`Fault`].

use std::{sync::Arc, time::Duration};

use keyward_domain::{AccessId, AccountId, DigestError, Environment, FamilyId, KeyId, PairId, RefreshId, Timestamp};
use keyward_storage::{StorageError, Store};
use keyward_verifier::{ClockDifference, NotEnforced, Times, Verifier, protocol::ClockJump};
use tokio_util::task::TaskTracker;

/// Lets `?` turn what is not the caller's fault into a use case's own error.
macro_rules! faults {
    ($error:ty: $($cause:ty),+) => {$(
        impl From<$cause> for $error {
            fn from(cause: $cause) -> Self {
                Self::Fault(cause.into())
            }
        }
    )+};
}
use faults;

mod acting;
mod attempts;
pub mod authenticate;
pub mod authorize;
pub mod change_status;
pub mod count_below;
pub mod create_account;
mod fair_queue;
mod fresh_ids;
pub mod in_force;
pub mod issue_key;
pub mod issue_pair;
mod key_reload;
pub mod list_keys;
pub mod list_merchants;
mod load;
mod narrowing;
pub mod obtain_token;
pub mod plant_demo;
mod proving;
pub mod read_key;
pub mod read_merchant;
pub mod refresh_token;
pub mod register_merchant;
pub mod revoke_key;
pub mod rotate_signing_keys;
mod turns;
mod usage;
pub mod verify_key;
mod workload;

pub use acting::Refused;
pub use attempts::{Source, TooManyAttempts};
pub use authenticate::Caller;
pub use fair_queue::QueueFull;
pub use load::Load;
pub use proving::Hashing;

use crate::tokens::{AccessTokens, RefreshTokens};
use attempts::{Attempts, Passed};
use fresh_ids::FreshIds;
use key_reload::KeyReload;
use narrowing::Noting;
use proving::Prover;
use turns::Turns;
use usage::Usage;

/// The time.
pub trait Clock: Send + Sync {
    /// The wall clock, in whole microseconds.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment, never going back: for limits, never for stored times.
    fn monotonic(&self) -> Duration;
}

/// Random bytes from the operating system.
pub trait Entropy: Send + Sync {
    /// Fills the slice.
    ///
    /// # Errors
    /// [`NoEntropy`] if the operating system gives none.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The operating system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random bytes")]
pub struct NoEntropy;

/// Settings that use cases depend on.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which of the two deployments this is.
    pub environment: Environment,
    /// Where clients reach the service, without a slash at the end.
    pub public_url: String,
    /// The issuer of access tokens: all nodes and all restarts have the same.
    pub issuer: String,
    /// For whom access tokens are meant.
    pub token_audience: String,
    /// Whether partners may choose the mids of the merchants that they register.
    pub partners_name_mids: bool,
    /// How long a family of refresh tokens lives from its first token.
    pub refresh_family_life: Duration,
    /// How many failed attempts a minute are let through per source, and per `AppKey` and source at the token endpoint.
    pub failed_attempts_per_minute: u32,
}

impl Settings {
    /// The path of `public_url`, without a slash at the end; empty if it has none. Every path of ours that a client is
    /// given begins with it.
    #[must_use]
    pub fn path_prefix(&self) -> &str {
        let (_, place) = self.public_url.split_once("://").unwrap_or_default();
        place.find('/').map_or("", |slash| &place[slash..])
    }
}

/// What is not the caller's fault. An outage, never a verdict.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A stored digest that this node cannot check.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// There is no signing key that could be used now.
    #[error("there is no usable signing key")]
    NoSigningKey,
    /// A token dated by the database would be over by this machine's clock.
    #[error("the clocks of this machine and of the database differ by more than an access token lives")]
    ClocksDiffer,
    /// A token could not be made.
    #[error("a token could not be made")]
    Token(#[from] crate::tokens::TokenFault),
    /// Too many requests of the same caller wait already. Nothing was begun.
    #[error(transparent)]
    Busy(#[from] QueueFull),
    /// Background work was cut off by the end of the process.
    #[error("the work was cut off")]
    CutOff,
    /// A change is committed and not known to be in force on every node.
    #[error(transparent)]
    NotEnforced(#[from] NotEnforced),
}

/// The service without its entrances: what every use case is handed.
pub struct App {
    store: Arc<dyn Store>,
    verifier: Arc<Verifier>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    ids: FreshIds,
    settings: Settings,
    prover: Prover,
    access_tokens: AccessTokens,
    refresh_tokens: RefreshTokens,
    attempts: Attempts,
    turns: Turns,
    noting: Noting,
    usage: Usage,
    key_reload: KeyReload,
    background: TaskTracker,
}

/// What an [`App`] is put together from.
pub struct Parts {
    /// The database.
    pub store: Arc<dyn Store>,
    /// Who verifies from memory, and waits until a revocation is in force.
    pub verifier: Arc<Verifier>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// How secrets are hashed.
    pub hashing: Hashing,
    /// The master key, for tokens.
    pub master: Arc<keyward_domain::MasterKey>,
    /// Settings.
    pub settings: Settings,
    /// Work off the request path; whoever stops the process waits for it.
    pub background: TaskTracker,
}

impl App {
    /// Puts the service together. Reads nothing yet: see [`rotate_signing_keys`] and [`App::flush_usage`] for what has
    /// to run beside it.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { store, verifier, clock, entropy, hashing, master, settings, background } = parts;
        Self {
            access_tokens: AccessTokens::new(&settings, &master),
            refresh_tokens: RefreshTokens::new(settings.environment, &master),
            attempts: Attempts::new(settings.failed_attempts_per_minute, &clock),
            prover: Prover::new(hashing, settings.environment),
            ids: FreshIds::default(),
            turns: Turns::default(),
            noting: Noting::default(),
            usage: Usage::default(),
            key_reload: KeyReload::default(),
            store,
            verifier,
            clock,
            entropy,
            settings,
            background,
        }
    }

    /// The settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
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
        self.clock.monotonic()
    }

    /// The access tokens: their key set is public.
    #[must_use]
    pub const fn access_tokens(&self) -> &AccessTokens {
        &self.access_tokens
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
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes)?;
        Ok(bytes)
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
    /// [`Fault::Storage`] if it could not.
    pub async fn ping(&self) -> Result<(), Fault> {
        if !self.verifier.may_answer_from_memory() {
            self.store.credential(KeyId::from_uuid(uuid::Uuid::nil())).await?;
        }
        Ok(())
    }

    /// Writes down when keys were last used. To be called every few seconds, and once more when stopping; what was noted
    /// since the last call is lost if the process is killed.
    ///
    /// # Errors
    /// [`Fault::Storage`]; what was to be written is kept for the next call.
    pub async fn flush_usage(&self) -> Result<(), Fault> {
        Ok(self.usage.flush(&*self.store).await?)
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
        self.turns.forget();
    }

    fn fresh(&self) -> Result<uuid::Uuid, NoEntropy> {
        Ok(self.ids.next(self.now(), self.random()?))
    }

    fn fresh_key_id(&self) -> Result<KeyId, NoEntropy> {
        self.fresh().map(KeyId::from_uuid)
    }

    fn fresh_account_id(&self) -> Result<AccountId, NoEntropy> {
        self.fresh().map(AccountId::from_uuid)
    }

    fn fresh_pair_id(&self) -> Result<PairId, NoEntropy> {
        self.fresh().map(PairId::from_uuid)
    }

    fn fresh_refresh_id(&self) -> Result<RefreshId, NoEntropy> {
        self.fresh().map(RefreshId::from_uuid)
    }

    fn fresh_family_id(&self) -> Result<FamilyId, NoEntropy> {
        self.fresh().map(FamilyId::from_uuid)
    }

    fn fresh_access_id(&self) -> Result<AccessId, NoEntropy> {
        self.fresh().map(AccessId::from_uuid)
    }
}
