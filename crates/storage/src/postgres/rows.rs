//! Shared by the statements: the columns of a key and of an account with its chain, and the conversion of rows to
//! entities. Contains no statement.

use uuid::Uuid;

use crate::{Result, StorageError, row::LinkRow};

/// A statement over `api_key k`: the columns of a key, then the given text.
macro_rules! key_query {
    ($first:literal $(+ $rest:literal)* $(, $argument:expr)* $(,)?) => {
        sqlx::query!(
            r#"SELECT k.id AS "id!", k.account_id AS "account_id!", k.type AS "key_type!", k.name AS "name!",
               k.description AS "description?", k.scopes AS "scopes!", k.digest AS "digest?", k.value AS "value?",
               k.last_four AS "last_four!", k.created_at AS "created_at!", k.created_by AS "created_by?",
               k.expires_at AS "expires_at?", k.revoked_at AS "revoked_at?", k.revoked_by AS "revoked_by?",
               k.revocation_reason AS "revocation_reason?", k.pair_id AS "pair_id?",
               k.unique_name AS "unique_name?""# + $first $(+ $rest)*
            $(, $argument)*
        )
    };
}

/// Converts a row of [`key_query`] to a key.
macro_rules! restore_key {
    ($row:ident) => {
        $crate::row::KeyRow {
            id: $row.id,
            account_id: $row.account_id,
            key_type: $row.key_type,
            name: $row.name,
            description: $row.description,
            scopes: $row.scopes,
            digest: $row.digest,
            value: $row.value,
            last_four: $row.last_four,
            created_at: $row.created_at.into(),
            created_by: $row.created_by,
            expires_at: $row.expires_at.map(Into::into),
            revoked_at: $row.revoked_at.map(Into::into),
            revoked_by: $row.revoked_by,
            revocation_reason: $row.revocation_reason,
            pair_id: $row.pair_id,
            unique_name: $row.unique_name,
        }
        .restore()
    };
}

/// A statement over an account `a` with its parent `p` and grandparent `g`: their columns, then the given text.
macro_rules! account_query {
    ($first:literal $(+ $rest:literal)* $(, $argument:expr)* $(,)?) => {
        sqlx::query!(
            r#"SELECT a.id AS "account_id!", a.mid AS "mid!", a.role AS "role!", a.status AS "status!",
               a.suspended_by AS "suspended_by?", a.name AS "name!", a.created_at AS "created_at!",
               a.change_seq AS "change_seq?", a.enforced_at AS "enforced_at?",
               (SELECT t.token FROM history_token t) AS "token!",
               p.id AS "parent_id?", p.mid AS "parent_mid?", p.role AS "parent_role?", p.status AS "parent_status?",
               g.id AS "grandparent_id?", g.mid AS "grandparent_mid?", g.role AS "grandparent_role?",
               g.status AS "grandparent_status?""# + $first $(+ $rest)*
            $(, $argument)*
        )
    };
}

/// Reads the chain from a row with its columns.
macro_rules! restore_chain {
    ($row:ident) => {
        $crate::row::restore_chain(
            $crate::row::LinkRow { id: $row.account_id, mid: $row.mid, role: $row.role, status: $row.status },
            [
                $crate::postgres::rows::link($row.parent_id, $row.parent_mid, $row.parent_role, $row.parent_status),
                $crate::postgres::rows::link(
                    $row.grandparent_id,
                    $row.grandparent_mid,
                    $row.grandparent_role,
                    $row.grandparent_status,
                ),
            ]
            .into_iter()
            .flatten(),
        )
    };
}

/// Reads the enforcement of the last change from a row with its columns.
macro_rules! restore_enforcement {
    ($row:ident, $table:literal, $id:expr) => {
        $crate::row::stored_enforcement(
            $row.change_seq,
            $row.enforced_at.map(Into::into),
            $crate::row::stored_token(&$row.token)?,
            $table,
            $id,
        )
    };
}

/// An ancestor; none if a `LEFT JOIN` found none.
pub(super) fn link(
    id: Option<Uuid>,
    mid: Option<String>,
    role: Option<String>,
    status: Option<String>,
) -> Option<LinkRow> {
    Some(LinkRow { id: id?, mid: mid?, role: role?, status: status? })
}

/// Orders the rows of a statement over `UNNEST(…) WITH ORDINALITY` by their requests; none for a request without a row.
/// A corrupt row fails only its own request.
pub(super) fn in_their_places<T>(
    questions: usize,
    rows: impl Iterator<Item = (i64, Result<Option<T>>)>,
) -> Result<Vec<Result<Option<T>>>> {
    let mut answers: Vec<_> = std::iter::repeat_with(|| Ok(None)).take(questions).collect();
    for (place, restored) in rows {
        // Counted from one.
        let answer = usize::try_from(place - 1).ok().and_then(|place| answers.get_mut(place));
        *answer.ok_or_else(|| StorageError::Unexpected("a row belongs to no request".into()))? = restored;
    }
    Ok(answers)
}
