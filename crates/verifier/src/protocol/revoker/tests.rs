//! R7, R8, R9, R13 and R18.

use keyward_domain::Timestamp;
use keyward_storage::{Nonce, Snapshot};
use uuid::Uuid;

use super::*;

const GUARD: Duration = Duration::from_nanos(5);
const ASSUMED: Duration = Duration::from_nanos(20);

fn at(nanos: u64) -> BootInstant {
    BootInstant::from_nanos(nanos)
}

fn token(timeline: u32) -> HistoryToken {
    HistoryToken { timeline, ..HistoryToken::EMBEDDED }
}

fn position(seq: u64) -> Position {
    Position { seq: Seq::new(seq), nonce: Nonce::from_uuid(Uuid::from_u128(seq.into())) }
}

fn members(rows: &[(u128, u64, u64)]) -> Members {
    let time = Timestamp::from_micros(0).unwrap();
    let row = |&(node, applied, ttl): &(u128, u64, u64)| Member {
        node: NodeId::from_uuid(Uuid::from_u128(node)),
        counter: 0,
        applied: Seq::new(applied),
        ttl: Duration::from_nanos(ttl),
        started_at: time,
        renewed_at: time,
        version: String::new(),
    };
    Members {
        rows: rows.iter().map(row).collect(),
        head: Snapshot { position: position(9), token: token(1) },
        is_marked: false,
        absent: Vec::new(),
        database_time: Timestamp::MAX,
    }
}

fn committed(seq: u64) -> Revoker {
    let mut revoker = Revoker::begun(Rules::ALL, GUARD, ASSUMED);
    assert_eq!(revoker.next(), Todo::Commit);
    revoker.committed(position(seq), at(100));
    assert_eq!(revoker.next(), Todo::List, "the members are listed after the commit");
    revoker
}

fn again(enforced: bool) -> Revoker {
    let last = Enforcement { seq: Seq::new(4), enforced_at: None, token: token(1) };
    Revoker::repeated(Rules::ALL, GUARD, ASSUMED, &last, enforced, at(300))
}

#[test]
fn without_members_a_call_waits_for_no_node() {
    let mut revoker = committed(4);
    revoker.listed(&members(&[]), true);
    assert_eq!(revoker.next(), Todo::Answer);
}

#[test]
fn every_listed_node_acknowledges_or_disappears() {
    let mut revoker = committed(4);
    revoker.listed(&members(&[(1, 3, 10), (2, 4, 20), (3, 0, 10)]), true);
    let end = Todo::Poll { until: at(125) };
    assert_eq!(revoker.next(), end);
    revoker.acknowledged(&members(&[(1, 4, 10), (2, 4, 20), (3, 3, 10), (9, 0, 10)]), true);
    assert_eq!(revoker.next(), end, "node 3 is behind; node 9 came later and does not count");
    revoker.acknowledged(&members(&[(9, 0, 10)]), true);
    assert_eq!(revoker.next(), Todo::Answer);
}

#[test]
fn a_silent_node_is_outlived_after_the_longest_lease_seen_and_the_guard_on_the_own_clock() {
    for (listed, end) in [(10, 125), (20, 125), (30, 135)] {
        let mut revoker = committed(4);
        revoker.listed(&members(&[(1, 0, listed), (2, 4, listed)]), true);
        revoker.passed(at(end - 1));
        assert_eq!(revoker.next(), Todo::Poll { until: at(end) });
        revoker.passed(at(end));
        assert_eq!(revoker.next(), Todo::Answer);
    }
}

#[test]
fn a_call_that_can_no_longer_list_members_still_ends() {
    let mut revoker = committed(4);
    revoker.passed(at(124));
    assert_eq!(revoker.next(), Todo::List);
    revoker.passed(at(125));
    assert_eq!(revoker.next(), Todo::Answer);
}

#[test]
fn a_repeated_call_waits_unless_the_change_is_known_to_be_enforced() {
    assert_eq!(again(true).next(), Todo::Answer);
    let mut waits = again(false);
    assert_eq!((waits.next(), waits.event()), (Todo::List, None));
    waits.listed(&members(&[(1, 8, 10)]), true);
    assert_eq!(waits.event(), Some(position(9)), "the last event of the history in which the change was read");
    assert_eq!(waits.next(), Todo::Poll { until: at(325) });
    waits.acknowledged(&members(&[(1, 9, 10)]), true);
    assert_eq!(waits.next(), Todo::Answer);
}

#[test]
fn a_repeated_call_whose_change_was_read_in_another_history_has_an_unknown_outcome() {
    let (mut promoted, mut put_back) = (members(&[]), members(&[]));
    promoted.head.token = token(2);
    put_back.head.position = position(3);
    for elsewhere in [promoted, put_back] {
        let mut revoker = again(false);
        revoker.listed(&elsewhere, true);
        revoker.passed(at(900));
        assert_eq!(revoker.next(), Todo::Unknown, "{:?}", elsewhere.head);
    }
}

#[test]
fn a_call_whose_event_is_gone_has_an_unknown_outcome_however_long_it_waits() {
    let mut revoker = committed(4);
    revoker.listed(&members(&[(1, 0, 10)]), true);
    let mut gone = members(&[(1, 9, 10)]);
    gone.absent.push(position(4));
    revoker.acknowledged(&gone, true);
    revoker.passed(at(900));
    assert_eq!(revoker.next(), Todo::Unknown);
}

#[test]
fn in_a_new_history_acknowledgements_alone_are_not_enough() {
    let mut revoker = committed(4);
    revoker.listed(&members(&[(1, 4, 10)]), false);
    assert_eq!(revoker.next(), Todo::Poll { until: at(125) });
    revoker.acknowledged(&members(&[(1, 4, 10)]), true);
    assert_eq!(revoker.next(), Todo::Answer);
}

#[test]
fn a_row_that_has_applied_more_than_the_last_event_acknowledges_nothing() {
    let mut revoker = committed(4);
    revoker.listed(&members(&[(1, 10, 10)]), true);
    assert_eq!(revoker.next(), Todo::Poll { until: at(125) });
}
