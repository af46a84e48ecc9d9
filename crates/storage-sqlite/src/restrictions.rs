//! The columns of a key's restrictions, for every statement that reads, writes or asks about them: a new restriction is
//! a name in each macro here. Contains no whole statement.

use keyward_domain::Now;

/// A query over `api_key k`: the first texts, the columns of the restrictions, the other texts.
macro_rules! query_with_restrictions {
    ([$($before:literal)+] [$($after:literal)+] $(, $argument:expr)* $(,)?) => {
        sqlx::query!($($before +)+ r#"k.not_before AS "not_before?: i64", k.expires_at AS "expires_at?: i64""# $(+ $after)+ $(, $argument)*)
    };
}
pub(crate) use query_with_restrictions;

/// A query for one JSON text: the first texts, the restrictions as an array in the order of the fields of
/// [`RestrictionsRow`](keyward_storage::row::RestrictionsRow), the other texts.
macro_rules! json_with_restrictions {
    ([$($before:literal)+] [$($after:literal)+] $(, $argument:expr)* $(,)?) => {
        sqlx::query_scalar!($($before +)+ "json_array(not_before, expires_at)" $(+ $after)+ $(, $argument)*)
    };
}
pub(crate) use json_with_restrictions;

/// A query over `api_key k` with the columns of a key and three arguments: the first texts, the condition that no
/// restriction holds the key back at these [`Times`], the other texts.
macro_rules! unrestricted_key_query {
    ([$($before:literal)+] [$($after:literal)+], $times:expr, $($argument:expr),+ $(,)?) => {
        $crate::rows::key_query!(
            $($before +)+ " AND (k.expires_at IS NULL OR k.expires_at > ?4) AND (k.not_before IS NULL OR k.not_before <= ?5)" $(+ $after)+,
            $($argument,)+
            $times.latest,
            $times.earliest
        )
    };
}
pub(crate) use unrestricted_key_query;

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

/// An `INSERT` with nineteen arguments of its own: the texts between which the columns of the restrictions stand, as
/// names and as values.
macro_rules! insert_with_restrictions {
    ([$names:literal] [$values:literal] [$rest:literal], $restrictions:expr, $($argument:expr),+ $(,)?) => {
        sqlx::query!($names + "not_before, expires_at" + $values + "?20, ?21" + $rest,
            $($argument,)+
            $restrictions.not_before,
            $restrictions.expires_at
        )
    };
}
pub(crate) use insert_with_restrictions;
