//! The only process on its database: no other nodes to wait for, and the purge comes before the answer.

use std::time::Duration;

use crate::{
    fixture::{Call, Fault, Fixture, TERMS, ends, id, target},
    shared::{
        database::{Change, Changed},
        history::Answer,
    },
};

#[tokio::test(start_paused = true)]
async fn the_purge_comes_before_the_answer() {
    let fixture = Fixture::with_keys(2);
    let alone = fixture.alone().await;
    for number in [0, 1] {
        assert_eq!(fixture.verify(&alone, number).await, Answer::Valid);
    }
    fixture.revoke(&alone, 0).await;
    assert!(!alone.remembers(0) && alone.remembers(1));
    assert_eq!(fixture.verify(&alone, 0).await, Answer::Restricted);
    assert!(fixture.is_recorded(0).await);
    assert_eq!(alone.verifier.worst_wait(), Duration::ZERO);
    assert_eq!(fixture.breaches(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_event_left_by_an_aborted_request_is_applied_in_the_next_round() {
    let fixture = Fixture::with_keys(1);
    let alone = fixture.alone().await;
    assert_eq!(fixture.verify(&alone, 0).await, Answer::Valid);
    fixture.commit(Change::Revoke(id(0))).await;
    assert!(alone.remembers(0));
    fixture.pass(TERMS.renew_every * 2).await;
    assert_eq!(fixture.verify(&alone, 0).await, Answer::Restricted);
}

#[tokio::test(start_paused = true)]
async fn events_that_cannot_be_read_empty_the_memory_before_the_answer() {
    for fault in [Fault::Error, Fault::Silence] {
        let fixture = Fixture::with_keys(2);
        let alone = fixture.alone().await;
        for number in [0, 1] {
            assert_eq!(fixture.verify(&alone, number).await, Answer::Valid);
        }
        alone.ports.fail(Call::EventsAfter, fault);
        let took = fixture.revoke(&alone, 0).await;
        assert!(took <= Duration::from_secs(2), "{took:?}");
        assert_eq!(alone.verifier.size().keys, 0);
        assert_eq!(fixture.verify(&alone, 0).await, Answer::Restricted);
        assert_eq!(fixture.verify(&alone, 1).await, Answer::Valid);
        assert!(alone.remembers(1), "memory is used again");
        assert_eq!(fixture.breaches(), [""; 0]);
    }
}

/// After bytes were written over the file, SQLite may find it inconsistent.
#[tokio::test(start_paused = true)]
async fn a_damaged_database_empties_the_memory() {
    let fixture = Fixture::with_keys(1);
    let alone = fixture.alone().await;
    assert_eq!(fixture.verify(&alone, 0).await, Answer::Valid);
    alone.ports.fail(Call::EventsAfter, Fault::Damaged);
    fixture.pass(TERMS.renew_every * 2).await;
    assert!(!alone.remembers(0));
    alone.ports.heal(Call::EventsAfter);
    fixture.pass(TERMS.renew_every * 2).await;
    assert_eq!(fixture.verify(&alone, 0).await, Answer::Valid);
    assert!(alone.remembers(0), "memory is used again");
}

#[tokio::test(start_paused = true)]
async fn it_does_not_open_without_reading_the_head() {
    let fixture = Fixture::with_keys(1);
    let alone = fixture.alone().await;
    alone.end().await;
    let closed = fixture.alone_with(Call::Head, Fault::Error).await;
    assert!(!closed.verifier.may_answer_from_memory());
    assert_eq!(fixture.verify(&closed, 0).await, Answer::Valid, "it answers by reading");
    assert!(!closed.remembers(0));
}

#[tokio::test(start_paused = true)]
async fn after_leaving_the_memory_is_empty_and_needs_no_purge() {
    let fixture = Fixture::with_keys(1);
    let alone = fixture.alone().await;
    assert_eq!(fixture.verify(&alone, 0).await, Answer::Valid);
    ends(alone.verifier.leave()).await;
    assert!(!alone.remembers(0) && alone.verifier.size().keys == 0);
    let Changed::Now(seq) = fixture.commit(Change::Revoke(id(0))).await else { panic!("it was not revoked") };
    ends(alone.verifier.enforce(seq, vec![target(0)])).await.unwrap();
    assert_eq!(fixture.verify(&alone, 0).await, Answer::Restricted);
    alone.end().await;
}

/// Event numbers are reused: earlier events with the same number prove nothing.
#[tokio::test(start_paused = true)]
async fn after_the_database_went_back_a_revocation_is_enforced_when_it_returns() {
    let fixture = Fixture::with_keys(4);
    let alone = fixture.alone().await;
    let before = fixture.database.copy();
    for number in [1, 2, 3] {
        fixture.revoke(&alone, number).await;
    }
    assert_eq!(fixture.verify(&alone, 0).await, Answer::Valid);
    fixture.database.go_back(before, false);
    assert!(alone.remembers(0));
    fixture.revoke(&alone, 0).await;
    assert_eq!(fixture.verify(&alone, 0).await, Answer::Restricted);
    assert_eq!(fixture.verify(&alone, 3).await, Answer::Valid, "the database has it as valid");
    let lost = fixture.database.lost().unwrap();
    let lost: Vec<_> = lost.iter().map(|lost| (lost.kept_up_to.number(), lost.had_up_to.number())).collect();
    assert_eq!(lost, [(0, 3)], "the copy gave the first number to this revocation");
    assert_eq!(fixture.breaches(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_key_of_a_lost_history_is_forgotten_in_the_next_round() {
    let fixture = Fixture::with_keys(1);
    let alone = fixture.alone().await;
    let before = fixture.database.copy();
    fixture.add_key(1);
    for number in [0, 1] {
        assert_eq!(fixture.verify(&alone, number).await, Answer::Valid);
    }
    fixture.database.go_back(before, false);
    fixture.pass(TERMS.renew_every * 2).await;
    assert_eq!(fixture.verify(&alone, 1).await, Answer::Unknown);
    assert_eq!(fixture.verify(&alone, 0).await, Answer::Valid);
    assert!(alone.remembers(0), "memory is used again");
}
