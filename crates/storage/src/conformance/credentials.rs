//! The look-up for authentication: by id only, in any state of the key, and in one snapshot.

use std::sync::Arc;

use keyward_domain::{AuthKey, KeyId, KeyType, Status};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    Fixture,
    sample::{Draft, Tree, become_status, chain, credential, fresh, record, revoke},
};
use crate::{Credential, Seq};

pub async fn a_credential_is_the_key_with_its_chain(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for chain in [
        chain(&[&tree.platform]),
        chain(&[&tree.partner, &tree.platform]),
        tree.merchant_chain(),
        chain(&[&tree.direct, &tree.platform]),
    ] {
        for draft in [Draft::manager_key().expiring(3), Draft::of(KeyType::Public).described("for the shop")] {
            let key = draft.store(&fixture.store, &chain).await;
            let expected = Credential { key: AuthKey::from(&key), chain: chain.clone() };
            assert_eq!(credential(&fixture.store, key.id()).await, expected);
        }
    }
}

/// A look-up reads a key whether or not the id exists; the result does not show which key.
pub async fn an_unknown_credential_is_absent_beside_any_neighbour(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let absent = async |id: Uuid| {
        assert_eq!(fixture.store.credential(KeyId::from_uuid(id)).await.unwrap(), None, "{id}");
    };
    for id in [Uuid::nil(), fresh(), Uuid::max()] {
        absent(id).await;
    }
    let before = fresh();
    let first = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
    let between = fresh();
    let last = Draft::of(KeyType::Public).store(&fixture.store, &chain(&[&tree.platform])).await;
    let unknown = [Uuid::nil(), before, between, fresh(), Uuid::max()];
    for id in unknown {
        absent(id).await;
    }
    for key in [&first, &last] {
        assert_eq!(credential(&fixture.store, key.id()).await.key.id(), key.id());
    }
    // Now every neighbour is corrupt.
    for key in [&first, &last] {
        let sql = format!("UPDATE api_key SET scopes = 'Not A Scope' WHERE id = {}", fixture.raw.id(key.id().uuid()));
        assert_eq!(fixture.raw.execute(&sql).await, Ok(1));
        assert!(fixture.store.credential(key.id()).await.is_err());
    }
    for id in unknown {
        absent(id).await;
    }
}

pub async fn a_credential_shows_a_revocation_once_it_is_committed(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await;
    assert!(!credential(&fixture.store, key.id()).await.key.view().revoked);
    revoke(&fixture.store, &key).await;
    assert!(credential(&fixture.store, key.id()).await.key.view().revoked);
}

pub async fn a_credential_shows_the_status_of_every_account_above_it(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await;
    for (place, account) in [&tree.merchant, &tree.partner, &tree.platform].into_iter().enumerate() {
        for (from, to) in [(Status::Active, Status::Suspended), (Status::Suspended, Status::Active)] {
            become_status(&fixture.store, account, from, to).await;
            let found = credential(&fixture.store, key.id()).await;
            let statuses: Vec<_> = found.chain.links().map(|link| link.status).collect();
            let mut expected = [Status::Active; 3];
            *expected.get_mut(place).unwrap() = to;
            assert_eq!(statuses, expected, "{}", account.role);
        }
    }
}

pub async fn a_credential_shows_the_number_of_the_last_event(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let [key, other] = [
        Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await,
        Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await,
    ];
    let as_of = async || fixture.store.credential(key.id()).await.unwrap().unwrap().as_of.seq();
    assert_eq!(as_of().await, Seq::ZERO);
    let first = revoke(&fixture.store, &other).await;
    assert_eq!(as_of().await, first);
    let second = become_status(&fixture.store, &tree.direct, Status::Active, Status::Suspended).await;
    assert_eq!(as_of().await, second);
    let read = fixture.store.credential(key.id()).await.unwrap().unwrap();
    assert_eq!(read.as_of, fixture.feed.head().await.unwrap().as_of, "by number, nonce and history");
}

/// A key is revoked exactly from the number of its revocation on, so that a cache may rely on the number (R4).
pub async fn a_credential_matches_its_event_number_exactly(fixture: &Fixture) {
    const KEYS: usize = 60;
    const READERS: usize = 4;
    let tree = Tree::plant(fixture).await;
    let mut keys = Vec::new();
    for _ in 0..KEYS {
        keys.push(Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await);
    }
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        let (store, ids) =
            (Arc::clone(&fixture.store), keys.iter().map(keyward_domain::ApiKey::id).collect::<Vec<_>>());
        readers.spawn(async move {
            let mut seen = Vec::new();
            // Reads until the last key is revoked, so that reads and writes interleave.
            loop {
                for id in ids.iter().skip(reader).step_by(READERS) {
                    let read = store.credential(*id).await.unwrap().unwrap();
                    seen.push((*id, read.as_of.seq(), read.value.key.view().revoked));
                }
                let last = store.credential(*ids.last().unwrap()).await.unwrap().unwrap();
                if last.value.key.view().revoked {
                    return seen;
                }
            }
        });
    }
    for key in &keys {
        revoke(&fixture.store, key).await;
    }
    for (id, as_of, revoked) in readers.join_all().await.into_iter().flatten() {
        let revoked_by = record(&fixture.store, id).await.enforcement.unwrap().seq;
        assert_eq!(revoked, as_of >= revoked_by, "{id} read as of {as_of}, revoked by {revoked_by}");
    }
}
