//! The content under test: two keys of one account, in the first and in the last part of the memory.

use keyward_domain::{
    AccountId, AuthFacts, AuthKey, Chain, KeyId, KeyType, Link, Material, Name, Restrictions, Role, Standing, Status,
};
use keyward_storage::Target;
use keyward_verifier::Credential;
use uuid::Uuid;

/// A key by its place in memory: the last byte of its id selects the part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    First,
    Last,
}

/// The restricting change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restriction {
    /// One key is revoked.
    Revoked(Key),
    /// The account of both is suspended.
    Account,
}

const ACCOUNT: AccountId = AccountId::from_uuid(Uuid::from_u128(1 << 64));

impl Key {
    pub(crate) const fn id(self) -> KeyId {
        KeyId::from_uuid(Uuid::from_u128(match self {
            Self::First => 2 << 64,
            Self::Last => 2 << 64 | 63,
        }))
    }
}

impl Restriction {
    pub(crate) const fn target(self) -> Target {
        match self {
            Self::Revoked(key) => Target::Key(key.id()),
            Self::Account => Target::Account(ACCOUNT),
        }
    }

    /// The keys that no request may accept any more.
    pub(crate) const fn keys(self) -> &'static [Key] {
        match self {
            Self::Revoked(Key::First) => &[Key::First],
            Self::Revoked(Key::Last) => &[Key::Last],
            Self::Account => &[Key::Last, Key::First],
        }
    }
}

/// The key in the database, before or after the change.
pub(crate) fn credential(key: Key, restricted: Option<Restriction>) -> Credential {
    let facts = AuthFacts {
        id: key.id(),
        account: ACCOUNT,
        key_type: KeyType::Public,
        name: Name::parse("a key").unwrap(),
        scopes: "charges:read".parse().unwrap(),
        restrictions: Restrictions::NONE,
        revoked: restricted == Some(Restriction::Revoked(key)),
        created_at: keyward_domain::Timestamp::UNIX_EPOCH,
        suspended: false,
        material: Material::Readable("pk_test".into()),
    };
    let status = if restricted == Some(Restriction::Account) { Status::Suspended } else { Status::Active };
    let own = Link { id: ACCOUNT, mid: "platform".parse().unwrap(), role: Role::Platform, status, policy: None };
    let chain = Chain::new(own, Vec::new()).unwrap();
    keyward_storage::Credential { key: AuthKey::restore(facts).unwrap(), chain }.into()
}

/// Whether a request that reads this accepts the key.
pub(crate) fn is_valid(credential: &Credential) -> bool {
    !credential.key.view().revoked && credential.chain.standing() == Standing::Active
}
