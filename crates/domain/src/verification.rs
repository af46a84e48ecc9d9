//! "Is this key valid, and for what?": the order of refusals of contract section 13, as one function.
//!
//! Does no look-up and no hashing: the caller passes the key that it found and the proof.

use std::fmt;

use crate::{
    Chain, Context, KeyId, KeyType, KeyView, Mid, Reach, ScopeSet, Scopes, Unusable, UsableKey, ValueError,
    revocation::NotAPair, secret_hash::Proof,
};

/// The requirements of a verification in addition to a usable key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirements {
    /// Scopes that the key must cover.
    pub scopes: ScopeSet,
    /// Required key type. The default is `secret`, so that a publishable key is never accepted by accident.
    pub key_type: KeyType,
    /// The exact account that the key must belong to.
    pub mid: Option<Mid>,
}

impl Default for Requirements {
    fn default() -> Self {
        Self { scopes: ScopeSet::empty(), key_type: KeyType::Secret, mid: None }
    }
}

/// A key found for a presented value.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The key.
    pub key: KeyView<'a>,
    /// The key's account and its ancestors.
    pub chain: &'a Chain,
    /// Effective scopes: the key's, or fewer for a token.
    pub scopes: Scopes<'a>,
    /// Whether the presented value belongs to the key.
    pub proof: Proof,
}

/// Why a key is invalid for the request, in the contract's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Denial {
    /// Malformed, unknown, a wrong secret, or outside the caller's reach; the caller cannot distinguish these.
    NotFound,
    /// From the other environment, as its prefix shows.
    WrongEnvironment,
    /// The key may not be used now.
    Unusable(Unusable),
    /// Not of the required type.
    WrongType,
    /// Belongs to another account than the required one.
    WrongAccount,
    /// Does not cover a required scope.
    InsufficientScope,
}

impl Denial {
    /// The code in the response.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotFound => "NOT_FOUND",
            Self::WrongEnvironment => "WRONG_ENVIRONMENT",
            Self::Unusable(reason) => reason.code(),
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
    /// A key of another account or type counts as not found.
    fn from(reason: NotAPair) -> Self {
        match reason {
            NotAPair::Mismatched => Self::NotFound,
            NotAPair::Unusable(reason) => reason.into(),
        }
    }
}

impl From<Unusable> for Denial {
    fn from(reason: Unusable) -> Self {
        Self::Unusable(reason)
    }
}

/// The outcome of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict<'a> {
    /// Usable, and meets all requirements.
    Valid {
        /// The key.
        key: UsableKey<'a>,
        /// The key's account and its ancestors.
        chain: &'a Chain,
        /// Effective scopes.
        scopes: Scopes<'a>,
    },
    /// Refused.
    Invalid {
        /// The first reason in the contract's order.
        denial: Denial,
        /// The key's id, if the answer may reveal it.
        id: Option<KeyId>,
    },
}

/// Judges the key found for a presented value: the first reason in the contract's order wins. `reach` is the caller's;
/// none if the key itself is the caller's credential (`/v1/auth` and authentication).
pub fn judge<'a>(
    found: Result<Option<Candidate<'a>>, ValueError>,
    reach: Option<&Reach>,
    requirements: &Requirements,
    context: &Context,
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
    let usable = match key.usable(chain, context) {
        Err(reason) => return deny(reason.into()),
        Ok(usable) => usable,
    };
    if key.key_type != requirements.key_type {
        return deny(Denial::WrongType);
    }
    if requirements.mid.as_ref().is_some_and(|mid| *mid != chain.own().mid) {
        return deny(Denial::WrongAccount);
    }
    if !scopes.covers_all(requirements.scopes.as_scopes()) {
        return deny(Denial::InsufficientScope);
    }
    Verdict::Valid { key: usable, chain, scopes }
}

#[cfg(test)]
#[path = "verification/tests.rs"]
mod tests;
