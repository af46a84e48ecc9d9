//! Rows of `account`.

use keyward_domain::{Account, AccountId, Chain, Link, Name, Parent};
use uuid::Uuid;

use super::{moment, policy::policy, stored_enforcement};
use crate::{AccountRecord, HistoryToken, Result, StorageError};

/// The columns of one account that a chain needs.
#[derive(Clone, Debug)]
pub struct LinkRow {
    /// `id`
    pub id: Uuid,
    /// `mid`
    pub mid: String,
    /// `role`
    pub role: String,
    /// `status`
    pub status: String,
    /// `policy`, a JSON object
    pub policy: Option<String>,
}

impl LinkRow {
    /// Converts the row to a link.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if the row is corrupt.
    pub fn restore(self) -> Result<Link> {
        let id = AccountId::from_uuid(self.id);
        let corrupt = || StorageError::Corrupt { table: "account", id: id.to_string() };
        Ok(Link {
            id,
            mid: self.mid.parse().map_err(|_| corrupt())?,
            role: self.role.parse().map_err(|_| corrupt())?,
            status: self.status.parse().map_err(|_| corrupt())?,
            policy: policy(self.policy.as_deref()).map_err(|_| corrupt())?,
        })
    }
}

/// The link of an ancestor; none if a `LEFT JOIN` found none.
#[must_use]
pub fn link(
    id: Option<Uuid>,
    mid: Option<String>,
    role: Option<String>,
    status: Option<String>,
    policy: Option<String>,
) -> Option<LinkRow> {
    Some(LinkRow { id: id?, mid: mid?, role: role?, status: status?, policy })
}

/// An account and its ancestors.
#[derive(Debug)]
pub struct ChainRow {
    /// The account.
    pub own: LinkRow,
    /// The parent and the grandparent, where they exist.
    pub above: [Option<LinkRow>; 2],
}

/// Moves the columns of a row to a [`ChainRow`](crate::row::ChainRow).
#[macro_export]
macro_rules! chain_row {
    ($row:ident) => {
        $crate::row::ChainRow {
            own: $crate::row::LinkRow {
                id: $row.account_id,
                mid: $row.mid,
                role: $row.role,
                status: $row.status,
                policy: $row.policy,
            },
            above: [
                $crate::row::link(
                    $row.parent_id,
                    $row.parent_mid,
                    $row.parent_role,
                    $row.parent_status,
                    $row.parent_policy,
                ),
                $crate::row::link(
                    $row.grandparent_id,
                    $row.grandparent_mid,
                    $row.grandparent_role,
                    $row.grandparent_status,
                    $row.grandparent_policy,
                ),
            ],
        }
    };
}

impl ChainRow {
    /// The parent's id and `mid`.
    #[must_use]
    pub fn parent(&self) -> Option<(Uuid, String)> {
        let [parent, _] = &self.above;
        parent.as_ref().map(|parent| (parent.id, parent.mid.clone()))
    }

    /// Converts the row to a chain.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if it is corrupt, or if its accounts do not form a path to the platform.
    pub fn restore(self) -> Result<Chain> {
        let own = self.own.restore()?;
        let id = own.id;
        let above = self.above.into_iter().flatten().map(LinkRow::restore).collect::<Result<_>>()?;
        Chain::new(own, above).map_err(|_| StorageError::Corrupt { table: "account", id: id.to_string() })
    }
}

/// The columns of `account`, with the parent's mid.
#[derive(Debug)]
pub struct AccountRow {
    /// The columns that a chain needs.
    pub link: LinkRow,
    /// `name`
    pub name: String,
    /// `suspended_by`
    pub suspended_by: Option<String>,
    /// `parent_id` and that account's `mid`
    pub parent: Option<(Uuid, String)>,
    /// `created_at`, in microseconds since the Unix epoch
    pub created_at: i64,
}

/// Moves the columns of a row to an [`AccountRow`](crate::row::AccountRow).
#[macro_export]
macro_rules! account_row {
    ($row:ident) => {
        $crate::row::AccountRow {
            link: $crate::row::LinkRow {
                id: $row.account_id,
                mid: $row.mid,
                role: $row.role,
                status: $row.status,
                // A list shows no policy.
                policy: None,
            },
            name: $row.name,
            suspended_by: $row.suspended_by,
            parent: $row.parent_id.zip($row.parent_mid),
            created_at: i64::from($row.created_at),
        }
    };
}

impl AccountRow {
    /// Converts the row to an account.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if the row is corrupt.
    pub fn restore(self) -> Result<Account> {
        let link = self.link.restore()?;
        let corrupt = || StorageError::Corrupt { table: "account", id: link.id.to_string() };
        let parent = match self.parent {
            None => None,
            Some((id, mid)) => Some(Parent { id: AccountId::from_uuid(id), mid: mid.parse().map_err(|_| corrupt())? }),
        };
        let suspended_by = self.suspended_by.map(|level| level.parse().map_err(|_| corrupt())).transpose()?;
        Ok(Account {
            id: link.id,
            name: Name::restore(&self.name).map_err(|_| corrupt())?,
            suspended_by,
            created_at: moment(self.created_at).ok_or_else(corrupt)?,
            mid: link.mid,
            role: link.role,
            status: link.status,
            parent,
        })
    }
}

/// An account with its chain and its last change.
#[derive(Debug)]
pub struct AccountRecordRow {
    /// The account.
    pub account: AccountRow,
    /// The account and its ancestors.
    pub chain: ChainRow,
    /// `policy_version`
    pub policy_version: i64,
    /// `change_seq`
    pub change_seq: Option<i64>,
    /// `enforced_at`, in microseconds since the Unix epoch
    pub enforced_at: Option<i64>,
}

/// Moves the columns of a row to an [`AccountRecordRow`](crate::row::AccountRecordRow).
#[macro_export]
macro_rules! account_record_row {
    ($row:ident) => {{
        let chain = $crate::chain_row!($row);
        $crate::row::AccountRecordRow {
            account: $crate::row::AccountRow {
                link: chain.own.clone(),
                name: $row.name,
                suspended_by: $row.suspended_by,
                parent: chain.parent(),
                created_at: i64::from($row.created_at),
            },
            chain,
            policy_version: $row.policy_version,
            change_seq: $row.change_seq,
            enforced_at: $row.enforced_at.map(i64::from),
        }
    }};
}

impl AccountRecordRow {
    /// Converts the row to an account with its chain, as of this history.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if the row is corrupt.
    pub fn restore(self, token: HistoryToken) -> Result<AccountRecord> {
        let account = self.account.restore()?;
        let chain = self.chain.restore()?;
        let enforcement = stored_enforcement(self.change_seq, self.enforced_at, token, "account", account.id)?;
        let corrupt = |_| StorageError::Corrupt { table: "account", id: account.id.to_string() };
        let policy_version = u64::try_from(self.policy_version).map_err(corrupt)?;
        Ok(AccountRecord { account, chain, policy_version, enforcement })
    }
}
