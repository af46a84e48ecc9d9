//! A small account tree with keys, for the promises. Every identifier is fresh and sorts after all earlier ones.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use keyward_domain::{
    Account, AccountId, Actor, ApiKey, Chain, Description, Environment, KeyId, KeyTerms, KeyType, KeyValue, Link,
    MasterKey, Mid, Name, Now, Origin, PairId, PairMembership, Parent, Reach, Reason, Restrictions, Revocation, Role,
    SecretDigest, SecretForm, SecretHasher, Status, Timestamp,
};
use uuid::Uuid;

use super::Fixture;
use crate::shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _};
use crate::{Committed, Credential, KeyRecord, KeyWindow, Seq, Store, StoredState, Write};

/// A version 7 UUID that sorts after all earlier ones.
pub fn fresh() -> Uuid {
    static MADE: AtomicU64 = AtomicU64::new(0x0193_5000_0000);
    let at = MADE.fetch_add(1, Ordering::Relaxed);
    Uuid::from_u128((u128::from(at) << 80) | (0x7 << 76) | (0x8 << 60) | 1)
}

/// The time `seconds` and one microsecond after all sample accounts were registered.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_795_435_200_000_000 + seconds * 1_000_000 + 1).unwrap()
}

/// Parses a name.
pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// A sample revocation.
pub fn revocation(seconds: i64, by: Actor, reason: Reason) -> Revocation {
    Revocation { at: at(seconds), by, reason }
}

/// The digest of a secret value, different for every `random`.
pub fn digest(random: u8) -> SecretDigest {
    let value = KeyValue::mint(KeyType::Secret, Environment::Sandbox, KeyId::from_uuid(Uuid::nil()), [random; 32]);
    hasher().digest(&value, &[0; 16]).unwrap()
}

fn hasher() -> SecretHasher {
    SecretHasher::new(&MasterKey::from_bytes(&[1; 32]).unwrap(), SecretForm::Hmac)
}

/// An account with this role and parent, not stored yet.
pub fn account(role: Role, parent: Option<&Account>) -> Account {
    let id = AccountId::from_uuid(fresh());
    Account {
        id,
        mid: Mid::made_for(id),
        role,
        name: name("Ünïcode & Söhne 株式会社 🦀"),
        status: Status::Active,
        suspended_by: None,
        parent: parent.map(|parent| Parent { id: parent.id, mid: parent.mid.clone() }),
        created_at: at(0),
    }
}

/// The chain of the first account with the others as ancestors, nearest first.
pub fn chain(line: &[&Account]) -> Chain {
    let mut links = line.iter().map(|account| Link::from(*account));
    Chain::new(links.next().unwrap(), links.collect()).unwrap()
}

/// The reach of an account.
pub fn reach(account: &Account) -> Reach {
    Reach::of(&Link::from(account))
}

/// The newest keys of an account in any stored state.
pub const ALL: KeyWindow = KeyWindow { before: None, stored: StoredState::Any, rows: 100 };

/// `platform ──► partner ──► merchant`, another partner with a merchant, and a merchant directly below the platform.
pub struct Tree {
    /// The platform.
    pub platform: Account,
    /// A partner.
    pub partner: Account,
    /// The partner's merchant.
    pub merchant: Account,
    /// Another partner.
    pub rival: Account,
    /// The other partner's merchant.
    pub rivals_merchant: Account,
    /// A merchant without a partner.
    pub direct: Account,
}

impl Tree {
    /// Creates and stores the tree.
    pub async fn plant(fixture: &Fixture) -> Self {
        Self::plant_in(&fixture.store).await
    }

    /// Like [`Self::plant`], with only a store.
    pub async fn plant_in(store: &Arc<dyn Store>) -> Self {
        let platform = account(Role::Platform, None);
        let partner = account(Role::Partner, Some(&platform));
        let merchant = account(Role::Merchant, Some(&partner));
        let rival = account(Role::Partner, Some(&platform));
        let rivals_merchant = account(Role::Merchant, Some(&rival));
        let direct = account(Role::Merchant, Some(&platform));
        let tree = Self { platform, partner, merchant, rival, rivals_merchant, direct };
        let mut unit = store.begin().await.unwrap();
        for account in tree.all() {
            assert_eq!(unit.insert_account(&Reach::operator(), account).await.unwrap(), Write::Applied);
        }
        unit.commit().await.unwrap();
        tree
    }

    /// All accounts, oldest first.
    pub fn all(&self) -> [&Account; 6] {
        [&self.platform, &self.partner, &self.merchant, &self.rival, &self.rivals_merchant, &self.direct]
    }

    /// The chain of the merchant.
    pub fn merchant_chain(&self) -> Chain {
        chain(&[&self.merchant, &self.partner, &self.platform])
    }

    /// Reaches that cover the merchant or not, by name.
    pub fn reaches(&self) -> [(&'static str, Reach, bool); 7] {
        [
            ("the operator", Reach::operator(), true),
            ("the platform", reach(&self.platform), true),
            ("its partner", reach(&self.partner), true),
            ("the merchant itself", reach(&self.merchant), true),
            ("another partner", reach(&self.rival), false),
            ("another partner's merchant", reach(&self.rivals_merchant), false),
            ("a merchant without a partner", reach(&self.direct), false),
        ]
    }

    /// The reaches that do not cover the merchant.
    pub fn strangers(&self) -> impl Iterator<Item = (&'static str, Reach)> {
        self.reaches().into_iter().filter(|(_, _, reached)| !reached).map(|(who, reach, _)| (who, reach))
    }
}

/// A builder of keys; starts with a secret key without scopes that never expires.
#[derive(Clone)]
pub struct Draft {
    key_type: KeyType,
    name: Name,
    description: Option<Description>,
    scopes: &'static str,
    restrictions: Restrictions,
    by: Actor,
    pair: Option<PairMembership>,
}

impl Draft {
    /// A key of this type.
    pub fn of(key_type: KeyType) -> Self {
        let name = name("a key");
        Self {
            key_type,
            name,
            description: None,
            scopes: "",
            restrictions: Restrictions::NONE,
            by: Actor::Operator,
            pair: None,
        }
    }

    /// A manager key.
    pub fn manager_key() -> Self {
        Self::of(KeyType::Secret).scoped("charges:* api-keys:write")
    }

    /// Sets the name.
    #[must_use]
    pub fn named(self, text: &str) -> Self {
        Self { name: name(text), ..self }
    }

    /// Sets the description.
    #[must_use]
    pub fn described(self, text: &str) -> Self {
        Self { description: Some(Description::parse(text).unwrap()), ..self }
    }

    /// Sets the scopes, separated by spaces.
    #[must_use]
    pub fn scoped(self, scopes: &'static str) -> Self {
        Self { scopes, ..self }
    }

    /// Sets the expiry, in seconds after the sample time.
    #[must_use]
    pub fn expiring(self, seconds: i64) -> Self {
        Self { restrictions: Restrictions { expires_at: Some(at(seconds)), ..self.restrictions }, ..self }
    }

    /// Sets the beginning, in seconds after the sample time.
    #[must_use]
    pub fn starting(self, seconds: i64) -> Self {
        Self { restrictions: Restrictions { not_before: Some(at(seconds)), ..self.restrictions }, ..self }
    }

    /// Sets the actor that issues it.
    #[must_use]
    pub fn by(self, by: Actor) -> Self {
        Self { by, ..self }
    }

    /// Sets its pair.
    #[must_use]
    pub fn paired(self, id: PairId, unique_name: &str) -> Self {
        Self { pair: Some(PairMembership { id, unique_name: unique_name.into() }), ..self }
    }

    /// Issues the key at the sample time, without storing it.
    pub fn issue(self, chain: &Chain) -> ApiKey {
        let id = KeyId::from_uuid(fresh());
        let scopes = self.scopes.parse().unwrap();
        let terms =
            KeyTerms::agree(self.key_type, self.name, self.description, scopes, self.restrictions, Now::exact(at(0)));
        let value = KeyValue::mint(self.key_type, Environment::Sandbox, id, [7; 32]);
        let digest = self.key_type.is_secret().then(|| hasher().digest(&value, &[0; 16]).unwrap());
        let origin = Origin { id, at: at(0), by: self.by, pair: self.pair };
        ApiKey::issue(terms.unwrap(), origin, chain, &value, digest).unwrap()
    }

    /// Issues and stores the key.
    pub async fn store(self, store: &Arc<dyn Store>, chain: &Chain) -> ApiKey {
        let key = self.issue(chain);
        insert(store, &key).await;
        key
    }
}

/// A public and a secret key of one pair, not stored yet.
pub fn pair(chain: &Chain, pair_name: &str, unique_name: &str) -> [ApiKey; 2] {
    let id = PairId::from_uuid(fresh());
    [KeyType::Public, KeyType::Secret]
        .map(|key_type| Draft::of(key_type).named(pair_name).paired(id, unique_name).issue(chain))
}

/// Stores a key in its own unit of work.
pub async fn insert(store: &Arc<dyn Store>, key: &ApiKey) {
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.insert_key(&Reach::operator(), key).await.unwrap(), Write::Applied);
    unit.commit().await.unwrap();
}

/// Revokes a key in its own unit of work. Returns the event number.
pub async fn revoke(store: &Arc<dyn Store>, key: &ApiKey) -> Seq {
    let it = revocation(10, Actor::Operator, Reason::Superseded);
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.record_revocation(&Reach::operator(), key.id(), &it).await.unwrap(), Write::Applied);
    unit.commit().await.unwrap().event.unwrap().seq
}

/// Changes the status of an account in its own unit of work. Returns the event number.
pub async fn become_status(store: &Arc<dyn Store>, account: &Account, from: Status, to: Status) -> Seq {
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.record_status(&Reach::operator(), account.id, from, to).await.unwrap(), Write::Applied);
    unit.commit().await.unwrap().event.unwrap().seq
}

/// The result of a commit that changed nothing that affects a verdict.
pub const NOTHING: Committed = Committed { event: None };

/// Reads an existing key for authentication.
pub async fn credential(store: &Arc<dyn Store>, id: KeyId) -> Credential {
    store.credential(id).await.unwrap().unwrap().value
}

/// Reads an existing key as the operator.
pub async fn record(store: &Arc<dyn Store>, id: KeyId) -> KeyRecord {
    store.key(&Reach::operator(), id).await.unwrap().unwrap()
}
