//! Shared by the statements: the columns of a key and of an account with its chain, as `keyward_storage::row` names
//! them. Contains no statement.

use keyward_domain::{AccountId, Reach};
use keyward_storage::{ListedKey, Result, Seq, StorageError, Write, row::ListedKeyRow};
use sqlx::sqlite::SqliteQueryResult;
use uuid::Uuid;

use crate::error::{commit_refused, refused};

/// A statement over `api_key k`: the columns of a key, then the given text.
macro_rules! key_query {
    ($first:literal $(+ $rest:literal)* $(, $argument:expr)* $(,)?) => {
        $crate::restrictions::query_with_restrictions!(
            [r#"SELECT k.id AS "id!: Uuid", k.account_id AS "account_id!: Uuid", k.type AS "key_type!","#
                r#" k.name AS "name!",
                k.description AS "description?", k.scopes AS "scopes!", k.digest AS "digest?", k.value AS "value?",
                k.last_four AS "last_four!", k.created_at AS "created_at!: i64", "#
                r#"k.created_by AS "created_by?: Uuid", "#]
            [r#", k.revoked_at AS "revoked_at?: i64", k.revoked_by AS "revoked_by?: Uuid",
                k.revocation_reason AS "revocation_reason?", k.pair_id AS "pair_id?: Uuid",
                k.unique_name AS "unique_name?", k.version AS "version!: i64", k.metadata AS "metadata?",
                k.suspended_at AS "suspended_at?: i64", k.suspended_by AS "suspended_by?: Uuid",
                k.suspended_level AS "suspended_level?", k.resumed_at AS "resumed_at?: i64"
            "# $first $($rest)*]
            $(, $argument)*
        )
    };
}
pub(crate) use key_query;

/// A statement over a page of keys `k` with their last uses `u`, as the one JSON text that [`restore_page`] reads: for
/// each key, an array with an array of its columns, in the order of the fields of
/// [`KeyRow`](keyward_storage::row::KeyRow), and its last use. The text begins with `FROM`.
///
/// sqlx passes each row individually from its connection's thread, and copies each column separately. For a hundred
/// keys, that takes longer than reading them.
macro_rules! page_query {
    ([$($rest:literal)+] $(, $argument:expr)* $(,)?) => {
        $crate::restrictions::json_with_restrictions!(
            [r#"SELECT json_group_array(json_array(json_array(hex(id), hex(account_id), type, name, description, scopes,
                digest, value, last_four, created_at, nullif(hex(created_by), ''), "#]
            [r#", revoked_at, nullif(hex(revoked_by), ''), revocation_reason, nullif(hex(pair_id), ''), unique_name,
                version, metadata, json_array(
                    suspended_at, nullif(hex(suspended_by), ''), suspended_level, resumed_at
                )),
                last_used)) AS "page!: String"
            FROM (
                SELECT k.*, u.last_used "# $($rest)+ r#"
            )"#]
            $(, $argument)*
        )
    };
}
pub(crate) use page_query;

/// A statement over an account `a` and its row `v` in `visible_account`, which has the accounts above it: their
/// columns, then the given text.
macro_rules! account_query {
    ($rest:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query!(
            r#"SELECT a.id AS "account_id!: Uuid", a.mid AS "mid!", a.role AS "role!", a.status AS "status!",
                a.suspended_by AS "suspended_by?", a.name AS "name!", a.created_at AS "created_at!: i64",
                a.policy_version AS "policy_version!: i64", a.change_seq AS "change_seq?: i64",
                a.enforced_at AS "enforced_at?: i64", v.parent_id AS "parent_id?: Uuid", v.parent_mid AS "parent_mid?",
                v.parent_role AS "parent_role?", v.parent_status AS "parent_status?",
                v.grandparent_id AS "grandparent_id?: Uuid", v.grandparent_mid AS "grandparent_mid?",
                v.grandparent_role AS "grandparent_role?", v.grandparent_status AS "grandparent_status?",
                v.policy AS "policy?", v.parent_policy AS "parent_policy?",
                v.grandparent_policy AS "grandparent_policy?"
            FROM account a JOIN visible_account v ON v.id = a.id
            "# + $rest
            $(, $argument)*
        )
    };
}
pub(crate) use account_query;

/// Parses a page of keys from [`page_query`].
///
/// # Errors
/// [`StorageError::Corrupt`] if it is invalid, or a key in it is corrupt.
pub(crate) fn restore_page(page: &str) -> Result<Vec<ListedKey>> {
    let corrupt = |_| StorageError::Corrupt { table: "api_key", id: "(one of a page)".to_owned() };
    let keys: Vec<ListedKeyRow> = serde_json::from_str(page).map_err(corrupt)?;
    keys.into_iter().map(ListedKeyRow::restore).collect()
}

/// The root, which statements compare with `visible_account.root_id`. None stands for all accounts.
pub(crate) fn root(within: &Reach) -> Option<Uuid> {
    within.root().map(AccountId::uuid)
}

/// Upper bound of a window: this identifier, or a byte string that sorts after every identifier.
pub(crate) fn before(id: Option<Uuid>) -> Vec<u8> {
    id.map_or_else(|| vec![u8::MAX; 17], |id| id.as_bytes().to_vec())
}

/// Whether the precondition of a guarded statement held.
pub(crate) fn applied(answer: sqlx::Result<SqliteQueryResult>) -> Result<Write> {
    match answer.map_err(refused)?.rows_affected() {
        0 => Ok(Write::Stale),
        _ => Ok(Write::Applied),
    }
}

/// Like [`applied`], for a statement that is its own transaction.
pub(crate) fn committed(answer: sqlx::Result<SqliteQueryResult>) -> Result<Write> {
    match answer.map_err(commit_refused)?.rows_affected() {
        0 => Ok(Write::Stale),
        _ => Ok(Write::Applied),
    }
}

/// Converts an event number to a column value; event numbers never exceed its maximum.
pub(crate) fn column(seq: Seq) -> i64 {
    i64::try_from(seq.number()).unwrap_or(i64::MAX)
}
