//! Times in Postgres's format: microseconds since 2000. They never pass through a date library.

use keyward_domain::Timestamp;
use sqlx::{
    Decode, Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef, types::Oid},
};

use crate::CLOCKS_AGREE;

/// 2000-01-01T00:00:00Z in microseconds since the Unix epoch.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;
const TIMESTAMPTZ: Oid = Oid(1184);
const TIMESTAMPTZ_ARRAY: Oid = Oid(1185);

/// A `timestamptz`, as microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PgInstant(i64);

/// The times between which the database's clock agrees with a caller's.
pub(super) struct Agreeing {
    pub(super) from: PgInstant,
    pub(super) to: PgInstant,
}

impl Agreeing {
    pub(super) fn with(expected: Timestamp) -> Self {
        let (from, to) = (expected.saturating_sub(CLOCKS_AGREE), expected.saturating_add(CLOCKS_AGREE));
        Self { from: from.into(), to: to.into() }
    }
}

impl From<Timestamp> for PgInstant {
    fn from(at: Timestamp) -> Self {
        Self(at.as_micros())
    }
}

impl From<PgInstant> for i64 {
    fn from(at: PgInstant) -> Self {
        at.0
    }
}

impl Type<Postgres> for PgInstant {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ)
    }
}

impl PgHasArrayType for PgInstant {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ_ARRAY)
    }
}

impl Encode<'_, Postgres> for PgInstant {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let micros = self.0.checked_sub(POSTGRES_EPOCH).ok_or("the time is too early for Postgres")?;
        Encode::<Postgres>::encode(micros, buffer)
    }

    fn size_hint(&self) -> usize {
        size_of::<i64>()
    }
}

impl Decode<'_, Postgres> for PgInstant {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        match value.format() {
            PgValueFormat::Binary => {
                let micros: i64 = Decode::<Postgres>::decode(value)?;
                // `infinity` is the largest number and not a time: an error of its row, not of the statement.
                Ok(Self(micros.saturating_add(POSTGRES_EPOCH)))
            }
            PgValueFormat::Text => Err("times are only read in binary form".into()),
        }
    }
}
