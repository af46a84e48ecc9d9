//! One table per rule, with its boundary instants.

use super::*;
use crate::{
    KeyFacts, Level, Parent, Role, Timestamp,
    fixture::{account, at, chain, facts, link, request, secret, until},
};

fn active() -> Chain {
    chain(Status::Active, Status::Active)
}

fn own() -> Reach {
    Reach::of(&link(3, Role::Merchant, Status::Active))
}

fn partner() -> Reach {
    Reach::of(&link(2, Role::Partner, Status::Active))
}

fn platform() -> Reach {
    Reach::of(&link(1, Role::Platform, Status::Active))
}

fn revocation_request(seconds: i64, reason: Reason, reach: Reach) -> RevocationRequest {
    RevocationRequest { now: Now::exact(at(seconds)), by: Actor::Operator, reason, reach }
}

fn manager_key(n: u128) -> ApiKey {
    secret(n, "api-keys:write")
}

fn with(change: impl FnOnce(&mut KeyFacts), key: &ApiKey) -> ApiKey {
    let mut facts = key.facts().clone();
    change(&mut facts);
    ApiKey::restore(facts).unwrap()
}

fn revoked(key: &ApiKey) -> ApiKey {
    with(|facts| facts.state = KeyState::Revoked(revocation_request(1, Reason::Superseded, own()).revocation()), key)
}

fn expiring(seconds: i64, key: &ApiKey) -> ApiKey {
    with(|facts| facts.restrictions = until(seconds), key)
}

#[test]
fn rules_1_and_2_the_first_revocation_stays() {
    let first = revocation_request(1, Reason::Superseded, own()).revocation();
    for later in Reason::ALL_FOR_TEST.map(|reason| revocation_request(9, reason, own())) {
        let decision = revoked(&manager_key(1)).revoke(&active(), &later, OtherManagerKeys::None);
        assert_eq!(decision, Ok(Decision::AlreadyRevoked(first.clone())), "{}", later.reason);
    }
    assert_eq!(
        revoked(&manager_key(1)).usable(&active(), &Context::at(Now::exact(Timestamp::MAX))),
        Err(Unusable::Revoked)
    );
}

#[test]
fn rule_5_an_expired_key_may_still_be_revoked() {
    let leak = revocation_request(200, Reason::Compromised, own());
    for expiry in [199, 200, 201] {
        let key = expiring(expiry, &secret(1, "charges:read"));
        assert_eq!(key.revoke(&active(), &leak, OtherManagerKeys::None), Ok(Decision::Revoke(leak.revocation())));
    }
}

#[test]
fn rule_6_a_key_may_revoke_itself() {
    let key = manager_key(1);
    let itself = RevocationRequest { by: Actor::Key(key.id()), ..revocation_request(5, Reason::Unspecified, own()) };
    assert_eq!(key.revoke(&active(), &itself, OtherManagerKeys::Some), Ok(Decision::Revoke(itself.revocation())));
    let reader = secret(2, "api-keys:read");
    let itself = RevocationRequest { by: Actor::Key(reader.id()), ..itself };
    assert_eq!(reader.revoke(&active(), &itself, OtherManagerKeys::None), Ok(Decision::Revoke(itself.revocation())));
}

#[test]
fn rule_7_no_caller_revokes_the_last_manager_key_of_its_own_account() {
    use OtherManagerKeys::{None, Some};
    let last = manager_key(1);
    let before_expiry = expiring(10, &last);
    for (why, key, reach, reason, others, seconds, refused) in [
        ("the last manager key", &last, own(), Reason::Unspecified, None, 5, true),
        ("superseded makes no exception", &last, own(), Reason::Superseded, None, 5, true),
        ("another manager key is left", &last, own(), Reason::Unspecified, Some, 5, false),
        ("compromised is never refused", &last, own(), Reason::Compromised, None, 5, false),
        ("a wildcard covers api-keys:write", &secret(1, "api-keys:*"), own(), Reason::Unspecified, None, 5, true),
        ("api-keys:read does not suffice", &secret(1, "api-keys:read"), own(), Reason::Unspecified, None, 5, false),
        ("a caller above the account may", &last, partner(), Reason::Unspecified, None, 5, false),
        ("the command line may", &last, Reach::operator(), Reason::Unspecified, None, 5, false),
        ("usable a moment before its expiry", &before_expiry, own(), Reason::Unspecified, None, 9, true),
        ("expired at its expiry, so nothing is lost", &before_expiry, own(), Reason::Unspecified, None, 10, false),
    ] {
        let decision = key.revoke(&active(), &revocation_request(seconds, reason, reach), others);
        assert_eq!(decision == Err(Refusal::WouldLockOut), refused, "{why}");
    }
}

#[test]
fn rule_7_counts_only_usable_manager_keys() {
    for (why, left, expected) in [
        ("a manager key", vec![manager_key(2)], OtherManagerKeys::Some),
        ("no key", vec![], OtherManagerKeys::None),
        ("a key with api-keys:read", vec![secret(2, "api-keys:read")], OtherManagerKeys::None),
        ("a revoked manager key", vec![revoked(&manager_key(2))], OtherManagerKeys::None),
        ("a manager key that expires now", vec![expiring(5, &manager_key(2))], OtherManagerKeys::None),
        ("a manager key that expires later", vec![expiring(6, &manager_key(2))], OtherManagerKeys::Some),
        (
            "an expired one before a usable one",
            vec![expiring(5, &manager_key(2)), manager_key(3)],
            OtherManagerKeys::Some,
        ),
    ] {
        assert_eq!(OtherManagerKeys::among(&left, &active(), Now::exact(at(5))), expected, "{why}");
    }
    assert_eq!(
        OtherManagerKeys::among([&manager_key(2)], &chain(Status::Suspended, Status::Active), Now::exact(at(5))),
        OtherManagerKeys::None
    );
}

#[test]
fn rule_7_holds_for_an_overwrite_where_the_new_key_counts() {
    let replaced = [manager_key(1), secret(2, "charges:read"), revoked(&manager_key(3))];
    for (why, successor, others, reach, refused) in [
        ("the new key is a manager key", manager_key(9), OtherManagerKeys::None, own(), false),
        ("another key is a manager key", secret(9, ""), OtherManagerKeys::Some, own(), false),
        ("no manager key would be left", secret(9, "api-keys:read"), OtherManagerKeys::None, own(), true),
        ("for an account below", secret(9, ""), OtherManagerKeys::None, partner(), false),
    ] {
        let decided =
            overwrite(&replaced, &successor, &active(), &revocation_request(5, Reason::Superseded, reach), others);
        assert_eq!(decided.is_err(), refused, "{why}");
        if let Ok(keys) = decided {
            let ids: Vec<_> = keys.iter().map(|(key, _)| key.id()).collect();
            assert_eq!(ids, [replaced[0].id(), replaced[1].id()], "{why}: earlier revocations stay");
        }
    }
}

#[test]
fn rule_8_suspending_is_reversible_and_closing_is_final() {
    use Status::{Active, Closed, Suspended};
    for (now, wanted, expected) in [
        (Active, Suspended, Ok(StatusDecision::Become(Suspended))),
        (Active, Closed, Ok(StatusDecision::Become(Closed))),
        (Active, Active, Ok(StatusDecision::Unchanged)),
        (Suspended, Active, Ok(StatusDecision::Become(Active))),
        (Suspended, Closed, Ok(StatusDecision::Become(Closed))),
        (Suspended, Suspended, Ok(StatusDecision::Become(Suspended))),
        (Closed, Closed, Ok(StatusDecision::Unchanged)),
        (Closed, Active, Err(StatusRefusal::Closed)),
        (Closed, Suspended, Err(StatusRefusal::Closed)),
    ] {
        let merchant = merchant(now, None);
        assert_eq!(merchant.change_status(wanted, &partner()), expected, "{now} → {wanted}");
        assert_eq!(merchant.change_status(wanted, &Reach::operator()), expected, "{now} → {wanted}");
        assert_eq!(merchant.change_status(wanted, &own()), Err(StatusRefusal::OwnAccount), "{now} → {wanted}");
    }
}

fn merchant(status: Status, suspended_by: Option<Level>) -> Account {
    Account {
        id: account(3),
        mid: "m3".parse().unwrap(),
        role: Role::Merchant,
        name: crate::Name::parse("m").unwrap(),
        status,
        suspended_by,
        parent: Some(Parent { id: account(2), mid: "m2".parse().unwrap() }),
        created_at: at(0),
    }
}

#[test]
fn rule_8_a_suspension_is_lifted_at_or_above_its_level_and_rises_with_a_higher_one() {
    use Status::{Active, Closed, Suspended};
    let callers = [(Level::Partner, partner()), (Level::Platform, platform()), (Level::Operator, Reach::operator())];
    for (by, _) in callers {
        let suspended = merchant(Suspended, Some(by));
        for (level, reach) in callers {
            assert_eq!(reach.level(), Some(level));
            let resumed = suspended.change_status(Active, &reach);
            let lifted =
                if level >= by { Ok(StatusDecision::Become(Active)) } else { Err(StatusRefusal::SuspendedFromAbove) };
            assert_eq!(resumed, lifted, "{level} resumes what {by} suspended");
            let again = suspended.change_status(Suspended, &reach);
            let rises = if level > by { StatusDecision::Become(Suspended) } else { StatusDecision::Unchanged };
            assert_eq!(again, Ok(rises), "{level} suspends what {by} suspended");
            assert_eq!(suspended.change_status(Closed, &reach), Ok(StatusDecision::Become(Closed)), "{level} {by}");
        }
        assert_eq!(suspended.change_status(Active, &own()), Err(StatusRefusal::OwnAccount));
    }
    // A suspension without a recorded level can be lifted by any caller above the account.
    assert_eq!(merchant(Suspended, None).change_status(Active, &partner()), Ok(StatusDecision::Become(Active)));
}

#[test]
fn rule_8_keys_work_again_after_resuming_and_never_after_closing() {
    let key = secret(1, "");
    for (merchant, partner, usable) in [
        (Status::Suspended, Status::Active, Err(Unusable::Suspended)),
        (Status::Active, Status::Suspended, Err(Unusable::Suspended)),
        (Status::Active, Status::Active, Ok(())),
        (Status::Active, Status::Closed, Err(Unusable::Revoked)),
    ] {
        assert_eq!(key.usable(&chain(merchant, partner), &request(5)).map(|_| ()), usable, "{merchant} {partner}");
    }
    assert_eq!(key.revocation(), None, "account state is never written into a key");
}

#[test]
fn rule_9_tokens_of_a_pair_end_with_either_key() {
    let public = ApiKey::restore(facts(8, KeyType::Public, "")).unwrap();
    let key = secret(1, "");
    let elsewhere = with(|facts| facts.account = account(7), &public);
    for (why, public, secret, now, good) in [
        ("both live", public.clone(), key.clone(), 5, true),
        ("the public key is revoked", revoked(&public), key.clone(), 5, false),
        ("the secret key is revoked", public.clone(), revoked(&key), 5, false),
        ("the public key expires now", expiring(5, &public), key.clone(), 5, false),
        ("the secret key expires now", public.clone(), expiring(5, &key), 5, false),
        ("a moment before", expiring(6, &public), expiring(6, &key), 5, true),
        ("keys of two accounts", elsewhere, key.clone(), 5, false),
        ("two secret keys", secret(2, ""), key.clone(), 5, false),
        ("two public keys", public.clone(), public.clone(), 5, false),
    ] {
        assert_eq!(usable_pair(public.view(), secret.view(), &active(), &request(now)).is_ok(), good, "{why}");
    }
    let suspended = chain(Status::Active, Status::Suspended);
    assert!(usable_pair(public.view(), key.view(), &suspended, &request(5)).is_err());
}

#[test]
fn rule_10_compromised_is_always_now() {
    let leak = revocation_request(77, Reason::Compromised, own());
    let Ok(Decision::Revoke(revocation)) = manager_key(1).revoke(&active(), &leak, OtherManagerKeys::None) else {
        panic!("compromised is never refused")
    };
    assert_eq!(revocation.at, at(77));
    let gone = with(|facts| facts.state = KeyState::Revoked(revocation), &manager_key(1));
    assert_eq!(gone.usable(&active(), &request(77)), Err(Unusable::Revoked));
}

impl Reason {
    const ALL_FOR_TEST: [Self; 4] = [Self::Unspecified, Self::Compromised, Self::Superseded, Self::NoLongerNeeded];
}
