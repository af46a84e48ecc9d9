//! The part of a key that verification needs, borrowed from its owner, and the one predicate about it.

use crate::{
    AccountId, Chain, Context, KeyId, KeyType, Now, Policy, PresentedValue, Restrictions, Scopes, SecretHasher,
    Standing, Timestamp, Unusable,
    secret_hash::{DigestError, DigestRef, Proof},
    text_enum::text_enum,
};

/// The data that decide whether a key is valid, and those that the response contains for a valid one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyView<'a> {
    /// Unique identifier.
    pub id: KeyId,
    /// The account that owns the key.
    pub account: AccountId,
    /// Purpose of the key.
    pub key_type: KeyType,
    /// Name for people.
    pub name: &'a str,
    /// Scopes granted to the key.
    pub scopes: Scopes<'a>,
    /// Time of issue.
    pub created_at: Timestamp,
    /// Conditions beside its state and its account.
    pub restrictions: &'a Restrictions,
    /// Whether the key itself was revoked.
    pub revoked: bool,
    /// Whether the key itself is suspended.
    pub suspended: bool,
    /// Digest or readable value.
    pub material: MaterialRef<'a>,
}

/// The stored form of a key's value, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaterialRef<'a> {
    /// Only a digest, for a secret key.
    Secret(DigestRef<'a>),
    /// The value, for other types.
    Readable(&'a str),
}

/// A key's state for a reader: the contract's `state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyStatus {
    /// None of the others.
    Active,
    /// `not_before` has not been reached.
    Pending,
    /// The key itself is suspended.
    Suspended,
    /// `expires_at` has passed, or a policy has ended the key.
    Expired,
    /// Revoked, or its account or one above it was closed.
    Revoked,
}

text_enum!(
    KeyStatus,
    "active, pending, suspended, expired, revoked",
    Active = "active",
    Pending = "pending",
    Suspended = "suspended",
    Expired = "expired",
    Revoked = "revoked",
);

/// A key that may be used by the request that was checked. Only [`KeyView::usable`] makes one.
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
    /// The one predicate: checks that the key may be used by a request with this context. `chain` must be its
    /// account's.
    ///
    /// # Errors
    /// [`Unusable`] with the first reason that applies.
    pub fn usable(self, chain: &Chain, context: &Context) -> Result<UsableKey<'a>, Unusable> {
        match chain.standing() {
            _ if self.revoked => Err(Unusable::Revoked),
            Standing::Closed => Err(Unusable::Revoked),
            Standing::Suspended => Err(Unusable::Suspended),
            Standing::Active if self.suspended => Err(Unusable::Suspended),
            Standing::Active => {
                self.restrictions.judge(context)?;
                if chain.has_policy() {
                    self.judge_age(&chain.policy(), context.now)?;
                }
                Ok(UsableKey(self))
            }
        }
    }

    /// Judges the age of the key and of its secret by the effective policy of its account.
    fn judge_age(self, policy: &Policy, now: Now) -> Result<(), Unusable> {
        let has_passed = |end: Option<Timestamp>| end.is_some_and(|end| now.has_passed(end));
        if has_passed(policy.ends_at(self.created_at)) {
            Err(Unusable::Expired)
        } else if has_passed(self.rotation_due_at(policy)) {
            Err(Unusable::RotationDue)
        } else {
            Ok(())
        }
    }

    /// When the policy demands a younger secret. A secret is as old as its key, as long as none is rotated.
    fn rotation_due_at(self, policy: &Policy) -> Option<Timestamp> {
        if self.key_type.is_secret() { policy.rotation_due_at(self.created_at) } else { None }
    }

    /// When the key ends by its own end or by the policy of its account; `None` for never.
    #[must_use]
    pub fn ends_at(self, chain: &Chain) -> Option<Timestamp> {
        earlier(self.restrictions.ends_at(), chain.policy().ends_at(self.created_at))
    }

    /// When the key stops being usable by itself: when it ends, or when its secret must be rotated.
    #[must_use]
    pub fn usable_until(self, chain: &Chain) -> Option<Timestamp> {
        earlier(self.ends_at(chain), self.rotation_due_at(&chain.policy()))
    }

    /// The key's state for a reader. Does not show a suspension of its account, which the account shows.
    #[must_use]
    pub fn status(self, chain: &Chain, now: Now) -> KeyStatus {
        if self.revoked || chain.standing() == Standing::Closed {
            KeyStatus::Revoked
        } else if self.ends_at(chain).is_some_and(|end| now.has_passed(end)) {
            KeyStatus::Expired
        } else if self.suspended {
            KeyStatus::Suspended
        } else if !self.restrictions.has_begun(now) {
            KeyStatus::Pending
        } else {
            KeyStatus::Active
        }
    }

    /// The digest, if the value is secret.
    #[must_use]
    pub const fn digest(self) -> Option<DigestRef<'a>> {
        self.material.digest()
    }

    /// Compares a presented value with this key's.
    ///
    /// # Errors
    /// [`DigestError`] if this node cannot check the stored digest. This is never a verdict on the value.
    pub fn prove(self, presented: &PresentedValue<'_>, hasher: &SecretHasher) -> Result<Proof, DigestError> {
        self.material.prove(presented, hasher)
    }
}

/// The earlier of two ends.
fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    [one, other].into_iter().flatten().min()
}

impl<'a> MaterialRef<'a> {
    /// The digest, if the value is secret.
    #[must_use]
    pub const fn digest(self) -> Option<DigestRef<'a>> {
        match self {
            Self::Secret(digest) => Some(digest),
            Self::Readable(_) => None,
        }
    }

    /// Compares a presented value with the stored one.
    ///
    /// # Errors
    /// [`DigestError`] if this node cannot check the stored digest. This is never a verdict on the value.
    pub fn prove(self, presented: &PresentedValue<'_>, hasher: &SecretHasher) -> Result<Proof, DigestError> {
        match self {
            Self::Secret(digest) => hasher.prove(presented, digest),
            Self::Readable(value) => Ok(Proof::from_comparison(presented.equals(value))),
        }
    }
}
