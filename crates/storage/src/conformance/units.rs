//! Units of work are atomic.

use keyward_domain::{Actor, AuthKey, KeyType, Reach, Reason, Role, Status};

use super::{
    Fixture,
    sample::{ALL, Draft, NOTHING, Tree, account, credential, revocation},
};
use crate::{
    Write,
    shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _},
};

pub async fn a_dropped_unit_of_work_leaves_nothing(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
    let new_key = Draft::manager_key().issue(&tree.merchant_chain());
    let new_account = account(Role::Merchant, Some(&tree.partner));
    let all = Reach::operator();
    let it = revocation(1, Actor::Operator, Reason::Compromised);

    let mut unit = fixture.store.begin().await.unwrap();
    assert_eq!(unit.insert_account(&all, &new_account).await.unwrap(), Write::Applied);
    assert_eq!(unit.insert_key(&all, &new_key).await.unwrap(), Write::Applied);
    assert_eq!(unit.record_revocation(&all, key.id(), &it).await.unwrap(), Write::Applied);
    let suspended = unit.record_status(&all, tree.partner.id, Status::Active, Status::Suspended).await;
    assert_eq!(suspended.unwrap(), Write::Applied);
    drop(unit);

    assert_eq!(fixture.store.account(&all, &new_account.mid).await.unwrap(), None);
    assert_eq!(fixture.store.credential(new_key.id()).await.unwrap(), None);
    assert_eq!(credential(&fixture.store, key.id()).await.key, AuthKey::from(&key));
    let partner = fixture.store.account(&all, &tree.partner.mid).await.unwrap().unwrap();
    assert_eq!(partner.account.status, Status::Active);
    let mut next = fixture.store.begin().await.unwrap();
    assert_eq!(next.current_key(&all, new_key.id()).await.unwrap(), None);
    assert_eq!(next.record_revocation(&all, key.id(), &it).await.unwrap(), Write::Applied);
    next.commit().await.unwrap();
}

pub async fn nothing_is_visible_before_the_commit_and_everything_after(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let chain = tree.merchant_chain();
    let all = Reach::operator();
    let keys = [Draft::manager_key().issue(&chain), Draft::of(KeyType::Public).issue(&chain)];
    let mut unit = fixture.store.begin().await.unwrap();
    for key in &keys {
        assert_eq!(unit.insert_key(&all, key).await.unwrap(), Write::Applied);
        assert_eq!(unit.current_key(&all, key.id()).await.unwrap().unwrap().key, *key, "it sees its own writes");
        assert_eq!(fixture.store.credential(key.id()).await.unwrap(), None);
        assert_eq!(fixture.store.key(&all, key.id()).await.unwrap(), None);
    }
    assert_eq!(fixture.store.keys(&all, tree.merchant.id, ALL).await.unwrap(), []);
    unit.commit().await.unwrap();
    for key in &keys {
        assert_eq!(credential(&fixture.store, key.id()).await.key, AuthKey::from(key));
    }
    assert_eq!(fixture.store.keys(&all, tree.merchant.id, ALL).await.unwrap().len(), 2);
}

pub async fn a_commit_is_visible_to_other_connections(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let count = "SELECT count(*) FROM api_key";
    Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
    assert_eq!(fixture.raw.number(count).await, 1);
    let unstored = Draft::manager_key().issue(&tree.merchant_chain());
    let mut unit = fixture.store.begin().await.unwrap();
    assert_eq!(unit.insert_key(&Reach::operator(), &unstored).await.unwrap(), Write::Applied);
    assert_eq!(fixture.raw.number(count).await, 1);
    drop(unit);
    assert_eq!(fixture.raw.number("SELECT count(*) FROM account").await, 6);
}

pub async fn a_unit_of_work_that_did_nothing_commits(fixture: &Fixture) {
    assert_eq!(fixture.store.begin().await.unwrap().commit().await.unwrap(), NOTHING);
    drop(fixture.store.begin().await.unwrap());
    assert_eq!(fixture.store.begin().await.unwrap().commit().await.unwrap(), NOTHING);
}
