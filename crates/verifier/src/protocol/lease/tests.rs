//! R2, R3, R6 and R18 at their boundary instants.
use keyward_domain::Timestamp;
use keyward_storage::{Nonce, Snapshot};
use uuid::Uuid;

use super::*;

const TTL: Duration = Duration::from_nanos(10);

fn at(nanos: u64) -> BootInstant {
    BootInstant::from_nanos(nanos)
}

/// Token of the initial history.
fn token() -> HistoryToken {
    HistoryToken { started: 1, ..HistoryToken::EMBEDDED }
}

fn position(seq: u64) -> Position {
    Position { seq: Seq::new(seq), nonce: Nonce::from_uuid(Uuid::from_u128(seq.into())) }
}

fn reply(head: u64) -> LeaseReply {
    let head = Snapshot { position: position(head), token: token() };
    LeaseReply { head, database_time: Timestamp::from_micros(0).unwrap() }
}

fn elsewhere(head: u64) -> LeaseReply {
    let mut reply = reply(head);
    reply.head.token.timeline = 2;
    reply
}

fn member(head: u64) -> Lease {
    let mut lease = Lease::new(Rules::ALL, TTL);
    let prepared = lease.prepare(at(100));
    lease.joined(prepared, &reply(head), at(105));
    lease
}

fn holds(lease: &Lease, now: u64) -> bool {
    lease.term().holds(&Rules::ALL, at(now))
}

#[test]
fn a_node_has_no_lease_before_joining() {
    assert!(!holds(&Lease::new(Rules::ALL, TTL), 0));
}

#[test]
fn a_lease_starts_when_its_request_was_sent() {
    let lease = member(0);
    assert!(holds(&lease, 109));
    assert!(!holds(&lease, 110), "its end is exclusive");
}

#[test]
fn a_renewal_takes_effect_once_the_node_has_applied_what_it_showed() {
    let mut lease = member(3);
    let prepared = lease.prepare(at(108));
    assert_eq!((prepared.applied(), prepared.token()), (position(3), token()));
    assert!(lease.renewed(prepared, &reply(5), at(109)));
    assert!(lease.is_behind());
    assert!(!holds(&lease, 110));
    lease.apply(position(4));
    assert!(!holds(&lease, 110));
    lease.apply(position(5));
    assert!(holds(&lease, 117) && !holds(&lease, 118) && !lease.is_behind());
}

#[test]
fn an_event_is_acknowledged_only_once_it_is_applied() {
    let mut lease = member(3);
    lease.see(Seq::new(9));
    assert_eq!(lease.prepare(at(101)).applied(), position(3));
    lease.apply(position(9));
    assert_eq!(lease.prepare(at(101)).applied(), position(9));
}

#[test]
fn an_overtaken_renewal_never_shortens_a_lease() {
    let mut lease = member(0);
    let (first, second) = (lease.prepare(at(102)), lease.prepare(at(104)));
    assert!(lease.renewed(second, &reply(0), at(105)));
    assert!(lease.renewed(first, &reply(0), at(106)));
    assert!(holds(&lease, 113));
}

#[test]
fn a_former_member_has_no_lease_and_a_late_renewal_grants_none() {
    let mut lease = member(0);
    let late = lease.prepare(at(105));
    lease.ended();
    assert!(!holds(&lease, 106));
    assert!(lease.renewed(late, &reply(0), at(107)));
    assert!(!holds(&lease, 107) && !lease.is_member());
    let again = lease.prepare(at(108));
    lease.joined(again, &reply(2), at(109));
    assert!(lease.renewed(late, &reply(0), at(110)));
    assert_eq!(lease.term().end(), at(118), "only the join counts");
}

#[test]
fn a_renewal_that_another_history_confirmed_grants_nothing() {
    let mut lease = member(3);
    let prepared = lease.prepare(at(108));
    assert!(!lease.renewed(prepared, &elsewhere(3), at(109)));
    assert!(!holds(&lease, 110), "the lease is unchanged");
}

#[test]
fn a_node_that_joins_knows_only_what_its_join_showed() {
    let mut lease = member(3);
    lease.see(Seq::new(9));
    lease.ended();
    let prepared = lease.prepare(at(200));
    lease.joined(prepared, &elsewhere(2), at(201));
    assert_eq!((lease.applied(), lease.seen()), (position(2), Seq::new(2)), "numbers are reused");
    assert!(!lease.is_behind());
}
