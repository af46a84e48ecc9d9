//! Which keys a search returns (contract, section 15). Reads no clock and no database.

use crate::{Actor, ApiKey, Chain, KeyStatus, KeyType, Now, Scope, Timestamp};

/// Conditions of a search; an absent one excludes no key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFilter {
    /// Only keys with this status.
    pub status: Option<KeyStatus>,
    /// Only keys of this type.
    pub key_type: Option<KeyType>,
    /// Only keys that this actor created.
    pub created_by: Option<Actor>,
    /// Only keys whose scopes cover this one.
    pub scope: Option<Scope>,
    /// Only keys whose name starts like this.
    pub name_start: Option<NameStart>,
    /// Only keys that end before this time, by their own end or by the policy of their account.
    pub expires_before: Option<Timestamp>,
    /// Only keys that were unused at this time and have been since.
    pub unused_since: Option<Timestamp>,
    /// Only secret keys whose secret was created before this time.
    pub secret_older_than: Option<Timestamp>,
}

/// The start of a name, in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameStart(Box<str>);

impl NameStart {
    /// The start of a name, in any case. The empty text starts every name.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(lowercase(text).collect::<String>().into())
    }

    /// Whether the name starts like this.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let mut name = lowercase(name);
        self.0.chars().all(|c| name.next() == Some(c))
    }
}

/// Character by character, so that the start of a text has the start of its lower case.
fn lowercase(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

impl KeyFilter {
    /// Whether a search returns this key of the account of this chain. `last_used` is the time of its last use.
    #[must_use]
    pub fn matches(&self, key: &ApiKey, last_used: Option<Timestamp>, chain: &Chain, now: Now) -> bool {
        self.admits(key, last_used)
            && self.expires_before.is_none_or(|time| key.ends_at(chain).is_some_and(|end| end < time))
            && self.status.is_none_or(|status| key.status(chain, now) == status)
    }

    /// Whether the conditions that do not depend on its account hold for the key.
    #[must_use]
    pub fn admits(&self, key: &ApiKey, last_used: Option<Timestamp>) -> bool {
        // All conditions are named, so that a new one is not forgotten.
        let Self {
            status: _,
            key_type,
            created_by,
            scope,
            name_start,
            expires_before: _,
            unused_since,
            secret_older_than,
        } = self;
        let facts = key.facts();
        key_type.is_none_or(|key_type| facts.key_type == key_type)
            && created_by.is_none_or(|actor| facts.created_by == actor)
            && secret_older_than.is_none_or(|time| facts.key_type.is_secret() && facts.created_at < time)
            && unused_since.is_none_or(|time| key.idle_since(last_used) < time)
            && scope.as_ref().is_none_or(|scope| facts.scopes.covers(scope))
            && name_start.as_ref().is_none_or(|start| start.matches(facts.name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    //! Each condition alone, with a key on either side of its boundary.
    use std::time::Duration;

    use super::*;
    use crate::{
        KeyFacts, KeyId, Name, Restrictions, Status,
        fixture::{at, chain, facts},
    };

    fn key(key_type: KeyType, name: &str, expires_at: Option<Timestamp>) -> ApiKey {
        let restrictions = Restrictions { expires_at, ..Restrictions::NONE };
        let name = Name::parse(name).unwrap();
        ApiKey::restore(KeyFacts { name, restrictions, ..facts(1, key_type, "charges:*") }).unwrap()
    }

    fn matches(filter: &KeyFilter, key: &ApiKey, last_used: Option<Timestamp>) -> bool {
        filter.matches(key, last_used, &chain(Status::Active, Status::Active), Now::exact(at(0)))
    }

    #[test]
    fn an_empty_filter_excludes_no_key() {
        for key_type in [KeyType::Secret, KeyType::Public] {
            assert!(matches(&KeyFilter::default(), &key(key_type, "Till", None), None));
        }
    }

    #[test]
    fn names_start_in_any_case() {
        for (start, name, expected) in [
            ("", "Till 3", true),
            ("till", "Till 3", true),
            ("TILL 3", "till 3", true),
            ("till 33", "Till 3", false),
            ("ill", "Till 3", false),
            ("É", "état", true),
            ("ΟΔΟΣ", "ΟΔΟΣΑ", true),
        ] {
            let filter = KeyFilter { name_start: Some(NameStart::new(start)), ..KeyFilter::default() };
            assert_eq!(matches(&filter, &key(KeyType::Secret, name, None), None), expected, "{start}, {name}");
        }
    }

    #[test]
    fn only_ends_before_the_time_match() {
        let filter = KeyFilter { expires_before: Some(at(60)), ..KeyFilter::default() };
        for (end, expected) in [(None, false), (Some(at(59)), true), (Some(at(60)), false)] {
            assert_eq!(matches(&filter, &key(KeyType::Secret, "x", end), None), expected, "{end:?}");
        }
    }

    #[test]
    fn a_key_is_unused_since_its_creation_or_its_last_use() {
        let key = key(KeyType::Secret, "x", None);
        let created_at = key.facts().created_at;
        let later = created_at.saturating_add(Duration::from_secs(5));
        for (since, last_used, expected) in [
            (created_at, None, false),
            (created_at.saturating_add(Duration::from_micros(1)), None, true),
            (later, Some(later), false),
            (later.saturating_add(Duration::from_micros(1)), Some(later), true),
        ] {
            let filter = KeyFilter { unused_since: Some(since), ..KeyFilter::default() };
            assert_eq!(matches(&filter, &key, last_used), expected, "{since}, {last_used:?}");
        }
    }

    #[test]
    fn only_secret_keys_have_an_old_secret() {
        let secret = key(KeyType::Secret, "x", None);
        let created_at = secret.facts().created_at;
        let older_than = |time| KeyFilter { secret_older_than: Some(time), ..KeyFilter::default() };
        let later = created_at.saturating_add(Duration::from_micros(1));
        assert!(matches(&older_than(later), &secret, None));
        assert!(!matches(&older_than(created_at), &secret, None));
        assert!(!matches(&older_than(later), &key(KeyType::Public, "x", None), None));
    }

    #[test]
    fn type_creator_scope_and_status_are_compared() {
        let key = key(KeyType::Secret, "x", None);
        let other = Actor::Key(KeyId::from_uuid(uuid::Uuid::from_u128(99)));
        let base = KeyFilter::default;
        for (filter, expected) in [
            (KeyFilter { key_type: Some(KeyType::Secret), ..base() }, true),
            (KeyFilter { key_type: Some(KeyType::Public), ..base() }, false),
            (KeyFilter { created_by: Some(key.facts().created_by), ..base() }, true),
            (KeyFilter { created_by: Some(other), ..base() }, false),
            (KeyFilter { scope: Some("charges:read".parse().unwrap()), ..base() }, true),
            (KeyFilter { scope: Some("refunds:read".parse().unwrap()), ..base() }, false),
            (KeyFilter { status: Some(KeyStatus::Active), ..base() }, true),
            (KeyFilter { status: Some(KeyStatus::Suspended), ..base() }, false),
        ] {
            assert_eq!(matches(&filter, &key, None), expected, "{filter:?}");
        }
    }
}
