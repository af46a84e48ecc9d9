//! The columns of a key's restrictions, as every statement reads, writes and compares them. To add a restriction, add
//! its column to each macro of this file. Contains no complete statement: callers pass the text around the columns.

use keyward_domain::Now;

/// A query over `api_key k` that selects the columns of the restrictions. `[before]` is the text before those columns
/// and `[after]` the text after them.
macro_rules! query_with_restrictions {
    ([$($before:literal)+] [$($after:literal)+] $(, $argument:expr)* $(,)?) => {
        sqlx::query!(
            $($before +)+ r#"k.not_before AS "not_before?: i64", k.expires_at AS "expires_at?: i64""# $(+ $after)+
            $(, $argument)*
        )
    };
}
pub(crate) use query_with_restrictions;

/// A query for one JSON text that contains the restrictions as an array, in the order of the fields of
/// [`RestrictionsRow`](keyward_storage::row::RestrictionsRow). `[before]` is the text before that array and `[after]`
/// the text after it.
macro_rules! json_with_restrictions {
    ([$($before:literal)+] [$($after:literal)+] $(, $argument:expr)* $(,)?) => {
        sqlx::query_scalar!($($before +)+ "json_array(not_before, expires_at)" $(+ $after)+ $(, $argument)*)
    };
}
pub(crate) use json_with_restrictions;

/// A query over `api_key k` for keys that no restriction holds back at these [`Times`], created after another time.
/// `$query` is the macro of the query, which takes a text and its arguments. `[before]` is the text before the
/// condition and `[after]` the text after it; together they use three arguments, because the condition uses `?4` to
/// `?6`.
macro_rules! unrestricted_query {
    (
        $query:ident, [$($before:literal)+] [$($after:literal)+],
        $times:expr, $created_after:expr, $($argument:expr),+ $(,)?
    ) => {
        $query!(
            $($before +)+ " AND (k.expires_at IS NULL OR k.expires_at > ?4)"
                + " AND (k.not_before IS NULL OR k.not_before <= ?5)"
                + " AND (?6 IS NULL OR k.created_at > ?6)" $(+ $after)+,
            $($argument,)+
            $times.latest,
            $times.earliest,
            $created_after
        )
    };
}
pub(crate) use unrestricted_query;

/// The times by which restrictions are judged, in microseconds since the Unix epoch.
pub(crate) struct Times {
    pub(crate) latest: i64,
    pub(crate) earliest: i64,
}

impl From<Now> for Times {
    fn from(now: Now) -> Self {
        Self { latest: now.latest().as_micros(), earliest: now.earliest().as_micros() }
    }
}

/// An `INSERT` of one key. The columns of the restrictions follow each of the first two texts: `[names]` ends in the
/// list of the table's columns and `[values]` in the selected values. The texts use twenty arguments, because the
/// values of the restrictions are `?21` and `?22`.
macro_rules! insert_with_restrictions {
    ([$names:literal] [$values:literal] [$rest:literal], $restrictions:expr, $($argument:expr),+ $(,)?) => {
        sqlx::query!($names + "not_before, expires_at" + $values + "?21, ?22" + $rest,
            $($argument,)+
            $restrictions.not_before,
            $restrictions.expires_at
        )
    };
}
pub(crate) use insert_with_restrictions;

/// An `UPDATE` of one key that replaces the columns of the restrictions. `[set]` ends in the list of other assignments,
/// and `[rest]` follows the last one. These texts use fourteen arguments, because the restrictions are `?15` and `?16`.
macro_rules! update_with_restrictions {
    ([$set:literal] [$rest:literal], $restrictions:expr, $($argument:expr),+ $(,)?) => {
        sqlx::query!($set + "not_before = ?15, expires_at = ?16" + $rest,
            $($argument,)+
            $restrictions.not_before,
            $restrictions.expires_at
        )
    };
}
pub(crate) use update_with_restrictions;
