//! Tables of valid scopes, coverage and grants.

use super::*;

fn set(text: &str) -> ScopeSet {
    text.parse().unwrap()
}

#[test]
fn a_scope_has_the_shape_of_the_contract() {
    let longest = "a".repeat(64);
    for good in
        ["a", "charges:read", "charges:*", "a.b_c-9:x:y:z", "a:b:*", "customers", "api-keysx:foo", longest.as_str()]
    {
        assert!(good.parse::<Scope>().is_ok(), "{good}");
    }
    let too_long = "a".repeat(65);
    for bad in [
        "",
        "*",
        ":*",
        "a:",
        ":a",
        "a::b",
        "a:*:b",
        "a*",
        "a:b*",
        "A:read",
        "a b",
        "é",
        "a:**",
        "a/b",
        too_long.as_str(),
    ] {
        assert_eq!(bad.parse::<Scope>(), Err(ParseScopeError::Malformed), "{bad}");
    }
}

#[test]
fn reserved_segments_have_only_the_services_own_scopes() {
    for good in [
        "api-keys:read",
        "api-keys:write",
        "api-keys:verify",
        "api-keys:*",
        "merchants:read",
        "merchants:write",
        "merchants:*",
        "audit:*",
        "webhooks:*",
    ] {
        assert!(good.parse::<Scope>().is_ok_and(|scope| scope.is_reserved()), "{good}");
    }
    for bad in [
        "api-keys",
        "api-keys:delete",
        "api-keys:read:*",
        "merchants:verify",
        "audit:read",
        "webhooks",
        "api-keys:read:x",
    ] {
        assert_eq!(bad.parse::<Scope>(), Err(ParseScopeError::UnknownReserved), "{bad}");
    }
}

#[test]
fn a_wildcard_covers_what_starts_with_its_stem_and_not_the_stem() {
    for (held, wanted, covered) in [
        ("a:b", "a:b", true),
        ("a:*", "a:b", true),
        ("a:*", "a:b:c", true),
        ("a:*", "a:*", true),
        ("a:*", "a:b:*", true),
        ("a:*", "a", false),
        ("a:*", "ab:c", false),
        ("a:b:*", "a:b", false),
        ("a:b:*", "a:*", false),
        ("a:b", "a:*", false),
        ("a:b", "a:b:c", false),
    ] {
        let (held, want): (Scope, Scope) = (held.parse().unwrap(), wanted.parse().unwrap());
        assert_eq!(held.covers(&want), covered, "{held} {want}");
        assert_eq!(set(held.as_str()).covers_all(&set(want.as_str())), covered, "{held} {want}");
    }
}

#[test]
fn scopes_together_have_at_most_two_thousand_and_forty_eight_characters() {
    let scopes: Vec<String> = (0..33).map(|n| format!("{n:0>64}")).collect();
    let parse = |count: usize, more: &[&'static str]| {
        ScopeSet::parse(scopes.iter().take(count).map(String::as_str).chain(more.iter().copied()))
    };
    assert!(parse(32, &[]).is_ok());
    assert_eq!(parse(32, &["a"]), Err(ScopeSetError::TooLong));
    assert_eq!(parse(33, &[]), Err(ScopeSetError::TooLong));
    // Scopes stored before the rule are restored.
    assert_eq!(set(&scopes.join(" ")).iter().count(), 33);
}

#[test]
fn uncovered_scopes_are_returned_in_order() {
    for (wanted, held, left) in
        [("b a:x c", "a:*", "b c"), ("a:x", "a:*", ""), ("a a:*", "a:b", "a a:*"), ("", "a", "")]
    {
        assert_eq!(set(wanted).uncovered_by(set(held).as_scopes()), set(left), "{wanted} {held}");
    }
}

#[test]
fn a_set_keeps_its_order_and_refuses_duplicates_and_more_than_a_hundred() {
    assert_eq!(set("b:x a:y").iter().collect::<Vec<_>>(), ["b:x", "a:y"]);
    assert_eq!(ScopeSet::parse(["a", "b", "a"]), Err(ScopeSetError::Duplicate(2)));
    assert_eq!(ScopeSet::parse(["a", "B"]), Err(ScopeSetError::Scope(1, ParseScopeError::Malformed)));
    assert_eq!("a  b".parse::<ScopeSet>(), Err(ScopeSetError::Scope(1, ParseScopeError::Malformed)));
    let many: Vec<String> = (0..=MAX_SCOPES).map(|n| format!("s{n}")).collect();
    assert!(ScopeSet::parse(many.iter().take(MAX_SCOPES).map(String::as_str)).is_ok());
    assert_eq!(ScopeSet::parse(many.iter().map(String::as_str)), Err(ScopeSetError::TooMany));
}

#[test]
fn every_error_of_a_list_is_reported_and_none_of_a_valid_one() {
    use ScopeSetError::{Duplicate, Scope, TooLong, TooMany};
    let malformed = |place| Scope(place, ParseScopeError::Malformed);
    assert_eq!(ScopeSet::errors(["a", "b:*"]), []);
    let unknown = Scope(4, ParseScopeError::UnknownReserved);
    assert_eq!(ScopeSet::errors(["A", "a", "", "a", "audit:x"]), [malformed(0), malformed(2), Duplicate(3), unknown]);
    let many: Vec<String> = (0..=MAX_SCOPES).map(|n| format!("s{n}")).collect();
    assert_eq!(ScopeSet::errors(many.iter().map(String::as_str)), [TooMany]);
    let long: Vec<String> = (0..33).map(|n| format!("{n:0>64}")).collect();
    assert_eq!(ScopeSet::errors(long.iter().map(String::as_str)), [TooLong]);
}

#[test]
fn the_empty_set_grants_nothing() {
    let none = ScopeSet::empty();
    assert!(none.is_empty() && none.iter().next().is_none());
    assert!(Permission::ALL.iter().all(|permission| !none.permits(*permission)));
    assert!(set("a").covers_all(&none));
}

#[test]
fn a_tokens_effective_scopes_are_those_that_both_sides_cover() {
    for (token, key, effective) in [
        ("api-keys:read", "api-keys:*", "api-keys:read"),
        ("api-keys:*", "api-keys:read", "api-keys:read"),
        ("a:* b", "a:x a:y c", "a:x a:y"),
        ("a:x", "a:x", "a:x"),
        ("a:*", "a:*", "a:*"),
        ("a:x", "b:x", ""),
        ("", "a:*", ""),
    ] {
        assert_eq!(set(token).intersection(&set(key)), set(effective), "{token} ∩ {key}");
    }
}

#[test]
fn which_role_may_grant_which_scopes() {
    use Role::{Merchant, Partner, Platform};
    for (role, held, wanted, allowed) in [
        // the platform's vocabulary
        (Platform, "", "charges:read anything:*", true),
        (Partner, "", "charges:*", true),
        (Merchant, "", "charges:read", false),
        (Merchant, "charges:read", "charges:read", true),
        (Merchant, "charges:*", "charges:read charges:*", true),
        (Merchant, "charges:read", "charges:*", false),
        // our own scopes: a caller grants only what it holds
        (Platform, "", "api-keys:read", false),
        (Platform, "api-keys:read", "api-keys:read", true),
        (Partner, "api-keys:*", "api-keys:read api-keys:*", true),
        // a wildcard only by that wildcard, even if every scope below it is held
        (Partner, "api-keys:read api-keys:write api-keys:verify", "api-keys:*", false),
        (Partner, "api-keys:*", "merchants:read", false),
        (Merchant, "api-keys:*", "api-keys:verify", true),
        (Merchant, "", "", true),
    ] {
        assert_eq!(
            may_grant(role, set(held).as_scopes(), &set(wanted)).is_ok(),
            allowed,
            "{role:?} holding {held:?} grants {wanted:?}"
        );
    }
    let refusal = may_grant(Merchant, set("a:x").as_scopes(), &set("a:x b:y c:z")).unwrap_err();
    assert_eq!(refusal.scopes, set("b:y c:z"));
}
