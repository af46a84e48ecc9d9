//! Shared by the statements: the columns of a key and of an account with its chain, as [`row`](crate::row) names them.
//! Contains no statement.

use keyward_domain::{AccountId, Reach};
use sqlx::postgres::PgQueryResult;
use uuid::Uuid;

use crate::{Result, Seq, StorageError, Write};

/// A statement over `api_key k`: the columns of a key, then the given text.
macro_rules! key_query {
    ($first:literal $(+ $rest:literal)* $(, $argument:expr)* $(,)?) => {
        query_with_restrictions!(
            [r#"SELECT k.id AS "id!", k.account_id AS "account_id!", k.type AS "key_type!", k.name AS "name!",
               k.description AS "description?", k.scopes AS "scopes!", k.digest AS "digest?", k.value AS "value?",
               k.last_four AS "last_four!", k.created_at AS "created_at!", k.created_by AS "created_by?", "#]
            [r#", k.revoked_at AS "revoked_at?", k.revoked_by AS "revoked_by?",
               k.revocation_reason AS "revocation_reason?", k.pair_id AS "pair_id?",
               k.unique_name AS "unique_name?", k.version AS "version!", k.metadata AS "metadata?",
               k.suspended_at AS "suspended_at?", k.suspended_by AS "suspended_by?",
               k.suspended_level AS "suspended_level?", k.resumed_at AS "resumed_at?""# $first $($rest)*]
            $(, $argument)*
        )
    };
}

/// A statement over an account `a` and its row `v` in `visible_account`, which has the accounts above it: their
/// columns, then the given text.
macro_rules! account_query {
    ($first:literal $(+ $rest:literal)* $(, $argument:expr)* $(,)?) => {
        sqlx::query!(
            r#"SELECT a.id AS "account_id!", a.mid AS "mid!", a.role AS "role!", a.status AS "status!",
               a.suspended_by AS "suspended_by?", a.name AS "name!", a.created_at AS "created_at!",
               a.policy_version AS "policy_version!", a.change_seq AS "change_seq?",
               a.enforced_at AS "enforced_at?",
               (SELECT t.token FROM history_token t) AS "token!",
               v.parent_id AS "parent_id?", v.parent_mid AS "parent_mid?", v.parent_role AS "parent_role?",
               v.parent_status AS "parent_status?", v.grandparent_id AS "grandparent_id?",
               v.grandparent_mid AS "grandparent_mid?", v.grandparent_role AS "grandparent_role?",
               v.grandparent_status AS "grandparent_status?", v.policy AS "policy?",
               v.parent_policy AS "parent_policy?", v.grandparent_policy AS "grandparent_policy?""# + $first $(+ $rest)*
            $(, $argument)*
        )
    };
}

/// The root, which statements compare with `visible_account.root_id`. None stands for all accounts.
pub(super) fn root(within: &Reach) -> Option<Uuid> {
    within.root().map(AccountId::uuid)
}

/// The newest id that may be returned. The windows' bounds are inclusive, because the planner never underestimates the
/// number of rows between such bounds: so it scans the index and does not sort.
pub(super) fn newest_before(id: Option<Uuid>) -> Option<Uuid> {
    match id {
        None => Some(Uuid::max()),
        Some(id) => id.as_u128().checked_sub(1).map(Uuid::from_u128),
    }
}

/// Whether the precondition of a guarded write held.
pub(super) fn applied(result: &PgQueryResult) -> Write {
    if result.rows_affected() == 0 { Write::Stale } else { Write::Applied }
}

/// Converts an event number to a column value; event numbers never exceed its maximum.
pub(super) fn column(seq: Seq) -> i64 {
    i64::try_from(seq.number()).unwrap_or(i64::MAX)
}

/// The row that numbers all events is missing.
pub(super) fn missing_head() -> StorageError {
    StorageError::Corrupt { table: "revocation_head", id: "id".into() }
}

/// Orders the rows of a statement over `UNNEST(…) WITH ORDINALITY` by their requests; none for a request without a row.
/// A corrupt row fails only its own request.
pub(super) fn in_request_order<T>(
    requests: usize,
    rows: impl Iterator<Item = (i64, Result<Option<T>>)>,
) -> Result<Vec<Result<Option<T>>>> {
    let mut answers: Vec<_> = std::iter::repeat_with(|| Ok(None)).take(requests).collect();
    for (place, restored) in rows {
        // Counted from one.
        let answer = usize::try_from(place - 1).ok().and_then(|place| answers.get_mut(place));
        *answer.ok_or_else(|| StorageError::Unexpected("a row belongs to no request".into()))? = restored;
    }
    Ok(answers)
}
