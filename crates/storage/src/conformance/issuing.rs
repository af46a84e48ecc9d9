//! Adding keys: only within reach, and only if the whole chain is active.

use keyward_domain::{ApiKey, KeyType, Reach, Status};

use super::{
    Fixture,
    sample::{Draft, Tree, account, become_status, chain},
};
use crate::shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _};
use crate::{Authority, Write};

async fn insert(fixture: &Fixture, within: &Reach, key: &ApiKey) -> Write {
    let mut unit = fixture.store.begin().await.unwrap();
    let write = unit.insert_key(within, key).await.unwrap();
    unit.commit().await.unwrap();
    write
}

async fn is_there(fixture: &Fixture, key: &ApiKey) -> bool {
    fixture.store.credential(key.id()).await.unwrap().is_some()
}

pub async fn a_key_is_added_within_reach_only(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for (who, within, reached) in tree.reaches() {
        let key = Draft::of(KeyType::Secret).issue(&tree.merchant_chain());
        let expected = if reached { Write::Applied } else { Write::Stale };
        assert_eq!(insert(fixture, &within, &key).await, expected, "{who}");
        assert_eq!(is_there(fixture, &key).await, reached, "{who}");
    }
}

pub async fn no_key_is_added_to_an_inactive_account(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for inactive in [&tree.merchant, &tree.partner, &tree.platform] {
        let key = Draft::of(KeyType::Secret).issue(&tree.merchant_chain());
        become_status(&fixture.store, inactive, Status::Active, Status::Suspended).await;
        assert_eq!(insert(fixture, &Reach::operator(), &key).await, Write::Stale, "{}", inactive.role);
        assert!(!is_there(fixture, &key).await);
        become_status(&fixture.store, inactive, Status::Suspended, Status::Active).await;
        assert_eq!(insert(fixture, &Reach::operator(), &key).await, Write::Applied, "{}", inactive.role);
    }
    for closed in [&tree.merchant, &tree.partner, &tree.platform] {
        let key = Draft::of(KeyType::Secret).issue(&chain(&[&tree.merchant, &tree.partner, &tree.platform]));
        become_status(&fixture.store, closed, Status::Active, Status::Closed).await;
        assert_eq!(insert(fixture, &Reach::operator(), &key).await, Write::Stale, "{}", closed.role);
    }
}

pub async fn an_account_beside_an_inactive_one_still_gets_keys(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    become_status(&fixture.store, &tree.partner, Status::Active, Status::Suspended).await;
    for line in [vec![&tree.rivals_merchant, &tree.rival, &tree.platform], vec![&tree.direct, &tree.platform]] {
        let key = Draft::of(KeyType::Secret).issue(&chain(&line));
        assert_eq!(insert(fixture, &Reach::operator(), &key).await, Write::Applied);
    }
}

pub async fn a_key_of_an_unknown_account_is_stale(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let never_stored = account(keyward_domain::Role::Partner, Some(&tree.platform));
    let key = Draft::of(KeyType::Secret).issue(&chain(&[&never_stored, &tree.platform]));
    assert_eq!(insert(fixture, &Reach::operator(), &key).await, Write::Stale);
}

pub async fn a_key_id_is_never_used_twice(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await;
    let mut unit = fixture.store.begin().await.unwrap();
    assert!(unit.insert_key(&Reach::operator(), &key).await.is_err());
}

/// Tests `Store::insert_key`, which takes no unit of work.
pub async fn a_key_added_without_a_unit_of_work_meets_the_same_conditions(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for (who, within, reached) in tree.reaches() {
        let key = Draft::of(KeyType::Secret).issue(&tree.merchant_chain());
        let expected = if reached { Write::Applied } else { Write::Stale };
        assert_eq!(fixture.store.insert_key(&Authority::operator(), &within, &key).await.unwrap(), expected, "{who}");
        assert_eq!(is_there(fixture, &key).await, reached, "{who}");
        if reached {
            assert!(fixture.store.insert_key(&Authority::operator(), &within, &key).await.is_err(), "{who}: twice");
        }
    }
    become_status(&fixture.store, &tree.partner, Status::Active, Status::Suspended).await;
    let key = Draft::of(KeyType::Public).issue(&tree.merchant_chain());
    assert_eq!(fixture.store.insert_key(&Authority::operator(), &Reach::operator(), &key).await.unwrap(), Write::Stale);
    assert!(!is_there(fixture, &key).await);
}
