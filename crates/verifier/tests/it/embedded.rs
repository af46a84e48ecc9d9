//! The only process on its database: nobody to wait for, and the purge comes before the answer.

use std::time::Duration;

use crate::{
    fixture::{Call, Fixture, Harm, TERMS, ends, id, subject},
    shared::{
        database::{Change, Changed},
        history::Told,
    },
};

#[tokio::test(start_paused = true)]
async fn the_purge_comes_before_the_answer() {
    let fixture = Fixture::with_keys(2);
    let alone = fixture.alone().await;
    for number in [0, 1] {
        assert_eq!(fixture.verify(&alone, number).await, Told::Valid);
    }
    fixture.revoke(&alone, 0).await;
    assert!(!alone.remembers(0) && alone.remembers(1));
    assert_eq!(fixture.verify(&alone, 0).await, Told::Narrowed);
    assert!(fixture.is_noted(0).await);
    assert_eq!(alone.verifier.worst_wait(), Duration::ZERO);
    assert_eq!(fixture.breaches(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_a_request_that_was_cut_off_left_behind_is_applied_at_the_next_round() {
    let fixture = Fixture::with_keys(1);
    let alone = fixture.alone().await;
    assert_eq!(fixture.verify(&alone, 0).await, Told::Valid);
    fixture.commit(Change::Revoke(id(0))).await;
    assert!(alone.remembers(0));
    fixture.pass(TERMS.renew_every * 2).await;
    assert_eq!(fixture.verify(&alone, 0).await, Told::Narrowed);
}

#[tokio::test(start_paused = true)]
async fn events_that_cannot_be_read_empty_the_memory_before_the_answer() {
    for harm in [Harm::Error, Harm::Silence] {
        let fixture = Fixture::with_keys(2);
        let alone = fixture.alone().await;
        for number in [0, 1] {
            assert_eq!(fixture.verify(&alone, number).await, Told::Valid);
        }
        alone.ports.harm(Call::EventsAfter, harm);
        let took = fixture.revoke(&alone, 0).await;
        assert!(took <= Duration::from_secs(2), "{took:?}");
        assert_eq!(alone.verifier.size().keys, 0);
        assert_eq!(fixture.verify(&alone, 0).await, Told::Narrowed);
        assert_eq!(fixture.verify(&alone, 1).await, Told::Valid);
        assert!(alone.remembers(1), "memory goes on");
        assert_eq!(fixture.breaches(), [""; 0]);
    }
}

/// Where bytes were written over the file, what SQLite finds may fit together no more.
#[tokio::test(start_paused = true)]
async fn a_database_that_is_found_damaged_leaves_nothing_in_memory() {
    let fixture = Fixture::with_keys(1);
    let alone = fixture.alone().await;
    assert_eq!(fixture.verify(&alone, 0).await, Told::Valid);
    alone.ports.harm(Call::EventsAfter, Harm::Damaged);
    fixture.pass(TERMS.renew_every * 2).await;
    assert!(!alone.remembers(0));
    alone.ports.heal(Call::EventsAfter);
    fixture.pass(TERMS.renew_every * 2).await;
    assert_eq!(fixture.verify(&alone, 0).await, Told::Valid);
    assert!(alone.remembers(0), "memory goes on");
}

#[tokio::test(start_paused = true)]
async fn it_does_not_open_without_knowing_where_it_begins() {
    let fixture = Fixture::with_keys(1);
    let alone = fixture.alone().await;
    alone.end().await;
    let closed = fixture.alone_with(Call::Head, Harm::Error).await;
    assert!(!closed.verifier.may_answer_from_memory());
    assert_eq!(fixture.verify(&closed, 0).await, Told::Valid, "it answers by reading");
    assert!(!closed.remembers(0));
}

#[tokio::test(start_paused = true)]
async fn when_it_has_left_nothing_is_remembered_and_nothing_has_to_be_purged() {
    let fixture = Fixture::with_keys(1);
    let alone = fixture.alone().await;
    assert_eq!(fixture.verify(&alone, 0).await, Told::Valid);
    ends(alone.verifier.leave()).await;
    assert!(!alone.remembers(0) && alone.verifier.size().keys == 0);
    let Changed::Now(seq) = fixture.commit(Change::Revoke(id(0))).await else { panic!("it was not revoked") };
    ends(alone.verifier.enforce(seq, vec![subject(0)])).await.unwrap();
    assert_eq!(fixture.verify(&alone, 0).await, Told::Narrowed);
    alone.end().await;
}

/// Its numbers are given a second time: what was applied under them says nothing.
#[tokio::test(start_paused = true)]
async fn where_the_database_went_back_a_revoke_is_in_force_when_it_answers() {
    let fixture = Fixture::with_keys(4);
    let alone = fixture.alone().await;
    let before = fixture.database.copy();
    for number in [1, 2, 3] {
        fixture.revoke(&alone, number).await;
    }
    assert_eq!(fixture.verify(&alone, 0).await, Told::Valid);
    fixture.database.go_back(before, false);
    assert!(alone.remembers(0));
    fixture.revoke(&alone, 0).await;
    assert_eq!(fixture.verify(&alone, 0).await, Told::Narrowed);
    assert_eq!(fixture.verify(&alone, 3).await, Told::Valid, "the database says so");
    let lost = fixture.database.lost().unwrap();
    let lost: Vec<_> = lost.iter().map(|lost| (lost.kept_up_to.number(), lost.had_up_to.number())).collect();
    assert_eq!(lost, [(0, 3)], "the copy gave the first number to this revoke");
    assert_eq!(fixture.breaches(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_gone_with_its_history_is_forgotten_at_the_next_round() {
    let fixture = Fixture::with_keys(1);
    let alone = fixture.alone().await;
    let before = fixture.database.copy();
    fixture.add_key(1);
    for number in [0, 1] {
        assert_eq!(fixture.verify(&alone, number).await, Told::Valid);
    }
    fixture.database.go_back(before, false);
    fixture.pass(TERMS.renew_every * 2).await;
    assert_eq!(fixture.verify(&alone, 1).await, Told::Unknown);
    assert_eq!(fixture.verify(&alone, 0).await, Told::Valid);
    assert!(alone.remembers(0), "memory goes on");
}
