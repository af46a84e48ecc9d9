//! Parsing and formatting of [`Timestamp`](super::Timestamp).

use super::*;

#[test]
fn only_rfc_3339_is_parsed() {
    for good in [
        "2026-11-23T12:00:00Z",
        "2026-11-23t12:00:00z",
        "2026-11-23T12:00:00.1Z",
        "2026-11-23T12:00:00.123456789+05:30",
        "2026-11-23T12:00:00-00:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59.999999999999999999Z",
        "0000-01-01T23:59:00+23:59",
        "2026-11-23T23:59:60Z",
    ] {
        assert!(good.parse::<Timestamp>().is_ok(), "{good}");
    }
    for bad in [
        "",
        "now",
        "2026-11-23",
        "2026-11-23 12:00:00Z",
        "2026-11-23T12:00:00",
        "2026-11-23T12:00Z",
        "20261123T120000Z",
        "2026-11-23T12:00:00.Z",
        "2026-11-23T12:00:00+0100",
        "2026-11-23T12:00:00+01:00[Europe/Berlin]",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-23T25:00:00Z",
        "+02026-11-23T12:00:00Z",
        "2026-11-23T12:00:00Z ",
        "1764000000",
        "２026-11-23T12:00:00Z",
        "2026-11-23T12:00:00+24:00",
        "2026-11-23T12:00:00+01:60",
        "2026-11-23T12:00:00+1:000",
        "2026-11-23T12:00:00",
        "9999-12-31T23:59:59-00:01",
        "0000-01-01T00:00:00+00:01",
    ] {
        assert_eq!(bad.parse::<Timestamp>(), Err(ParseTimestampError), "{bad}");
    }
}

#[test]
fn fractions_of_a_millisecond_are_rounded_down() {
    let at: Timestamp = "2026-11-23T12:00:00.123999999Z".parse().unwrap();
    assert_eq!((at.to_string(), at.as_micros() % 1_000), ("2026-11-23T12:00:00.123Z".to_owned(), 0));
    let before_epoch: Timestamp = "1969-12-31T23:59:59.9999999Z".parse().unwrap();
    assert_eq!(before_epoch.as_micros(), -1_000);
}

#[test]
fn a_time_is_always_written_with_milliseconds() {
    for (micros, written) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.000Z"),
        (999_999, "1970-01-01T00:00:00.999Z"),
        (120_000, "1970-01-01T00:00:00.120Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (-1_000, "1969-12-31T23:59:59.999Z"),
        (-1_001, "1969-12-31T23:59:59.998Z"),
    ] {
        let at = Timestamp::from_micros(micros).unwrap();
        assert_eq!((at.to_string().as_str(), format!("{at:?}").as_str()), (written, written), "{micros}");
    }
}

#[test]
fn the_ends_of_the_range_survive_formatting_and_parsing() {
    for end in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
        let rounded = Timestamp::from_micros(end.as_millis() * 1_000);
        assert_eq!(end.to_string().parse(), Ok(rounded.unwrap()), "{end}");
    }
    assert_eq!(Timestamp::from_micros(Timestamp::MAX.as_micros() + 1), Err(OutOfRange));
    assert_eq!(Timestamp::from_micros(Timestamp::MIN.as_micros() - 1), Err(OutOfRange));
    assert_eq!(Timestamp::MAX.saturating_add(Duration::from_secs(1)), Timestamp::MAX);
    assert_eq!(Timestamp::MIN.saturating_sub(Duration::from_secs(1)), Timestamp::MIN);
}

#[test]
fn seconds_and_milliseconds_round_down_before_the_epoch_too() {
    let at = Timestamp::from_micros(-1).unwrap();
    assert_eq!((at.as_millis(), at.as_seconds()), (-1, -1));
    assert_eq!(at.since(Timestamp::UNIX_EPOCH), Duration::ZERO);
    assert_eq!(Timestamp::UNIX_EPOCH.since(at), Duration::from_micros(1));
}
