//! Rehashing on use, and recording when keys were last used.

use keyward_domain::{ApiKey, KeyId, KeyType, Reach, Timestamp};

use super::{
    Fixture,
    sample::{Draft, Tree, at, credential, digest, fresh},
};
use crate::{
    Write,
    shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _},
};

async fn secret(fixture: &Fixture) -> ApiKey {
    let tree = Tree::plant(fixture).await;
    Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await
}

async fn last_used(fixture: &Fixture, key: &ApiKey) -> Option<Timestamp> {
    fixture.store.key(&Reach::operator(), key.id()).await.unwrap().unwrap().last_used
}

pub async fn a_digest_is_replaced_only_while_it_is_the_stored_one(fixture: &Fixture) {
    let key = secret(fixture).await;
    let old = key.digest().unwrap();
    assert_eq!(fixture.store.replace_digest(key.id(), &digest(1), &digest(2)).await.unwrap(), Write::Stale);
    assert_eq!(fixture.store.replace_digest(key.id(), old, &digest(2)).await.unwrap(), Write::Applied);
    let stored = credential(&fixture.store, key.id()).await.key;
    assert_eq!(stored.view().digest(), Some((&digest(2)).into()));
    assert_eq!(fixture.store.replace_digest(key.id(), old, &digest(3)).await.unwrap(), Write::Stale);
    let stored = credential(&fixture.store, key.id()).await.key;
    assert_eq!(stored.view().digest(), Some((&digest(2)).into()));
}

pub async fn neither_an_unknown_nor_a_readable_key_gets_a_digest(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let readable = Draft::of(KeyType::Public).store(&fixture.store, &tree.merchant_chain()).await;
    for id in [readable.id(), KeyId::from_uuid(fresh())] {
        assert_eq!(fixture.store.replace_digest(id, &digest(1), &digest(2)).await.unwrap(), Write::Stale);
    }
}

pub async fn the_latest_use_stays_in_any_order(fixture: &Fixture) {
    let key = secret(fixture).await;
    assert_eq!(last_used(fixture, &key).await, None);
    for (second, expected) in [(5, 5), (3, 5), (9, 9), (9, 9), (1, 9)] {
        fixture.store.record_usage(&[(key.id(), at(second))]).await.unwrap();
        assert_eq!(last_used(fixture, &key).await, Some(at(expected)), "{second}");
    }
}

pub async fn the_latest_of_several_uses_in_one_call_stays(fixture: &Fixture) {
    let key = secret(fixture).await;
    let used = [(key.id(), at(4)), (key.id(), at(8)), (key.id(), at(6))];
    fixture.store.record_usage(&used).await.unwrap();
    assert_eq!(last_used(fixture, &key).await, Some(at(8)));
}

pub async fn unknown_keys_are_skipped_and_the_others_recorded(fixture: &Fixture) {
    let key = secret(fixture).await;
    let unknown = || KeyId::from_uuid(fresh());
    fixture.store.record_usage(&[(unknown(), at(1)), (key.id(), at(2)), (unknown(), at(3))]).await.unwrap();
    assert_eq!(last_used(fixture, &key).await, Some(at(2)));
    assert_eq!(fixture.raw.number("SELECT count(*) FROM key_usage").await, 1);
    fixture.store.record_usage(&[]).await.unwrap();
}

pub async fn many_uses_are_recorded_in_one_call(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let mut unit = fixture.store.begin().await.unwrap();
    let mut used = Vec::new();
    for second in 0..700 {
        let key = Draft::of(KeyType::Public).issue(&tree.merchant_chain());
        assert_eq!(unit.insert_key(&Reach::operator(), &key).await.unwrap(), Write::Applied);
        used.push((key.id(), at(second)));
    }
    unit.commit().await.unwrap();
    fixture.store.record_usage(&used).await.unwrap();
    assert_eq!(fixture.raw.number("SELECT count(*) FROM key_usage").await, 700);
}
