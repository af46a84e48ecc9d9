//! The accounts and keys of a simulated installation, as the ports return them. Gives no verdicts.

use std::sync::Arc;

use keyward_domain::{
    AccountId, AuthFacts, AuthKey, Chain, KeyId, KeyType, Link, Material, Name, Restrictions, Role, Status,
};
use keyward_storage::Target;
use keyward_verifier::Credential;
use uuid::Uuid;

/// An id whose last byte is spread over the parts of a cache.
fn uuid(kind: u128, number: u64) -> Uuid {
    Uuid::from_u128((kind << 100) | (u128::from(number) << 16) | u128::from(number & 0xff))
}

/// The id of the key with this number.
pub(crate) fn key_id(number: u64) -> KeyId {
    KeyId::from_uuid(uuid(1, number))
}

/// The id of the account with this number.
pub(crate) fn account_id(number: u64) -> AccountId {
    AccountId::from_uuid(uuid(2, number))
}

/// Both forms of a key.
#[derive(Clone)]
pub(crate) struct KeyForms {
    good: AuthKey,
    revoked: AuthKey,
}

impl KeyForms {
    pub(crate) fn new(id: KeyId, account: AccountId) -> Self {
        let form = |revoked| {
            let facts = AuthFacts {
                id,
                account,
                key_type: KeyType::Public,
                name: Name::parse("a key").expect("a name"),
                scopes: "charges:read".parse().expect("a scope"),
                restrictions: Restrictions::NONE,
                revoked,
                created_at: keyward_domain::Timestamp::UNIX_EPOCH,
                suspended: false,
                material: Material::Readable("pk".into()),
            };
            AuthKey::restore(facts).expect("a consistent key")
        };
        Self { good: form(false), revoked: form(true) }
    }

    /// The key as it is read.
    pub(crate) fn key(&self, revoked: bool) -> AuthKey {
        if revoked { self.revoked.clone() } else { self.good.clone() }
    }
}

/// An account as it is read.
pub(crate) fn link(id: AccountId, role: Role, status: Status) -> Arc<Link> {
    let mid = format!("m-{}", id.uuid().simple()).parse().expect("a mid");
    Arc::new(Link { id, mid, role, status, policy: None })
}

/// Whether the key and its chain are valid.
pub(crate) fn is_good(credential: &Credential) -> bool {
    !credential.key.view().revoked && credential.chain.links().all(|link| link.status == Status::Active)
}

/// Everything whose restriction restricts this key.
pub(crate) fn targets_of(key: KeyId, chain: &Chain) -> Vec<Target> {
    let accounts = chain.links().map(|link| Target::Account(link.id));
    std::iter::once(Target::Key(key)).chain(accounts).collect()
}
