//! Rows of `api_key`.

use keyward_domain::{
    AccountId, ApiKey, AuthFacts, AuthKey, Description, KeyFacts, KeyId, KeyState, Level, Material, Name, PairId,
    PairMembership, Revocation, SecretDigest, Suspension,
};
use uuid::Uuid;

use super::{ChainRow, RestrictionsRow, actor, metadata::metadata, moment, stored_enforcement, stored_moment};
use crate::{Credential, HistoryToken, KeyRecord, ListedKey, Result, StorageError};

/// The columns of `api_key`, with times in microseconds since the Unix epoch.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
pub struct KeyRow {
    /// `id`
    pub id: Uuid,
    /// `account_id`
    pub account_id: Uuid,
    /// `type`
    pub key_type: String,
    /// `name`
    pub name: String,
    /// `description`
    pub description: Option<String>,
    /// `scopes`, separated by single spaces
    pub scopes: String,
    /// `digest`, of a secret key
    pub digest: Option<String>,
    /// `value`, of other types
    pub value: Option<String>,
    /// `last_four`
    pub last_four: String,
    /// `created_at`
    pub created_at: i64,
    /// `created_by`; none stands for the operator
    pub created_by: Option<Uuid>,
    /// The columns of its restrictions.
    pub restrictions: RestrictionsRow,
    /// `revoked_at`; the key is revoked if it is set
    pub revoked_at: Option<i64>,
    /// `revoked_by`; none in a revoked key stands for the operator
    pub revoked_by: Option<Uuid>,
    /// `revocation_reason`
    pub revocation_reason: Option<String>,
    /// `pair_id`
    pub pair_id: Option<Uuid>,
    /// `unique_name` of the pair
    pub unique_name: Option<String>,
    /// `version`
    pub version: i64,
    /// `metadata`, a JSON object
    pub metadata: Option<String>,
    /// The columns of its suspension.
    pub suspension: SuspensionRow,
}

/// The columns of `api_key` about suspensions, with times in microseconds since the Unix epoch.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
pub struct SuspensionRow {
    /// `suspended_at`; the key is suspended if it is set
    pub suspended_at: Option<i64>,
    /// `suspended_by`, an actor
    pub suspended_by: Option<Uuid>,
    /// `suspended_level`
    pub suspended_level: Option<String>,
    /// `resumed_at`
    pub resumed_at: Option<i64>,
}

/// Moves the columns of a row to a [`KeyRow`](crate::row::KeyRow).
#[macro_export]
macro_rules! key_row {
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
            created_at: i64::from($row.created_at),
            created_by: $row.created_by,
            restrictions: $crate::restrictions_row!($row),
            revoked_at: $row.revoked_at.map(i64::from),
            revoked_by: $row.revoked_by,
            revocation_reason: $row.revocation_reason,
            pair_id: $row.pair_id,
            unique_name: $row.unique_name,
            version: $row.version,
            metadata: $row.metadata,
            suspension: $crate::row::SuspensionRow {
                suspended_at: $row.suspended_at.map(i64::from),
                suspended_by: $row.suspended_by,
                suspended_level: $row.suspended_level,
                resumed_at: $row.resumed_at.map(i64::from),
            },
        }
    };
}

impl KeyRow {
    /// Converts the row to a key.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if the row is corrupt.
    pub fn restore(self) -> Result<ApiKey> {
        let id = KeyId::from_uuid(self.id);
        self.facts()
            .and_then(|facts| ApiKey::restore(facts).ok())
            .ok_or_else(|| StorageError::Corrupt { table: "api_key", id: id.to_string() })
    }

    fn facts(self) -> Option<KeyFacts> {
        let material = material(self.digest, self.value)?;
        let state = match (self.revoked_at, self.revocation_reason) {
            (None, None) => KeyState::Active,
            (Some(at), Some(reason)) => KeyState::Revoked(Revocation {
                at: moment(at)?,
                by: actor(self.revoked_by),
                reason: reason.parse().ok()?,
            }),
            (None, Some(_)) | (Some(_), None) => return None,
        };
        let pair = match (self.pair_id, self.unique_name) {
            (None, None) => None,
            (Some(id), Some(name)) => Some(PairMembership { id: PairId::from_uuid(id), unique_name: name.into() }),
            (None, Some(_)) | (Some(_), None) => return None,
        };
        let description = self.description.map(|text| Description::restore(&text)).transpose().ok()?;
        let resumed_at = self.suspension.resumed_at.map(|at| moment(at).ok_or(Corrupt)).transpose().ok()?;
        Some(KeyFacts {
            id: KeyId::from_uuid(self.id),
            account: AccountId::from_uuid(self.account_id),
            key_type: self.key_type.parse().ok()?,
            name: Name::restore(&self.name).ok()?,
            description,
            scopes: self.scopes.parse().ok()?,
            material,
            last_four: self.last_four.parse().ok()?,
            created_at: moment(self.created_at)?,
            created_by: actor(self.created_by),
            restrictions: self.restrictions.restore().ok()?,
            state,
            pair,
            version: u64::try_from(self.version).ok()?,
            metadata: metadata(self.metadata.as_deref())?,
            resumed_at,
            suspension: self.suspension.restore().ok()?,
        })
    }
}

/// A column that holds what this service never writes.
struct Corrupt;

impl SuspensionRow {
    fn restore(self) -> Result<Option<Suspension>, Corrupt> {
        let Some(at) = self.suspended_at else { return Ok(None) };
        let level = self.suspended_level.map(|level| level.parse::<Level>().map_err(|_| Corrupt)).transpose()?;
        Ok(Some(Suspension { at: moment(at).ok_or(Corrupt)?, by: actor(self.suspended_by), level }))
    }
}

/// A key in a list, and its last use.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
pub struct ListedKeyRow {
    /// The key.
    pub key: KeyRow,
    /// `last_used` of `key_usage`, in microseconds since the Unix epoch
    pub last_used: Option<i64>,
}

/// Moves the columns of a row to a [`ListedKeyRow`](crate::row::ListedKeyRow).
#[macro_export]
macro_rules! listed_key_row {
    ($row:ident) => {
        $crate::row::ListedKeyRow { key: $crate::key_row!($row), last_used: $row.last_used.map(i64::from) }
    };
}

impl ListedKeyRow {
    /// Converts the row to a key and its last use.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if the row is corrupt.
    pub fn restore(self) -> Result<ListedKey> {
        let key = self.key.restore()?;
        let last_used = self.last_used.map(|at| stored_moment(at, "key_usage", key.id())).transpose()?;
        Ok(ListedKey { key, last_used })
    }
}

/// A key with its chain, its last use and its last change.
#[derive(Debug)]
pub struct KeyRecordRow {
    /// The key and its last use.
    pub listed: ListedKeyRow,
    /// The account and its ancestors.
    pub chain: ChainRow,
    /// `change_seq`
    pub change_seq: Option<i64>,
    /// `enforced_at`, in microseconds since the Unix epoch
    pub enforced_at: Option<i64>,
}

/// Moves the columns of a row to a [`KeyRecordRow`](crate::row::KeyRecordRow).
#[macro_export]
macro_rules! key_record_row {
    ($row:ident) => {
        $crate::row::KeyRecordRow {
            chain: $crate::chain_row!($row),
            listed: $crate::listed_key_row!($row),
            change_seq: $row.change_seq,
            enforced_at: $row.enforced_at.map(i64::from),
        }
    };
}

impl KeyRecordRow {
    /// Converts the row to a key with its chain, as of this history.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if the row is corrupt.
    pub fn restore(self, token: HistoryToken) -> Result<KeyRecord> {
        let ListedKey { key, last_used } = self.listed.restore()?;
        let chain = self.chain.restore()?;
        let enforcement = stored_enforcement(self.change_seq, self.enforced_at, token, "api_key", key.id())?;
        Ok(KeyRecord { key, chain, last_used, enforcement })
    }
}

/// What is stored of a key's value, of `digest` and `value`.
fn material(digest: Option<String>, value: Option<String>) -> Option<Material> {
    match (digest, value) {
        (Some(digest), None) => Some(Material::Secret(SecretDigest::decode(&digest).ok()?)),
        (None, Some(value)) => Some(Material::Readable(value.into())),
        (None, None) | (Some(_), Some(_)) => None,
    }
}

/// The columns of `api_key` that authentication needs, with times in microseconds since the Unix epoch.
#[derive(Debug)]
pub struct AuthKeyRow {
    /// `id`
    pub id: Uuid,
    /// `account_id`
    pub account_id: Uuid,
    /// `type`
    pub key_type: String,
    /// `name`
    pub name: String,
    /// `scopes`, separated by single spaces
    pub scopes: String,
    /// `digest`, of a secret key
    pub digest: Option<String>,
    /// `value`, of other types
    pub value: Option<String>,
    /// `created_at`
    pub created_at: i64,
    /// The columns of its restrictions.
    pub restrictions: RestrictionsRow,
    /// Whether `state` is `revoked`
    pub revoked: bool,
    /// Whether `suspended_at` is set
    pub suspended: bool,
}

/// What authentication reads about a key.
#[derive(Debug)]
pub struct CredentialRow {
    /// The key.
    pub key: AuthKeyRow,
    /// The account and its ancestors.
    pub chain: ChainRow,
}

/// Moves the columns of a row to a [`CredentialRow`](crate::row::CredentialRow).
#[macro_export]
macro_rules! credential_row {
    ($row:ident) => {
        $crate::row::CredentialRow {
            chain: $crate::chain_row!($row),
            key: $crate::row::AuthKeyRow {
                id: $row.id,
                account_id: $row.account_id,
                key_type: $row.key_type,
                name: $row.name,
                scopes: $row.scopes,
                digest: $row.digest,
                value: $row.value,
                created_at: i64::from($row.created_at),
                restrictions: $crate::restrictions_row!($row),
                revoked: $row.revoked,
                suspended: $row.suspended,
            },
        }
    };
}

impl CredentialRow {
    /// Converts the row to a credential.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if the row is corrupt.
    pub fn restore(self) -> Result<Credential> {
        Ok(Credential { key: self.key.restore()?, chain: self.chain.restore()? })
    }
}

impl AuthKeyRow {
    /// Converts the row to a key.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if the row is corrupt.
    pub fn restore(self) -> Result<AuthKey> {
        let id = KeyId::from_uuid(self.id);
        self.key().ok_or_else(|| StorageError::Corrupt { table: "api_key", id: id.to_string() })
    }

    fn key(self) -> Option<AuthKey> {
        let facts = AuthFacts {
            id: KeyId::from_uuid(self.id),
            account: AccountId::from_uuid(self.account_id),
            key_type: self.key_type.parse().ok()?,
            name: Name::restore(&self.name).ok()?,
            scopes: self.scopes.parse().ok()?,
            created_at: moment(self.created_at)?,
            restrictions: self.restrictions.restore().ok()?,
            revoked: self.revoked,
            suspended: self.suspended,
            material: material(self.digest, self.value)?,
        };
        AuthKey::restore(facts).ok()
    }
}
