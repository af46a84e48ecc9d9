//! A database that went back has another history: anything that names a history counts only in that one (R11, R18). For
//! databases that many nodes share.

use super::{
    Fixture,
    events::{all, position},
    history::make,
    installation::stamp,
    membership::{joined, members, nodes},
    sample::{Draft, Tree, at, fresh, record, revoke},
};
use crate::{HistoryToken, LostHistory, Nonce, Position, Renewal, Seq, Target, Write};

pub async fn a_caller_judged_in_another_history_must_be_judged_again(fixture: &Fixture) {
    super::callers::only_the_own_history_counts(fixture).await;
}

pub async fn a_renewal_counts_only_if_the_database_has_its_token_event_and_row(fixture: &Fixture) {
    make(fixture, 2).await;
    let valid = joined(fixture).await;
    let another = HistoryToken { timeline: valid.token.timeline + 1, ..valid.token };
    let unknown = Position { nonce: Nonce::from_uuid(fresh()), ..valid.applied };
    let ahead = Position { seq: valid.applied.seq.next(), ..valid.applied };
    let before = members(fixture).await.rows;
    for renewal in [
        Renewal { token: another, ..valid.clone() },
        Renewal { applied: unknown, ..valid.clone() },
        Renewal { applied: ahead, ..valid.clone() },
        Renewal { counters: vec![], ..valid.clone() },
        Renewal { counters: vec![valid.counters[0] + 7], ..valid.clone() },
    ] {
        assert_eq!(nodes(fixture).renew(&renewal).await.unwrap(), None, "{renewal:?}");
        assert_eq!(members(fixture).await.rows, before, "it touched no row");
    }
    assert!(nodes(fixture).renew(&valid).await.unwrap().is_some());
    let late = Renewal { counter: 9, ..valid.clone() };
    assert_eq!(nodes(fixture).renew(&late).await.unwrap(), None, "the row has another number by now");
    let either = Renewal { counters: vec![valid.counters[0], valid.counter], ..late };
    assert!(nodes(fixture).renew(&either).await.unwrap().is_some(), "a renewal with unknown outcome took effect");
}

pub async fn events_follow_an_event_by_number_and_nonce(fixture: &Fixture) {
    let made = make(fixture, 3).await;
    let after = async |position| fixture.feed.events_after(position, 10).await.unwrap();
    let second = after(made[1].position).await;
    assert_eq!((second.follow, second.events), (true, made[2..].to_vec()));
    assert_eq!(second.token, fixture.feed.head().await.unwrap().as_of.token);
    let renumbered = Position { nonce: Nonce::from_uuid(fresh()), ..made[1].position };
    assert!(!after(renumbered).await.follow);
    let last = after(made[2].position).await;
    assert_eq!((last.follow, last.events), (true, vec![]), "the absence of new events is not another history");
    let beyond = Position { seq: made[2].position.seq.next(), ..made[2].position };
    assert!(!after(beyond).await.follow);
}

pub async fn every_event_has_its_own_nonce(fixture: &Fixture) {
    make(fixture, 5).await;
    let mut nonces: Vec<_> = all(fixture).await.into_iter().map(|event| event.position.nonce).collect();
    nonces.push(Nonce::NONE);
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), 6);
}

pub async fn a_list_reports_missing_events(fixture: &Fixture) {
    let made = make(fixture, 3).await;
    let there = position(fixture, made[1].position.seq).await;
    let renumbered = Position { nonce: Nonce::from_uuid(fresh()), ..there };
    let beyond = Position { seq: Seq::new(9), ..there };
    let queried = [made[0].position, renumbered, there, beyond];
    assert_eq!(nodes(fixture).members(&queried).await.unwrap().absent, [renumbered, beyond]);
    joined(fixture).await;
    joined(fixture).await;
    assert_eq!(nodes(fixture).members(&queried[..1]).await.unwrap().absent, []);
}

pub async fn a_mark_applies_only_to_the_current_history(fixture: &Fixture) {
    let token = fixture.feed.head().await.unwrap().as_of.token;
    assert!(!members(fixture).await.is_marked);
    let another = HistoryToken { started: token.started + 1, ..token };
    assert_eq!(nodes(fixture).mark(another).await.unwrap(), Write::Stale);
    assert!(!members(fixture).await.is_marked);
    for _ in 0..2 {
        assert_eq!(nodes(fixture).mark(token).await.unwrap(), Write::Applied);
        assert!(members(fixture).await.is_marked);
    }
}

/// Every node that ever caches one of its keys joins under its first token or a later one.
pub async fn a_database_claimed_while_empty_is_marked(fixture: &Fixture) {
    assert_eq!(fixture.store.claim(&stamp(0), at(0)).await.unwrap(), Write::Applied);
    assert!(members(fixture).await.is_marked);
}

/// Its rows come from another database, on which nodes may still have leases.
pub async fn a_database_filled_before_its_claim_is_not_marked(fixture: &Fixture) {
    Tree::plant(fixture).await;
    assert_eq!(fixture.store.claim(&stamp(0), at(0)).await.unwrap(), Write::Applied);
    assert!(!members(fixture).await.is_marked);
}

pub async fn another_row_of_the_installation_is_another_history(fixture: &Fixture) {
    assert_eq!(fixture.store.claim(&stamp(0), at(0)).await.unwrap(), Write::Applied);
    let valid = joined(fixture).await;
    let moment = fixture.raw.moment(at(0));
    let insert = format!("INSERT INTO installation (environment, claimed_at) VALUES ('sandbox', {moment})");
    for sql in ["DELETE FROM installation", &insert] {
        assert_eq!(fixture.raw.execute(sql).await, Ok(1), "{sql}");
        assert_eq!(nodes(fixture).renew(&valid).await.unwrap(), None, "{sql}");
    }
    assert_ne!(fixture.feed.head().await.unwrap().as_of.token, valid.token);
}

pub async fn lost_events_are_recorded_once_per_history(fixture: &Fixture) {
    let token = fixture.feed.head().await.unwrap().as_of.token;
    let lost = |kept, had, second| LostHistory {
        token,
        kept_up_to: Seq::new(kept),
        had_up_to: Seq::new(had),
        noticed_at: at(second),
    };
    for (report, expected) in
        [(lost(5, 7, 1), lost(5, 7, 1)), (lost(6, 9, 2), lost(5, 9, 1)), (lost(4, 8, 3), lost(4, 9, 1))]
    {
        nodes(fixture).record_lost(&report).await.unwrap();
        assert_eq!(nodes(fixture).lost(10).await.unwrap(), [expected]);
    }
    let other = LostHistory { token: HistoryToken { timeline: 9, ..token }, ..lost(0, 1, 9) };
    nodes(fixture).record_lost(&other).await.unwrap();
    assert_eq!(nodes(fixture).lost(10).await.unwrap(), [other.clone(), lost(4, 9, 1)]);
    assert_eq!(nodes(fixture).lost(1).await.unwrap(), [other]);
}

/// The named event may belong to a lost history.
pub async fn enforcement_is_not_recorded_if_its_event_is_missing(fixture: &Fixture) {
    let tree = Tree::plant(fixture).await;
    let key = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
    let seq = revoke(&fixture.store, &key).await;
    let renumbered = Position { seq, nonce: Nonce::from_uuid(fresh()) };
    let beyond = Position { seq: seq.next(), ..position(fixture, seq).await };
    for shown_by in [renumbered, beyond] {
        fixture.feed.record_enforced(&[Target::Key(key.id())], seq, shown_by, at(1)).await.unwrap();
        assert_eq!(record(&fixture.store, key.id()).await.enforcement.unwrap().enforced_at, None);
    }
}
