//! The columns of a key's restrictions: one codec for both databases and every row that has them.

use keyward_domain::{OutOfRange, Restrictions, Timestamp};

/// The columns of a key's [`Restrictions`], with times in microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
pub struct RestrictionsRow {
    /// `not_before`
    pub not_before: Option<i64>,
    /// `expires_at`
    pub expires_at: Option<i64>,
}

/// Moves the columns of a row to a [`RestrictionsRow`](crate::row::RestrictionsRow).
#[macro_export]
macro_rules! restrictions_row {
    ($row:ident) => {
        $crate::row::RestrictionsRow {
            not_before: $row.not_before.map(i64::from),
            expires_at: $row.expires_at.map(i64::from),
        }
    };
}

impl From<&Restrictions> for RestrictionsRow {
    fn from(restrictions: &Restrictions) -> Self {
        Self {
            not_before: restrictions.not_before.map(Timestamp::as_micros),
            expires_at: restrictions.expires_at.map(Timestamp::as_micros),
        }
    }
}

impl RestrictionsRow {
    /// The restrictions.
    ///
    /// # Errors
    /// [`OutOfRange`] if a column is corrupt.
    pub(super) fn restore(self) -> Result<Restrictions, OutOfRange> {
        let time = |at: Option<i64>| at.map(Timestamp::from_micros).transpose();
        Ok(Restrictions { not_before: time(self.not_before)?, expires_at: time(self.expires_at)? })
    }
}
