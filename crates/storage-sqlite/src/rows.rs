//! The columns of keys and accounts as the queries name them, and their conversion to the rows that both databases
//! share.

use keyward_domain::{AccountId, Reach};
use keyward_storage::{
    AccountRecord, HistoryToken, KeyRecord, ListedKey, Result, StorageError,
    row::{AccountRow, KeyRow, LinkRow, restore_chain, stored_enforcement, stored_moment},
};
use uuid::Uuid;

/// `SELECT` of the columns of key `k`, as a [`KeyRow`] or a struct with more fields; the rest of the statement begins
/// after those columns.
macro_rules! select_keys {
    ($into:ty, $rest:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            $into,
            r#"SELECT k.id AS "id!: Uuid", k.account_id AS "account_id!: Uuid", k.type AS "key_type!", k.name AS "name!",
                k.description AS "description?", k.scopes AS "scopes!", k.digest AS "digest?", k.value AS "value?",
                k.last_four AS "last_four!", k.created_at AS "created_at!: i64", k.created_by AS "created_by?: Uuid",
                k.expires_at AS "expires_at?: i64", k.revoked_at AS "revoked_at?: i64",
                k.revoked_by AS "revoked_by?: Uuid", k.revocation_reason AS "revocation_reason?",
                k.pair_id AS "pair_id?: Uuid", k.unique_name AS "unique_name?"
            "# + $rest
            $(, $argument)*
        )
    };
}
pub(crate) use select_keys;

/// `SELECT` of a page of keys, newest first, as the one JSON text that [`KeyAndUse::restore_page`] reads: an array with
/// an array of columns for each key.
///
/// sqlx passes each row individually from its connection's thread, and copies each column separately. For a hundred
/// keys, that takes longer than reading them.
macro_rules! select_page {
    ($index:literal, $and:literal $(, $argument:expr)*) => {
        sqlx::query_scalar!(
            r#"SELECT json_group_array(json_array(hex(id), hex(account_id), type, name, description, scopes, digest, value,
                last_four, created_at, nullif(hex(created_by), ''), expires_at, revoked_at, nullif(hex(revoked_by), ''),
                revocation_reason, nullif(hex(pair_id), ''), unique_name, last_used)) AS "page!: String"
            FROM (
                SELECT k.*, u.last_used
                FROM api_key k INDEXED BY "# + $index + r#" LEFT JOIN key_usage u ON u.key_id = k.id
                WHERE k.account_id = ?1 AND k.id < ?2"# + $and + r#" AND EXISTS (
                    SELECT 1 FROM account a LEFT JOIN account p ON p.id = a.parent_id
                    WHERE a.id = ?1 AND (?3 IS NULL OR ?3 IN (a.id, a.parent_id, p.parent_id))
                )
                ORDER BY k.id DESC LIMIT ?4
            )"#
            $(, $argument)*
        )
    };
}
pub(crate) use select_page;

/// `SELECT` of account `a`, its parent `p` and its grandparent `g`, as an [`AccountInChain`].
macro_rules! select_accounts {
    ($rest:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            $crate::rows::AccountInChain,
            r#"SELECT a.id AS "id!: Uuid", a.mid AS "mid!", a.role AS "role!", a.status AS "status!",
                a.suspended_by AS "suspended_by?", a.name AS "name!", a.created_at AS "created_at!: i64",
                a.change_seq AS "change_seq?: i64",
                a.enforced_at AS "enforced_at?: i64", p.id AS "parent?: Uuid", p.mid AS "parent_mid?",
                p.role AS "parent_role?", p.status AS "parent_status?", g.id AS "grandparent?: Uuid",
                g.mid AS "grandparent_mid?", g.role AS "grandparent_role?", g.status AS "grandparent_status?"
            FROM account a LEFT JOIN account p ON p.id = a.parent_id LEFT JOIN account g ON g.id = p.parent_id
            "# + $rest
            $(, $argument)*
        )
    };
}
pub(crate) use select_accounts;

/// Declares a struct with the columns of a key and more.
macro_rules! with_key_columns {
    ($(#[$doc:meta])* $name:ident { $($more:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        pub(crate) struct $name {
            pub(crate) id: Uuid,
            pub(crate) account_id: Uuid,
            pub(crate) key_type: String,
            pub(crate) name: String,
            pub(crate) description: Option<String>,
            pub(crate) scopes: String,
            pub(crate) digest: Option<String>,
            pub(crate) value: Option<String>,
            pub(crate) last_four: String,
            pub(crate) created_at: i64,
            pub(crate) created_by: Option<Uuid>,
            pub(crate) expires_at: Option<i64>,
            pub(crate) revoked_at: Option<i64>,
            pub(crate) revoked_by: Option<Uuid>,
            pub(crate) revocation_reason: Option<String>,
            pub(crate) pair_id: Option<Uuid>,
            pub(crate) unique_name: Option<String>,
            $(pub(crate) $more: $type,)*
        }

        impl $name {
            /// Splits the key's columns from the others, in order.
            fn parts(self) -> (KeyRow, ($($type,)*)) {
                let key = KeyRow {
                    id: self.id,
                    account_id: self.account_id,
                    key_type: self.key_type,
                    name: self.name,
                    description: self.description,
                    scopes: self.scopes,
                    digest: self.digest,
                    value: self.value,
                    last_four: self.last_four,
                    created_at: self.created_at,
                    created_by: self.created_by,
                    expires_at: self.expires_at,
                    revoked_at: self.revoked_at,
                    revoked_by: self.revoked_by,
                    revocation_reason: self.revocation_reason,
                    pair_id: self.pair_id,
                    unique_name: self.unique_name,
                };
                (key, ($(self.$more,)*))
            }
        }
    };
}

with_key_columns! {
    /// A key and its last use, in the order of the columns of [`select_page`].
    #[derive(serde::Deserialize)]
    KeyAndUse { last_used: Option<i64> }
}

with_key_columns! {
    /// A key, its last use, its last change, its account and the ancestors.
    KeyInChain {
        last_used: Option<i64>,
        change_seq: Option<i64>,
        enforced_at: Option<i64>,
        mid: String,
        role: String,
        status: String,
        parent: Option<Uuid>,
        parent_mid: Option<String>,
        parent_role: Option<String>,
        parent_status: Option<String>,
        grandparent: Option<Uuid>,
        grandparent_mid: Option<String>,
        grandparent_role: Option<String>,
        grandparent_status: Option<String>,
    }
}

impl KeyAndUse {
    /// Parses a page of an account's keys from [`select_page`].
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if it is invalid, or a key in it is corrupt.
    pub(crate) fn restore_page(page: &str, account: Uuid) -> Result<Vec<ListedKey>> {
        let id = || format!("(one of account {})", AccountId::from_uuid(account));
        let corrupt = |_| StorageError::Corrupt { table: "api_key", id: id() };
        let keys: Vec<Self> = serde_json::from_str(page).map_err(corrupt)?;
        keys.into_iter().map(Self::restore).collect()
    }

    fn restore(self) -> Result<ListedKey> {
        let (key, (last_used,)) = self.parts();
        let key = key.restore()?;
        let last_used = last_used.map(|at| stored_moment(at, "key_usage", key.id())).transpose()?;
        Ok(ListedKey { key, last_used })
    }
}

impl KeyInChain {
    pub(crate) fn restore(self) -> Result<KeyRecord> {
        let (key, more) = self.parts();
        let (
            last_used,
            change_seq,
            enforced_at,
            mid,
            role,
            status,
            parent,
            parent_mid,
            parent_role,
            parent_status,
            grandparent,
            grandparent_mid,
            grandparent_role,
            grandparent_status,
        ) = more;
        let own = LinkRow { id: key.account_id, mid, role, status };
        let above = [
            link(parent, parent_mid, parent_role, parent_status),
            link(grandparent, grandparent_mid, grandparent_role, grandparent_status),
        ];
        let key = key.restore()?;
        let chain = restore_chain(own, above.into_iter().flatten())?;
        let last_used = last_used.map(|at| stored_moment(at, "key_usage", key.id())).transpose()?;
        let enforcement = stored_enforcement(change_seq, enforced_at, HistoryToken::EMBEDDED, "api_key", key.id())?;
        Ok(KeyRecord { key, chain, last_used, enforcement })
    }
}

/// An account, its last change and its ancestors.
pub(crate) struct AccountInChain {
    pub(crate) id: Uuid,
    pub(crate) mid: String,
    pub(crate) role: String,
    pub(crate) status: String,
    pub(crate) suspended_by: Option<String>,
    pub(crate) name: String,
    pub(crate) created_at: i64,
    pub(crate) change_seq: Option<i64>,
    pub(crate) enforced_at: Option<i64>,
    pub(crate) parent: Option<Uuid>,
    pub(crate) parent_mid: Option<String>,
    pub(crate) parent_role: Option<String>,
    pub(crate) parent_status: Option<String>,
    pub(crate) grandparent: Option<Uuid>,
    pub(crate) grandparent_mid: Option<String>,
    pub(crate) grandparent_role: Option<String>,
    pub(crate) grandparent_status: Option<String>,
}

impl AccountInChain {
    pub(crate) fn restore(self) -> Result<AccountRecord> {
        let Self { id, mid, role, status, name, created_at, parent, parent_mid, parent_role, parent_status, .. } = self;
        let own = LinkRow { id, mid: mid.clone(), role: role.clone(), status: status.clone() };
        let stored_parent = parent.zip(parent_mid.clone());
        let above = [
            link(parent, parent_mid, parent_role, parent_status),
            link(self.grandparent, self.grandparent_mid, self.grandparent_role, self.grandparent_status),
        ];
        let chain = restore_chain(own, above.into_iter().flatten())?;
        let link = LinkRow { id, mid, role, status };
        let suspended_by = self.suspended_by;
        let account = AccountRow { link, name, suspended_by, parent: stored_parent, created_at }.restore()?;
        let token = HistoryToken::EMBEDDED;
        let enforcement = stored_enforcement(self.change_seq, self.enforced_at, token, "account", account.id)?;
        Ok(AccountRecord { account, chain, enforcement })
    }
}

/// The link of an ancestor, if there is one.
pub(crate) fn link(
    id: Option<Uuid>,
    mid: Option<String>,
    role: Option<String>,
    status: Option<String>,
) -> Option<LinkRow> {
    Some(LinkRow { id: id?, mid: mid?, role: role?, status: status? })
}

/// The root account for comparisons in statements; none stands for all accounts.
pub(crate) fn root(within: &Reach) -> Option<Uuid> {
    within.root().map(AccountId::uuid)
}

/// Upper bound of a window: this identifier, or a byte string that sorts after every identifier.
pub(crate) fn before(id: Option<Uuid>) -> Vec<u8> {
    id.map_or_else(|| vec![u8::MAX; 17], |id| id.as_bytes().to_vec())
}
