//! Enforcement of the last change of a key or an account.

use keyward_domain::{ApiKey, KeyId, Reach, Status, Timestamp};

use super::{
    Fixture,
    events::position,
    sample::{Draft, Tree, at, become_status, fresh, record, revoke},
};
use crate::shortcuts::StoreShortcuts as _;
use crate::{AccountRecord, Seq, Target};

/// A change's event, and when it was enforced on every node.
type Enforcement = (Seq, Option<Timestamp>);

async fn of_key(fixture: &Fixture, key: &ApiKey) -> Option<Enforcement> {
    parts(fixture, record(&fixture.store, key.id()).await.enforcement).await
}

/// Records it, like a node that waited for this event.
async fn record_enforced(fixture: &Fixture, targets: &[Target], event: Seq, second: i64) {
    let shown_by = position(fixture, event).await;
    fixture.feed.record_enforced(targets, event, shown_by, at(second)).await.unwrap();
}

/// Asserts that it belongs to the current history.
async fn parts(fixture: &Fixture, it: Option<crate::Enforcement>) -> Option<Enforcement> {
    let it = it?;
    assert_eq!(it.token, fixture.feed.head().await.unwrap().as_of.token);
    Some((it.seq, it.enforced_at))
}

async fn of_merchant(fixture: &Fixture, tree: &Tree) -> Option<Enforcement> {
    parts(fixture, merchant(fixture, tree).await.enforcement).await
}

async fn merchant(fixture: &Fixture, tree: &Tree) -> AccountRecord {
    fixture.store.account(&Reach::operator(), &tree.merchant.mid).await.unwrap().unwrap()
}

fn open(seq: Seq) -> Enforcement {
    (seq, None)
}

fn done(seq: Seq, second: i64) -> Enforcement {
    (seq, Some(at(second)))
}

pub async fn a_record_shows_the_event_that_last_changed_it(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
    assert_eq!((of_key(fixture, &key).await, of_merchant(fixture, &tree).await), (None, None));
    let suspended = become_status(&fixture.store, &tree.merchant, Status::Active, Status::Suspended).await;
    let revoked = revoke(&fixture.store, &key).await;
    assert!(revoked > suspended);
    assert_eq!(of_key(fixture, &key).await, Some(open(revoked)));
    assert_eq!(of_merchant(fixture, &tree).await, Some(open(suspended)));
    let mut unit = fixture.store.begin().await.unwrap();
    let locked = unit.lock_account(&Reach::operator(), tree.merchant.id).await.unwrap().unwrap();
    assert_eq!(parts(fixture, locked.enforcement).await, Some(open(suspended)));
    let current = unit.current_key(&Reach::operator(), key.id()).await.unwrap().unwrap();
    assert_eq!(parts(fixture, current.enforcement).await, Some(open(revoked)));
}

pub async fn an_enforced_change_is_recorded_once(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
    let seq = revoke(&fixture.store, &key).await;
    let targets = [Target::Key(key.id())];
    for second in [1, 2] {
        record_enforced(fixture, &targets, seq, second).await;
        assert_eq!(of_key(fixture, &key).await, Some(done(seq, 1)));
    }
}

pub async fn a_later_change_is_not_recorded_as_enforced(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
    let suspended = become_status(&fixture.store, &tree.merchant, Status::Active, Status::Suspended).await;
    let revoked = revoke(&fixture.store, &key).await;
    let targets = [Target::Key(key.id()), Target::Account(tree.merchant.id)];
    record_enforced(fixture, &targets, suspended, 1).await;
    assert_eq!(of_key(fixture, &key).await, Some(open(revoked)));
    assert_eq!(of_merchant(fixture, &tree).await, Some(done(suspended, 1)));
    record_enforced(fixture, &targets, revoked, 2).await;
    assert_eq!(of_key(fixture, &key).await, Some(done(revoked, 2)));
    assert_eq!(of_merchant(fixture, &tree).await, Some(done(suspended, 1)));
}

pub async fn a_later_change_must_be_enforced_again(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let targets = [Target::Account(tree.merchant.id)];
    let mut second = 0;
    for (from, to) in [(Status::Active, Status::Suspended), (Status::Suspended, Status::Active)] {
        let seq = become_status(&fixture.store, &tree.merchant, from, to).await;
        assert_eq!(of_merchant(fixture, &tree).await, Some(open(seq)));
        second += 1;
        record_enforced(fixture, &targets, seq, second).await;
        assert_eq!(of_merchant(fixture, &tree).await, Some(done(seq, second)));
    }
}

pub async fn only_the_named_subjects_are_recorded(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let chain = tree.merchant_chain();
    let [named, other] = [
        Draft::manager_key().store(&fixture.store, &chain).await,
        Draft::manager_key().store(&fixture.store, &chain).await,
    ];
    let unchanged = Draft::manager_key().store(&fixture.store, &chain).await;
    let first = revoke(&fixture.store, &named).await;
    let second = revoke(&fixture.store, &other).await;
    let unknown = Target::Key(KeyId::from_uuid(fresh()));
    let targets = [unknown, Target::Key(unchanged.id()), Target::Key(named.id())];
    record_enforced(fixture, &targets, second, 1).await;
    record_enforced(fixture, &[], second, 1).await;
    assert_eq!(of_key(fixture, &named).await, Some(done(first, 1)));
    assert_eq!(of_key(fixture, &other).await, Some(open(second)));
    assert_eq!(of_key(fixture, &unchanged).await, None);
}
