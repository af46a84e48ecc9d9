//! Changing the status of an account.

use keyward_domain::{Level, Reach, Status};

use super::{
    Fixture,
    sample::{Tree, reach},
};
use crate::shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _};
use crate::{AccountWindow, Write};

async fn change(fixture: &Fixture, within: &Reach, tree: &Tree, from: Status, to: Status) -> Write {
    let mut unit = fixture.store.begin().await.unwrap();
    let write = unit.record_status(within, tree.merchant.id, from, to).await.unwrap();
    unit.commit().await.unwrap();
    write
}

async fn status(fixture: &Fixture, tree: &Tree) -> Status {
    fixture.store.account(&Reach::operator(), &tree.merchant.mid).await.unwrap().unwrap().account.status
}

pub async fn a_status_changes_only_from_the_expected_one(fixture: &Fixture) {
    use Status::{Active, Closed, Suspended};
    let tree = Tree::plant(fixture).await;
    for (from, to, expected, left) in [
        (Suspended, Closed, Write::Stale, Active),
        (Closed, Active, Write::Stale, Active),
        (Active, Suspended, Write::Applied, Suspended),
        (Active, Closed, Write::Stale, Suspended),
        (Suspended, Active, Write::Applied, Active),
        (Active, Closed, Write::Applied, Closed),
        (Active, Suspended, Write::Stale, Closed),
    ] {
        let write = change(fixture, &reach(&tree.partner), &tree, from, to).await;
        assert_eq!((write, status(fixture, &tree).await), (expected, left), "{from} to {to}");
    }
}

pub async fn a_status_changes_within_reach_only(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for (who, within, reached) in tree.reaches() {
        let write = change(fixture, &within, &tree, Status::Active, Status::Suspended).await;
        if reached {
            assert_eq!(write, Write::Applied, "{who}");
            let back = change(fixture, &within, &tree, Status::Suspended, Status::Active).await;
            assert_eq!(back, Write::Applied, "{who}");
        } else {
            assert_eq!(write, Write::Stale, "{who}");
            assert_eq!(status(fixture, &tree).await, Status::Active, "{who}");
        }
    }
}

pub async fn a_status_touches_no_other_account(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    assert_eq!(change(fixture, &Reach::operator(), &tree, Status::Active, Status::Closed).await, Write::Applied);
    for account in tree.all().into_iter().filter(|account| account.id != tree.merchant.id) {
        let found = fixture.store.account(&Reach::operator(), &account.mid).await.unwrap().unwrap();
        assert_eq!(found.account, *account);
    }
}

pub async fn a_suspension_records_the_level_of_its_caller(fixture: &Fixture) {
    use Status::{Active, Closed, Suspended};
    let tree = Tree::plant(fixture).await;
    let all = Reach::operator();
    let (partner, platform) = (reach(&tree.partner), reach(&tree.platform));
    for (by, from, to, level) in [
        (partner, Active, Suspended, Some(Level::Partner)),
        (platform, Suspended, Suspended, Some(Level::Platform)),
        (all, Suspended, Suspended, Some(Level::Operator)),
        (all, Suspended, Active, None),
        (platform, Active, Suspended, Some(Level::Platform)),
        (partner, Suspended, Closed, None),
    ] {
        assert_eq!(change(fixture, &by, &tree, from, to).await, Write::Applied);
        let read = fixture.store.account(&all, &tree.merchant.mid).await.unwrap().unwrap().account;
        let mut unit = fixture.store.begin().await.unwrap();
        let locked = unit.lock_account(&all, tree.merchant.id).await.unwrap().unwrap().account;
        let listed = fixture.store.accounts(&partner, AccountWindow { before: None, rows: 10 }).await.unwrap();
        let listed = listed.into_iter().find(|account| account.id == tree.merchant.id).unwrap();
        let everything = fixture.store.accounts(&all, AccountWindow { before: None, rows: 10 }).await.unwrap();
        let seen = everything.into_iter().find(|account| account.id == tree.merchant.id).unwrap();
        for account in [read, locked, listed, seen] {
            assert_eq!((account.status, account.suspended_by), (to, level), "{from} to {to}");
        }
    }
}

pub async fn a_chain_shows_the_status_of_every_account_in_it(fixture: &Fixture) {
    use Status::{Active, Closed, Suspended};
    let tree = Tree::plant(fixture).await;
    let mut unit = fixture.store.begin().await.unwrap();
    for (account, to) in [(&tree.partner, Closed), (&tree.platform, Suspended)] {
        let write = unit.record_status(&Reach::operator(), account.id, Active, to).await.unwrap();
        assert_eq!(write, Write::Applied);
    }
    unit.commit().await.unwrap();
    let found = fixture.store.account(&Reach::operator(), &tree.merchant.mid).await.unwrap().unwrap();
    let statuses: Vec<_> = found.chain.links().map(|link| link.status).collect();
    assert_eq!(statuses, [Active, Closed, Suspended]);
}
