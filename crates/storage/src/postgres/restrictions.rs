//! The columns of a key's restrictions, as every statement reads, writes and compares them. To add a restriction, add
//! its column to each macro of this file. Contains no complete statement: callers pass the text around the columns.

use keyward_domain::Restrictions;

use super::instant::PgInstant;

/// A query over `api_key k` that selects the columns of the restrictions. `[before]` is the text before those columns
/// and `[after]` the text after them. `[before] [within] [after]` is for a query with a nested `SELECT`: the columns
/// follow `before`, and their names without an alias, for the nested `SELECT`, follow `within`.
macro_rules! query_with_restrictions {
    ([$($before:literal)+] [$($after:literal)+] $(, $argument:expr)* $(,)?) => {
        sqlx::query!(
            $($before +)+ r#"k.not_before AS "not_before?", k.expires_at AS "expires_at?""# $(+ $after)+
            $(, $argument)*
        )
    };
    ([$($before:literal)+] [$($within:literal)+] [$($after:literal)+] $(, $argument:expr)* $(,)?) => {
        query_with_restrictions!([$($before)+] [$($within)+ "not_before, expires_at" $($after)+] $(, $argument)*)
    };
}

/// A query over `api_key k` for keys that no restriction holds back at this time, created after another time. `$query`
/// is the macro of the query, which takes a text and its arguments. `[before]` is the text before the condition and
/// `[after]` the text after it; together they use three arguments, because the condition uses `$4` to `$6`.
macro_rules! unrestricted_query {
    (
        $query:ident, [$($before:literal)+] [$($after:literal)+],
        $now:expr, $created_after:expr, $($argument:expr),+ $(,)?
    ) => {
        $query!(
            $($before +)+ " AND (k.expires_at IS NULL OR k.expires_at > $4)"
                + " AND (k.not_before IS NULL OR k.not_before <= $5)"
                + " AND ($6::timestamptz IS NULL OR k.created_at > $6)" $(+ $after)+,
            $($argument,)+
            PgInstant::from($now.latest()),
            PgInstant::from($now.earliest()),
            $created_after.map(PgInstant::from) as Option<PgInstant>
        )
    };
}

/// An `INSERT` of rows from one array per column. The columns of the restrictions follow each of the first four texts:
/// `[names]` ends in the list of the table's columns, `[values]` in the selected columns, `[arrays]` in the arguments
/// of `UNNEST`, and `[again]` in the names of its result. These texts use twenty arguments, because the arrays of the
/// restrictions are `$21` and `$22`.
macro_rules! insert_with_restrictions {
    (
        [$names:literal] [$values:literal] [$arrays:literal] [$again:literal] [$rest:literal],
        $new:expr, $($argument:expr),+ $(,)?
    ) => {
        sqlx::query_scalar!(
            $names + "not_before, expires_at" + $values + "n.not_before, n.expires_at" + $arrays
                + "$21::timestamptz[], $22::timestamptz[]" + $again + "not_before, expires_at" + $rest,
            $($argument,)+
            &$new.not_before as &[Option<PgInstant>],
            &$new.expires_at as &[Option<PgInstant>]
        )
    };
}

/// An `UPDATE` of one key that replaces the columns of the restrictions. `[set]` ends in the list of other assignments,
/// and `[rest]` follows the last one. These texts use fourteen arguments, because the restrictions are `$15` and `$16`.
macro_rules! update_with_restrictions {
    ([$set:literal] [$rest:literal], $restrictions:expr, $($argument:expr),+ $(,)?) => {
        sqlx::query!(
            $set + "not_before = $15, expires_at = $16" + $rest,
            $($argument,)+
            $restrictions.not_before.map(PgInstant::from) as Option<PgInstant>,
            $restrictions.expires_at.map(PgInstant::from) as Option<PgInstant>
        )
    };
}

/// The columns of the restrictions of new keys, one array each.
#[derive(Default)]
pub(super) struct RestrictionColumns {
    pub(super) not_before: Vec<Option<PgInstant>>,
    pub(super) expires_at: Vec<Option<PgInstant>>,
}

impl RestrictionColumns {
    pub(super) fn push(&mut self, restrictions: &Restrictions) {
        self.not_before.push(restrictions.not_before.map(PgInstant::from));
        self.expires_at.push(restrictions.expires_at.map(PgInstant::from));
    }
}
