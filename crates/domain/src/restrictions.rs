//! What may hold a key back beside its own state and its account.
//!
//! Requests, rows and memory share this one value. A new restriction is a field here, with a line in
//! [`Restrictions::judge`] and, if a request can contain an invalid one, in [`Restrictions::errors`]. Reads no clock.

use crate::{Context, Now, Period, Policy, Timestamp, Unusable};

/// What may hold a key back beside its own state and its account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restrictions {
    /// Start of validity; before this instant the key is pending (contract, section 16).
    pub not_before: Option<Timestamp>,
    /// Time of expiry; at this exact instant the key has expired (rule 3).
    pub expires_at: Option<Timestamp>,
}

/// Why a new key cannot have these restrictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestrictionError {
    /// The key would already have expired.
    #[error("must be in the future")]
    ExpiryNotInFuture,
    /// The key would live longer than the policy of its account allows.
    #[error("must be at most {max_life} seconds after the key's creation, as the account's policy demands")]
    BeyondPolicy {
        /// The maximum life of a key, in seconds.
        max_life: Period,
    },
    /// The key would begin after the policy of its account has ended it.
    #[error("must be less than {max_life} seconds after the key's creation, as the account's policy demands")]
    BeginsBeyondPolicy {
        /// The maximum life of a key, in seconds.
        max_life: Period,
    },
    /// The key would end before it begins.
    #[error("must be before expires_at")]
    BeginsAfterItsEnd,
    /// The key would end before the start that it has.
    #[error("must be after not_before")]
    EndsBeforeItsStart,
}

impl RestrictionError {
    /// The field that is invalid, as the contract names it.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::ExpiryNotInFuture | Self::EndsBeforeItsStart | Self::BeyondPolicy { .. } => "expires_at",
            Self::BeginsAfterItsEnd | Self::BeginsBeyondPolicy { .. } => "not_before",
        }
    }
}

impl Restrictions {
    /// No restrictions.
    pub const NONE: Self = Self { not_before: None, expires_at: None };

    /// All errors of these restrictions for a new key.
    pub fn errors(&self, now: Now) -> impl Iterator<Item = RestrictionError> + use<> {
        let ends_first = self.not_before.zip(self.expires_at).is_some_and(|(start, end)| end <= start);
        let begins_late = ends_first.then_some(RestrictionError::BeginsAfterItsEnd);
        let ended = self.has_ended(now).then_some(RestrictionError::ExpiryNotInFuture);
        begins_late.into_iter().chain(ended)
    }

    /// The errors of times that the policy of a key's account does not allow.
    pub fn beyond(&self, policy: &Policy, created_at: Timestamp) -> impl Iterator<Item = RestrictionError> + use<> {
        let (begins, ends) = (self.not_before, self.expires_at);
        policy.max_life.into_iter().flat_map(move |max_life| {
            let end = max_life.after(created_at);
            let begins_late = begins.is_some_and(|begins| begins >= end);
            let ends_late = ends.is_some_and(|ends| ends > end);
            let start = begins_late.then_some(RestrictionError::BeginsBeyondPolicy { max_life });
            start.into_iter().chain(ends_late.then_some(RestrictionError::BeyondPolicy { max_life }))
        })
    }

    /// Whether the key is already valid. It is at the exact instant of `not_before`.
    #[must_use]
    pub fn has_begun(&self, now: Now) -> bool {
        self.not_before.is_none_or(|start| now.has_reached(start))
    }

    /// Whether they have ended the key.
    #[must_use]
    pub fn has_ended(&self, now: Now) -> bool {
        self.expires_at.is_some_and(|end| now.has_passed(end))
    }

    /// When they end the key; `None` for never.
    #[must_use]
    pub const fn ends_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// Whether they let a request with this context pass.
    ///
    /// # Errors
    /// [`Unusable`] with the first reason that applies, in the contract's order (section 13).
    pub fn judge(&self, context: &Context) -> Result<(), Unusable> {
        if !self.has_begun(context.now) {
            Err(Unusable::NotYetValid)
        } else if self.has_ended(context.now) {
            Err(Unusable::Expired)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    //! The boundary instants, with a clock that is ahead and one that is behind.
    use super::*;
    use crate::fixture::at;

    fn between(start: i64, end: i64) -> Restrictions {
        Restrictions { not_before: Some(at(start)), expires_at: Some(at(end)) }
    }

    #[test]
    fn the_earlier_clock_decides_the_beginning_and_the_later_one_the_end() {
        use Unusable::{Expired, NotYetValid};
        for (shared, own, expected) in [
            (9, 9, Err(NotYetValid)),
            (10, 10, Ok(())),
            (19, 19, Ok(())),
            (20, 20, Err(Expired)),
            // This node is ahead, or behind.
            (9, 10, Err(NotYetValid)),
            (10, 9, Err(NotYetValid)),
            (19, 20, Err(Expired)),
            (20, 19, Err(Expired)),
            // By one clock it has not begun, by the other it has ended: the beginning is judged first.
            (9, 20, Err(NotYetValid)),
        ] {
            let context = Context::at(Now::by(at(shared), at(own)));
            assert_eq!(between(10, 20).judge(&context), expected, "{shared} {own}");
        }
    }

    #[test]
    fn a_key_begins_before_it_ends_and_ends_in_the_future() {
        use RestrictionError::{BeginsAfterItsEnd, ExpiryNotInFuture};
        let now = Now::exact(at(5));
        for (restrictions, expected) in [
            (Restrictions::NONE, vec![]),
            (between(1, 6), vec![]),
            (between(7, 8), vec![]),
            (between(8, 8), vec![BeginsAfterItsEnd]),
            (between(3, 5), vec![ExpiryNotInFuture]),
            (between(6, 5), vec![BeginsAfterItsEnd, ExpiryNotInFuture]),
            (Restrictions { expires_at: None, ..between(9, 0) }, vec![]),
        ] {
            assert_eq!(restrictions.errors(now).collect::<Vec<_>>(), expected, "{restrictions:?}");
        }
    }

    #[test]
    fn every_error_names_a_field_of_the_contract() {
        use RestrictionError::{BeginsAfterItsEnd, EndsBeforeItsStart, ExpiryNotInFuture};
        let max_life = Period::from_seconds(1).unwrap();
        let [ends, begins] =
            [RestrictionError::BeyondPolicy { max_life }, RestrictionError::BeginsBeyondPolicy { max_life }];
        let errors = [ExpiryNotInFuture, EndsBeforeItsStart, ends, BeginsAfterItsEnd, begins];
        let fields = ["expires_at", "expires_at", "expires_at", "not_before", "not_before"];
        assert_eq!(errors.map(RestrictionError::field), fields);
    }
}
