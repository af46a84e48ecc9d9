//! What may hold a key back beside its own state and its account.
//!
//! One value, from a request to the row and to memory. A new restriction is a field here, with its line in
//! [`Restrictions::judge`] and, where a request can get it wrong, in [`Restrictions::errors`]. Reads no clock.

use crate::{Context, Now, Timestamp, Unusable};

/// What may hold a key back beside its own state and its account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restrictions {
    /// Time of expiry; at this exact instant the key has expired (rule 3).
    pub expires_at: Option<Timestamp>,
}

/// Why a new key cannot have these restrictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestrictionError {
    /// A key that is dead from the start.
    #[error("must be in the future")]
    ExpiryNotInFuture,
}

impl RestrictionError {
    /// The field that is invalid, as the contract names it.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::ExpiryNotInFuture => "expires_at",
        }
    }
}

impl Restrictions {
    /// A key that nothing holds back.
    pub const NONE: Self = Self { expires_at: None };

    /// Everything for which a new key cannot have these restrictions.
    pub fn errors(&self, now: Now) -> impl Iterator<Item = RestrictionError> + use<> {
        let ended = self.has_ended(now).then_some(RestrictionError::ExpiryNotInFuture);
        ended.into_iter()
    }

    /// Whether they have ended the key.
    #[must_use]
    pub fn has_ended(&self, now: Now) -> bool {
        self.expires_at.is_some_and(|end| now.has_passed(end))
    }

    /// Whether they let a request with this context pass.
    ///
    /// # Errors
    /// [`Unusable`] with the first reason that applies, in the contract's order (section 13).
    pub fn judge(&self, context: &Context) -> Result<(), Unusable> {
        if self.has_ended(context.now) { Err(Unusable::Expired) } else { Ok(()) }
    }
}
