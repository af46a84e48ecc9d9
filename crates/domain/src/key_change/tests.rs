//! Tables of changes, suspensions and resumptions: what they affect, and who is refused.
use crate::{
    AccountId, KeyState, KeyType, Link, Period, Policy, Reason, Revocation, Role, Status,
    fixture::{account, at, chain, facts, link, secret, until},
};

use super::*;

const MANAGER: &str = "api-keys:write";

/// The reach of a caller of the account with this number in the fixture's tree.
fn reach(n: u128, role: Role) -> Reach {
    Reach::of(&link(n, role, Status::Active))
}

/// A request of the key with this number, of the merchant that holds the keys.
fn by_key(n: u128, seconds: i64) -> KeyChangeRequest {
    let by = Actor::Key(secret(n, "").id());
    KeyChangeRequest { now: Now::exact(at(seconds)), by, reach: reach(3, Role::Merchant) }
}

fn by(reach: Reach) -> KeyChangeRequest {
    KeyChangeRequest { reach, ..by_key(99, 10) }
}

fn active() -> Chain {
    chain(Status::Active, Status::Active)
}

fn changed(key: &ApiKey, patch: &KeyPatch) -> Result<ChangedKey, ChangeRefusal> {
    key.change(patch, &active(), &by_key(99, 10), OtherManagerKeys::Some)
}

fn with(key: &ApiKey, facts: impl FnOnce(&mut KeyFacts)) -> ApiKey {
    let mut changed = key.facts().clone();
    facts(&mut changed);
    ApiKey::restore(changed).unwrap()
}

fn revoked(key: &ApiKey) -> ApiKey {
    let revocation = Revocation { at: at(1), by: Actor::Operator, reason: Reason::Unspecified };
    with(key, |facts| facts.state = KeyState::Revoked(revocation))
}

fn suspended(key: &ApiKey, level: Option<Level>) -> ApiKey {
    with(key, |facts| facts.suspension = Some(Suspension { at: at(1), by: Actor::Operator, level }))
}

fn name(text: &str) -> KeyPatch {
    KeyPatch { name: Some(Name::parse(text).unwrap()), ..KeyPatch::default() }
}

fn scopes(text: &str) -> KeyPatch {
    KeyPatch { scopes: Some(text.parse().unwrap()), ..KeyPatch::default() }
}

fn ends(end: Option<i64>) -> KeyPatch {
    KeyPatch { expires_at: Some(end.map(at)), ..KeyPatch::default() }
}

fn begins(start: Option<i64>) -> KeyPatch {
    KeyPatch { not_before: Some(start.map(at)), ..KeyPatch::default() }
}

fn metadata(members: &[(&str, Option<&str>)]) -> KeyPatch {
    let members = members.iter().map(|(name, value)| (Box::from(*name), value.map(Box::from)));
    KeyPatch { metadata: Some(Some(MetadataPatch::new(members).unwrap())), ..KeyPatch::default() }
}

#[test]
fn a_change_affects_verdicts_or_what_is_shown_or_the_record_alone() {
    let key = with(&secret(1, "charges:read"), |facts| facts.restrictions = until(100));
    let described = |text| KeyPatch { description: Some(text), ..KeyPatch::default() };
    let note = Some(Description::parse("a note").unwrap());
    for (patch, expected) in [
        (KeyPatch::default(), ChangeEffect::None),
        (name("a key"), ChangeEffect::None),
        (scopes("charges:read"), ChangeEffect::None),
        (ends(Some(100)), ChangeEffect::None),
        (metadata(&[("unknown", None)]), ChangeEffect::None),
        (described(None), ChangeEffect::None),
        (name("another name"), ChangeEffect::Shown),
        (described(note), ChangeEffect::Record),
        (metadata(&[("order", Some("7"))]), ChangeEffect::Record),
        (scopes("charges:read charges:write"), ChangeEffect::Verdict),
        (scopes(""), ChangeEffect::Verdict),
        (ends(Some(200)), ChangeEffect::Verdict),
        (ends(Some(50)), ChangeEffect::Verdict),
        (ends(None), ChangeEffect::Verdict),
        (begins(Some(20)), ChangeEffect::Verdict),
        (KeyPatch { name: name("n").name, ..ends(None) }, ChangeEffect::Verdict),
    ] {
        let after = changed(&key, &patch).unwrap();
        assert_eq!(after.effect, expected, "{patch:?}");
        let version = if expected == ChangeEffect::None { 1 } else { 2 };
        assert_eq!(after.key.facts().version, version, "{patch:?}");
    }
}

#[test]
fn a_change_replaces_what_it_names_and_nothing_else() {
    let before = with(&secret(1, "charges:read"), |facts| {
        facts.restrictions = until(100);
        facts.description = Some(Description::parse("a note").unwrap());
        facts.metadata = Metadata::new([("a", "1"), ("b", "2")]).unwrap();
    });
    let after = changed(&before, &metadata(&[("a", None), ("c", Some("3"))])).unwrap().key;
    let expected = Metadata::new([("b", "2"), ("c", "3")]).unwrap();
    assert_eq!(after, with(&before, |facts| (facts.metadata, facts.version) = (expected, 2)));
    let cleared = KeyPatch { metadata: Some(None), description: Some(None), ..begins(Some(20)) };
    let after = changed(&before, &cleared).unwrap().key;
    let facts = after.facts();
    assert_eq!((&facts.metadata, &facts.description), (&Metadata::empty(), &None));
    assert_eq!(facts.restrictions, Restrictions { not_before: Some(at(20)), expires_at: Some(at(100)) });
    assert_eq!((&facts.scopes, &facts.name), (&before.facts().scopes, &before.facts().name));
}

#[test]
fn a_key_never_ends_in_the_past_nor_begins_after_its_end() {
    use RestrictionError::{BeginsAfterItsEnd, EndsBeforeItsStart, ExpiryNotInFuture};
    let key = with(&secret(1, ""), |facts| facts.restrictions = until(100));
    let pending = with(&key, |facts| facts.restrictions.not_before = Some(at(50)));
    let refusal = changed(&pending, &ends(Some(50))).unwrap_err();
    assert_eq!(refusal, ChangeRefusal::Invalid(vec![PatchError::Terms(EndsBeforeItsStart.into())]));
    for (patch, expected) in [
        (ends(Some(10)), vec![ExpiryNotInFuture]),
        (ends(Some(11)), vec![]),
        (begins(Some(100)), vec![BeginsAfterItsEnd]),
        (begins(Some(99)), vec![]),
        (KeyPatch { not_before: Some(Some(at(9))), ..ends(Some(9)) }, vec![BeginsAfterItsEnd, ExpiryNotInFuture]),
    ] {
        let errors = expected.into_iter().map(|error| PatchError::Terms(error.into())).collect::<Vec<_>>();
        match changed(&key, &patch) {
            Ok(_) => assert!(errors.is_empty(), "{patch:?}"),
            Err(refusal) => assert_eq!(refusal, ChangeRefusal::Invalid(errors), "{patch:?}"),
        }
    }
}

#[test]
fn only_secret_keys_hold_scopes_of_this_service() {
    let public = ApiKey::restore(facts(1, KeyType::Public, "charges:read")).unwrap();
    let refusal = changed(&public, &scopes("charges:read api-keys:read")).unwrap_err();
    let scope = "api-keys:read".parse().unwrap();
    let expected = TermsError::ReservedScope { place: 1, scope };
    assert_eq!(refusal, ChangeRefusal::Invalid(vec![expected.into()]));
}

#[test]
fn only_scopes_that_the_key_does_not_cover_are_granted() {
    let key = secret(1, "charges:* refunds:read");
    for (wanted, granted) in [
        ("charges:read charges:write", ""),
        ("refunds:read", ""),
        ("refunds:*", "refunds:*"),
        ("charges:read payouts:read", "payouts:read"),
        ("", ""),
    ] {
        assert_eq!(scopes(wanted).granted(&key).as_str(), granted, "{wanted}");
    }
    assert_eq!(name("another name").granted(&key).as_str(), "");
}

#[test]
fn a_key_changes_its_own_name_and_notes_and_nothing_else_of_itself() {
    let key = with(&secret(1, "charges:read"), |facts| facts.restrictions = until(100));
    let own = |patch| key.change(&patch, &active(), &by_key(1, 10), OtherManagerKeys::Some);
    for patch in [scopes(""), scopes("charges:read a"), ends(None), ends(Some(50)), begins(Some(20))] {
        assert_eq!(own(patch.clone()), Err(ChangeRefusal::OwnKey), "{patch:?}");
    }
    for patch in [name("mine"), metadata(&[("a", Some("1"))]), scopes("charges:read"), ends(Some(100))] {
        assert!(own(patch.clone()).is_ok(), "{patch:?}");
    }
}

#[test]
fn a_key_that_has_ended_changes_its_name_and_notes_alone() {
    let key = with(&secret(1, "charges:read"), |facts| facts.restrictions = until(10));
    let closed = chain(Status::Closed, Status::Active);
    for (ended, chain, status) in [
        (revoked(&key), active(), KeyStatus::Revoked),
        (key.clone(), active(), KeyStatus::Expired),
        (key.clone(), closed, KeyStatus::Revoked),
        (suspended(&key, None), active(), KeyStatus::Expired),
    ] {
        let change = |patch| ended.change(&patch, &chain, &by_key(99, 10), OtherManagerKeys::Some);
        for patch in [scopes(""), ends(Some(50)), ends(None), begins(Some(5))] {
            assert_eq!(change(patch.clone()), Err(ChangeRefusal::NotActive(status)), "{status} {patch:?}");
        }
        let is_revoked = ended.revocation().is_some();
        let shown = if is_revoked { ChangeEffect::Record } else { ChangeEffect::Shown };
        assert_eq!(change(name("an old key")).unwrap().effect, shown, "{status}");
        assert_eq!(change(metadata(&[("a", Some("1"))])).unwrap().effect, ChangeEffect::Record, "{status}");
        let request = by_key(99, 10);
        let suspension = ended.suspend(&chain, &request, OtherManagerKeys::Some);
        assert_eq!(suspension, Err(ChangeRefusal::NotActive(status)), "{status}");
        assert_eq!(ended.resume(&chain, &request), Err(ChangeRefusal::NotActive(status)), "{status}");
    }
}

#[test]
fn no_change_takes_the_last_manager_key_of_the_callers_own_account() {
    let (key, own) = (secret(1, MANAGER), by(reach(3, Role::Merchant)));
    let (loses, keeps) = (scopes("charges:read"), scopes("api-keys:* charges:read"));
    let pending = begins(Some(50));
    for (patch, request, others, is_refused) in [
        (&loses, &own, OtherManagerKeys::None, true),
        (&loses, &own, OtherManagerKeys::Some, false),
        (&loses, &by(reach(2, Role::Partner)), OtherManagerKeys::None, false),
        (&loses, &by(Reach::operator()), OtherManagerKeys::None, false),
        (&keeps, &own, OtherManagerKeys::None, false),
        (&pending, &own, OtherManagerKeys::None, true),
    ] {
        let result = key.change(patch, &active(), request, others);
        assert_eq!(result.is_err_and(|error| error == ChangeRefusal::WouldLockOut), is_refused, "{patch:?}");
    }
    let suspend = |key: &ApiKey, others| key.suspend(&active(), &own, others);
    assert_eq!(suspend(&key, OtherManagerKeys::None), Err(ChangeRefusal::WouldLockOut));
    assert!(suspend(&key, OtherManagerKeys::Some).is_ok());
    let not_usable = with(&key, |facts| facts.restrictions.not_before = Some(at(50)));
    assert!(suspend(&not_usable, OtherManagerKeys::None).is_ok(), "a key that is not usable locks nobody out");
}

/// Levels of callers above the keys, lowest first.
fn callers() -> [(Reach, Option<Level>); 4] {
    [
        (reach(3, Role::Merchant), None),
        (reach(2, Role::Partner), Some(Level::Partner)),
        (reach(1, Role::Platform), Some(Level::Platform)),
        (Reach::operator(), Some(Level::Operator)),
    ]
}

#[test]
fn a_suspension_is_lifted_from_its_level_or_above_and_replaced_from_above_alone() {
    for (place, (_, level)) in callers().into_iter().enumerate() {
        let key = suspended(&secret(1, ""), level);
        for (other, (reach, other_level)) in callers().into_iter().enumerate() {
            let request = by(reach);
            let resumed = key.resume(&active(), &request).map(|after| after.key.facts().clone());
            if other < place {
                assert_eq!(resumed, Err(ChangeRefusal::SuspendedFromAbove), "{level:?} {other_level:?}");
            } else {
                let facts = resumed.unwrap();
                assert_eq!((facts.suspension, facts.resumed_at, facts.version), (None, Some(at(10)), 2));
            }
            let again = key.suspend(&active(), &request, OtherManagerKeys::Some).unwrap();
            let expected = if other > place { other_level } else { level };
            assert_eq!(again.key.facts().suspension.unwrap().level, expected, "{level:?} {other_level:?}");
            assert_eq!(again.effect == ChangeEffect::None, other <= place, "{level:?} {other_level:?}");
            assert_ne!(again.effect, ChangeEffect::Verdict, "it was suspended before");
        }
    }
}

#[test]
fn what_the_service_suspended_each_caller_resumes() {
    let service = KeyChangeRequest { by: Actor::Service, ..by(Reach::operator()) };
    let last = secret(1, MANAGER).suspend(&active(), &service, OtherManagerKeys::None);
    assert_eq!(last, Err(ChangeRefusal::WouldLockOut), "the service locks no account out");
    let suspended = secret(1, MANAGER).suspend(&active(), &service, OtherManagerKeys::Some).unwrap();
    let suspension = suspended.key.facts().suspension.unwrap();
    assert_eq!((suspension.by, suspension.level, suspended.effect), (Actor::Service, None, ChangeEffect::Verdict));
    let resumed = suspended.key.resume(&active(), &by(reach(3, Role::Merchant))).unwrap();
    assert_eq!(resumed.effect, ChangeEffect::Verdict);
}

#[test]
fn a_key_may_suspend_itself_and_a_repetition_has_no_effect() {
    let key = secret(1, "");
    let suspended = key.suspend(&active(), &by_key(1, 10), OtherManagerKeys::Some).unwrap().key;
    assert_eq!(suspended.status(&active(), Now::exact(at(10))), KeyStatus::Suspended);
    assert!(suspended.usable(&active(), &Context::at(Now::exact(at(10)))).is_err());
    let again = suspended.suspend(&active(), &by_key(2, 20), OtherManagerKeys::None).unwrap();
    assert_eq!(again, ChangedKey { key: suspended.clone(), effect: ChangeEffect::None });
    let resumed = suspended.resume(&active(), &by_key(2, 20)).unwrap().key;
    let again = resumed.resume(&active(), &by_key(2, 30)).unwrap();
    assert_eq!(again, ChangedKey { key: resumed, effect: ChangeEffect::None });
}

#[test]
fn a_suspended_key_can_be_changed_and_stays_suspended() {
    let key = suspended(&secret(1, "charges:read"), None);
    let after = changed(&key, &scopes("charges:*")).unwrap().key;
    assert_eq!(after.status(&active(), Now::exact(at(10))), KeyStatus::Suspended);
    assert_eq!(after.facts().scopes.as_str(), "charges:*");
}

/// The accounts of the fixture's tree are those that these tests assume.
#[test]
fn the_keys_belong_to_the_merchant() {
    let own: &Link = &active().own().clone();
    assert_eq!((own.id, own.role), (account(3), Role::Merchant));
    assert_eq!(secret(1, "").facts().account, AccountId::from_uuid(account(3).uuid()));
}

#[test]
fn an_end_moves_within_the_policy_and_one_that_stays_is_not_judged_again() {
    let policy = Policy { max_life: Some(Period::from_seconds(100).unwrap()), ..Policy::NONE };
    let mut links: Vec<Link> = active().links().cloned().collect();
    links[1].policy = Some(Box::new(policy));
    let own = links.remove(0);
    let chain = Chain::new(own, links).unwrap();
    let key = with(&secret(1, "charges:read"), |facts| facts.restrictions = until(500));
    let changed = |patch: &KeyPatch| key.change(patch, &chain, &by_key(99, 10), OtherManagerKeys::Some);
    let beyond = RestrictionError::BeyondPolicy { max_life: Period::from_seconds(100).unwrap() };
    for (patch, is_valid) in [
        (ends(Some(100)), true),
        (ends(Some(101)), false),
        (ends(Some(499)), false),
        (ends(None), true),
        (scopes("charges:*"), true),
    ] {
        let expected =
            if is_valid { None } else { Some(ChangeRefusal::Invalid(vec![PatchError::Terms(beyond.into())])) };
        assert_eq!(changed(&patch).err(), expected, "{patch:?}");
    }
    let late = key.change(&scopes("charges:*"), &chain, &by_key(99, 100), OtherManagerKeys::Some);
    assert_eq!(late, Err(ChangeRefusal::NotActive(KeyStatus::Expired)), "the policy has ended it");
}
