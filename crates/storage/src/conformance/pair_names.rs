//! The unique names of pairs: taken while either key of the pair is not revoked.

use keyward_domain::{ApiKey, KeyType, Reach};

use super::{
    Fixture,
    sample::{Draft, Tree, chain, insert, name, pair, revoke},
};
use crate::shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _};
use crate::{Constraint, StorageError, Write};

async fn insert_pair(fixture: &Fixture, keys: &[ApiKey; 2]) -> Result<(), StorageError> {
    let mut unit = fixture.store.begin().await.unwrap();
    for key in keys {
        assert_eq!(unit.insert_key(&Reach::operator(), key).await?, Write::Applied);
    }
    unit.commit().await.map(|_| ())
}

fn is_taken(answer: &Result<(), StorageError>) -> bool {
    matches!(answer, Err(StorageError::Conflict(Constraint::PairUniqueName)))
}

pub async fn a_unique_name_is_taken_until_both_keys_of_its_pair_are_revoked(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let chain = tree.merchant_chain();
    for first_to_go in [0, 1] {
        let unique_name = format!("shop {first_to_go}");
        let keys = pair(&chain, "shop", &unique_name);
        insert_pair(fixture, &keys).await.unwrap();
        let again = || pair(&chain, "shop", &unique_name);
        assert!(is_taken(&insert_pair(fixture, &again()).await), "both active");
        revoke(&fixture.store, keys.get(first_to_go).unwrap()).await;
        assert!(is_taken(&insert_pair(fixture, &again()).await), "one active");
        revoke(&fixture.store, keys.get(1 - first_to_go).unwrap()).await;
        insert_pair(fixture, &again()).await.unwrap();
    }
}

pub async fn a_unique_name_is_free_in_another_account(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for chain in
        [tree.merchant_chain(), chain(&[&tree.direct, &tree.platform]), chain(&[&tree.partner, &tree.platform])]
    {
        insert_pair(fixture, &pair(&chain, "shop", "shop")).await.unwrap();
    }
}

pub async fn names_of_keys_and_pairs_need_not_be_unique(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let chain = tree.merchant_chain();
    for unique_name in ["shop", "shop 2", "Shop"] {
        insert_pair(fixture, &pair(&chain, "shop", unique_name)).await.unwrap();
        insert(&fixture.store, &Draft::of(KeyType::Secret).named("shop").issue(&chain)).await;
    }
}

pub async fn taken_unique_names_are_those_of_active_pairs_of_the_account(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let merchant = tree.merchant_chain();
    let gone = pair(&merchant, "shop", "gone");
    let half = pair(&merchant, "shop", "half");
    let elsewhere = pair(&chain(&[&tree.direct, &tree.platform]), "shop", "elsewhere");
    for keys in [&gone, &half, &elsewhere, &pair(&merchant, "shop", "it's “whole”"), &pair(&merchant, "x", "unasked")]
    {
        insert_pair(fixture, keys).await.unwrap();
    }
    for key in [&gone[0], &gone[1], &half[1]] {
        revoke(&fixture.store, key).await;
    }
    let among = ["elsewhere", "gone", "half", "it's “whole”", "never"].map(str::to_owned);
    for (who, within, reached) in tree.reaches() {
        let mut unit = fixture.store.begin().await.unwrap();
        let mut taken = unit.taken_unique_names(&within, tree.merchant.id, &among).await.unwrap();
        taken.sort_unstable();
        assert_eq!(taken, if reached { vec!["half", "it's “whole”"] } else { vec![] }, "{who}");
        assert_eq!(unit.taken_unique_names(&within, tree.merchant.id, &[]).await.unwrap(), [""; 0], "{who}");
    }
}

pub async fn the_keys_of_a_pair_name_are_its_unrevoked_ones(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let merchant = tree.merchant_chain();
    let one = pair(&merchant, "shop", "shop");
    let two = pair(&merchant, "shop", "shop 2");
    let other_name = pair(&merchant, "Shop", "shop 3");
    let other_account = pair(&chain(&[&tree.direct, &tree.platform]), "shop", "shop");
    for keys in [&one, &two, &other_name, &other_account] {
        insert_pair(fixture, keys).await.unwrap();
    }
    insert(&fixture.store, &Draft::of(KeyType::Secret).named("shop").issue(&merchant)).await;
    let [two_public, two_secret] = two;
    revoke(&fixture.store, &two_secret).await;
    let [one_public, one_secret] = one;
    for (who, within, reached) in tree.reaches() {
        let mut unit = fixture.store.begin().await.unwrap();
        let mut found = unit.pair_keys_named(&within, tree.merchant.id, &name("shop")).await.unwrap();
        found.sort_unstable_by_key(ApiKey::id);
        let expected = [one_public.clone(), one_secret.clone(), two_public.clone()];
        assert_eq!(found, if reached { expected.to_vec() } else { vec![] }, "{who}");
        let none = unit.pair_keys_named(&within, tree.merchant.id, &name("sho")).await.unwrap();
        assert_eq!(none, [], "{who}");
    }
}
