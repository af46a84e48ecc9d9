//! The columns of a key's restrictions, for every statement that reads, writes or asks about them: a new restriction is
//! a name in each macro here. Contains no whole statement.

use keyward_domain::Restrictions;

use super::instant::PgInstant;

/// A query over `api_key k`: the first texts, the columns of the restrictions, the other texts. With three texts, the
/// bare names of the columns stand between the second and the third, for a `SELECT` within.
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

/// A query over `api_key k` with the columns of a key and three arguments: the first texts, the condition that no
/// restriction holds the key back at this time, the other texts.
macro_rules! unrestricted_key_query {
    ([$($before:literal)+] [$($after:literal)+], $now:expr, $($argument:expr),+ $(,)?) => {
        key_query!(
            $($before +)+ " AND (k.expires_at IS NULL OR k.expires_at > $4) AND (k.not_before IS NULL OR k.not_before <= $5)" $(+ $after)+,
            $($argument,)+
            PgInstant::from($now.latest()),
            PgInstant::from($now.earliest())
        )
    };
}

/// An `INSERT` from arrays, with nineteen of its own: the texts between which the columns of the restrictions stand, as
/// names, as values, as arrays and as names again.
macro_rules! insert_with_restrictions {
    (
        [$names:literal] [$values:literal] [$arrays:literal] [$again:literal] [$rest:literal],
        $new:expr, $($argument:expr),+ $(,)?
    ) => {
        sqlx::query_scalar!(
            $names + "not_before, expires_at" + $values + "n.not_before, n.expires_at" + $arrays
                + "$20::timestamptz[], $21::timestamptz[]" + $again + "not_before, expires_at" + $rest,
            $($argument,)+
            &$new.not_before as &[Option<PgInstant>],
            &$new.expires_at as &[Option<PgInstant>]
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
