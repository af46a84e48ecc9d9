//! A key as verification looks at it, wherever its parts lie, and the one predicate about it.

use super::KeyStatus;
use crate::{
    AccountId, Chain, KeyId, KeyType, PresentedValue, Scopes, SecretHasher, Standing, Timestamp,
    secret_hash::{DigestError, DigestRef, Proof},
};

/// What decides whether a key is good, and what is told of a good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyView<'a> {
    /// Its name.
    pub id: KeyId,
    /// The one account that it belongs to.
    pub account: AccountId,
    /// What it is for.
    pub key_type: KeyType,
    /// What people call it.
    pub name: &'a str,
    /// What it may do.
    pub scopes: Scopes<'a>,
    /// When it dies by itself; at that very instant it is dead already (rule 3).
    pub expires_at: Option<Timestamp>,
    /// Whether it was revoked itself.
    pub revoked: bool,
    /// What is kept of its value.
    pub material: MaterialRef<'a>,
}

/// What is kept of a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaterialRef<'a> {
    /// Of a secret key only a digest.
    Secret(DigestRef<'a>),
    /// Of the others the value.
    Readable(&'a str),
}

/// Why a key may not be used now. The order is the order in which it is told (contract, section 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Revoked, or an account of its chain is closed.
    #[error("revoked")]
    Revoked,
    /// An account of its chain is suspended.
    #[error("suspended")]
    Suspended,
    /// Its time has passed.
    #[error("expired")]
    Expired,
}

/// A key that may be used at the moment it was asked about. Only [`KeyView::usable`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsableKey<'a>(KeyView<'a>);

impl<'a> UsableKey<'a> {
    /// The key.
    #[must_use]
    pub const fn key(self) -> KeyView<'a> {
        self.0
    }
}

impl<'a> KeyView<'a> {
    /// The one predicate: whether the key may be used at `now`. `chain` must be its account's.
    ///
    /// # Errors
    /// [`Unusable`] says why not, by the first reason that holds.
    pub fn usable(self, chain: &Chain, now: Timestamp) -> Result<UsableKey<'a>, Unusable> {
        match (self.condition(chain, now), chain.standing()) {
            (KeyStatus::Revoked, _) => Err(Unusable::Revoked),
            (_, Standing::Suspended) => Err(Unusable::Suspended),
            (KeyStatus::Expired, _) => Err(Unusable::Expired),
            (KeyStatus::Active, _) => Ok(UsableKey(self)),
        }
    }

    /// Where the key stands for a reader. A suspension does not show here: it belongs to the account.
    #[must_use]
    pub fn condition(self, chain: &Chain, now: Timestamp) -> KeyStatus {
        if self.revoked || chain.standing() == Standing::Closed {
            return KeyStatus::Revoked;
        }
        if self.expires_at.is_some_and(|at| at <= now) { KeyStatus::Expired } else { KeyStatus::Active }
    }

    /// The digest, where the value is a secret.
    #[must_use]
    pub const fn digest(self) -> Option<DigestRef<'a>> {
        match self.material {
            MaterialRef::Secret(digest) => Some(digest),
            MaterialRef::Readable(_) => None,
        }
    }

    /// Whether a presented value is this key's.
    ///
    /// # Errors
    /// [`DigestError`] if this node cannot check the stored digest: never a verdict about the value.
    pub fn prove(self, presented: &PresentedValue<'_>, hasher: &SecretHasher) -> Result<Proof, DigestError> {
        match self.material {
            MaterialRef::Secret(digest) => hasher.prove(presented, digest),
            MaterialRef::Readable(value) => Ok(Proof::from_comparison(presented.equals(value))),
        }
    }
}
