//! Policies of accounts: how long keys live, how many there may be, and when unused ones are noticed (contract, section
//! 16).
//!
//! A policy binds the keys of its account and of all accounts below it; the strictest value of the chain applies.
//! Verification judges it from the chain, so it affects keys that exist. Reads no clock.

use std::{fmt, num::NonZeroU32, time::Duration};

use crate::{Now, Timestamp, text_enum::text_enum};

/// A period of a policy, in whole seconds: at least one second, at most 100 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(NonZeroU32);

/// The number of seconds is not a valid period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number of seconds from 1 to {}", Period::MAX_SECONDS)]
pub struct PeriodError;

impl Period {
    /// 100 years of 365 days, in seconds.
    pub const MAX_SECONDS: u32 = 3_153_600_000;

    /// The period of this many seconds.
    ///
    /// # Errors
    /// [`PeriodError`] if it is zero or more than 100 years.
    pub fn from_seconds(seconds: u64) -> Result<Self, PeriodError> {
        let seconds = u32::try_from(seconds).ok().filter(|seconds| *seconds <= Self::MAX_SECONDS);
        seconds.and_then(NonZeroU32::new).map(Self).ok_or(PeriodError)
    }

    /// Its length in seconds.
    #[must_use]
    pub const fn as_seconds(self) -> u32 {
        self.0.get()
    }

    /// The end of the period that starts at this time.
    #[must_use]
    pub fn after(self, start: Timestamp) -> Timestamp {
        start.saturating_add(self.into())
    }
}

impl From<Period> for Duration {
    fn from(period: Period) -> Self {
        Self::from_secs(u64::from(period.as_seconds()))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What happens to a key that was not used for a policy's period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdleAction {
    /// It is reported.
    Report,
    /// It is suspended.
    Suspend,
}

text_enum!(IdleAction, "report, suspend", Report = "report", Suspend = "suspend");

/// How much later than after its period a key counts as idle: uses are recorded in the background.
pub const IDLE_MARGIN: Duration = Duration::from_mins(5);

/// When a key counts as idle, and what happens then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idle {
    /// How long it must be unused.
    pub period: Period,
    /// What happens then.
    pub action: IdleAction,
}

impl Idle {
    /// The stricter of two: suspending is stricter than reporting, then the shorter period is.
    fn stricter(self, other: Self) -> Self {
        let rank = |idle: Self| (std::cmp::Reverse(idle.action), idle.period);
        if rank(other) < rank(self) { other } else { self }
    }
}

/// The policy of one account, or the effective one of a chain. A member that is absent restricts nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// A key older than this has expired, whatever its own end.
    pub max_life: Option<Period>,
    /// Life of a new key for which no end is requested.
    pub default_life: Option<Period>,
    /// A secret older than this must be rotated before its key is usable again.
    pub max_secret_age: Option<Period>,
    /// Maximum overlap of the two secrets of a rotation.
    pub max_overlap: Option<Period>,
    /// Maximum number of keys of the account itself that are neither revoked nor expired.
    pub max_keys: Option<u32>,
    /// When a key counts as idle.
    pub idle: Option<Idle>,
}

/// Why an account cannot have a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// New keys would be refused by default.
    #[error("must be at most max_life_seconds")]
    DefaultBeyondMax,
}

impl PolicyError {
    /// The field that is invalid, as the contract names it.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::DefaultBeyondMax => "default_life_seconds",
        }
    }
}

impl Policy {
    /// Restricts nothing.
    pub const NONE: Self = Self {
        max_life: None,
        default_life: None,
        max_secret_age: None,
        max_overlap: None,
        max_keys: None,
        idle: None,
    };

    /// All errors of this policy.
    pub fn errors(&self) -> impl Iterator<Item = PolicyError> + use<> {
        let is_beyond = self.max_life.zip(self.default_life).is_some_and(|(max, default)| default > max);
        is_beyond.then_some(PolicyError::DefaultBeyondMax).into_iter()
    }

    /// The strictest value of each member.
    pub fn strictest<'a>(policies: impl IntoIterator<Item = &'a Self>) -> Self {
        policies.into_iter().fold(Self::NONE, Self::and)
    }

    fn and(self, other: &Self) -> Self {
        Self {
            max_life: stricter(self.max_life, other.max_life, Ord::min),
            default_life: stricter(self.default_life, other.default_life, Ord::min),
            max_secret_age: stricter(self.max_secret_age, other.max_secret_age, Ord::min),
            max_overlap: stricter(self.max_overlap, other.max_overlap, Ord::min),
            max_keys: stricter(self.max_keys, other.max_keys, Ord::min),
            idle: stricter(self.idle, other.idle, Idle::stricter),
        }
    }

    /// When this policy ends a key that was created at this time; `None` for never.
    #[must_use]
    pub fn ends_at(&self, created_at: Timestamp) -> Option<Timestamp> {
        self.max_life.map(|life| life.after(created_at))
    }

    /// When the secret of a key must be rotated; `None` for never.
    #[must_use]
    pub fn rotation_due_at(&self, secret_created_at: Timestamp) -> Option<Timestamp> {
        self.max_secret_age.map(|age| age.after(secret_created_at))
    }

    /// Keys created at this time or earlier are not usable any more by their age; `None` if age ends no key.
    #[must_use]
    pub fn usable_after(&self, now: Now) -> Option<Timestamp> {
        let age = stricter(self.max_life, self.max_secret_age, Ord::min)?;
        Some(now.latest().saturating_sub(age.into()))
    }

    /// Keys created at this time or earlier have expired by their age; `None` if none has.
    #[must_use]
    pub fn alive_after(&self, now: Now) -> Option<Timestamp> {
        Some(now.latest().saturating_sub(self.max_life?.into()))
    }

    /// The end of a new key for which no end is requested: the default life from its beginning, at most the maximum
    /// from its creation.
    #[must_use]
    pub fn default_end(&self, created_at: Timestamp, not_before: Option<Timestamp>) -> Option<Timestamp> {
        let begins = not_before.map_or(created_at, |begins| begins.max(created_at));
        let end = self.default_life?.after(begins);
        Some(self.ends_at(created_at).map_or(end, |latest| end.min(latest)))
    }
}

/// The stricter of two members, where an absent one restricts nothing.
fn stricter<T>(one: Option<T>, other: Option<T>, choose: impl FnOnce(T, T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(choose(one, other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
#[path = "policy/tests.rs"]
mod tests;
