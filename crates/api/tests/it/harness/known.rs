//! Answers of a working database, for doubles that fail at a chosen moment.

use keyward_domain::{Actor, ApiKey, Change, KeyId, Role};
use keyward_storage::{
    AccountRecord, Accounts as _, Credential, Credentials as _, KeyRecord, Keys as _, Read, SigningKeys, Tokens as _,
    Write,
    mock::{MockStore, MockUnitOfWork},
};

use super::{Held, Pair, World};

#[derive(Clone)]
pub(crate) struct Known {
    /// The caller: a key of the platform.
    pub(crate) by: Held,
    pub(crate) pair: Pair,
    /// The object of the call: a key of `merchant_a1`.
    pub(crate) about: Held,
    pub(crate) key: KeyRecord,
    credentials: Vec<Read<Credential>>,
    account: AccountRecord,
    signing_keys: SigningKeys,
}

impl Known {
    pub(crate) async fn of(world: &World) -> Self {
        let (by, pair) = (world.root("platform").await, world.pair("merchant_a1", &["charges:read"]).await);
        let about = world.key("merchant_a1", &[]).await;
        let mut credentials = Vec::new();
        for key in [&by, &pair.public, &pair.secret, &about] {
            credentials.push(world.store.credential(key.id.parse().unwrap()).await.unwrap().unwrap());
        }
        let reach = keyward_domain::Reach::operator();
        Self {
            account: world.store.account(&reach, &"merchant_a1".parse().unwrap()).await.unwrap().unwrap(),
            key: world.store.key(&reach, about.id.parse().unwrap()).await.unwrap().unwrap(),
            signing_keys: world.store.signing_keys().await.unwrap(),
            by,
            pair,
            about,
            credentials,
        }
    }

    /// A store that has signing keys and nothing else yet.
    pub(crate) fn store(&self) -> MockStore {
        let mut store = MockStore::new();
        let keys = self.signing_keys.clone();
        store.expect_signing_keys().returning(move || Ok(keys.clone()));
        store
    }

    /// The same, with the caller and the object of its call.
    pub(crate) fn knowing(&self) -> MockStore {
        let mut store = self.store();
        let known = self.clone();
        store.expect_credential().returning(move |id| Ok(known.credential(id)));
        store
    }

    /// The same, also answering management reads. It begins no unit of work yet.
    pub(crate) fn managing(&self) -> MockStore {
        let mut store = self.knowing();
        let account = self.account.clone();
        store.expect_account().returning(move |_, mid| {
            let mut found = account.clone();
            // A merchant is below a partner; keys and status belong to the merchant itself.
            if mid.as_str() == "partner_a" {
                found.account.role = Role::Partner;
            }
            Ok(Some(found))
        });
        let key = self.key.clone();
        store.expect_key().returning(move |_, _| Ok(Some(key.clone())));
        store
    }

    /// A unit of work that succeeds in everything. How it ends is not set yet.
    pub(crate) fn unit(&self) -> MockUnitOfWork {
        self.unit_over(Vec::new(), Write::Applied)
    }

    /// The same, over these keys of an active pair; their revocation returns this.
    pub(crate) fn unit_over(&self, pair: Vec<ApiKey>, revoked: Write) -> MockUnitOfWork {
        let mut unit = MockUnitOfWork::new();
        let (account, key) = (self.account.clone(), self.key.clone());
        unit.expect_lock_account().returning(move |_, _| Ok(Some(account.clone())));
        let same = key.clone();
        unit.expect_lock_key().returning(move |_, _| Ok(Some(same.clone())));
        unit.expect_current_key().returning(move |_, _| Ok(Some(key.clone())));
        unit.expect_longest_lived_manager_key().returning(|_, _, _, _, _| Ok(None));
        unit.expect_count_keys().returning(|_, _, _, _, _| Ok(0));
        unit.expect_pair_keys_named().returning(move |_, _, _| Ok(pair.clone()));
        unit.expect_taken_unique_names().returning(|_, _, _| Ok(Vec::new()));
        unit.expect_record().returning(move |_, change| match change {
            Change::AccountRegistered(_)
            | Change::StatusChanged { .. }
            | Change::PolicySet { .. }
            | Change::KeyIssued(_)
            | Change::KeyChanged { .. } => Ok(Write::Applied),
            Change::KeyRevoked { revocation, .. } => {
                assert!(matches!(revocation.by, Actor::Key(_)));
                Ok(revoked)
            }
        });
        unit
    }

    pub(crate) fn credential(&self, id: KeyId) -> Option<Read<Credential>> {
        self.credentials.iter().find(|known| known.value.key.id() == id).cloned()
    }
}
