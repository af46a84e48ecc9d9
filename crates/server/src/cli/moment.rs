//! Times that a person enters: a date and a time, or a time from now. Reads no clock.

use std::{fmt, str::FromStr, time::Duration};

use keyward_domain::Timestamp;

use crate::config::duration;

/// A time that is absolute or relative to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// An absolute time.
    At(Timestamp),
    /// A time from now.
    In(Duration),
}

/// A key that expires sooner cannot be used.
const SOONEST: Duration = Duration::from_secs(1);

/// Why a text is not a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoMoment {
    /// It has neither format.
    Malformed,
    /// It passes before the key could be used.
    TooSoon,
}

impl fmt::Display for NoMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => {
                "must be a time such as 2027-01-31T00:00:00Z, or a time from now, such as 30d, 12h or 90m, at most \
                 36600d"
            }
            Self::TooSoon => "must be in the future, at least 1s from now: a key that expires sooner cannot be used",
        })
    }
}

impl std::error::Error for NoMoment {}

impl FromStr for Moment {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Self, NoMoment> {
        let at = text.parse().map(Self::At);
        let moment = at.or_else(|_| duration(text).map(Self::In)).map_err(|_| NoMoment::Malformed)?;
        let is_too_soon = matches!(moment, Self::In(time) if time < SOONEST);
        if is_too_soon { Err(NoMoment::TooSoon) } else { Ok(moment) }
    }
}

impl Moment {
    /// The absolute time in whole milliseconds, as all given times are (contract, section 10).
    ///
    /// # Errors
    /// [`NoMoment::TooSoon`].
    pub(super) fn after(self, now: Timestamp) -> Result<Timestamp, NoMoment> {
        match self {
            Self::At(at) if at < now.saturating_add(SOONEST) => Err(NoMoment::TooSoon),
            Self::At(at) => Ok(at),
            Self::In(time) => {
                let at = now.saturating_add(time);
                Ok(at.saturating_sub(Duration::from_micros(at.as_micros().rem_euclid(1_000).unsigned_abs())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    //! Both formats, and texts that have neither.
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_moment_is_a_time_or_a_time_from_now() {
        let now = Timestamp::from_micros(at("2026-11-23T12:00:00Z").as_micros() + 1_234_567).unwrap();
        for (text, expected) in [
            ("2027-01-31T00:00:00+01:00", "2027-01-30T23:00:00Z"),
            ("30d", "2026-12-23T12:00:01.234Z"),
            ("12h", "2026-11-24T00:00:01.234Z"),
            ("90m", "2026-11-23T13:30:01.234Z"),
        ] {
            assert_eq!(text.parse::<Moment>().unwrap().after(now), Ok(at(expected)), "{text}");
        }
    }

    #[test]
    fn a_moment_beyond_the_calendar_is_its_end() {
        let end = Moment::In(Duration::MAX).after(at("2026-11-23T12:00:00Z"));
        assert!(end.is_ok_and(|end| end > at("9999-12-31T23:59:59Z")));
    }

    #[test]
    fn a_moment_leaves_time_to_use_the_key() {
        assert_eq!("999ms".parse::<Moment>(), Err(NoMoment::TooSoon));
        assert_eq!("1s".parse::<Moment>(), Ok(Moment::In(Duration::from_secs(1))));
        let now = at("2026-11-23T12:00:00Z");
        for (text, expected) in [
            ("2026-11-23T11:59:59Z", Err(NoMoment::TooSoon)),
            ("2026-11-23T12:00:00Z", Err(NoMoment::TooSoon)),
            ("2026-11-23T12:00:00.999Z", Err(NoMoment::TooSoon)),
            ("2026-11-23T12:00:01Z", Ok(at("2026-11-23T12:00:01Z"))),
        ] {
            assert_eq!(Moment::At(at(text)).after(now), expected, "{text}");
        }
    }

    #[test]
    fn an_invalid_time_is_refused_with_both_formats() {
        for text in ["", "30", "36601d", "-1d", "0d", "tomorrow", "2027-01-31", "30 d"] {
            let refusal = text.parse::<Moment>().err().map(|error| error.to_string());
            assert!(
                refusal.is_some_and(|message| message.contains("30d") && message.contains("2027-01-31T")),
                "{text}"
            );
        }
    }
}
