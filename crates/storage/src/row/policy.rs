//! The column of an account's policy: one JSON object for both databases, with the contract's names.

use keyward_domain::{Idle, Period, Policy};
use serde_json::{Map, Value};

/// The column value of a policy; none if it restricts nothing.
#[must_use]
pub fn policy_column(policy: &Policy) -> Option<String> {
    let Policy { max_life, default_life, max_secret_age, max_overlap, max_keys, idle } = policy;
    let mut members = Map::new();
    for (name, period) in [
        ("max_life_seconds", *max_life),
        ("default_life_seconds", *default_life),
        ("max_secret_age_seconds", *max_secret_age),
        ("max_overlap_seconds", *max_overlap),
        ("idle_seconds", idle.map(|idle| idle.period)),
    ] {
        members.extend(period.map(|period| (name.to_owned(), period.as_seconds().into())));
    }
    members.extend(max_keys.map(|count| ("max_keys".to_owned(), count.into())));
    members.extend(idle.map(|idle| ("idle_action".to_owned(), idle.action.as_str().into())));
    (!members.is_empty()).then(|| Value::Object(members).to_string())
}

/// The policy of a column value; `Err` if it is corrupt.
pub(super) fn policy(column: Option<&str>) -> Result<Option<Box<Policy>>, CorruptPolicy> {
    let Some(text) = column else { return Ok(None) };
    let members: Map<String, Value> = serde_json::from_str(text).map_err(|_| CorruptPolicy)?;
    let number = |name: &str| members.get(name).map(|value| value.as_u64().ok_or(CorruptPolicy)).transpose();
    let period = |name: &str| -> Result<Option<Period>, CorruptPolicy> {
        number(name)?.map(|seconds| Period::from_seconds(seconds).map_err(|_| CorruptPolicy)).transpose()
    };
    let action = members.get("idle_action").map(|value| value.as_str().ok_or(CorruptPolicy)).transpose()?;
    let idle = match (period("idle_seconds")?, action) {
        (None, None) => None,
        (Some(period), Some(action)) => Some(Idle { period, action: action.parse().map_err(|_| CorruptPolicy)? }),
        (None, Some(_)) | (Some(_), None) => return Err(CorruptPolicy),
    };
    let max_keys = number("max_keys")?.map(|count| u32::try_from(count).map_err(|_| CorruptPolicy)).transpose()?;
    Ok(Some(Box::new(Policy {
        max_life: period("max_life_seconds")?,
        default_life: period("default_life_seconds")?,
        max_secret_age: period("max_secret_age_seconds")?,
        max_overlap: period("max_overlap_seconds")?,
        max_keys,
        idle,
    })))
}

/// The column holds what this service never writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CorruptPolicy;

#[cfg(test)]
mod tests {
    //! A policy is what it was after a round trip, and a corrupt column is none.
    use keyward_domain::IdleAction;

    use super::*;

    fn whole() -> Policy {
        let period = |seconds| Some(Period::from_seconds(seconds).unwrap());
        Policy {
            max_life: period(1),
            default_life: period(2),
            max_secret_age: period(3),
            max_overlap: period(4),
            max_keys: Some(0),
            idle: period(5).map(|period| Idle { period, action: IdleAction::Suspend }),
        }
    }

    #[test]
    fn a_policy_is_restored_as_it_was_stored() {
        for stored in [whole(), Policy { max_keys: Some(7), ..Policy::NONE }] {
            assert_eq!(policy(policy_column(&stored).as_deref()), Ok(Some(Box::new(stored))));
        }
        assert_eq!((policy_column(&Policy::NONE), policy(None)), (None, Ok(None)));
    }

    #[test]
    fn a_corrupt_column_is_no_policy() {
        for text in [
            "",
            "[]",
            "{\"max_life_seconds\": 0}",
            "{\"max_keys\": -1}",
            "{\"max_keys\": \"7\"}",
            "{\"idle_seconds\": 7}",
            "{\"idle_action\": \"report\"}",
            "{\"idle_seconds\": 7, \"idle_action\": \"delete\"}",
        ] {
            assert_eq!(policy(Some(text)), Err(CorruptPolicy), "{text}");
        }
    }
}
