//! The account's manager key that expires last, for the rule against lock-out.

use keyward_domain::{ApiKey, KeyId, KeyType, Now};

use super::{
    Fixture,
    sample::{Draft, Tree, at, chain, reach, revoke},
};
use crate::shortcuts::StoreShortcuts as _;

async fn longest(fixture: &Fixture, tree: &Tree, except: &[KeyId]) -> Option<KeyId> {
    let mut unit = fixture.store.begin().await.unwrap();
    let found = unit
        .longest_lived_manager_key(&reach(&tree.merchant), tree.merchant.id, except, Now::exact(at(0)), None)
        .await
        .unwrap();
    found.map(|key| key.id())
}

pub async fn the_manager_key_that_expires_last_is_returned_and_one_that_never_expires_first(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let chain = tree.merchant_chain();
    let mut order = Vec::new();
    for draft in [
        Draft::manager_key(),
        Draft::manager_key().expiring(1),
        Draft::manager_key().expiring(3),
        Draft::manager_key().expiring(2),
    ] {
        order.push(draft.store(&fixture.store, &chain).await.id());
    }
    order.swap(1, 2);
    order.swap(2, 3);
    for gone in 0..=order.len() {
        assert_eq!(longest(fixture, &tree, order.get(..gone).unwrap()).await, order.get(gone).copied(), "{gone}");
    }
}

pub async fn a_manager_key_that_is_held_back_does_not_count(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let chain = tree.merchant_chain();
    let within = reach(&tree.merchant);
    let pending = Draft::manager_key().starting(9).store(&fixture.store, &chain).await;
    let expiring = Draft::manager_key().expiring(5).store(&fixture.store, &chain).await;
    for (now, expected) in [
        (Now::exact(at(4)), Some(&expiring)),
        // By one clock it has expired, or not begun.
        (Now::by(at(4), at(5)), None),
        (Now::by(at(8), at(9)), None),
        (Now::exact(at(9)), Some(&pending)),
    ] {
        let mut unit = fixture.store.begin().await.unwrap();
        let found = unit.longest_lived_manager_key(&within, tree.merchant.id, &[], now, None).await.unwrap();
        assert_eq!(found.as_ref(), expected, "{now:?}");
    }
}

pub async fn a_manager_key_is_returned_complete(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let draft = Draft::of(KeyType::Secret).scoped("merchants:read api-keys:*").described("the last one").expiring(5);
    let key = draft.store(&fixture.store, &tree.merchant_chain()).await;
    let mut unit = fixture.store.begin().await.unwrap();
    let found = unit
        .longest_lived_manager_key(&reach(&tree.merchant), tree.merchant.id, &[], Now::exact(at(0)), None)
        .await
        .unwrap();
    assert_eq!(found, Some(key));
}

pub async fn revoked_keys_and_keys_without_api_keys_write_do_not_count(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let chain = tree.merchant_chain();
    for draft in [
        Draft::of(KeyType::Secret),
        Draft::of(KeyType::Secret).scoped("api-keys:read api-keys:verify charges:*"),
        Draft::of(KeyType::Public).scoped("charges:*"),
        Draft::of(KeyType::Tokenization),
    ] {
        draft.store(&fixture.store, &chain).await;
    }
    let revoked = Draft::manager_key().store(&fixture.store, &chain).await;
    revoke(&fixture.store, &revoked).await;
    assert_eq!(longest(fixture, &tree, &[]).await, None);
    let left = Draft::manager_key().expiring(1).store(&fixture.store, &chain).await;
    assert_eq!(longest(fixture, &tree, &[]).await, Some(left.id()));
    assert_eq!(longest(fixture, &tree, &[revoked.id(), left.id(), left.id()]).await, None);
}

pub async fn a_manager_key_of_another_account_does_not_count(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let others: Vec<ApiKey> = vec![
        Draft::manager_key().store(&fixture.store, &chain(&[&tree.platform])).await,
        Draft::manager_key().store(&fixture.store, &chain(&[&tree.partner, &tree.platform])).await,
        Draft::manager_key().store(&fixture.store, &chain(&[&tree.direct, &tree.platform])).await,
    ];
    assert_eq!(longest(fixture, &tree, &[]).await, None);
    let own = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
    let foreign: Vec<_> = others.iter().map(ApiKey::id).collect();
    assert_eq!(longest(fixture, &tree, &foreign).await, Some(own.id()));
}

pub async fn a_foreign_account_shows_no_manager_key(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
    for (who, within, reached) in tree.reaches() {
        let mut unit = fixture.store.begin().await.unwrap();
        let found =
            unit.longest_lived_manager_key(&within, tree.merchant.id, &[], Now::exact(at(0)), None).await.unwrap();
        assert_eq!(found, reached.then(|| key.clone()), "{who}");
    }
}
