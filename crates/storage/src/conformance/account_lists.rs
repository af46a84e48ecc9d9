//! Windows over accounts: which accounts a caller sees, in what order, and how many.

use keyward_domain::{Account, AccountId, Reach, Role};

use super::{
    Fixture,
    sample::{Tree, account, reach},
};
use crate::{
    AccountWindow,
    shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _},
};

const ALL: AccountWindow = AccountWindow { before: None, rows: 100 };

async fn ids(fixture: &Fixture, within: &Reach, window: AccountWindow) -> Vec<AccountId> {
    fixture.store.accounts(within, window).await.unwrap().iter().map(|account| account.id).collect()
}

fn newest_first<'a>(accounts: impl IntoIterator<Item = &'a Account>) -> Vec<AccountId> {
    let mut ids: Vec<_> = accounts.into_iter().map(|account| account.id).collect();
    ids.sort_unstable_by(|one, other| other.cmp(one));
    ids
}

pub async fn a_caller_lists_what_is_strictly_below_it(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let Tree { platform, partner, merchant, rival, rivals_merchant, direct } = &tree;
    for (who, within, expected) in [
        ("the operator", Reach::operator(), tree.all().to_vec()),
        ("the platform", reach(platform), vec![partner, merchant, rival, rivals_merchant, direct]),
        ("a partner", reach(partner), vec![merchant]),
        ("another partner", reach(rival), vec![rivals_merchant]),
        ("a merchant", reach(merchant), vec![]),
        ("a merchant without a partner", reach(direct), vec![]),
    ] {
        assert_eq!(ids(fixture, &within, ALL).await, newest_first(expected), "{who}");
    }
}

pub async fn listed_accounts_are_complete(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let mut expected = tree.all().map(Clone::clone);
    expected.reverse();
    assert_eq!(fixture.store.accounts(&Reach::operator(), ALL).await.unwrap(), expected);
    assert_eq!(fixture.store.accounts(&reach(&tree.platform), ALL).await.unwrap(), expected.get(..5).unwrap());
    assert_eq!(fixture.store.accounts(&reach(&tree.partner), ALL).await.unwrap(), std::slice::from_ref(&tree.merchant));
}

pub async fn windows_over_accounts_follow_each_other_without_gap_or_overlap(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let mut unit = fixture.store.begin().await.unwrap();
    for _ in 0..7 {
        let new = account(Role::Merchant, Some(&tree.partner));
        assert_eq!(unit.insert_account(&reach(&tree.partner), &new).await.unwrap(), crate::Write::Applied);
    }
    unit.commit().await.unwrap();
    for (who, within) in [
        ("the operator", Reach::operator()),
        ("the platform", reach(&tree.platform)),
        ("the partner", reach(&tree.partner)),
    ] {
        let all = ids(fixture, &within, ALL).await;
        for rows in 1..=4 {
            let mut seen = Vec::new();
            loop {
                let window = AccountWindow { before: seen.last().copied(), rows };
                let part = ids(fixture, &within, window).await;
                assert!(part.len() <= usize::from(rows), "{who}");
                if part.is_empty() {
                    break;
                }
                seen.extend(part);
            }
            assert_eq!(seen, all, "{who}, {rows} at a time");
        }
    }
}

pub async fn a_window_over_no_account_is_empty(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let before_all = AccountWindow { before: Some(tree.platform.id), rows: 100 };
    for (who, within, _) in tree.reaches() {
        assert_eq!(ids(fixture, &within, before_all).await, [], "{who}");
        assert_eq!(ids(fixture, &within, AccountWindow { before: None, rows: 0 }).await, [], "{who}");
    }
}
