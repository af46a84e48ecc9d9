//! A small account tree with keys, for this crate's tests.

use uuid::Uuid;

use crate::{
    AccountId, Actor, ApiKey, Chain, Context, Environment, KeyFacts, KeyId, KeyState, KeyType, KeyValue, LastFour,
    Link, MasterKey, Material, Metadata, Name, Now, Restrictions, Role, SecretForm, SecretHasher, Status, Timestamp,
};

/// Seconds after the Unix epoch.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000).unwrap()
}

/// A request at this second, by one clock.
pub(crate) fn request(seconds: i64) -> Context {
    Context::at(Now::exact(at(seconds)))
}

/// Restrictions of a key that expires at this second.
pub(crate) fn until(seconds: i64) -> Restrictions {
    Restrictions { expires_at: Some(at(seconds)), ..Restrictions::NONE }
}

pub(crate) fn account(n: u128) -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(n))
}

pub(crate) fn link(n: u128, role: Role, status: Status) -> Link {
    Link { id: account(n), mid: format!("m{n}").parse().unwrap(), role, status, policy: None }
}

/// Merchant 3 below partner 2 below platform 1.
pub(crate) fn chain(merchant: Status, partner: Status) -> Chain {
    let above = vec![link(2, Role::Partner, partner), link(1, Role::Platform, Status::Active)];
    Chain::new(link(3, Role::Merchant, merchant), above).unwrap()
}

pub(crate) fn hasher() -> SecretHasher {
    SecretHasher::new(&MasterKey::from_bytes(&[1; 32]).ok().unwrap(), SecretForm::Hmac)
}

pub(crate) fn value(key_type: KeyType, n: u128) -> KeyValue {
    KeyValue::mint(key_type, Environment::Sandbox, KeyId::from_uuid(Uuid::from_u128(n)), [7; 32])
}

/// An active key of merchant 3, issued at second 0.
pub(crate) fn facts(n: u128, key_type: KeyType, scopes: &str) -> KeyFacts {
    let value = value(key_type, n);
    let material = match key_type {
        KeyType::Secret => Material::Secret(hasher().digest(&value, &[0; 16]).unwrap()),
        KeyType::Public | KeyType::Tokenization => Material::Readable(value.expose().into()),
    };
    let last_four: LastFour = value.last_four();
    KeyFacts {
        id: KeyId::from_uuid(Uuid::from_u128(n)),
        account: account(3),
        key_type,
        name: Name::parse("a key").unwrap(),
        description: None,
        metadata: Metadata::empty(),
        scopes: scopes.parse().unwrap(),
        material,
        last_four,
        created_at: at(0),
        created_by: Actor::Operator,
        restrictions: Restrictions::NONE,
        state: KeyState::Active,
        suspension: None,
        resumed_at: None,
        version: 1,
        pair: None,
    }
}

pub(crate) fn secret(n: u128, scopes: &str) -> ApiKey {
    ApiKey::restore(facts(n, KeyType::Secret, scopes)).unwrap()
}
