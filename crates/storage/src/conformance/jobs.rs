//! Turns of jobs: one at a time, when due, with what the last one left.

use std::{sync::Arc, time::Duration};

use super::{Fixture, races::together, sample::fresh};
use crate::{JobTimes, JobTurn, Write};

const JOB: &str = "idle_keys";
const HOUR: Duration = Duration::from_hours(1);
const NOW: Duration = Duration::ZERO;

async fn begin(fixture: &Fixture, job: &str, period: Duration, limit: Duration) -> Option<JobTurn> {
    fixture.store.begin_turn(job, fresh(), JobTimes { period, limit }).await.unwrap()
}

async fn end(fixture: &Fixture, turn: &JobTurn, cursor: Option<&str>) -> Write {
    fixture.store.end_turn(JOB, turn.id, cursor.map(str::to_owned)).await.unwrap()
}

pub async fn one_turn_of_a_job_runs_at_a_time(fixture: &Fixture) {
    let turn = begin(fixture, JOB, HOUR, HOUR).await.unwrap();
    assert_eq!(turn.cursor, None);
    assert_eq!(begin(fixture, JOB, NOW, HOUR).await, None);
    assert!(begin(fixture, "refresh_families", HOUR, HOUR).await.is_some(), "another job");
    assert_eq!(begin(fixture, "unknown", NOW, HOUR).await, None);
    assert_eq!(end(fixture, &turn, None).await, Write::Applied);
    assert_eq!(end(fixture, &turn, None).await, Write::Stale);
}

pub async fn a_turn_is_due_a_period_after_the_last_one_ended(fixture: &Fixture) {
    let first = begin(fixture, JOB, HOUR, HOUR).await.unwrap();
    assert_eq!(end(fixture, &first, Some("x")).await, Write::Applied);
    assert_eq!(begin(fixture, JOB, HOUR, HOUR).await, None);
    let second = begin(fixture, JOB, NOW, HOUR).await.unwrap();
    assert_eq!(second.cursor.as_deref(), Some("x"));
    assert_eq!(end(fixture, &second, None).await, Write::Applied);
    assert_eq!(begin(fixture, JOB, NOW, HOUR).await.unwrap().cursor, None);
}

pub async fn a_turn_that_exceeds_its_limit_is_replaced(fixture: &Fixture) {
    let first = begin(fixture, JOB, HOUR, NOW).await.unwrap();
    let second = begin(fixture, JOB, HOUR, HOUR).await.unwrap();
    assert_eq!(end(fixture, &first, Some("late")).await, Write::Stale);
    assert_eq!(end(fixture, &second, Some("y")).await, Write::Applied);
    assert_eq!(begin(fixture, JOB, NOW, HOUR).await.unwrap().cursor.as_deref(), Some("y"));
}

pub async fn racing_turns_are_begun_once(fixture: &Fixture) {
    let racer = |_| {
        let store = Arc::clone(&fixture.store);
        async move { store.begin_turn(JOB, fresh(), JobTimes { period: NOW, limit: HOUR }).await.unwrap() }
    };
    let turns = together((0..8).map(racer).collect()).await;
    assert_eq!(turns.iter().flatten().count(), 1);
}
