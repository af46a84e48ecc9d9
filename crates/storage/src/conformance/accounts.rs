//! Registering and reading accounts.

use keyward_domain::{Account, Reach, Role, Status};

use super::{
    Fixture,
    sample::{Tree, account, become_status, chain, reach},
};
use crate::shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _};
use crate::{AccountRecord, Constraint, StorageError, Write};

async fn insert(fixture: &Fixture, within: &Reach, account: &Account) -> Result<Write, StorageError> {
    let mut unit = fixture.store.begin().await.unwrap();
    let write = unit.insert_account(within, account).await?;
    unit.commit().await.unwrap();
    Ok(write)
}

pub async fn every_field_of_an_account_is_returned(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for (account, line) in [
        (&tree.platform, vec![&tree.platform]),
        (&tree.partner, vec![&tree.partner, &tree.platform]),
        (&tree.merchant, vec![&tree.merchant, &tree.partner, &tree.platform]),
        (&tree.direct, vec![&tree.direct, &tree.platform]),
    ] {
        let expected =
            AccountRecord { account: account.clone(), chain: chain(&line), policy_version: 1, enforcement: None };
        assert_eq!(fixture.store.account(&Reach::operator(), &account.mid).await.unwrap(), Some(expected));
    }
}

pub async fn an_unknown_mid_is_absent(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for (who, within, _) in tree.reaches() {
        let found = fixture.store.account(&within, &"unknown".parse().unwrap()).await.unwrap();
        assert_eq!(found, None, "{who}");
    }
}

pub async fn a_foreign_account_is_as_absent_as_an_unknown_one(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for (who, within, reached) in tree.reaches() {
        let found = fixture.store.account(&within, &tree.merchant.mid).await.unwrap();
        assert_eq!(found.is_some(), reached, "{who}");
        let mut unit = fixture.store.begin().await.unwrap();
        let locked = unit.lock_account(&within, tree.merchant.id).await.unwrap();
        assert_eq!(locked, found, "{who}");
    }
    for (above, below) in [(&tree.platform, &tree.partner), (&tree.partner, &tree.merchant)] {
        assert_eq!(fixture.store.account(&reach(below), &above.mid).await.unwrap(), None, "no caller reaches upwards");
    }
}

pub async fn a_locked_account_is_complete(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let mut unit = fixture.store.begin().await.unwrap();
    let locked = unit.lock_account(&reach(&tree.merchant), tree.merchant.id).await.unwrap().unwrap();
    let expected = AccountRecord {
        account: tree.merchant.clone(),
        chain: tree.merchant_chain(),
        policy_version: 1,
        enforcement: None,
    };
    assert_eq!(locked, expected);
}

pub async fn an_account_is_added_only_below_a_parent_within_reach(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for (who, within) in [
        ("another partner", reach(&tree.rival)),
        ("its merchant", reach(&tree.merchant)),
        ("a merchant elsewhere", reach(&tree.direct)),
    ] {
        let new = account(Role::Merchant, Some(&tree.partner));
        assert_eq!(insert(fixture, &within, &new).await.unwrap(), Write::Stale, "{who}");
        assert_eq!(fixture.store.account(&Reach::operator(), &new.mid).await.unwrap(), None, "{who}");
    }
    for within in [Reach::operator(), reach(&tree.platform), reach(&tree.partner)] {
        let new = account(Role::Merchant, Some(&tree.partner));
        assert_eq!(insert(fixture, &within, &new).await.unwrap(), Write::Applied);
    }
    let new = account(Role::Partner, Some(&tree.platform));
    assert_eq!(insert(fixture, &reach(&tree.partner), &new).await.unwrap(), Write::Stale, "beside itself");
    let root = account(Role::Platform, None);
    for (who, within) in [("the platform", reach(&tree.platform)), ("a partner", reach(&tree.partner))] {
        assert_eq!(insert(fixture, &within, &root).await.unwrap(), Write::Stale, "{who} adds a second root");
    }
}

pub async fn an_account_below_an_unknown_parent_is_stale(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let never_stored = account(Role::Partner, Some(&tree.platform));
    let new = account(Role::Merchant, Some(&never_stored));
    assert_eq!(insert(fixture, &Reach::operator(), &new).await.unwrap(), Write::Stale);
}

pub async fn no_account_is_added_below_an_inactive_one(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for inactive in [&tree.partner, &tree.platform] {
        become_status(&fixture.store, inactive, Status::Active, Status::Suspended).await;
        let new = account(Role::Merchant, Some(&tree.partner));
        assert_eq!(insert(fixture, &Reach::operator(), &new).await.unwrap(), Write::Stale);
        become_status(&fixture.store, inactive, Status::Suspended, Status::Active).await;
        assert_eq!(insert(fixture, &Reach::operator(), &new).await.unwrap(), Write::Applied);
    }
    for closed in [&tree.partner, &tree.platform] {
        become_status(&fixture.store, closed, Status::Active, Status::Closed).await;
        let new = account(Role::Merchant, Some(closed));
        assert_eq!(insert(fixture, &Reach::operator(), &new).await.unwrap(), Write::Stale);
    }
}

pub async fn a_taken_mid_is_a_conflict(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for holder in tree.all() {
        let new = Account { mid: holder.mid.clone(), ..account(Role::Merchant, Some(&tree.rival)) };
        let refused = insert(fixture, &reach(&tree.rival), &new).await;
        assert!(matches!(refused, Err(StorageError::Conflict(Constraint::AccountMid))), "{refused:?}");
    }
}

pub async fn a_second_platform_is_a_conflict(fixture: &Fixture) {
    Tree::plant(fixture).await;
    let refused = insert(fixture, &Reach::operator(), &account(Role::Platform, None)).await;
    assert!(matches!(refused, Err(StorageError::Conflict(Constraint::OnePlatform))), "{refused:?}");
}

pub async fn only_the_operator_adds_a_root(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for above in tree.all() {
        let root = account(Role::Platform, None);
        assert!(!matches!(insert(fixture, &reach(above), &root).await, Ok(Write::Applied)), "{}", above.role);
        assert_eq!(fixture.store.account(&Reach::operator(), &root.mid).await.unwrap(), None);
    }
}

pub async fn mids_differ_by_case(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for mid in ["Shop-1", "shop-1", "SHOP-1"] {
        let new = Account { mid: mid.parse().unwrap(), ..account(Role::Merchant, Some(&tree.partner)) };
        assert_eq!(insert(fixture, &Reach::operator(), &new).await.unwrap(), Write::Applied, "{mid}");
        let found = fixture.store.account(&Reach::operator(), &new.mid).await.unwrap().unwrap();
        assert_eq!(found.account, new);
    }
}
