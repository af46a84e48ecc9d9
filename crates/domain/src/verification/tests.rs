//! The order of refusals, reason by reason: each row also has every later reason, so that only the order decides.

use super::*;
use crate::{
    Actor, ApiKey, KeyFacts, KeyState, Reason, Revocation, Role, Status,
    fixture::{at, chain, facts, link, request, until},
};

const PROVED: Proof = Proof::from_comparison(true);
const WRONG: Proof = Proof::from_comparison(false);

fn all_wrong() -> Requirements {
    Requirements {
        scopes: "charges:write".parse().unwrap(),
        key_type: KeyType::Public,
        mid: Some("other".parse().unwrap()),
    }
}

fn key(change: impl FnOnce(&mut KeyFacts)) -> ApiKey {
    let mut facts = facts(1, KeyType::Secret, "charges:read");
    change(&mut facts);
    ApiKey::restore(facts).unwrap()
}

#[test]
fn the_first_reason_of_the_contracts_order_is_returned() {
    use Status::{Active, Closed, Suspended};
    let revocation = Revocation { at: at(1), by: Actor::Operator, reason: Reason::Unspecified };
    let revoked = key(|f| {
        f.state = KeyState::Revoked(revocation);
        f.restrictions = until(10);
    });
    let expired = key(|f| f.restrictions = until(10));
    let good = key(|_| ());
    let foreign = Reach::of(&link(9, Role::Partner, Active));
    let own = Reach::of(&link(2, Role::Partner, Active));
    let requirements = |type_ok: bool, mid_ok: bool| {
        let wrong = all_wrong();
        Requirements {
            key_type: if type_ok { KeyType::Secret } else { wrong.key_type },
            mid: if mid_ok { Some("m3".parse().unwrap()) } else { wrong.mid },
            scopes: wrong.scopes,
        }
    };
    for (key, proof, reach, merchant, requirements, expected) in [
        (&revoked, WRONG, own, Suspended, all_wrong(), Denial::NotFound),
        (&revoked, PROVED, foreign, Suspended, all_wrong(), Denial::NotFound),
        (&revoked, PROVED, own, Suspended, all_wrong(), Denial::Unusable(Unusable::Revoked)),
        (&expired, PROVED, own, Closed, all_wrong(), Denial::Unusable(Unusable::Revoked)),
        (&expired, PROVED, own, Suspended, all_wrong(), Denial::Unusable(Unusable::Suspended)),
        (&expired, PROVED, own, Active, all_wrong(), Denial::Unusable(Unusable::Expired)),
        (&good, PROVED, own, Active, all_wrong(), Denial::WrongType),
        (&good, PROVED, own, Active, requirements(true, false), Denial::WrongAccount),
        (&good, PROVED, own, Active, requirements(true, true), Denial::InsufficientScope),
    ] {
        let chain = chain(merchant, Active);
        let candidate = Candidate { key: key.view(), chain: &chain, scopes: key.facts().scopes.as_scopes(), proof };
        let verdict = judge(Ok(Some(candidate)), Some(&reach), &requirements, &request(10));
        let id = (expected != Denial::NotFound).then(|| key.id());
        assert_eq!(verdict, Verdict::Invalid { denial: expected, id });
    }
}

#[test]
fn a_value_that_names_no_key_reveals_only_its_environment() {
    for (found, denial) in [
        (Ok(None), Denial::NotFound),
        (Err(ValueError::Malformed), Denial::NotFound),
        (Err(ValueError::OtherEnvironment), Denial::WrongEnvironment),
    ] {
        let verdict = judge(found, Some(&Reach::operator()), &Requirements::default(), &request(0));
        assert_eq!(verdict, Verdict::Invalid { denial, id: None });
    }
}

#[test]
fn a_usable_key_is_valid_for_what_it_covers() {
    let key = key(|f| f.scopes = "charges:* refunds:read".parse().unwrap());
    let chain = chain(Status::Active, Status::Active);
    for (scopes, mid, valid) in [
        ("", None, true),
        ("charges:read", None, true),
        ("charges:read refunds:read", Some("m3"), true),
        ("charges:read refunds:write", None, false),
        ("", Some("m2"), false),
    ] {
        let requirements = Requirements {
            scopes: scopes.parse().unwrap(),
            key_type: KeyType::Secret,
            mid: mid.map(|mid| mid.parse().unwrap()),
        };
        let candidate =
            Candidate { key: key.view(), chain: &chain, scopes: key.facts().scopes.as_scopes(), proof: PROVED };
        let verdict = judge(Ok(Some(candidate)), None, &requirements, &request(0));
        assert_eq!(matches!(verdict, Verdict::Valid { .. }), valid, "{scopes} {mid:?}");
    }
}

#[test]
fn a_token_represents_its_key_with_fewer_scopes() {
    let key = key(|f| f.scopes = "charges:*".parse().unwrap());
    let chain = chain(Status::Active, Status::Active);
    let restricted: ScopeSet = "charges:read".parse().unwrap();
    let candidate = Candidate { key: key.view(), chain: &chain, scopes: restricted.as_scopes(), proof: PROVED };
    let requirements = Requirements { scopes: "charges:write".parse().unwrap(), ..Requirements::default() };
    let verdict = judge(Ok(Some(candidate)), None, &requirements, &request(0));
    assert_eq!(verdict, Verdict::Invalid { denial: Denial::InsufficientScope, id: Some(key.id()) });
}
