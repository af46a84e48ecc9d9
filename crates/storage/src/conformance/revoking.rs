//! Recording a revocation: once, and within reach.

use keyward_domain::{Actor, AuthKey, KeyId, KeyType, Reach, Reason, Revocation};

use super::{
    Fixture,
    sample::{self, Draft, Tree, credential, fresh, revocation},
};
use crate::{
    Write,
    shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _},
};

async fn record(fixture: &Fixture, within: &Reach, id: KeyId, it: &Revocation) -> Write {
    let mut unit = fixture.store.begin().await.unwrap();
    let write = unit.record_revocation(within, id, it).await.unwrap();
    unit.commit().await.unwrap();
    write
}

async fn stored(fixture: &Fixture, id: KeyId) -> Option<Revocation> {
    sample::record(&fixture.store, id).await.key.revocation().cloned()
}

pub async fn a_second_revocation_is_stale_and_the_first_stays(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await;
    let first = revocation(1, Actor::Key(key.id()), Reason::Compromised);
    let second = revocation(2, Actor::Operator, Reason::NoLongerNeeded);
    assert_eq!(record(fixture, &Reach::operator(), key.id(), &first).await, Write::Applied);
    assert_eq!(record(fixture, &Reach::operator(), key.id(), &second).await, Write::Stale);
    assert_eq!(record(fixture, &Reach::operator(), key.id(), &first).await, Write::Stale);
    assert_eq!(stored(fixture, key.id()).await, Some(first));
}

pub async fn a_second_revocation_in_the_same_unit_of_work_is_stale(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await;
    let mut unit = fixture.store.begin().await.unwrap();
    let first = revocation(1, Actor::Operator, Reason::Superseded);
    assert_eq!(unit.record_revocation(&Reach::operator(), key.id(), &first).await.unwrap(), Write::Applied);
    let second = revocation(2, Actor::Operator, Reason::Compromised);
    assert_eq!(unit.record_revocation(&Reach::operator(), key.id(), &second).await.unwrap(), Write::Stale);
    let current = unit.current_key(&Reach::operator(), key.id()).await.unwrap().unwrap();
    assert_eq!(current.key.revocation(), Some(&first));
}

pub async fn a_foreign_key_is_not_revoked(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await;
    let it = revocation(1, Actor::Operator, Reason::Unspecified);
    for (who, within) in tree.strangers() {
        assert_eq!(record(fixture, &within, key.id(), &it).await, Write::Stale, "{who}");
        assert_eq!(stored(fixture, key.id()).await, None, "{who}");
    }
}

pub async fn every_caller_within_reach_may_revoke(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for (who, within, reached) in tree.reaches() {
        let key = Draft::of(KeyType::Tokenization).store(&fixture.store, &tree.merchant_chain()).await;
        let it = revocation(1, Actor::Operator, Reason::Unspecified);
        let expected = if reached { Write::Applied } else { Write::Stale };
        assert_eq!(record(fixture, &within, key.id(), &it).await, expected, "{who}");
    }
}

pub async fn an_unknown_key_is_not_revoked(fixture: &Fixture) {
    Tree::plant(fixture).await;
    let it = revocation(1, Actor::Operator, Reason::Unspecified);
    assert_eq!(record(fixture, &Reach::operator(), KeyId::from_uuid(fresh()), &it).await, Write::Stale);
}

pub async fn a_revocation_touches_no_other_key(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let chain = tree.merchant_chain();
    let keys = [
        Draft::manager_key().store(&fixture.store, &chain).await,
        Draft::manager_key().store(&fixture.store, &chain).await,
        Draft::manager_key().expiring(1).store(&fixture.store, &chain).await,
    ];
    let it = revocation(9, Actor::Operator, Reason::Superseded);
    assert_eq!(record(fixture, &Reach::operator(), keys[1].id(), &it).await, Write::Applied);
    for key in [&keys[0], &keys[2]] {
        assert_eq!(credential(&fixture.store, key.id()).await.key, AuthKey::from(key));
    }
}
