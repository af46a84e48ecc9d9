//! A time in whole microseconds, so that memory, SQLite and Postgres never disagree about it.
//!
//! Never reads a clock: the caller passes "now".

use std::{fmt, str::FromStr, time::Duration};

use jiff::{SignedDuration, civil::DateTime};

/// A time, in whole microseconds since the Unix epoch (UTC, no leap seconds).
///
/// A Postgres `timestamptz` stores microseconds. A finer value would change on its way through the database, and "the
/// exact instant of `expires_at`" would have two meanings.
///
/// ```
/// use keyward_domain::Timestamp;
///
/// let at: Timestamp = "2026-11-23T13:00:00.5+01:00".parse()?;
/// assert_eq!(at.to_string(), "2026-11-23T12:00:00.500Z");
/// # Ok::<(), keyward_domain::ParseTimestampError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The Unix epoch as a date and time in UTC.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// The text is not an RFC 3339 time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an RFC 3339 time such as 2026-11-23T12:00:00Z, within the years 0000 to 9999")]
pub struct ParseTimestampError;

/// A time outside the years 0000 to 9999, which RFC 3339 cannot express.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time is outside the years 0000 to 9999")]
pub struct OutOfRange;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(0);
    /// 0000-01-01T00:00:00Z, the first time that RFC 3339 can express.
    pub const MIN: Self = Self(-62_167_219_200_000_000);
    /// 9999-12-31T23:59:59.999999Z, the last one.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// The time `micros` microseconds after the Unix epoch.
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

    /// This time plus `by`, at most [`Timestamp::MAX`]. Drops fractions of a microsecond.
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(by).min(Self::MAX.0))
    }

    /// This time minus `by`, at least [`Timestamp::MIN`]. Drops fractions of a microsecond.
    #[must_use]
    pub fn saturating_sub(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(by).max(Self::MIN.0))
    }

    /// Time elapsed since `earlier`; zero if `earlier` is not before this time.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    /// Writes RFC 3339 in UTC with milliseconds, rounded down: the only format of times (contract, section 10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = EPOCH.checked_add(SignedDuration::from_millis(self.as_millis())).map_err(|_| fmt::Error)?;
        write!(f, "{moment:.3}Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Parses RFC 3339 (section 5.6) and nothing else, rounded down to the millisecond, so that every written time can
    /// be parsed.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (date_time, rest) = text.split_at_checked(19).ok_or(ParseTimestampError)?;
        let (fraction, offset) = split_fraction(rest).ok_or(ParseTimestampError)?;
        if !has_shape(date_time.as_bytes()) {
            return Err(ParseTimestampError);
        }
        let local: DateTime = date_time.to_ascii_uppercase().parse().map_err(|_| ParseTimestampError)?;
        let since_epoch = local.duration_since(EPOCH).as_secs();
        let seconds = since_epoch - offset_seconds(offset).ok_or(ParseTimestampError)?;
        Self::from_micros(seconds * 1_000_000 + fraction).map_err(|OutOfRange| ParseTimestampError)
    }
}

/// jiff parses all of ISO 8601; the contract allows only RFC 3339.
fn has_shape(date_time: &[u8]) -> bool {
    let fits = |(have, want): (&u8, &u8)| match want {
        b'd' => have.is_ascii_digit(),
        b'T' => matches!(have, b'T' | b't'),
        _ => have == want,
    };
    date_time.iter().zip(b"dddd-dd-ddTdd:dd:dd").all(fits)
}

/// The fraction of a second in microseconds, rounded down to the millisecond, and the rest of the text.
fn split_fraction(rest: &str) -> Option<(i64, &str)> {
    let Some(fraction) = rest.strip_prefix('.') else { return Some((0, rest)) };
    let len = fraction.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, offset) = fraction.split_at_checked(len)?;
    let millis = digits.bytes().chain(std::iter::repeat(b'0')).take(3);
    let millis = millis.fold(0, |millis, digit| millis * 10 + i64::from(digit - b'0'));
    (len > 0).then_some((millis * 1_000, offset))
}

/// Offset from UTC in seconds: `Z`, or hours below 24 and minutes below 60.
fn offset_seconds(offset: &str) -> Option<i64> {
    let two = |tens: &u8, ones: &u8, below: i64| {
        let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
        let value = i64::from(tens.wrapping_sub(b'0')) * 10 + i64::from(ones.wrapping_sub(b'0'));
        (digits && value < below).then_some(value)
    };
    match offset.as_bytes() {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let seconds = two(h1, h2, 24)? * 3600 + two(m1, m2, 60)? * 60;
            Some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

#[cfg(feature = "serde")]
crate::serde_text::as_text!(Timestamp);

#[cfg(test)]
#[path = "timestamp/tests.rs"]
mod tests;
