//! Effective values over three levels, and the ends that follow from them.
use super::*;
use crate::fixture::at;

fn period(seconds: u64) -> Period {
    Period::from_seconds(seconds).unwrap()
}

fn idle(seconds: u64, action: IdleAction) -> Policy {
    Policy { idle: Some(Idle { period: period(seconds), action }), ..Policy::NONE }
}

#[test]
fn a_period_is_from_one_second_to_100_years() {
    let max = u64::from(Period::MAX_SECONDS);
    for (seconds, is_valid) in [(0, false), (1, true), (max, true), (max + 1, false), (u64::MAX, false)] {
        assert_eq!(Period::from_seconds(seconds).is_ok(), is_valid, "{seconds}");
    }
    assert_eq!(period(7).after(at(3)), at(10));
    assert_eq!(period(max).after(Timestamp::MAX), Timestamp::MAX);
}

/// Sets one member of a policy to a number of seconds, or to a count.
type Member = fn(&mut Policy, u64);

const MEMBERS: [(&str, Member); 5] = [
    ("max_life", |policy, n| policy.max_life = Some(period(n))),
    ("default_life", |policy, n| policy.default_life = Some(period(n))),
    ("max_secret_age", |policy, n| policy.max_secret_age = Some(period(n))),
    ("max_overlap", |policy, n| policy.max_overlap = Some(period(n))),
    ("max_keys", |policy, n| policy.max_keys = Some(u32::try_from(n).unwrap())),
];

#[test]
fn the_least_value_of_three_levels_applies_and_an_absent_one_restricts_nothing() {
    let levels: [(&[Option<u64>; 3], Option<u64>); 7] = [
        (&[None, None, None], None),
        (&[Some(5), None, None], Some(5)),
        (&[None, Some(5), None], Some(5)),
        (&[None, None, Some(5)], Some(5)),
        (&[Some(3), Some(5), Some(7)], Some(3)),
        (&[Some(7), Some(3), Some(5)], Some(3)),
        (&[Some(7), Some(5), Some(3)], Some(3)),
    ];
    for (name, set) in MEMBERS {
        let policy = |value: Option<u64>| {
            let mut policy = Policy::NONE;
            if let Some(n) = value {
                set(&mut policy, n);
            }
            policy
        };
        for (levels, expected) in levels {
            let policies = levels.map(policy);
            assert_eq!(Policy::strictest(&policies), policy(expected), "{name} {levels:?}");
        }
    }
}

#[test]
fn members_of_different_levels_apply_together() {
    let own = Policy { max_keys: Some(3), ..Policy::NONE };
    let above = Policy { max_life: Some(period(9)), ..Policy::NONE };
    let both = Policy { max_keys: Some(3), max_life: Some(period(9)), ..Policy::NONE };
    assert_eq!(Policy::strictest([&own, &above]), both);
}

#[test]
fn suspending_idle_keys_is_stricter_than_reporting_them() {
    use IdleAction::{Report, Suspend};
    for (one, other, expected) in [
        (idle(5, Report), idle(9, Suspend), idle(9, Suspend)),
        (idle(5, Suspend), idle(9, Suspend), idle(5, Suspend)),
        (idle(9, Report), idle(5, Report), idle(5, Report)),
        (Policy::NONE, idle(5, Report), idle(5, Report)),
    ] {
        assert_eq!(Policy::strictest([&one, &other]), expected);
        assert_eq!(Policy::strictest([&other, &one]), expected);
    }
}

#[test]
fn a_default_life_ends_at_the_maximum_at_the_latest() {
    let policy = |default: Option<u64>, max: Option<u64>| Policy {
        default_life: default.map(period),
        max_life: max.map(period),
        ..Policy::NONE
    };
    for (default, max, end) in [
        (None, None, None),
        (None, Some(5), None),
        (Some(5), None, Some(at(15))),
        (Some(5), Some(9), Some(at(15))),
        (Some(9), Some(5), Some(at(15))),
    ] {
        for begins in [None, Some(at(9)), Some(at(10))] {
            assert_eq!(policy(default, max).default_end(at(10), begins), end, "{default:?} {max:?} {begins:?}");
        }
    }
    // A key that begins later lives from then on, and never longer than the maximum.
    assert_eq!(policy(Some(5), None).default_end(at(10), Some(at(20))), Some(at(25)));
    assert_eq!(policy(Some(5), Some(12)).default_end(at(10), Some(at(20))), Some(at(22)));
    assert_eq!(policy(None, Some(5)).ends_at(at(10)), Some(at(15)));
    assert_eq!(policy(Some(9), Some(5)).errors().collect::<Vec<_>>(), [PolicyError::DefaultBeyondMax]);
    assert_eq!(policy(Some(5), Some(5)).errors().count(), 0);
    assert_eq!(PolicyError::DefaultBeyondMax.field(), "default_life_seconds");
}

#[test]
fn the_shorter_of_two_ages_decides_which_keys_are_usable_by_the_later_clock() {
    let policy = |life: Option<u64>, age: Option<u64>| Policy {
        max_life: life.map(period),
        max_secret_age: age.map(period),
        ..Policy::NONE
    };
    for now in [Now::by(at(100), at(90)), Now::by(at(90), at(100))] {
        for (policy, usable, alive) in [
            (policy(None, None), None, None),
            (policy(Some(10), None), Some(at(90)), Some(at(90))),
            (policy(None, Some(10)), Some(at(90)), None),
            (policy(Some(10), Some(20)), Some(at(90)), Some(at(90))),
            (policy(Some(20), Some(10)), Some(at(90)), Some(at(80))),
        ] {
            assert_eq!((policy.usable_after(now), policy.alive_after(now)), (usable, alive), "{policy:?}");
        }
    }
}
