//! Recording a policy: complete, once for each version, within reach, and as an event; and what it means for keys.

use keyward_domain::{Change, Idle, IdleAction, KeyType, Now, Period, Policy, Reach};

use super::{
    Fixture,
    sample::{Draft, Tree, at, credential},
};
use crate::{AccountRecord, Write, shortcuts::StoreShortcuts as _};

fn period(seconds: u64) -> Period {
    Period::from_seconds(seconds).unwrap()
}

fn whole() -> Policy {
    Policy {
        max_life: Some(period(100)),
        default_life: Some(period(50)),
        max_secret_age: Some(period(80)),
        max_overlap: Some(period(10)),
        max_keys: Some(3),
        idle: Some(Idle { period: period(20), action: IdleAction::Suspend }),
    }
}

async fn set(fixture: &Fixture, within: &Reach, tree: &Tree, version: u64, policy: Policy) -> (Write, bool) {
    let mut unit = fixture.store.begin().await.unwrap();
    let change = Change::PolicySet { account: tree.merchant.id, version, policy };
    let write = unit.record(within, &change).await.unwrap();
    (write, unit.commit().await.unwrap().event.is_some())
}

async fn stored(fixture: &Fixture, tree: &Tree) -> AccountRecord {
    fixture.store.account(&Reach::operator(), &tree.merchant.mid).await.unwrap().unwrap()
}

pub async fn a_policy_is_returned_complete_with_its_version(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::of(KeyType::Secret).store(&fixture.store, &tree.merchant_chain()).await;
    let before = stored(fixture, &tree).await;
    assert_eq!((before.policy_version, before.chain.policy()), (1, Policy::NONE));
    assert_eq!(set(fixture, &Reach::operator(), &tree, 1, whole()).await, (Write::Applied, true));
    let after = stored(fixture, &tree).await;
    assert_eq!((after.policy_version, after.chain.policy()), (2, whole()));
    assert_eq!(credential(&fixture.store, key.id()).await.chain, after.chain);
    assert_eq!(set(fixture, &Reach::operator(), &tree, 2, Policy::NONE).await, (Write::Applied, true));
    assert_eq!(stored(fixture, &tree).await.chain, before.chain);
}

pub async fn a_policy_of_another_version_is_stale(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for version in [0, 2] {
        let set = set(fixture, &Reach::operator(), &tree, version, whole()).await;
        assert_eq!(set, (Write::Stale, false), "{version}");
    }
    assert_eq!(stored(fixture, &tree).await.policy_version, 1);
}

pub async fn a_policy_is_recorded_within_reach_alone(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    for (who, within) in tree.strangers() {
        assert_eq!(set(fixture, &within, &tree, 1, whole()).await.0, Write::Stale, "{who}");
    }
    assert_eq!(stored(fixture, &tree).await.chain.policy(), Policy::NONE);
}

pub async fn keys_are_counted_that_are_neither_revoked_nor_expired_nor_too_old(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let chain = tree.merchant_chain();
    let draft = || Draft::of(KeyType::Secret);
    for draft in [draft(), draft().starting(50), draft().expiring(11), draft().expiring(10)] {
        draft.store(&fixture.store, &chain).await;
    }
    let revoked = draft().store(&fixture.store, &chain).await;
    super::sample::revoke(&fixture.store, &revoked).await;
    let count = async |within: Reach, created_after: Option<i64>, at_most| {
        let (mut unit, now) = (fixture.store.begin().await.unwrap(), Now::exact(at(10)));
        unit.count_keys(&within, tree.merchant.id, now, created_after.map(at), at_most).await.unwrap()
    };
    assert_eq!(count(Reach::operator(), None, 100).await, 3);
    assert_eq!(count(Reach::operator(), None, 2).await, 2);
    assert_eq!(count(Reach::operator(), Some(-1), 100).await, 3);
    assert_eq!(count(Reach::operator(), Some(0), 100).await, 0);
    for (who, within) in tree.strangers() {
        assert_eq!(count(within, None, 100).await, 0, "{who}");
    }
}

pub async fn a_manager_key_that_is_too_old_is_none(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
    for (usable_after, is_found) in [(None, true), (Some(at(-1)), true), (Some(at(0)), false)] {
        let mut unit = fixture.store.begin().await.unwrap();
        let now = Now::exact(at(1));
        let found =
            unit.longest_lived_manager_key(&Reach::operator(), tree.merchant.id, &[], now, usable_after).await.unwrap();
        assert_eq!(found.is_some(), is_found, "{usable_after:?}");
    }
}
