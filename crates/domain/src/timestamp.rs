//! A moment in whole microseconds, so that memory, SQLite and Postgres never disagree about it.
//!
//! Never reads a clock: whoever needs "now" is handed one.

use std::{fmt, str::FromStr, time::Duration};

/// A moment, counted in whole microseconds since the Unix epoch (UTC, no leap seconds).
///
/// Microseconds because that is what a Postgres `timestamptz` keeps: a finer value would change on its way through the
/// database, and "the very instant of `expires_at`" would mean two things.
///
/// ```
/// use keyward_domain::Timestamp;
///
/// let at: Timestamp = "2026-11-23T13:00:00.5+01:00".parse()?;
/// assert_eq!(at.to_string(), "2026-11-23T12:00:00.5Z");
/// # Ok::<(), keyward_domain::ParseTimestampError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text is no RFC 3339 moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an RFC 3339 time such as 2026-11-23T12:00:00Z")]
pub struct ParseTimestampError;

/// A count of microseconds outside the years 0000 to 9999, which RFC 3339 cannot write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the moment lies outside the years 0000 to 9999")]
pub struct OutOfRange;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(0);
    /// 0000-01-01T00:00:00Z, the first moment RFC 3339 can write.
    pub const MIN: Self = Self(-62_167_219_200_000_000);
    /// 9999-12-30T21:59:59.999999Z: later ones could leave the year 9999 at some UTC offset.
    pub const MAX: Self = Self(253_402_207_199_999_999);

    /// The moment so many microseconds after the Unix epoch.
    ///
    /// # Errors
    /// [`OutOfRange`] outside [`Timestamp::MIN`] to [`Timestamp::MAX`].
    pub const fn from_micros(micros: i64) -> Result<Self, OutOfRange> {
        if micros < Self::MIN.0 || micros > Self::MAX.0 { Err(OutOfRange) } else { Ok(Self(micros)) }
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Whole seconds since the Unix epoch, rounded down: the `NumericDate` of RFC 7519.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This moment and `by` more, held at [`Timestamp::MAX`]. Fractions of a microsecond are dropped.
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(by).min(Self::MAX.0))
    }

    /// This moment and `by` less, held at [`Timestamp::MIN`]. Fractions of a microsecond are dropped.
    #[must_use]
    pub fn saturating_sub(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(by).max(Self::MIN.0))
    }

    /// How long after `earlier` this moment is; zero if it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, with as many digits of the second as it takes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = jiff::Timestamp::from_microsecond(self.0).map_err(|_| fmt::Error)?;
        fmt::Display::fmt(&moment, f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Reads RFC 3339 (section 5.6) and nothing wider. What is finer than a microsecond is dropped.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !has_rfc3339_shape(text.as_bytes()) {
            return Err(ParseTimestampError);
        }
        let moment: jiff::Timestamp = text.parse().map_err(|_| ParseTimestampError)?;
        Self::from_micros(moment.as_nanosecond().div_euclid(1_000).try_into().map_err(|_| ParseTimestampError)?)
            .map_err(|OutOfRange| ParseTimestampError)
    }
}

/// jiff reads all of ISO 8601 and RFC 9557; the contract promises RFC 3339 only.
fn has_rfc3339_shape(text: &[u8]) -> bool {
    let Some((date_time, rest)) = text.split_at_checked(19) else { return false };
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let fits = |(have, want): (&u8, &u8)| match want {
        b'd' => have.is_ascii_digit(),
        b'T' => matches!(have, b'T' | b't'),
        _ => have == want,
    };
    if !date_time.iter().zip(shape).all(fits) {
        return false;
    }
    let offset = match rest {
        [b'.', fraction @ ..] => {
            let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            fraction.get(digits..).unwrap_or_default()
        }
        _ => rest,
    };
    match offset {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => [h1, h2, m1, m2].iter().all(|b| b.is_ascii_digit()),
        _ => false,
    }
}

#[cfg(feature = "serde")]
crate::serde_text::as_text!(Timestamp);

#[cfg(test)]
#[path = "timestamp/tests.rs"]
mod tests;
