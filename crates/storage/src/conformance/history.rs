//! The order of events, and pruning.

use std::time::Duration;

use super::{
    Fixture,
    events::{all, position},
    sample::{Draft, Tree, revoke},
    signing_keys::now,
};
use crate::{Event, Position, Seq, Target};

/// Start of the history here, in the database's past.
const BEGINNING: Duration = Duration::from_hours(1_000);
const HOUR: Duration = Duration::from_hours(1);

/// Makes this many revocations, dated at the hours of their numbers. Returns their events.
pub(super) async fn make(fixture: &Fixture, events: u64) -> Vec<Event> {
    let tree = Tree::plant(fixture).await;
    let mut made = Vec::new();
    for _ in 0..events {
        let key = Draft::manager_key().store(&fixture.store, &tree.merchant_chain()).await;
        let seq = revoke(&fixture.store, &key).await;
        made.push(Event { position: position(fixture, seq).await, target: Target::Key(key.id()) });
    }
    for event in &made {
        made_at(fixture, event.position.seq, u32::try_from(event.position.seq.number()).unwrap()).await;
    }
    made
}

async fn made_at(fixture: &Fixture, seq: Seq, hour: u32) {
    let at = fixture.raw.moment(now(fixture).await.saturating_sub(BEGINNING).saturating_add(hour * HOUR));
    let sql = format!("UPDATE revocation_event SET at = {at} WHERE seq = {seq}");
    assert_eq!(fixture.raw.execute(&sql).await, Ok(1), "{sql}");
}

/// Prunes events from before half past this hour.
pub(super) async fn prune(fixture: &Fixture, hour: u32, at_most: u32) -> u64 {
    let older_than = BEGINNING.saturating_sub(hour * HOUR + HOUR / 2);
    fixture.feed.prune(older_than, now(fixture).await, at_most).await.unwrap()
}

pub(super) async fn numbers(fixture: &Fixture) -> Vec<u64> {
    all(fixture).await.into_iter().map(|event| event.position.seq.number()).collect()
}

pub async fn events_come_in_order_and_within_the_limit(fixture: &Fixture) {
    let made = make(fixture, 7).await;
    for at_most in 1..=4_u32 {
        let (mut seen, mut after) = (Vec::new(), Position::START);
        loop {
            let part = fixture.feed.events_after(after, at_most).await.unwrap();
            assert!(part.follow && part.events.len() <= usize::try_from(at_most).unwrap());
            let Some(last) = part.events.last() else { break };
            after = last.position;
            seen.extend(part.events);
        }
        assert_eq!(seen, made, "{at_most} at a time");
    }
    for (after, at_most) in [(Position::unnamed(Seq::new(u64::MAX)), 10), (Position::START, 0)] {
        assert_eq!(fixture.feed.events_after(after, at_most).await.unwrap().events, []);
    }
}

pub async fn history_is_pruned_up_to_a_time_but_never_the_last_event(fixture: &Fixture) {
    make(fixture, 4).await;
    assert_eq!(prune(fixture, 0, 100).await, 0, "made later");
    assert_eq!(prune(fixture, 2, 100).await, 2);
    assert_eq!(numbers(fixture).await, [3, 4]);
    assert_eq!(prune(fixture, 900, 100).await, 1);
    assert_eq!(prune(fixture, 900, 100).await, 0);
    assert_eq!(numbers(fixture).await, [4]);
    let by_hand = fixture.raw.execute("DELETE FROM revocation_event").await;
    assert!(by_hand.as_ref().is_err_and(|words| words.contains("is refused")), "{by_hand:?}");
    assert_eq!(fixture.feed.head().await.unwrap().as_of.seq(), Seq::new(4));
}

pub async fn pruning_respects_its_limit(fixture: &Fixture) {
    make(fixture, 6).await;
    for (pruned, left) in [(2, vec![3, 4, 5, 6]), (2, vec![5, 6]), (1, vec![6]), (0, vec![6])] {
        assert_eq!(prune(fixture, 900, 2).await, pruned);
        assert_eq!(numbers(fixture).await, left);
    }
    assert_eq!(prune(fixture, 900, 0).await, 0);
}

pub async fn pruning_leaves_no_gap_after_a_clock_jump(fixture: &Fixture) {
    make(fixture, 5).await;
    made_at(fixture, Seq::new(2), 900).await;
    assert_eq!(prune(fixture, 800, 100).await, 1);
    assert_eq!(numbers(fixture).await, [2, 3, 4, 5], "none after one that stays");
}
