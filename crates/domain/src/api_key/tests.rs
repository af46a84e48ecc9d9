//! Terms, issuing, and the one predicate at its boundary instants.

use super::*;
use crate::{
    Link, MasterKey, Period, Policy, Reason, RestrictionError, SecretForm, Status,
    fixture::{at, chain, facts, hasher, secret, until, value},
};

fn revocation() -> Revocation {
    Revocation { at: at(5), by: Actor::Operator, reason: Reason::Compromised }
}

fn terms(key_type: KeyType, scopes: &str, restrictions: Restrictions) -> Result<KeyTerms, TermsError> {
    KeyTerms::agree(
        key_type,
        Name::parse("n").unwrap(),
        None,
        scopes.parse().unwrap(),
        restrictions,
        Now::exact(at(10)),
    )
}

#[test]
fn scopes_of_this_service_are_for_secret_keys_only() {
    for (key_type, scopes, agreed) in [
        (KeyType::Secret, "api-keys:read charges:read", true),
        (KeyType::Public, "charges:read", true),
        (KeyType::Public, "charges:read api-keys:read", false),
        (KeyType::Tokenization, "merchants:*", false),
        (KeyType::Tokenization, "", true),
    ] {
        assert_eq!(terms(key_type, scopes, Restrictions::NONE).is_ok(), agreed, "{key_type} {scopes}");
    }
}

#[test]
fn a_key_is_never_issued_expired() {
    assert_eq!(terms(KeyType::Secret, "", until(9)), Err(RestrictionError::ExpiryNotInFuture.into()));
    assert_eq!(terms(KeyType::Secret, "", until(10)), Err(RestrictionError::ExpiryNotInFuture.into()));
    let just_after = Timestamp::from_micros(at(10).as_micros() + 1).unwrap();
    assert!(terms(KeyType::Secret, "", Restrictions { expires_at: Some(just_after), ..Restrictions::NONE }).is_ok());
}

#[test]
fn all_errors_of_a_key_are_returned_together() {
    let scopes: ScopeSet = "api-keys:read charges:read merchants:*".parse().unwrap();
    let now = Now::exact(at(10));
    let errors = |key_type, restrictions| KeyTerms::errors(key_type, &scopes, &restrictions, now).collect::<Vec<_>>();
    let reserved = |place, scope: &str| TermsError::ReservedScope { place, scope: scope.parse().unwrap() };
    let (read, merchants) = (reserved(0, "api-keys:read"), reserved(2, "merchants:*"));
    let expired = TermsError::Restriction(RestrictionError::ExpiryNotInFuture);
    assert_eq!(errors(KeyType::Public, until(9)), [read.clone(), merchants.clone(), expired.clone()]);
    assert_eq!(errors(KeyType::Public, Restrictions::NONE), [read, merchants]);
    assert_eq!(errors(KeyType::Secret, until(9)), [expired]);
    assert_eq!(errors(KeyType::Secret, until(11)), []);
}

#[test]
fn only_an_active_account_gets_new_keys() {
    for (merchant, partner, issued) in [
        (Status::Active, Status::Active, true),
        (Status::Suspended, Status::Active, false),
        (Status::Closed, Status::Active, false),
        (Status::Active, Status::Suspended, false),
        (Status::Active, Status::Closed, false),
    ] {
        let origin = Origin { id: facts(1, KeyType::Public, "").id, at: at(10), by: Actor::Operator, pair: None };
        let terms = terms(KeyType::Public, "", Restrictions::NONE).unwrap();
        let key = ApiKey::issue(terms, origin, &chain(merchant, partner), &value(KeyType::Public, 1), None);
        assert_eq!(key.is_ok(), issued, "{merchant} {partner}");
    }
}

#[test]
fn only_a_digest_of_a_secret_value_is_stored() {
    let chain = chain(Status::Active, Status::Active);
    let origin = |id| Origin { id, at: at(10), by: Actor::Operator, pair: None };
    let shown = value(KeyType::Secret, 1);
    let digest = hasher().digest(&shown, &[0; 16]).unwrap();
    let id = facts(1, KeyType::Secret, "").id;
    let key = ApiKey::issue(
        terms(KeyType::Secret, "", Restrictions::NONE).unwrap(),
        origin(id),
        &chain,
        &shown,
        Some(digest),
    )
    .unwrap();
    assert_eq!(key.readable_value(), None);
    assert!(!format!("{key:?}").contains(shown.expose()));
    assert_eq!(key.facts().last_four, shown.last_four());
    let public = value(KeyType::Public, 1);
    let key = ApiKey::issue(terms(KeyType::Public, "", Restrictions::NONE).unwrap(), origin(id), &chain, &public, None)
        .unwrap();
    assert_eq!(key.readable_value(), Some(public.expose()));
}

#[test]
fn the_one_predicate_at_its_boundary_instants() {
    use Status::{Active, Closed, Suspended};
    let micro_before = Timestamp::from_micros(at(100).as_micros() - 1).unwrap();
    let expiring =
        |state| ApiKey::restore(KeyFacts { restrictions: until(100), state, ..facts(1, KeyType::Secret, "") }).unwrap();
    let active = || expiring(KeyState::Active);
    let revoked = || expiring(KeyState::Revoked(revocation()));
    let suspension = Some(Suspension { at: at(1), by: Actor::Operator, level: None });
    let suspended = |key: ApiKey| ApiKey::restore(KeyFacts { suspension, ..key.facts().clone() }).unwrap();
    for (key, merchant, partner, now, expected, status) in [
        (active(), Active, Active, at(0), Ok(()), KeyStatus::Active),
        (active(), Active, Active, micro_before, Ok(()), KeyStatus::Active),
        (active(), Active, Active, at(100), Err(Unusable::Expired), KeyStatus::Expired),
        (active(), Active, Active, at(101), Err(Unusable::Expired), KeyStatus::Expired),
        (active(), Suspended, Active, at(0), Err(Unusable::Suspended), KeyStatus::Active),
        (active(), Active, Suspended, at(0), Err(Unusable::Suspended), KeyStatus::Active),
        (active(), Suspended, Active, at(100), Err(Unusable::Suspended), KeyStatus::Expired),
        (active(), Closed, Active, at(0), Err(Unusable::Revoked), KeyStatus::Revoked),
        (active(), Suspended, Closed, at(0), Err(Unusable::Revoked), KeyStatus::Revoked),
        (active(), Closed, Active, at(100), Err(Unusable::Revoked), KeyStatus::Revoked),
        (suspended(active()), Active, Active, at(0), Err(Unusable::Suspended), KeyStatus::Suspended),
        (suspended(active()), Active, Active, at(100), Err(Unusable::Suspended), KeyStatus::Expired),
        (suspended(active()), Closed, Active, at(0), Err(Unusable::Revoked), KeyStatus::Revoked),
        (suspended(revoked()), Active, Active, at(0), Err(Unusable::Revoked), KeyStatus::Revoked),
        (revoked(), Active, Active, at(0), Err(Unusable::Revoked), KeyStatus::Revoked),
        (revoked(), Suspended, Active, at(100), Err(Unusable::Revoked), KeyStatus::Revoked),
    ] {
        let chain = chain(merchant, partner);
        assert_eq!(
            key.usable(&chain, &Context::at(Now::exact(now))).map(|_| ()),
            expected,
            "{merchant} {partner} {now}"
        );
        assert_eq!(key.status(&chain, Now::exact(now)), status, "{merchant} {partner} {now}");
    }
}

#[test]
fn a_key_without_expiry_never_expires() {
    let key = secret(1, "");
    assert!(key.usable(&chain(Status::Active, Status::Active), &Context::at(Now::exact(Timestamp::MAX))).is_ok());
}

#[test]
fn contradictory_rows_are_refused() {
    let public = facts(1, KeyType::Public, "");
    let secret = facts(1, KeyType::Secret, "");
    for broken in [
        KeyFacts { key_type: KeyType::Secret, ..public.clone() },
        KeyFacts { key_type: KeyType::Tokenization, ..secret.clone() },
        KeyFacts { scopes: "api-keys:*".parse().unwrap(), ..public.clone() },
    ] {
        assert_eq!(ApiKey::restore(broken), Err(InconsistentKey));
    }
    assert!(ApiKey::restore(public).is_ok() && ApiKey::restore(secret).is_ok());
}

#[test]
fn which_keys_count_as_manager_keys() {
    for (key_type, scopes, writes) in [
        (KeyType::Secret, "api-keys:write", true),
        (KeyType::Secret, "charges:read api-keys:*", true),
        (KeyType::Secret, "api-keys:read api-keys:verify", false),
        (KeyType::Secret, "merchants:*", false),
        (KeyType::Public, "charges:*", false),
    ] {
        assert_eq!(
            ApiKey::restore(facts(1, key_type, scopes)).unwrap().is_manager_key(),
            writes,
            "{key_type} {scopes}"
        );
    }
}

#[test]
fn a_value_is_proved_against_its_own_key_only() {
    let others_hasher = SecretHasher::new(&MasterKey::from_bytes(&[2; 32]).ok().unwrap(), SecretForm::Hmac);
    for key_type in [KeyType::Secret, KeyType::Public] {
        let key = ApiKey::restore(facts(1, key_type, "")).unwrap();
        let proves = |value: &KeyValue, hasher: &SecretHasher| {
            let presented = PresentedValue::parse(value.expose(), crate::Environment::Sandbox).ok().unwrap();
            key.prove(&presented, hasher).unwrap().holds()
        };
        assert!(proves(&value(key_type, 1), &hasher()));
        assert!(!proves(&value(key_type, 2), &hasher()));
        let other_secret = KeyValue::mint(key_type, crate::Environment::Sandbox, key.id(), [8; 32]);
        assert!(!proves(&other_secret, &hasher()));
        assert_eq!(proves(&value(key_type, 1), &others_hasher), key_type == KeyType::Public);
    }
}

/// The fixture's chain, in which each level has the policy beside it: merchant, partner, platform.
fn under(policies: [Option<Policy>; 3]) -> Chain {
    let chain = chain(Status::Active, Status::Active);
    let mut links =
        chain.links().zip(policies).map(|(link, policy)| Link { policy: policy.map(Box::new), ..link.clone() });
    Chain::new(links.next().unwrap(), links.collect()).unwrap()
}

fn max_life(seconds: u64) -> Policy {
    Policy { max_life: Some(Period::from_seconds(seconds).unwrap()), ..Policy::NONE }
}

fn max_secret_age(seconds: u64) -> Policy {
    Policy { max_secret_age: Some(Period::from_seconds(seconds).unwrap()), ..Policy::NONE }
}

#[test]
fn the_strictest_policy_of_the_chain_ends_a_key_at_its_instant_by_the_later_clock() {
    use Unusable::{Expired, RotationDue};
    let key = |end: Option<i64>| {
        let restrictions = Restrictions { expires_at: end.map(at), ..Restrictions::NONE };
        ApiKey::restore(KeyFacts { restrictions, ..facts(1, KeyType::Secret, "") }).unwrap()
    };
    for (policies, end, effective, [shared, own], expected) in [
        ([None, None, None], None, None, [1_000, 1_000], Ok(())),
        ([Some(max_life(20)), None, None], None, Some(20), [19, 19], Ok(())),
        ([Some(max_life(20)), None, None], None, Some(20), [20, 20], Err(Expired)),
        ([None, Some(max_life(20)), None], None, Some(20), [20, 19], Err(Expired)),
        ([None, None, Some(max_life(20))], None, Some(20), [19, 20], Err(Expired)),
        ([Some(max_life(30)), Some(max_life(20)), Some(max_life(25))], None, Some(20), [20, 20], Err(Expired)),
        ([Some(max_life(30)), Some(max_life(20)), None], Some(10), Some(10), [9, 9], Ok(())),
        ([Some(max_life(30)), Some(max_life(20)), None], Some(10), Some(10), [10, 10], Err(Expired)),
        ([Some(max_life(20)), None, None], Some(30), Some(20), [20, 20], Err(Expired)),
        ([Some(max_secret_age(20)), None, None], None, None, [19, 19], Ok(())),
        ([Some(max_secret_age(20)), None, None], None, None, [19, 20], Err(RotationDue)),
        ([Some(max_secret_age(20)), Some(max_life(20)), None], None, Some(20), [20, 20], Err(Expired)),
    ] {
        let (key, chain) = (key(end), under(policies));
        assert_eq!(key.ends_at(&chain), effective.map(at), "{policies:?}");
        let now = Now::by(at(shared), at(own));
        assert_eq!(key.usable(&chain, &Context::at(now)).map(|_| ()), expected, "{policies:?} {end:?} {now:?}");
        let status = if expected == Err(Expired) { KeyStatus::Expired } else { KeyStatus::Active };
        assert_eq!(key.status(&chain, now), status, "{policies:?} {end:?} {now:?}");
    }
}

#[test]
fn only_secret_keys_are_due_for_a_rotation() {
    let chain = under([Some(max_secret_age(20)), None, None]);
    let public = ApiKey::restore(facts(1, KeyType::Public, "")).unwrap();
    assert!(public.usable(&chain, &Context::at(Now::exact(at(20)))).is_ok());
    assert_eq!(public.view().usable_until(&chain), None);
    assert_eq!(secret(1, "").view().usable_until(&chain), Some(at(20)));
}

#[test]
fn the_terms_of_a_new_key_follow_the_policy() {
    let policy = |default: Option<u64>, max: Option<u64>| Policy {
        default_life: default.map(|seconds| Period::from_seconds(seconds).unwrap()),
        max_life: max.map(|seconds| Period::from_seconds(seconds).unwrap()),
        ..Policy::NONE
    };
    let beyond = |seconds| RestrictionError::BeyondPolicy { max_life: Period::from_seconds(seconds).unwrap() };
    for (end, policy, expected) in [
        (None, policy(None, None), Ok(None)),
        (Some(50), policy(None, None), Ok(Some(50))),
        (None, policy(Some(5), Some(20)), Ok(Some(15))),
        (Some(30), policy(Some(5), Some(20)), Ok(Some(30))),
        (Some(31), policy(Some(5), Some(20)), Err(beyond(20))),
        // Without an end of its own the key ends by the policy.
        (None, policy(None, Some(20)), Ok(None)),
    ] {
        let restrictions = Restrictions { expires_at: end.map(at), ..Restrictions::NONE };
        let terms = terms(KeyType::Secret, "", restrictions).unwrap().under(&policy, at(10));
        let id = KeyId::from_uuid(uuid::Uuid::from_u128(1));
        let chain = chain(Status::Active, Status::Active);
        let value = value(KeyType::Secret, 1);
        let digest = hasher().digest(&value, &[0; 16]).unwrap();
        let end = terms.map(|terms| {
            let key = ApiKey::issue(
                terms,
                Origin { id, at: at(10), by: Actor::Operator, pair: None },
                &chain,
                &value,
                Some(digest),
            )
            .unwrap();
            key.facts().restrictions.expires_at
        });
        assert_eq!(end, expected.map(|end| end.map(at)));
    }
}
