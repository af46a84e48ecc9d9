//! Many concurrent look-ups and additions: each gets the same result as alone, even if an adapter serves several with
//! one statement, and even if one of them fails.

use std::sync::Arc;

use keyward_domain::{Actor, KeyId, KeyType, Reach, Reason};

use super::{
    Fixture,
    races::together,
    sample::{Draft, Tree, chain, fresh, revocation},
};
use crate::shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _};
use crate::{Authority, StorageError, Write};

/// Number of requests of each kind.
const EACH: usize = 12;

pub async fn keys_added_concurrently_are_each_held_to_their_own_reach(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let taken = Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await;
    let mut racers = Vec::new();
    for _ in 0..EACH {
        for (_, within, reached) in tree.reaches() {
            let (store, key) = (Arc::clone(&fixture.store), Draft::manager_key().issue(&tree.merchant_chain()));
            racers.push((store, key, within, Some(reached)));
        }
        // Its id is another key's: only this one is refused.
        racers.push((Arc::clone(&fixture.store), taken.clone(), Reach::operator(), None));
    }
    let racers = racers.into_iter().map(|(store, key, within, expected)| async move {
        let written = store.insert_key(&Authority::operator(), &within, &key).await;
        match expected {
            Some(true) => assert_eq!(written.unwrap(), Write::Applied),
            Some(false) => assert_eq!(written.unwrap(), Write::Stale),
            None => assert!(matches!(written, Err(StorageError::Unexpected(_))), "{written:?}"),
        }
        (key.id(), expected != Some(false))
    });
    for (id, is_there) in together(racers.collect()).await {
        assert_eq!(fixture.store.credential(id).await.unwrap().is_some(), is_there);
    }
}

pub async fn concurrent_look_ups_each_return_their_own_key(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let mut look_ups = Vec::new();
    for _ in 0..EACH {
        let active = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
        let revoked = Draft::manager_key().store(&fixture.store, &chain(&[&tree.direct, &tree.platform])).await;
        let mut unit = fixture.store.begin().await.unwrap();
        let it = revocation(1, Actor::Operator, Reason::Compromised);
        assert_eq!(unit.record_revocation(&Reach::operator(), revoked.id(), &it).await.unwrap(), Write::Applied);
        unit.commit().await.unwrap();
        let corrupt = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
        let sql = format!("UPDATE api_key SET name = '' WHERE id = {}", fixture.raw.id(corrupt.id().uuid()));
        assert_eq!(fixture.raw.execute(&sql).await, Ok(1));
        // Each key twice: concurrent look-ups of one key return the same.
        for _ in 0..2 {
            look_ups.push((active.id(), Ok(Some((false, tree.merchant.mid.clone())))));
            look_ups.push((revoked.id(), Ok(Some((true, tree.direct.mid.clone())))));
            look_ups.push((KeyId::from_uuid(fresh()), Ok(None)));
            look_ups.push((corrupt.id(), Err(corrupt.id().to_string())));
        }
    }
    let racers = look_ups.into_iter().map(|(id, expected)| {
        let store = Arc::clone(&fixture.store);
        async move {
            let returned = match store.credential(id).await {
                Ok(found) => Ok(found.map(|read| {
                    assert_eq!(read.value.key.id(), id);
                    (read.value.key.view().revoked, read.value.chain.own().mid.clone())
                })),
                Err(StorageError::Corrupt { id, .. }) => Err(id),
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(returned, expected);
        }
    });
    together(racers.collect()).await;
}

pub async fn concurrent_account_look_ups_are_each_held_to_their_own_reach(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let mut racers = Vec::new();
    for _ in 0..EACH {
        for (who, within, reached) in tree.reaches() {
            let (store, wanted) = (Arc::clone(&fixture.store), tree.merchant.clone());
            racers.push(async move {
                let found = store.account(&within, &wanted.mid).await.unwrap();
                assert_eq!(found.map(|it| it.account), reached.then_some(wanted), "{who}");
                assert_eq!(store.account(&within, &"unknown".parse().unwrap()).await.unwrap(), None);
            });
        }
    }
    together(racers).await;
}
