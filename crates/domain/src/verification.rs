//! "Is this key good, and for what?": the order of refusals of contract section 13, as one function.
//!
//! Looks nothing up and hashes nothing: it is handed what was found and proved.

use std::fmt;

use crate::{
    Chain, KeyId, KeyType, KeyView, Mid, Reach, ScopeSet, Scopes, Timestamp, Unusable, UsableKey, ValueError,
    revocation::NotAPair, secret_hash::Proof,
};

/// What must hold beside the key being usable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirements {
    /// All of these must be covered.
    pub scopes: ScopeSet,
    /// The type it must have; `secret` unless somebody says otherwise, so that a publishable key never opens a door by
    /// accident.
    pub key_type: KeyType,
    /// Exactly the account it must belong to.
    pub mid: Option<Mid>,
}

impl Default for Requirements {
    fn default() -> Self {
        Self { scopes: ScopeSet::empty(), key_type: KeyType::Secret, mid: None }
    }
}

/// The key that a presented value names, found in storage.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The key.
    pub key: KeyView<'a>,
    /// Its account and those above.
    pub chain: &'a Chain,
    /// What it may do here: its scopes, or fewer if a token speaks for it.
    pub scopes: Scopes<'a>,
    /// Whether the presented value is the key's.
    pub proof: Proof,
}

/// Why a key is not good for what was asked, by the contract's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Denial {
    /// Malformed, unknown, a wrong secret, or outside the asker's reach: all the same to the asker.
    NotFound,
    /// Of the other environment; told by the prefix.
    WrongEnvironment,
    /// Revoked, or an account of its chain is closed.
    Revoked,
    /// An account of its chain is suspended.
    Suspended,
    /// Its time has passed.
    Expired,
    /// Not of the type that was asked for.
    WrongType,
    /// Of another account than the one asked for.
    WrongAccount,
    /// A scope that was asked for is not covered.
    InsufficientScope,
}

impl Denial {
    /// The code that a client reads.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotFound => "NOT_FOUND",
            Self::WrongEnvironment => "WRONG_ENVIRONMENT",
            Self::Revoked => "REVOKED",
            Self::Suspended => "SUSPENDED",
            Self::Expired => "EXPIRED",
            Self::WrongType => "WRONG_TYPE",
            Self::WrongAccount => "WRONG_ACCOUNT",
            Self::InsufficientScope => "INSUFFICIENT_SCOPE",
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl From<ValueError> for Denial {
    fn from(error: ValueError) -> Self {
        match error {
            ValueError::Malformed => Self::NotFound,
            ValueError::OtherEnvironment => Self::WrongEnvironment,
        }
    }
}

impl From<NotAPair> for Denial {
    /// A key of another account or type is, to the pair, one that does not exist.
    fn from(reason: NotAPair) -> Self {
        match reason {
            NotAPair::Mismatched => Self::NotFound,
            NotAPair::Unusable(reason) => reason.into(),
        }
    }
}

impl From<Unusable> for Denial {
    fn from(reason: Unusable) -> Self {
        match reason {
            Unusable::Revoked => Self::Revoked,
            Unusable::Suspended => Self::Suspended,
            Unusable::Expired => Self::Expired,
        }
    }
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict<'a> {
    /// Good for all that was asked.
    Valid {
        /// The key.
        key: UsableKey<'a>,
        /// Its account and those above.
        chain: &'a Chain,
        /// What it may do here.
        scopes: Scopes<'a>,
    },
    /// Not good.
    Invalid {
        /// Why: the first reason in the contract's order.
        denial: Denial,
        /// The key, where the asker may know which it is.
        id: Option<KeyId>,
    },
}

/// Judges what was found for a presented value: first match of the contract's order wins. `reach` is the asker's; none
/// where the key itself is asking (`/v1/auth`, a caller's own credential).
pub fn judge<'a>(
    found: Result<Option<Candidate<'a>>, ValueError>,
    reach: Option<&Reach>,
    conditions: &Requirements,
    now: Timestamp,
) -> Verdict<'a> {
    let candidate = match found {
        Err(error) => return Verdict::Invalid { denial: error.into(), id: None },
        Ok(None) => return Verdict::Invalid { denial: Denial::NotFound, id: None },
        Ok(Some(candidate)) => candidate,
    };
    let Candidate { key, chain, scopes, proof } = candidate;
    if !proof.holds() || reach.is_some_and(|reach| !reach.covers(chain)) {
        return Verdict::Invalid { denial: Denial::NotFound, id: None };
    }
    let deny = |denial| Verdict::Invalid { denial, id: Some(key.id) };
    let usable = match key.usable(chain, now) {
        Err(reason) => return deny(reason.into()),
        Ok(usable) => usable,
    };
    if key.key_type != conditions.key_type {
        return deny(Denial::WrongType);
    }
    if conditions.mid.as_ref().is_some_and(|mid| *mid != chain.own().mid) {
        return deny(Denial::WrongAccount);
    }
    if !scopes.covers_all(conditions.scopes.as_scopes()) {
        return deny(Denial::InsufficientScope);
    }
    Verdict::Valid { key: usable, chain, scopes }
}

#[cfg(test)]
#[path = "verification/tests.rs"]
mod tests;
