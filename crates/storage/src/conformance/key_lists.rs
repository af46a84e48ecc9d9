//! Windows over an account's keys: which keys, in what order, and how many.

use keyward_domain::{AccountId, ApiKey, KeyId, KeyType, Reach};

use super::{
    Fixture,
    sample::{ALL, Draft, Tree, at, chain, fresh, revoke},
};
use crate::{KeyWindow, ListedKey, StoredState};

/// Ten keys of the merchant, oldest first: every third is revoked, every second expires.
async fn ten(fixture: &Fixture, tree: &Tree) -> Vec<ApiKey> {
    let chain = tree.merchant_chain();
    let mut keys = Vec::new();
    for n in 0..10 {
        let draft = Draft::of(KeyType::Secret);
        let draft = if n % 2 == 0 { draft.expiring(1) } else { draft };
        let key = draft.store(&fixture.store, &chain).await;
        if n % 3 == 0 {
            revoke(&fixture.store, &key).await;
        }
        keys.push(key);
    }
    keys
}

async fn ids(fixture: &Fixture, within: &Reach, account: AccountId, window: KeyWindow) -> Vec<KeyId> {
    fixture.store.keys(within, account, window).await.unwrap().iter().map(|listed| listed.key.id()).collect()
}

/// Those of the ten keys in this stored state, newest first.
fn expected(keys: &[ApiKey], stored: StoredState) -> Vec<KeyId> {
    let wanted = |n: usize| match stored {
        StoredState::Active => !n.is_multiple_of(3),
        StoredState::Revoked => n.is_multiple_of(3),
        StoredState::Any => true,
    };
    keys.iter().enumerate().filter(|(n, _)| wanted(*n)).map(|(_, key)| key.id()).rev().collect()
}

pub async fn a_window_holds_one_stored_state_newest_first(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let keys = ten(fixture, &tree).await;
    for stored in [StoredState::Active, StoredState::Revoked, StoredState::Any] {
        let window = KeyWindow { stored, ..ALL };
        let listed = ids(fixture, &Reach::operator(), tree.merchant.id, window).await;
        assert_eq!(listed, expected(&keys, stored), "{stored:?}");
    }
}

pub async fn windows_over_keys_follow_each_other_without_gap_or_overlap(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let keys = ten(fixture, &tree).await;
    for stored in [StoredState::Active, StoredState::Revoked, StoredState::Any] {
        for rows in 1..=4 {
            let mut seen = Vec::new();
            loop {
                let window = KeyWindow { before: seen.last().copied(), stored, rows };
                let part = ids(fixture, &Reach::operator(), tree.merchant.id, window).await;
                assert!(part.len() <= usize::from(rows), "{stored:?}");
                if part.is_empty() {
                    break;
                }
                seen.extend(part);
            }
            assert_eq!(seen, expected(&keys, stored), "{stored:?}, {rows} at a time");
        }
    }
}

pub async fn a_window_may_start_at_a_key_that_is_not_in_it(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let keys = ten(fixture, &tree).await;
    let revoked = keys.get(6).unwrap().id();
    let window = KeyWindow { before: Some(revoked), stored: StoredState::Active, rows: 2 };
    let listed = ids(fixture, &Reach::operator(), tree.merchant.id, window).await;
    assert_eq!(listed, [keys.get(5).unwrap().id(), keys.get(4).unwrap().id()]);
    let unknown = KeyWindow { before: Some(KeyId::from_uuid(fresh())), stored: StoredState::Any, rows: 100 };
    assert_eq!(ids(fixture, &Reach::operator(), tree.merchant.id, unknown).await.len(), 10);
    let none = KeyWindow { rows: 0, ..ALL };
    assert_eq!(ids(fixture, &Reach::operator(), tree.merchant.id, none).await, []);
}

pub async fn listed_keys_are_complete(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let chain = tree.merchant_chain();
    let plain = Draft::manager_key().expiring(9).described("").store(&fixture.store, &chain).await;
    let used = Draft::of(KeyType::Public).named("日本").store(&fixture.store, &chain).await;
    fixture.store.record_usage(&[(used.id(), at(3))]).await.unwrap();
    let listed = fixture.store.keys(&Reach::operator(), tree.merchant.id, ALL).await.unwrap();
    let expected = [ListedKey { key: used, last_used: Some(at(3)) }, ListedKey { key: plain, last_used: None }];
    assert_eq!(listed, expected);
}

pub async fn a_window_over_a_foreign_account_is_empty(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    ten(fixture, &tree).await;
    for (who, within, reached) in tree.reaches() {
        for stored in [StoredState::Active, StoredState::Revoked, StoredState::Any] {
            let listed = ids(fixture, &within, tree.merchant.id, KeyWindow { stored, ..ALL }).await;
            assert_eq!(!listed.is_empty(), reached, "{who}, {stored:?}");
        }
        assert_eq!(ids(fixture, &within, AccountId::from_uuid(fresh()), ALL).await, [], "{who}");
    }
}

pub async fn a_window_holds_no_key_of_another_account(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let mut line = Vec::new();
    for chain in [
        chain(&[&tree.platform]),
        chain(&[&tree.partner, &tree.platform]),
        tree.merchant_chain(),
        chain(&[&tree.direct, &tree.platform]),
    ] {
        line.push(Draft::of(KeyType::Secret).store(&fixture.store, &chain).await);
    }
    for key in line {
        assert_eq!(ids(fixture, &Reach::operator(), key.facts().account, ALL).await, [key.id()]);
    }
}
