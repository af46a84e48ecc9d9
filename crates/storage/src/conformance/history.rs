//! Events in their order, and how old ones go.

use keyward_domain::Timestamp;

use super::{
    Fixture,
    events::all,
    sample::{Draft, Tree, at, revoke},
};
use crate::{Event, Seq, Subject};

/// So many revocations, made at the seconds of their numbers. Gives their events.
pub(super) async fn make(fixture: &Fixture, events: u64) -> Vec<Event> {
    let tree = Tree::plant(fixture).await;
    let mut made = Vec::new();
    for _ in 0..events {
        let key = Draft::writer().store(&fixture.store, &tree.merchant_chain()).await;
        made.push(Event { seq: revoke(&fixture.store, &key).await, subject: Subject::Key(key.id()) });
    }
    for event in &made {
        made_at(fixture, event.seq, i64::try_from(event.seq.number()).unwrap()).await;
    }
    made
}

async fn made_at(fixture: &Fixture, seq: Seq, second: i64) {
    let sql = format!("UPDATE revocation_event SET at = {} WHERE seq = {seq}", fixture.raw.moment(at(second)));
    assert_eq!(fixture.raw.execute(&sql).await, Ok(1), "{sql}");
}

pub(super) async fn numbers(fixture: &Fixture) -> Vec<u64> {
    all(fixture).await.into_iter().map(|event| event.seq.number()).collect()
}

pub async fn events_come_in_order_and_no_more_than_asked(fixture: &Fixture) {
    let made = make(fixture, 7).await;
    for at_most in 1..=4_u32 {
        let (mut seen, mut after) = (Vec::new(), Seq::ZERO);
        loop {
            let part = fixture.feed.events_after(after, at_most).await.unwrap();
            assert!(part.len() <= usize::try_from(at_most).unwrap());
            let Some(last) = part.last() else { break };
            after = last.seq;
            seen.extend(part);
        }
        assert_eq!(seen, made, "{at_most} at a time");
    }
    assert_eq!(fixture.feed.events_after(Seq::new(u64::MAX), 10).await.unwrap(), []);
    assert_eq!(fixture.feed.events_after(Seq::ZERO, 0).await.unwrap(), []);
}

pub async fn history_is_pruned_up_to_its_moment_and_never_the_last_event(fixture: &Fixture) {
    make(fixture, 4).await;
    let prune = async |before: Timestamp| fixture.feed.prune(before, 100).await.unwrap();
    assert_eq!(prune(at(1)).await, 0, "made at that very moment");
    assert_eq!(prune(at(3)).await, 2);
    assert_eq!(numbers(fixture).await, [3, 4]);
    assert_eq!(prune(at(1_000_000)).await, 1);
    assert_eq!(prune(at(1_000_000)).await, 0);
    assert_eq!(numbers(fixture).await, [4]);
    assert_eq!(fixture.feed.head().await.unwrap().as_of, Seq::new(4));
}

pub async fn no_more_history_is_pruned_at_a_time_than_asked(fixture: &Fixture) {
    make(fixture, 6).await;
    for (pruned, left) in [(2, vec![3, 4, 5, 6]), (2, vec![5, 6]), (1, vec![6]), (0, vec![6])] {
        assert_eq!(fixture.feed.prune(at(1_000), 2).await.unwrap(), pruned);
        assert_eq!(numbers(fixture).await, left);
    }
    assert_eq!(fixture.feed.prune(at(1_000), 0).await.unwrap(), 0);
}

pub async fn pruning_leaves_no_hole_whatever_the_clock_did(fixture: &Fixture) {
    make(fixture, 5).await;
    made_at(fixture, Seq::new(2), 900).await;
    assert_eq!(fixture.feed.prune(at(800), 100).await.unwrap(), 1);
    assert_eq!(numbers(fixture).await, [2, 3, 4, 5], "none after one that stays");
}
