//! Which changes are events, and their numbers.

use std::sync::Arc;

use keyward_domain::{Actor, KeyType, Reach, Reason, Role, Status};

use super::{
    Fixture,
    races::together,
    sample::{Draft, NOTHING, Tree, account, at, become_status, digest, fresh, record, revocation, revoke},
};
use crate::shortcuts::{StoreShortcuts as _, UnitOfWorkShortcuts as _};
use crate::{Event, Position, Seq, Target, Write};

/// All events, oldest first.
pub(super) async fn all(fixture: &Fixture) -> Vec<Event> {
    let read = fixture.feed.events_after(Position::START, 10_000).await.unwrap();
    assert!(read.follow, "every event follows the start");
    read.events
}

/// The event with this number.
pub(super) async fn position(fixture: &Fixture, seq: Seq) -> Position {
    all(fixture).await.into_iter().map(|event| event.position).find(|position| position.seq == seq).unwrap()
}

/// All targets in the order of their events, whose numbers are consecutive from 1 to the head.
async fn targets(fixture: &Fixture) -> Vec<Target> {
    let events = all(fixture).await;
    let mut expected = Seq::ZERO;
    for event in &events {
        expected = expected.next();
        assert_eq!(event.position.seq, expected);
    }
    let last = events.last().map_or(Position::START, |event| event.position);
    assert_eq!((last.seq, fixture.feed.head().await.unwrap().as_of.position), (expected, last));
    events.into_iter().map(|event| event.target).collect()
}

pub async fn a_revocation_is_one_event_with_the_next_number(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    assert_eq!(targets(fixture).await, []);
    let mut expected = Vec::new();
    for key_type in [KeyType::Secret, KeyType::Public, KeyType::Tokenization] {
        let key = Draft::of(key_type).store(&fixture.store, &tree.merchant_chain()).await;
        let returned = revoke(&fixture.store, &key).await;
        expected.push(Target::Key(key.id()));
        assert_eq!(targets(fixture).await, expected);
        assert_eq!(returned, Seq::new(u64::try_from(expected.len()).unwrap()));
    }
}

pub async fn a_change_of_status_is_one_event_with_the_next_number(fixture: &Fixture) {
    use Status::{Active, Closed, Suspended};
    let tree = Tree::plant(fixture).await;
    let mut expected = Vec::new();
    for (account, from, to) in [
        (&tree.merchant, Active, Suspended),
        (&tree.merchant, Suspended, Active),
        (&tree.platform, Active, Suspended),
        (&tree.merchant, Active, Closed),
    ] {
        let returned = become_status(&fixture.store, account, from, to).await;
        expected.push(Target::Account(account.id));
        assert_eq!(targets(fixture).await, expected, "{from} to {to}");
        assert_eq!(returned, Seq::new(u64::try_from(expected.len()).unwrap()));
    }
}

pub async fn a_unit_of_work_returns_the_last_of_its_events(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let chain = tree.merchant_chain();
    let keys = [
        Draft::manager_key().store(&fixture.store, &chain).await,
        Draft::manager_key().store(&fixture.store, &chain).await,
    ];
    let mut unit = fixture.store.begin().await.unwrap();
    let (all, it) = (Reach::operator(), revocation(1, Actor::Operator, Reason::Compromised));
    let closed = unit.record_status(&all, tree.direct.id, Status::Active, Status::Closed).await;
    assert_eq!(closed.unwrap(), Write::Applied);
    for key in &keys {
        assert_eq!(unit.record_revocation(&all, key.id(), &it).await.unwrap(), Write::Applied);
    }
    assert_eq!(unit.commit().await.unwrap().event.map(|event| event.seq), Some(Seq::new(3)));
    let [one, two] = keys.map(|key| Target::Key(key.id()));
    assert_eq!(targets(fixture).await, [Target::Account(tree.direct.id), one, two]);
}

pub async fn a_change_that_affects_no_verdict_is_no_event(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let all = Reach::operator();
    let mut unit = fixture.store.begin().await.unwrap();
    let new = account(Role::Merchant, Some(&tree.partner));
    assert_eq!(unit.insert_account(&all, &new).await.unwrap(), Write::Applied);
    let key = Draft::manager_key().issue(&tree.merchant_chain());
    assert_eq!(unit.insert_key(&all, &key).await.unwrap(), Write::Applied);
    assert_eq!(unit.commit().await.unwrap(), NOTHING);

    assert!(fixture.store.begin().await.unwrap().lock_account(&all, new.id).await.unwrap().is_some());
    let replaced = fixture.store.replace_digest(key.id(), key.digest().unwrap(), &digest(2)).await;
    assert_eq!(replaced.unwrap(), Write::Applied);
    fixture.store.record_usage(&[(key.id(), at(1))]).await.unwrap();
    let mut unit = fixture.store.begin().await.unwrap();
    let same = unit.record_status(&all, new.id, Status::Active, Status::Active).await;
    assert_eq!(same.unwrap(), Write::Applied);
    assert_eq!(unit.commit().await.unwrap(), NOTHING);
    assert_eq!(targets(fixture).await, []);
}

pub async fn a_stale_write_is_no_event(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
    revoke(&fixture.store, &key).await;
    let (all, it) = (Reach::operator(), revocation(2, Actor::Operator, Reason::Compromised));
    let mut unit = fixture.store.begin().await.unwrap();
    assert_eq!(unit.record_revocation(&all, key.id(), &it).await.unwrap(), Write::Stale);
    let stale = unit.record_status(&all, tree.direct.id, Status::Suspended, Status::Closed).await;
    assert_eq!(stale.unwrap(), Write::Stale);
    assert_eq!(unit.commit().await.unwrap(), NOTHING);
    assert_eq!(targets(fixture).await, [Target::Key(key.id())]);
}

pub async fn a_dropped_unit_of_work_leaves_no_event_and_no_gap(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
    let (all, it) = (Reach::operator(), revocation(2, Actor::Operator, Reason::Compromised));
    for _ in 0..3 {
        let mut unit = fixture.store.begin().await.unwrap();
        assert_eq!(unit.record_revocation(&all, key.id(), &it).await.unwrap(), Write::Applied);
        drop(unit);
    }
    assert_eq!(targets(fixture).await, []);
    assert_eq!(revoke(&fixture.store, &key).await, Seq::new(1));
}

pub async fn a_manual_statement_that_affects_a_verdict_is_an_event(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let raw = fixture.raw.as_ref();
    let key = Draft::of(KeyType::Public).store(&fixture.store, &tree.merchant_chain()).await;
    let (key, merchant) = (key.id(), tree.merchant.id);
    let of_key = |change: &str| (Target::Key(key), "api_key", change.to_owned(), key.uuid());
    let of_account = |change: &str| (Target::Account(merchant), "account", change.to_owned(), merchant.uuid());
    let revoked_at = raw.moment(at(1));
    let mut expected = Vec::new();
    for (target, table, change, id) in [
        of_key("scopes = 'charges:read'"),
        of_key("name = 'another'"),
        of_key("suspended_at = created_at"),
        of_key("suspended_at = NULL"),
        of_key("type = 'tokenization'"),
        of_key(&format!("expires_at = {}", raw.moment(at(9)))),
        of_key(&format!("not_before = {}", raw.moment(at(3)))),
        of_key("not_before = NULL"),
        of_key("expires_at = NULL"),
        of_key(&format!("account_id = {}", raw.id(tree.direct.id.uuid()))),
        of_key(&format!("state = 'revoked', revoked_at = {revoked_at}, revocation_reason = 'unspecified'")),
        of_key("state = 'active', revoked_at = NULL, revocation_reason = NULL"),
        of_account("status = 'suspended'"),
        of_account(&format!("parent_id = {}, name = 'moved'", raw.id(tree.rival.id.uuid()))),
    ] {
        let sql = format!("UPDATE {table} SET {change} WHERE id = {}", raw.id(id));
        assert_eq!(raw.execute(&sql).await, Ok(1), "{sql}");
        expected.push(target);
        assert_eq!(targets(fixture).await, expected, "{sql}");
    }
    for (target, table, id) in
        [(Target::Key(key), "api_key", key.uuid()), (Target::Account(merchant), "account", merchant.uuid())]
    {
        let sql = format!("DELETE FROM {table} WHERE id = {}", raw.id(id));
        assert_eq!(raw.execute(&sql).await, Ok(1), "{sql}");
        expected.push(target);
        assert_eq!(targets(fixture).await, expected, "{sql}");
    }
}

pub async fn a_manual_statement_that_affects_no_verdict_is_no_event(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let raw = fixture.raw.as_ref();
    let key = Draft::manager_key().expiring(7).store(&fixture.store, &tree.merchant_chain()).await;
    for (table, change, id) in [
        ("api_key", "description = 'x', metadata = '{}', version = 7, last_four = '0000'", key.id().uuid()),
        ("api_key", "resumed_at = created_at, name = name, suspended_at = suspended_at", key.id().uuid()),
        ("api_key", "digest = 'another'", key.id().uuid()),
        ("api_key", "enforced_at = expires_at", key.id().uuid()),
        ("api_key", "change_seq = 0", key.id().uuid()),
        ("api_key", "scopes = scopes, state = state, type = type, account_id = account_id", key.id().uuid()),
        ("api_key", "not_before = not_before, expires_at = expires_at", key.id().uuid()),
        ("account", "name = 'another'", tree.merchant.id.uuid()),
        ("account", "status = status, parent_id = parent_id", tree.platform.id.uuid()),
    ] {
        let sql = format!("UPDATE {table} SET {change} WHERE id = {}", raw.id(id));
        assert_eq!(raw.execute(&sql).await, Ok(1), "{sql}");
        assert_eq!(targets(fixture).await, [], "{sql}");
    }
    let absent = format!("DELETE FROM api_key WHERE id = {}", raw.id(fresh()));
    assert_eq!(raw.execute(&absent).await, Ok(0));
    assert_eq!(targets(fixture).await, []);
}

pub async fn a_statement_over_many_rows_makes_an_event_for_each(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        let key = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
        expected.push(Target::Key(key.id()));
    }
    assert_eq!(fixture.raw.execute("UPDATE api_key SET scopes = ''").await, Ok(5));
    let mut found = targets(fixture).await;
    found.sort_unstable();
    assert_eq!(found, expected);
}

/// Some of the writers roll back, so that a number taken too early would leave a gap.
pub async fn numbers_are_consecutive_with_concurrent_writers(fixture: &Fixture) {
    const WRITERS: usize = 8;
    const EACH: usize = 6;
    let tree = Tree::plant(fixture).await;
    let mut racers = Vec::new();
    for writer in 0..WRITERS {
        let mut keys = Vec::new();
        for _ in 0..EACH {
            keys.push(Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await);
        }
        let store = Arc::clone(&fixture.store);
        racers.push(async move {
            let it = revocation(2, Actor::Operator, Reason::Compromised);
            let mut revoked = Vec::new();
            for (n, key) in keys.iter().enumerate() {
                if (n + writer).is_multiple_of(3) {
                    let mut unit = store.begin().await.unwrap();
                    let undone = unit.record_revocation(&Reach::operator(), key.id(), &it).await;
                    assert_eq!(undone.unwrap(), Write::Applied);
                }
                revoked.push((key.id(), revoke(&store, key).await));
            }
            revoked
        });
    }
    let mut revoked: Vec<_> = together(racers).await.into_iter().flatten().collect();
    revoked.sort_unstable_by_key(|(_, seq)| *seq);
    let expected: Vec<_> = revoked.iter().map(|(key, _)| Target::Key(*key)).collect();
    assert_eq!(expected.len(), WRITERS * EACH);
    assert_eq!(targets(fixture).await, expected, "a commit returns the number of its own event");
    for (key, seq) in revoked {
        assert_eq!(record(&fixture.store, key).await.enforcement.unwrap().seq, seq);
    }
}
