//! Scopes: what a key may do, which scopes cover others, and which roles may grant them (contract, section 1).
//!
//! The service's own vocabulary is small and closed ([`Permission`]). Every other scope belongs to the platform: this
//! crate stores and matches it, and never interprets it.

use std::{fmt, str::FromStr};

use crate::Role;

mod permission;

pub use permission::Permission;

/// Maximum number of scopes of one key.
pub const MAX_SCOPES: usize = 100;
/// Maximum total length of a key's scopes, in characters: gateways forward them in one header of at most 4 KiB.
pub const MAX_SCOPES_LEN: usize = 2_048;
/// Maximum length of one scope, in characters.
pub const MAX_SCOPE_LEN: usize = 64;
/// First segments reserved for this service.
const RESERVED: [&str; 4] = ["api-keys", "merchants", "audit", "webhooks"];

/// One scope: `charges:read`, or `charges:*` for everything that starts with `charges:`.
///
/// ```
/// use keyward_domain::Scope;
///
/// let all: Scope = "charges:*".parse()?;
/// assert!(all.covers(&"charges:read".parse()?));
/// assert!(!all.covers(&"charges".parse()?));
/// # Ok::<(), keyward_domain::ParseScopeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope(Box<str>);

/// Why a text is not a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseScopeError {
    /// Not of the contract's shape.
    #[error("must be 1 to 64 of a-z 0-9 _ . - in segments separated by ':', with * only as the last segment")]
    Malformed,
    /// The first segment is reserved for the service, which has no such scope.
    #[error(
        "is not a scope of this service (api-keys:read|write|verify|*, merchants:read|write|*, audit:*, webhooks:*)"
    )]
    UnknownReserved,
}

impl Scope {
    /// The scope as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a holder of this scope also holds `wanted`.
    #[must_use]
    pub fn covers(&self, wanted: &Self) -> bool {
        covers(&self.0, &wanted.0)
    }

    /// Whether the scope belongs to this service's own vocabulary.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        is_reserved(&self.0)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Scope {
    type Err = ParseScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check(text).map(|()| Self(text.into()))
    }
}

/// Checks that a text is a scope.
fn check(text: &str) -> Result<(), ParseScopeError> {
    if text.len() > MAX_SCOPE_LEN || !has_scope_shape(text) {
        return Err(ParseScopeError::Malformed);
    }
    let known = || {
        is_wildcard(text) && text.matches(':').count() == 1
            || Permission::ALL.iter().any(|permission| permission.scope() == text)
    };
    if is_reserved(text) && !known() { Err(ParseScopeError::UnknownReserved) } else { Ok(()) }
}

fn has_scope_shape(text: &str) -> bool {
    let body = text.strip_suffix(":*").unwrap_or(text);
    // No segment is empty: no colon comes first, last, or directly after another colon.
    let mut last = b':';
    let is_well_formed = body.bytes().all(|byte| {
        let parts = byte == b':' && last != b':';
        last = byte;
        parts || matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-')
    });
    is_well_formed && last != b':'
}

fn is_wildcard(scope: &str) -> bool {
    scope.ends_with(":*")
}

fn is_reserved(scope: &str) -> bool {
    let begins = |first: &str| scope.strip_prefix(first).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
    RESERVED.into_iter().any(begins)
}

/// `a:*` covers everything that starts with `a:`, not `a`.
fn covers(held: &str, wanted: &str) -> bool {
    held == wanted || is_wildcard(held) && held.strip_suffix('*').is_some_and(|stem| wanted.starts_with(stem))
}

/// The scopes of a key, in the order given. The empty set grants nothing.
///
/// Stored as one text, separated by single spaces as in RFC 6749 (section 3.3). Tokens and the database use the same
/// form, and a cached key needs one allocation for all its scopes.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ScopeSet(Box<str>);

/// Why a list of scopes is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeSetError {
    /// More than [`MAX_SCOPES`].
    #[error("must not hold more than 100 scopes")]
    TooMany,
    /// Together more than [`MAX_SCOPES_LEN`] characters.
    #[error("must not have more than 2048 characters together")]
    TooLong,
    /// The scope at this index (counted from 0) is a duplicate.
    #[error("must not name a scope twice")]
    Duplicate(usize),
    /// The text at this index is not a scope.
    #[error("{1}")]
    Scope(usize, ParseScopeError),
}

impl ScopeSetError {
    /// Index of the invalid scope, counted from 0; none if the error concerns the list as a whole.
    #[must_use]
    pub const fn place(&self) -> Option<usize> {
        match self {
            Self::TooMany | Self::TooLong => None,
            Self::Duplicate(place) | Self::Scope(place, _) => Some(*place),
        }
    }
}

impl ScopeSet {
    /// The set that grants nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Parses a list of scopes.
    ///
    /// # Errors
    /// [`ScopeSetError`] if a scope is malformed, unknown or a duplicate, if there are more than [`MAX_SCOPES`], or if
    /// together they have more than [`MAX_SCOPES_LEN`] characters.
    pub fn parse<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Result<Self, ScopeSetError> {
        let set = Self::restore(scopes)?;
        let len: usize = set.iter().map(str::len).sum();
        if len > MAX_SCOPES_LEN { Err(ScopeSetError::TooLong) } else { Ok(set) }
    }

    /// Returns every error in a list of scopes. Scopes after the first [`MAX_SCOPES`] are not examined.
    #[must_use]
    pub fn errors<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Vec<ScopeSetError> {
        let (mut errors, mut seen) = (Vec::new(), Vec::new());
        for (place, text) in scopes.into_iter().enumerate() {
            if place == MAX_SCOPES {
                errors.push(ScopeSetError::TooMany);
                return errors;
            }
            match check(text) {
                Err(error) => errors.push(ScopeSetError::Scope(place, error)),
                Ok(()) if seen.contains(&text) => errors.push(ScopeSetError::Duplicate(place)),
                Ok(()) => seen.push(text),
            }
        }
        if seen.iter().map(|scope| scope.len()).sum::<usize>() > MAX_SCOPES_LEN {
            errors.push(ScopeSetError::TooLong);
        }
        errors
    }

    /// Parses stored scopes. They may exceed [`MAX_SCOPES_LEN`] if they were stored before that limit existed.
    fn restore<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Result<Self, ScopeSetError> {
        let mut parsed: Vec<&str> = Vec::new();
        for (place, text) in scopes.into_iter().enumerate() {
            if place == MAX_SCOPES {
                return Err(ScopeSetError::TooMany);
            }
            check(text).map_err(|error| ScopeSetError::Scope(place, error))?;
            if parsed.contains(&text) {
                return Err(ScopeSetError::Duplicate(place));
            }
            parsed.push(text);
        }
        Ok(Self(parsed.join(" ").into()))
    }

    /// Borrows the set.
    #[must_use]
    pub const fn as_scopes(&self) -> Scopes<'_> {
        Scopes(&self.0)
    }

    /// The scopes, separated by single spaces.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the set grants nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.as_scopes().iter()
    }

    /// Whether a scope of this set covers `wanted`.
    #[must_use]
    pub fn covers(&self, wanted: &Scope) -> bool {
        self.iter().any(|held| covers(held, wanted.as_str()))
    }

    /// Whether these scopes cover every scope of `wanted`.
    #[must_use]
    pub fn covers_all(&self, wanted: &Self) -> bool {
        self.as_scopes().covers_all(wanted.as_scopes())
    }

    /// The scopes of this set that `held` does not cover.
    #[must_use]
    pub fn uncovered_by(&self, held: Scopes<'_>) -> Self {
        self.iter().filter(|wanted| !held.iter().any(|held| covers(held, wanted))).collect()
    }

    /// Whether the set grants this permission on the service itself.
    #[must_use]
    pub fn permits(&self, permission: Permission) -> bool {
        self.as_scopes().permits(permission)
    }

    /// Whether the set contains a scope of the service's own vocabulary.
    #[must_use]
    pub fn has_reserved(&self) -> bool {
        self.iter().any(is_reserved)
    }

    /// The scopes that both sets cover: see [`Scopes::intersection`].
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.as_scopes().intersection(other.as_scopes())
    }
}

/// Borrowed scopes: from a [`ScopeSet`], or from a cached key that packs them with other texts.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes<'a>(&'a str);

impl<'a> Scopes<'a> {
    /// Borrows scopes that were parsed before, as [`as_str`](Self::as_str) returned them. Checks nothing.
    #[must_use]
    pub const fn of_parsed(text: &'a str) -> Self {
        Self(text)
    }

    /// The scopes, separated by single spaces.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// The scopes in the order given.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            // Byte by byte: scopes are short, and a search optimised for long texts is slower on them. Each
            // verification iterates over them twice.
            let end = rest.bytes().position(|byte| byte == b' ').unwrap_or(rest.len());
            let (scope, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            Some(scope)
        })
    }

    /// Whether these scopes cover every scope of `wanted`.
    #[must_use]
    pub fn covers_all(self, wanted: Scopes<'_>) -> bool {
        wanted.iter().all(|wanted| self.iter().any(|held| covers(held, wanted)))
    }

    /// Whether the scopes grant this permission on the service itself.
    #[must_use]
    pub fn permits(self, permission: Permission) -> bool {
        self.iter().any(|held| covers(held, permission.scope()))
    }

    /// The scopes that both cover: the effective scopes of a token, whose own scope never extends what its key may do.
    /// `api-keys:read` and `api-keys:*` give `api-keys:read`.
    #[must_use]
    pub fn intersection(self, other: Scopes<'_>) -> ScopeSet {
        let held_by = |set: Scopes<'_>, scope: &str| set.iter().any(|held| covers(held, scope));
        let mine = self.iter().filter(|scope| held_by(other, scope));
        let theirs = other.iter().filter(|scope| held_by(self, scope) && !self.iter().any(|mine| mine == *scope));
        mine.chain(theirs).collect()
    }
}

impl From<Scopes<'_>> for ScopeSet {
    fn from(scopes: Scopes<'_>) -> Self {
        Self(scopes.0.into())
    }
}

impl fmt::Debug for Scopes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> FromIterator<&'a str> for ScopeSet {
    /// Joins scopes that were parsed before.
    fn from_iter<I: IntoIterator<Item = &'a str>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect::<Vec<_>>().join(" ").into())
    }
}

impl FromStr for ScopeSet {
    type Err = ScopeSetError;

    /// Parses stored scopes, separated by single spaces (RFC 6749, section 3.3), as in the database and in tokens. The
    /// empty text is the empty set.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() { Ok(Self::empty()) } else { Self::restore(text.split(' ')) }
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_scopes(), f)
    }
}

/// The caller may not grant scopes that it does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the caller does not hold {scopes}, and grants only what it holds")]
pub struct ScopeNotHeld {
    /// All requested scopes that the caller does not hold.
    pub scopes: ScopeSet,
}

/// Checks that a caller with this role and these effective scopes may grant the `wanted` scopes.
///
/// A caller grants the service's own scopes only if its scopes cover them, a wildcard only if it holds that wildcard.
/// Platform and partners grant any scope of the platform; a merchant only what it holds (contract, section 1).
///
/// # Errors
/// [`ScopeNotHeld`] with the scopes that the caller may not grant.
pub fn may_grant(role: Role, effective: Scopes<'_>, wanted: &ScopeSet) -> Result<(), ScopeNotHeld> {
    let held = |scope: &str| {
        if is_reserved(scope) && is_wildcard(scope) {
            return effective.iter().any(|held| held == scope);
        }
        let free = !is_reserved(scope) && role != Role::Merchant;
        free || effective.iter().any(|held| covers(held, scope))
    };
    let scopes: ScopeSet = wanted.iter().filter(|scope| !held(scope)).collect();
    if scopes.is_empty() { Ok(()) } else { Err(ScopeNotHeld { scopes }) }
}

#[cfg(feature = "serde")]
crate::serde_text::as_text!(Scope);

#[cfg(test)]
#[path = "scope/tests.rs"]
mod tests;
