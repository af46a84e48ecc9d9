//! Counts of what closing an account would end.

use keyward_domain::{AccountId, KeyType, Reach, Status};

use super::{
    Fixture,
    sample::{Draft, Tree, at, become_status, chain, fresh, reach, revoke},
};
use crate::Below;

async fn below(fixture: &Fixture, within: &Reach, id: AccountId) -> (u64, u64) {
    let Below { accounts, keys } = fixture.store.count_below(within, id, at(5)).await.unwrap();
    (accounts, keys)
}

/// One key of each account, two of the partner.
async fn keys_of_all(fixture: &Fixture, tree: &Tree) {
    let Tree { platform, partner, merchant, rival, rivals_merchant, direct } = tree;
    for line in [
        &[platform][..],
        &[partner, platform],
        &[partner, platform],
        &[merchant, partner, platform],
        &[rival, platform],
        &[rivals_merchant, rival, platform],
        &[direct, platform],
    ] {
        Draft::of(KeyType::Secret).store(&fixture.store, &chain(line)).await;
    }
}

pub async fn an_account_is_counted_with_its_descendants(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    keys_of_all(fixture, &tree).await;
    let operator = Reach::operator();
    for (account, expected) in [
        (&tree.platform, (6, 7)),
        (&tree.partner, (2, 3)),
        (&tree.merchant, (1, 1)),
        (&tree.rival, (2, 2)),
        (&tree.direct, (1, 1)),
    ] {
        assert_eq!(below(fixture, &operator, account.id).await, expected, "{:?}", account.role);
    }
    // A suspension ends nothing.
    become_status(&fixture.store, &tree.merchant, Status::Active, Status::Suspended).await;
    assert_eq!(below(fixture, &operator, tree.partner.id).await, (2, 3));
}

pub async fn inactive_keys_and_closed_accounts_are_not_counted(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let (operator, store) = (Reach::operator(), &fixture.store);
    let merchant = tree.merchant_chain();
    let dead = Draft::of(KeyType::Secret).store(store, &merchant).await;
    revoke(store, &dead).await;
    // One expires at this exact instant, one just after it.
    Draft::of(KeyType::Public).expiring(5).store(store, &merchant).await;
    Draft::of(KeyType::Public).expiring(6).store(store, &merchant).await;
    assert_eq!(below(fixture, &operator, tree.partner.id).await, (2, 1));

    become_status(store, &tree.merchant, Status::Active, Status::Closed).await;
    assert_eq!(below(fixture, &operator, tree.partner.id).await, (1, 0));
    assert_eq!(below(fixture, &operator, tree.merchant.id).await, (0, 0));
    become_status(store, &tree.rival, Status::Active, Status::Closed).await;
    assert_eq!(below(fixture, &operator, tree.rivals_merchant.id).await, (0, 0), "it ended with its ancestor");
}

pub async fn nothing_is_counted_out_of_reach(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    keys_of_all(fixture, &tree).await;
    for (who, within, reached) in tree.reaches() {
        let expected = if reached { (1, 1) } else { (0, 0) };
        assert_eq!(below(fixture, &within, tree.merchant.id).await, expected, "{who}");
    }
    assert_eq!(
        below(fixture, &reach(&tree.merchant), tree.partner.id).await,
        (0, 0),
        "no caller sees what is above its account"
    );
    assert_eq!(below(fixture, &Reach::operator(), AccountId::from_uuid(fresh())).await, (0, 0));
}
