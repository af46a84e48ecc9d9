//! R4, R6, R11 and R18 at their boundaries.
use std::collections::BTreeSet;

use keyward_domain::KeyId;
use keyward_storage::{Nonce, Seq};
use uuid::Uuid;

use super::*;

type Kept = BTreeSet<Target>;

impl Entries for Kept {
    fn purge(&mut self, target: &Target) {
        self.remove(target);
    }

    fn clear(&mut self) {
        self.clear();
    }
}

fn key(n: u128) -> Target {
    Target::Key(KeyId::from_uuid(Uuid::from_u128(n)))
}

fn position(seq: u64) -> Position {
    Position { seq: Seq::new(seq), nonce: Nonce::from_uuid(Uuid::from_u128(seq.into())) }
}

fn shown(seq: u64) -> Snapshot {
    Snapshot { position: position(seq), token: HistoryToken { started: 1, ..HistoryToken::EMBEDDED } }
}

fn open_at(floor: u64) -> Shard<Kept> {
    let mut shard = Shard::new(Rules::ALL, Kept::new());
    shard.open(Generation::FIRST.next(), shown(floor));
    shard
}

fn keep(shard: &mut Shard<Kept>, ticket: Ticket, as_of: u64, target: Target) -> bool {
    shard.admit(ticket, shown(as_of)).is_some_and(|entries| entries.insert(target))
}

#[test]
fn a_read_that_does_not_show_an_applied_event_is_neither_kept_nor_used() {
    let mut shard = open_at(7);
    let ticket = shard.begin_read();
    assert!(!keep(&mut shard, ticket, 6, key(1)));
    assert!(!shard.vouches_for(ticket, shown(6), true));
    assert!(keep(&mut shard, ticket, 7, key(1)));
    assert!(shard.vouches_for(ticket, shown(7), true));
}

#[test]
fn an_event_purges_its_subject_and_raises_the_floor() {
    let mut shard = open_at(0);
    let ticket = shard.begin_read();
    assert!(keep(&mut shard, ticket, 0, key(1)) && keep(&mut shard, ticket, 0, key(2)));
    shard.apply(&[key(1)], position(3));
    assert_eq!(*shard.entries(), Kept::from([key(2)]));
    assert_eq!(shard.floor(), position(3));
    assert!(!keep(&mut shard, ticket, 2, key(1)), "read before the event");
    shard.apply([], position(1));
    assert_eq!(shard.floor(), position(3), "a floor never falls");
}

#[test]
fn reads_that_began_in_another_membership_or_in_none_are_dropped() {
    let mut shard = Shard::new(Rules::ALL, Kept::new());
    let outside = shard.begin_read();
    assert!(!keep(&mut shard, outside, 0, key(1)));
    let first = Generation::FIRST.next();
    shard.open(first, shown(0));
    assert!(!keep(&mut shard, outside, 0, key(1)));
    let inside = shard.begin_read();
    assert!(keep(&mut shard, inside, 0, key(1)));
    shard.close();
    assert!(!keep(&mut shard, inside, 0, key(2)) && shard.entries().is_empty());
    let between = shard.begin_read();
    shard.open(first.next().next(), shown(0));
    assert!(!keep(&mut shard, inside, 0, key(2)) && !keep(&mut shard, between, 0, key(2)));
}

#[test]
fn a_gap_in_history_empties_the_memory() {
    let mut shard = open_at(2);
    let ticket = shard.begin_read();
    assert!(keep(&mut shard, ticket, 2, key(1)));
    shard.forget(position(9));
    assert!(shard.entries().is_empty() && !keep(&mut shard, ticket, 8, key(1)));
}

#[test]
fn a_read_of_another_history_is_neither_kept_nor_used() {
    let mut shard = open_at(7);
    let ticket = shard.begin_read();
    let mut as_of = shown(9);
    as_of.token.timeline = 2;
    assert!(shard.admit(ticket, as_of).is_none() && !shard.vouches_for(ticket, as_of, true));
    let mut renumbered = shown(7);
    renumbered.position.nonce = Nonce::NONE;
    assert!(shard.admit(ticket, renumbered).is_none(), "another event of the same number");
    assert!(keep(&mut shard, ticket, 7, key(1)));
}

#[test]
fn a_read_that_shows_more_than_was_applied_answers_and_is_not_kept() {
    let mut shard = open_at(7);
    let ticket = shard.begin_read();
    assert!(shard.vouches_for(ticket, shown(9), false) && shard.vouches_for(ticket, shown(9), true));
    assert!(!keep(&mut shard, ticket, 9, key(1)), "number 9 may be reused for another event");
    shard.apply([], position(9));
    assert!(keep(&mut shard, ticket, 9, key(1)));
}
