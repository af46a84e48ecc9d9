//! The database goes back under running nodes (R11, R13, R18).

use std::time::Duration;

use keyward_domain::Status;
use keyward_verifier::NotEnforced;

use crate::{
    fixture::{Call, Fault, Fixture, TERMS, id, merchant, target},
    shared::{
        database::{Change, Changed},
        history::Answer,
    },
};

/// Longer than a renewal interval, and shorter than a lease.
const A_RENEWAL: Duration = TERMS.renew_every.saturating_mul(2);

/// Reports of lost events: from the last one that still exists to the last one that the node had applied.
fn reports(fixture: &Fixture) -> Vec<(u64, u64)> {
    let lost = fixture.database.lost().expect("the database is there");
    lost.iter().map(|lost| (lost.kept_up_to.number(), lost.had_up_to.number())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_key_of_a_lost_history_is_forgotten_with_the_next_renewal() {
    let fixture = Fixture::with_keys(1);
    let (node, other) = (fixture.member().await, fixture.member().await);
    let before = fixture.database.copy();
    fixture.add_key(1);
    for actor in [&node, &other] {
        for number in [0, 1] {
            assert_eq!(fixture.verify(actor, number).await, Answer::Valid);
        }
    }
    fixture.database.go_back(before, false);
    fixture.pass(A_RENEWAL).await;
    for actor in [&node, &other] {
        assert_eq!(actor.ports.made(Call::Join), 2, "no event showed it, only the token");
        assert_eq!(fixture.verify(actor, 1).await, Answer::Unknown);
        assert_eq!(fixture.verify(actor, 0).await, Answer::Valid);
        assert!(actor.remembers(0), "memory is used again");
    }
    assert_eq!(reports(&fixture), [], "no event is missing");
}

/// The lease's connection still reaches the old server, and the connections of requests the new one.
#[tokio::test(start_paused = true)]
async fn a_lease_of_another_history_than_the_one_that_answers_requests_ends() {
    let fixture = Fixture::with_keys(1);
    let node = fixture.member().await;
    fixture.pass(A_RENEWAL).await;
    assert_eq!(node.ports.made(Call::Join), 1);
    node.ports.fail(Call::Members, Fault::Elsewhere);
    fixture.pass(A_RENEWAL).await;
    assert!(node.ports.made(Call::Join) > 1, "the lease was dropped");
    node.ports.heal(Call::Members);
    fixture.pass(A_RENEWAL).await;
    let joined = node.ports.made(Call::Join);
    fixture.pass(A_RENEWAL).await;
    assert_eq!(node.ports.made(Call::Join), joined, "and is kept if both have the same history");
    assert!(node.verifier.may_answer_from_memory());
}

#[tokio::test(start_paused = true)]
async fn lost_events_are_reported_from_their_first_number() {
    let fixture = Fixture::with_keys(5);
    let node = fixture.member().await;
    fixture.revoke(&node, 0).await;
    let before = fixture.database.copy();
    for number in [1, 2, 3] {
        fixture.revoke(&node, number).await;
    }
    fixture.pass(A_RENEWAL).await;
    fixture.database.go_back(before, false);
    fixture.pass(A_RENEWAL).await;
    assert_eq!(reports(&fixture), [(1, 4)]);
    assert_eq!(fixture.verify(&node, 3).await, Answer::Valid, "the database has it as valid");
}

/// It never applied the events before its join, and reads them only for this report.
#[tokio::test(start_paused = true)]
async fn a_node_that_joined_after_the_copy_was_made_reports_exactly_the_lost_events() {
    let fixture = Fixture::with_keys(5);
    let node = fixture.member().await;
    fixture.revoke(&node, 0).await;
    let before = fixture.database.copy();
    for number in [1, 2] {
        fixture.revoke(&node, number).await;
    }
    node.end().await;
    node.ports.cut();
    let late = fixture.node();
    late.ports.fail(Call::EventsAfter, Fault::Error);
    late.verifier.start().await.unwrap();
    fixture.pass(A_RENEWAL).await;
    assert!(late.verifier.may_answer_from_memory());
    late.ports.heal(Call::EventsAfter);
    fixture.pass(A_RENEWAL).await;
    fixture.database.go_back(before, false);
    fixture.pass(A_RENEWAL).await;
    assert_eq!(reports(&fixture), [(1, 3)]);
}

#[tokio::test(start_paused = true)]
async fn lost_events_are_reported_however_late_the_database_accepts_the_report() {
    let fixture = Fixture::with_keys(3);
    let node = fixture.member().await;
    fixture.revoke(&node, 0).await;
    let before = fixture.database.copy();
    fixture.revoke(&node, 1).await;
    node.ports.fail(Call::RecordLost, Fault::Error);
    fixture.database.go_back(before, false);
    fixture.pass(A_RENEWAL).await;
    assert!(node.ports.made(Call::RecordLost) > 0);
    assert_eq!(reports(&fixture), []);
    node.ports.heal(Call::RecordLost);
    fixture.pass(A_RENEWAL).await;
    assert_eq!(reports(&fixture), [(1, 2)]);
    let made = node.ports.made(Call::RecordLost);
    fixture.pass(A_RENEWAL).await;
    assert_eq!(node.ports.made(Call::RecordLost), made, "once is enough");
}

/// Event numbers are reused, so the rows of nodes that were ahead acknowledge nothing.
#[tokio::test(start_paused = true)]
async fn an_immediate_revocation_holds_on_nodes_that_had_seen_its_number_before() {
    let fixture = Fixture::with_keys(6);
    let (node, other) = (fixture.member().await, fixture.member().await);
    fixture.revoke(&node, 0).await;
    let before = fixture.database.copy();
    for number in [1, 2] {
        fixture.revoke(&node, number).await;
    }
    assert_eq!(fixture.verify(&other, 3).await, Answer::Valid);
    other.ports.withhold_hints(true);
    fixture.database.go_back(before, false);
    fixture.revoke(&node, 3).await;
    assert_eq!(fixture.verify(&other, 3).await, Answer::Restricted);
}

/// A node that joined after the copy was made is in no list of it, and still holds its lease.
#[tokio::test(start_paused = true)]
async fn in_a_new_history_a_revocation_outlives_nodes_that_are_in_no_list() {
    let fixture = Fixture::with_keys(2);
    let node = fixture.member().await;
    let before = fixture.database.copy();
    let unlisted = fixture.member().await;
    assert_eq!(fixture.verify(&unlisted, 0).await, Answer::Valid);
    unlisted.ports.cut();
    fixture.database.go_back(before, false);
    let took = fixture.revoke(&node, 0).await;
    assert!(!unlisted.remembers(0), "its lease has ended, after {took:?}");
    fixture.pass(TERMS.worst_wait()).await;
    assert!(fixture.revoke(&node, 1).await < TERMS.renew_every, "it was waited out once");
}

#[tokio::test(start_paused = true)]
async fn a_record_in_the_copy_does_not_count_before_every_lease_of_another_history_has_ended() {
    let fixture = Fixture::with_keys(1);
    let (node, other) = (fixture.member().await, fixture.member().await);
    fixture.call(&node, Change::Status(merchant(), Status::Suspended)).await.unwrap().unwrap();
    let suspended = fixture.database.copy();
    fixture.call(&node, Change::Status(merchant(), Status::Active)).await.unwrap().unwrap();
    assert_eq!(fixture.verify(&other, 0).await, Answer::Valid);
    other.ports.cut();
    fixture.database.go_back(suspended, false);
    // It is already suspended and recorded as enforced, by a history in which this was true on every node.
    fixture.call(&node, Change::Status(merchant(), Status::Suspended)).await.unwrap().unwrap();
    assert!(!other.remembers(0));
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_the_server_costs_one_slow_revocation_and_no_key() {
    let fixture = Fixture::with_keys(3);
    let (node, other) = (fixture.member().await, fixture.member().await);
    fixture.database.restart_server();
    fixture.revoke(&node, 0).await;
    fixture.pass(TERMS.worst_wait()).await;
    assert!(
        fixture.revoke(&other, 1).await < TERMS.renew_every,
        "also on a node that has not waited: the database is marked"
    );
    assert_eq!(reports(&fixture), []);
    assert_eq!(fixture.breaches(), [""; 0]);
    let fresh = fixture.member().await;
    assert!(fixture.revoke(&fresh, 2).await < TERMS.renew_every, "and on a process that never saw the database");
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_change_was_lost_before_its_answer_has_an_unknown_outcome() {
    let fixture = Fixture::with_keys(1);
    let (node, other) = (fixture.member().await, fixture.member().await);
    other.ports.withhold_hints(true);
    other.ports.fail(Call::Renew, Fault::Silence);
    let before = fixture.database.copy();
    let Changed::Now(event) = fixture.commit(Change::Revoke(id(0))).await else { panic!("it was not revoked") };
    let waiting = node.verifier.enforce(event, vec![target(0)]);
    let lose = async {
        fixture.pass_millis(100).await;
        fixture.database.go_back(before, false);
    };
    let (done, ()) = tokio::join!(waiting, lose);
    assert_eq!(done, Err(NotEnforced::HistoryLost));
}
