//! Which readings count, and from when.

use super::*;

const DAY: i64 = 86_400;
/// Wall time at boot time zero, in seconds.
const START: i64 = 1_900_000_000;

fn seconds(by: i64) -> Timestamp {
    Timestamp::from_micros((START + by) * 1_000_000).unwrap()
}

fn boot(second: i64) -> BootInstant {
    BootInstant::from_nanos(u64::try_from(second).unwrap() * 1_000_000_000)
}

/// A clock read once per second, from second 0 to this one, without jumps.
fn read_until(second: i64) -> DatabaseClockEstimate {
    let mut clock = DatabaseClockEstimate::default();
    for second in 0..=second {
        assert_eq!(clock.read(seconds(second), boot(second)), None);
    }
    clock
}

/// How far the bound is ahead of its start, in seconds.
fn ahead(clock: &DatabaseClockEstimate) -> i64 {
    clock.bound().unwrap().as_micros() / 1_000_000 - START
}

#[test]
fn a_clock_that_runs_evenly_is_trusted_from_the_first_reading() {
    assert_eq!(DatabaseClockEstimate::default().bound(), None);
    let clock = read_until(1_000);
    assert_eq!(ahead(&clock), 0);
    assert!(clock.readings.len() <= 62, "{}", clock.readings.len());
}

#[test]
fn a_clock_that_runs_ahead_for_less_than_a_minute_is_never_trusted() {
    let mut clock = read_until(10);
    assert_eq!(clock.read(seconds(11 + 30 * DAY), boot(11)), Some(ClockNews::RanAhead(Duration::from_hours(720))));
    for second in 12..=70 {
        assert_eq!(clock.read(seconds(second + 30 * DAY), boot(second)), None, "reported once");
        assert_eq!(ahead(&clock), 0);
    }
    assert_eq!(clock.read(seconds(70), boot(70)), Some(ClockNews::CameBack));
    assert_eq!(clock.read(seconds(71), boot(71)), None);
    assert_eq!(ahead(&clock), 0);
    // Another jump ahead starts a new minute.
    assert!(matches!(clock.read(seconds(72 + 30 * DAY), boot(72)), Some(ClockNews::RanAhead(_))));
    assert_eq!((clock.read(seconds(131 + 30 * DAY), boot(131)), ahead(&clock)), (None, 0));
}

#[test]
fn a_clock_that_has_been_ahead_for_a_minute_is_trusted() {
    let mut clock = read_until(10);
    let by = Duration::from_mins(2);
    assert_eq!(clock.read(seconds(11 + 120), boot(11)), Some(ClockNews::RanAhead(by)));
    for second in 12..71 {
        assert_eq!((clock.read(seconds(second + 120), boot(second)), ahead(&clock)), (None, 0));
    }
    assert_eq!(clock.read(seconds(71 + 120), boot(71)), Some(ClockNews::HeldAhead(by)));
    assert_eq!(ahead(&clock), 120);
}

#[test]
fn a_clock_that_keeps_jumping_is_not_trusted() {
    let mut clock = read_until(10);
    for second in 11..500 {
        let news = clock.read(seconds(second + second * DAY), boot(second));
        assert!(matches!(news, Some(ClockNews::RanAhead(_))), "{news:?}");
        assert_eq!(ahead(&clock), 0);
    }
}

#[test]
fn at_most_a_minute_ahead_counts_immediately() {
    let mut clock = read_until(10);
    assert_eq!((clock.read(seconds(11 + 60), boot(11)), ahead(&clock)), (None, 60));
}

#[test]
fn a_bound_is_dropped_once_it_was_contradicted_for_a_minute() {
    for by in [45, 30 * DAY] {
        // The very first reading was wrong, and there was nothing to compare it with.
        let mut clock = DatabaseClockEstimate::default();
        assert_eq!(clock.read(seconds(by), boot(0)), None);
        for second in 1..61 {
            assert_eq!((clock.read(seconds(second), boot(second)), ahead(&clock)), (None, by), "{second}");
        }
        let fell = (by > 60).then_some(ClockNews::FellBack(Duration::from_hours(720)));
        assert_eq!((clock.read(seconds(61), boot(61)), ahead(&clock)), (fell, 0));
    }
}

#[test]
fn a_clock_that_goes_back_for_less_than_a_minute_prolongs_nothing() {
    let mut clock = read_until(100);
    for second in 101..160 {
        assert_eq!(clock.read(seconds(second - DAY), boot(second)), None);
        assert_eq!(ahead(&clock), 0);
    }
    assert_eq!((clock.read(seconds(160), boot(160)), ahead(&clock)), (None, 0));
    // From here on, the later time is trusted again for a minute.
    for second in 161..220 {
        assert_eq!((clock.read(seconds(second - DAY), boot(second)), ahead(&clock)), (None, 0));
    }
}

#[test]
fn a_pause_between_two_readings_contradicts_nothing() {
    let mut clock = read_until(10);
    assert_eq!((clock.read(seconds(1_000 - DAY), boot(1_000)), ahead(&clock)), (None, 0));
    assert_eq!((clock.read(seconds(1_059 - DAY), boot(1_059)), ahead(&clock)), (None, 0));
    let fell = Some(ClockNews::FellBack(Duration::from_hours(24)));
    assert_eq!((clock.read(seconds(1_060 - DAY), boot(1_060)), ahead(&clock)), (fell, -DAY));
}

#[test]
fn a_late_reply_never_makes_the_bound_earlier() {
    let mut clock = DatabaseClockEstimate::default();
    let at = |millis: u64| BootInstant::from_nanos(millis * 1_000_000);
    // Read at 900 ms on the database, sent at 0 ms.
    clock.read(Timestamp::from_micros(START * 1_000_000 + 900_000).unwrap(), at(0));
    let late = clock.bound().unwrap();
    clock.read(seconds(1), at(1_000));
    assert_eq!(clock.bound(), Some(late), "each is an upper bound, and the greatest is one too");
    assert!(Offset::time_at(late.as_micros(), at(1_000)).unwrap() >= seconds(1));
}

/// Reads a clock that is `by` seconds ahead, once per second of this range.
fn read_on(clock: &mut DatabaseClockEstimate, seconds_of: std::ops::Range<i64>, by: i64) {
    for second in seconds_of {
        clock.read(seconds(second + by), boot(second));
    }
}

#[test]
fn upkeep_uses_a_clock_only_once_it_has_run_evenly_for_ten_minutes() {
    let mut clock = read_until(599);
    assert_eq!((clock.settled(), clock.jump()), (None, None));
    read_on(&mut clock, 600..601, 0);
    assert_eq!(clock.settled(), clock.bound());
}

#[test]
fn a_clock_ahead_for_two_minutes_serves_no_upkeep_although_keys_expire_by_it() {
    let mut clock = read_until(700);
    let by = 40 * DAY;
    read_on(&mut clock, 701..821, by);
    assert_eq!(ahead(&clock), by, "it held for a minute");
    assert_eq!(clock.settled(), None);
    assert_eq!(clock.jump(), Some(ClockJump::Ahead(Duration::from_hours(960))));
    read_on(&mut clock, 821..822, 0);
    assert_eq!((clock.settled(), clock.jump()), (None, None), "it is back, and its ten minutes start again");
    read_on(&mut clock, 822..1_421, 0);
    assert_eq!(clock.settled(), None);
    read_on(&mut clock, 1_421..1_422, 0);
    assert!(clock.settled().is_some());
}

#[test]
fn a_clock_that_was_wrong_at_process_start_serves_no_upkeep_either() {
    let mut clock = DatabaseClockEstimate::default();
    read_on(&mut clock, 0..120, 40 * DAY);
    assert_eq!(clock.settled(), None);
    read_on(&mut clock, 120..720, 0);
    assert_eq!((clock.settled(), clock.jump()), (None, Some(ClockJump::Back(Duration::from_hours(960)))));
    read_on(&mut clock, 720..721, 0);
    assert_eq!((clock.settled().is_some(), clock.jump()), (true, None));
}

#[test]
fn a_clock_counts_ten_minutes_after_a_jump_and_drift_never_stops_it() {
    let mut clock = read_until(700);
    read_on(&mut clock, 701..1_302, 40 * DAY);
    assert_eq!((clock.settled().is_some(), clock.jump()), (true, None));
    // One second per minute, far more than real clocks drift.
    for second in 1_302..100_000 {
        clock.read(seconds(second + 40 * DAY + second / 60), boot(second));
        assert_eq!((clock.settled().is_some(), clock.jump()), (true, None), "{second}");
    }
}
