//! Rows as both databases return them, and their conversion to entities. A corrupt row becomes
//! [`StorageError::Corrupt`] with the row's id.

use keyward_domain::{
    Account, AccountId, Actor, ApiKey, AuthFacts, AuthKey, Chain, Description, KeyFacts, KeyId, KeyState, KeyVersion,
    Level, Link, Material, Name, PairId, PairMembership, Parent, Reach, Restrictions, Revocation, SecretDigest, Status,
    Timestamp,
};
use uuid::Uuid;

use crate::{Enforcement, HistoryToken, Nonce, Position, Result, Seq, Snapshot, StorageError};

/// The columns of `api_key`, with times in microseconds since the Unix epoch.
#[derive(Debug)]
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
    /// `expires_at`
    pub expires_at: Option<i64>,
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
}

/// The columns of one account that a chain needs.
#[derive(Debug)]
pub struct LinkRow {
    /// `id`
    pub id: Uuid,
    /// `mid`
    pub mid: String,
    /// `role`
    pub role: String,
    /// `status`
    pub status: String,
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

/// The column value of an actor: a key's id, or none for the operator.
#[must_use]
pub fn actor_column(actor: Actor) -> Option<Uuid> {
    match actor {
        Actor::Key(id) => Some(id.uuid()),
        Actor::Operator => None,
    }
}

/// The value of `suspended_by`: the level of the caller with this reach; none unless the new status is suspended.
#[must_use]
pub fn suspended_by(within: &Reach, to: Status) -> Option<&'static str> {
    within.level().filter(|_| to == Status::Suspended).map(Level::as_str)
}

fn actor(column: Option<Uuid>) -> Actor {
    column.map_or(Actor::Operator, |id| Actor::Key(KeyId::from_uuid(id)))
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
        let material = match (self.digest, self.value) {
            (Some(digest), None) => Material::Secret(SecretDigest::decode(&digest).ok()?),
            (None, Some(value)) => Material::Readable(value.into()),
            (None, None) | (Some(_), Some(_)) => return None,
        };
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
        let description = match self.description {
            None => None,
            Some(text) => Some(Description::restore(&text).ok()?),
        };
        let expires_at = match self.expires_at {
            None => None,
            Some(at) => Some(moment(at)?),
        };
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
            restrictions: Restrictions { expires_at },
            state,
            pair,
        })
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
    /// `expires_at`
    pub expires_at: Option<i64>,
    /// Whether `state` is `revoked`
    pub revoked: bool,
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
        let digest = match &self.digest {
            None => None,
            Some(text) => Some(SecretDigest::decode(text).ok()?),
        };
        let expires_at = match self.expires_at {
            None => None,
            Some(at) => Some(moment(at)?),
        };
        let facts = AuthFacts {
            id: KeyId::from_uuid(self.id),
            account: AccountId::from_uuid(self.account_id),
            key_type: self.key_type.parse().ok()?,
            name: Name::restore(&self.name).ok()?,
            scopes: self.scopes.parse().ok()?,
            restrictions: Restrictions { expires_at },
            revoked: self.revoked,
            digest: digest.as_ref(),
            value: self.value.as_deref(),
        };
        AuthKey::restore(&facts).ok()
    }
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
        })
    }
}

/// Builds the chain of an account from its row and those of its ancestors.
///
/// # Errors
/// [`StorageError::Corrupt`] if a row is corrupt, or if they do not form a path to the platform.
pub fn restore_chain(own: LinkRow, above: impl IntoIterator<Item = LinkRow>) -> Result<Chain> {
    let own = own.restore()?;
    let id = own.id;
    let above = above.into_iter().map(LinkRow::restore).collect::<Result<_>>()?;
    Chain::new(own, above).map_err(|_| StorageError::Corrupt { table: "account", id: id.to_string() })
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

/// Drops the row read by a look-up if it is only a neighbour of the requested key. Such a row is decoded anyway, so
/// that an absent key takes as long. A corrupt neighbour is not an error of the requested key.
///
/// # Errors
/// Those of the requested row.
pub fn asked_for<T>(is_asked: bool, restored: Result<T>) -> Result<Option<T>> {
    if is_asked { restored.map(Some) } else { Ok(None) }
}

/// Converts a stored time.
///
/// # Errors
/// [`StorageError::Corrupt`] if it is out of range.
pub fn stored_moment(micros: i64, table: &'static str, id: impl std::fmt::Display) -> Result<Timestamp> {
    moment(micros).ok_or_else(|| StorageError::Corrupt { table, id: id.to_string() })
}

/// Converts a stored master key version.
///
/// # Errors
/// [`StorageError::Corrupt`] if it is not a version.
pub fn stored_version(number: i32) -> Result<KeyVersion> {
    u16::try_from(number)
        .ok()
        .and_then(KeyVersion::new)
        .ok_or_else(|| StorageError::Corrupt { table: "master_key", id: number.to_string() })
}

/// Converts the columns `change_seq` and `enforced_at`, with the statement's token.
///
/// # Errors
/// [`StorageError::Corrupt`] if they are invalid.
pub fn stored_enforcement(
    change_seq: Option<i64>,
    enforced_at: Option<i64>,
    token: HistoryToken,
    table: &'static str,
    id: impl std::fmt::Display,
) -> Result<Option<Enforcement>> {
    let Some(seq) = change_seq else { return Ok(None) };
    let enforced_at = match enforced_at {
        None => None,
        Some(micros) => Some(stored_moment(micros, table, id)?),
    };
    Ok(Some(Enforcement { seq: stored_seq(seq)?, enforced_at, token }))
}

/// Converts a stored event number.
///
/// # Errors
/// [`StorageError::Corrupt`] if it is negative.
pub fn stored_seq(number: i64) -> Result<Seq> {
    let corrupt = |_| StorageError::Corrupt { table: "revocation_head", id: number.to_string() };
    u64::try_from(number).map(Seq::new).map_err(corrupt)
}

/// Converts a row of the view `history_position`.
///
/// # Errors
/// [`StorageError::Corrupt`] if it is invalid.
pub fn stored_snapshot(seq: i64, nonce: Uuid, token: &str) -> Result<Snapshot> {
    let position = Position { seq: stored_seq(seq)?, nonce: Nonce::from_uuid(nonce) };
    Ok(Snapshot { position, token: stored_token(token)? })
}

/// Converts a stored history token.
///
/// # Errors
/// [`StorageError::Corrupt`] if it is invalid.
pub fn stored_token(token: &str) -> Result<HistoryToken> {
    token.parse().map_err(|_| StorageError::Corrupt { table: "history_position", id: token.to_owned() })
}

fn moment(micros: i64) -> Option<Timestamp> {
    Timestamp::from_micros(micros).ok()
}
