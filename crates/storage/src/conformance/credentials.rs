//! The look-up of an authentication: by id alone, whatever state the key is in.

use keyward_domain::{KeyId, KeyType, Status};

use super::{
    Fixture,
    sample::{Draft, Tree, become_status, chain, fresh, revoke},
};
use crate::Credential;

pub async fn a_credential_is_the_key_with_its_chain(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for chain in [
        chain(&[&tree.platform]),
        chain(&[&tree.partner, &tree.platform]),
        tree.merchant_chain(),
        chain(&[&tree.direct, &tree.platform]),
    ] {
        for draft in [Draft::writer().expiring(3), Draft::of(KeyType::Public).described("for the shop")] {
            let key = draft.store(&fixture.store, &chain).await;
            let expected = Credential { key: key.clone(), chain: chain.clone() };
            assert_eq!(fixture.store.credential(key.id()).await.unwrap(), Some(expected));
        }
    }
}

pub async fn an_unknown_credential_is_absent(fixture: &Fixture) {
    Tree::plant(fixture).await;
    assert_eq!(fixture.store.credential(KeyId::from_uuid(fresh())).await.unwrap(), None);
}

pub async fn a_credential_tells_a_revocation_as_soon_as_it_is_committed(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await;
    assert!(fixture.store.credential(key.id()).await.unwrap().unwrap().key.revocation().is_none());
    revoke(&fixture.store, &key).await;
    assert!(fixture.store.credential(key.id()).await.unwrap().unwrap().key.revocation().is_some());
}

pub async fn a_credential_tells_the_status_of_every_account_above_it(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await;
    for (place, account) in [&tree.merchant, &tree.partner, &tree.platform].into_iter().enumerate() {
        for (from, to) in [(Status::Active, Status::Suspended), (Status::Suspended, Status::Active)] {
            become_status(&fixture.store, account, from, to).await;
            let found = fixture.store.credential(key.id()).await.unwrap().unwrap();
            let told: Vec<_> = found.chain.links().map(|link| link.status).collect();
            let mut expected = [Status::Active; 3];
            *expected.get_mut(place).unwrap() = to;
            assert_eq!(told, expected, "{}", account.role);
        }
    }
}
