//! Corrupt rows are reported with table and id, and never read as something else.

use keyward_domain::{ApiKey, KeyType, Now, Reach};

use super::{
    Fixture,
    sample::{ALL, Draft, Tree, at},
};
use crate::shortcuts::StoreShortcuts as _;
use crate::{AccountWindow, Result, StorageError};

fn is_corrupt<T>(answer: Result<T>, table: &str, id: &str) -> bool {
    matches!(answer, Err(StorageError::Corrupt { table: named, id: of }) if named == table && of == id)
}

async fn spoil(fixture: &Fixture, table: &str, change: &str, id: uuid::Uuid) {
    let sql = format!("UPDATE {table} SET {change} WHERE id = {}", fixture.raw.id(id));
    assert_eq!(fixture.raw.execute(&sql).await, Ok(1), "{sql}");
}

/// Checks all management reads; authentication reads only what it needs.
async fn all_management_reads_fail(fixture: &Fixture, tree: &Tree, key: &ApiKey, what: &str) {
    let (all, id, name) = (Reach::operator(), key.id(), key.id().to_string());
    assert!(is_corrupt(fixture.store.key(&all, id).await, "api_key", &name), "{what}: key");
    assert!(is_corrupt(fixture.store.keys(&all, tree.merchant.id, ALL).await, "api_key", &name), "{what}: keys");
    let mut unit = fixture.store.begin().await.unwrap();
    assert!(is_corrupt(unit.current_key(&all, id).await, "api_key", &name), "{what}: current key");
}

pub async fn a_corrupt_key_is_reported(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for change in [
        "scopes = 'Not A Scope'",
        "scopes = 'charges:read  charges:write'",
        "scopes = 'api-keys:everything'",
        "name = ''",
        "name = 'a<b'",
        "description = 'a>b'",
        "digest = 'sha256:00'",
        "digest = ''",
        "last_four = 'abc'",
        "last_four = 'é12'",
    ] {
        let key = Draft::manager_key().described("x").store(&fixture.store, &tree.merchant_chain()).await;
        spoil(fixture, "api_key", change, key.id().uuid()).await;
        all_management_reads_fail(fixture, &tree, &key, change).await;
        let found = fixture.store.credential(key.id()).await;
        if ["description", "last_four"].iter().any(|unread| change.starts_with(unread)) {
            assert!(found.unwrap().is_some(), "{change}");
        } else {
            assert!(is_corrupt(found, "api_key", &key.id().to_string()), "{change}");
        }
        let gone = format!("DELETE FROM api_key WHERE id = {}", fixture.raw.id(key.id().uuid()));
        assert_eq!(fixture.raw.execute(&gone).await, Ok(1));
    }
}

pub async fn a_publishable_key_that_could_manage_keys_is_corrupt(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::of(KeyType::Public).store(&fixture.store, &tree.merchant_chain()).await;
    spoil(fixture, "api_key", "scopes = 'api-keys:write'", key.id().uuid()).await;
    all_management_reads_fail(fixture, &tree, &key, "a public manager key").await;
    assert!(is_corrupt(fixture.store.credential(key.id()).await, "api_key", &key.id().to_string()));
}

pub async fn a_corrupt_manager_key_or_pair_is_reported(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let pair = keyward_domain::PairId::from_uuid(super::sample::fresh());
    let draft = Draft::manager_key().named("shop").paired(pair, "shop");
    let key = draft.store(&fixture.store, &tree.merchant_chain()).await;
    spoil(fixture, "api_key", "digest = '?'", key.id().uuid()).await;
    let (all, name) = (Reach::operator(), key.id().to_string());
    let mut unit = fixture.store.begin().await.unwrap();
    assert!(is_corrupt(
        unit.longest_lived_manager_key(&all, tree.merchant.id, &[], Now::exact(at(0)), None).await,
        "api_key",
        &name
    ));
    let named = unit.pair_keys_named(&all, tree.merchant.id, &super::sample::name("shop")).await;
    assert!(is_corrupt(named, "api_key", &name));
}

pub async fn a_corrupt_account_is_reported(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let (all, name) = (Reach::operator(), tree.merchant.id.to_string());
    for change in ["name = ''", "name = 'a<b'"] {
        spoil(fixture, "account", change, tree.merchant.id.uuid()).await;
        assert!(is_corrupt(fixture.store.account(&all, &tree.merchant.mid).await, "account", &name), "{change}");
        let window = AccountWindow { before: None, rows: 100 };
        assert!(is_corrupt(fixture.store.accounts(&all, window).await, "account", &name), "{change}");
        let mut unit = fixture.store.begin().await.unwrap();
        assert!(is_corrupt(unit.lock_account(&all, tree.merchant.id).await, "account", &name), "{change}");
    }
}

pub async fn an_invalid_mid_is_corrupt_anywhere_in_a_chain(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await;
    for account in [&tree.merchant, &tree.partner, &tree.platform] {
        spoil(fixture, "account", "mid = 'not a mid'", account.id.uuid()).await;
        let found = fixture.store.credential(key.id()).await;
        assert!(is_corrupt(found, "account", &account.id.to_string()), "{}", account.role);
        let back = format!("mid = '{}'", account.mid);
        spoil(fixture, "account", &back, account.id.uuid()).await;
    }
    assert!(fixture.store.credential(key.id()).await.unwrap().is_some());
}

pub async fn accounts_that_form_no_path_to_the_platform_are_corrupt(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await;
    spoil(fixture, "account", "role = 'merchant'", tree.partner.id.uuid()).await;
    let (all, name) = (Reach::operator(), tree.merchant.id.to_string());
    assert!(is_corrupt(fixture.store.credential(key.id()).await, "account", &name));
    assert!(is_corrupt(fixture.store.key(&all, key.id()).await, "account", &name));
    assert!(is_corrupt(fixture.store.account(&all, &tree.merchant.mid).await, "account", &name));
}
