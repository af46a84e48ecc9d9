//! Rows as both databases give them, and the way back to entities. What this service never writes becomes
//! [`StorageError::Corrupt`], with the row's name.

use keyward_domain::{
    Account, AccountId, Actor, ApiKey, AuthFacts, AuthKey, Chain, Description, KeyFacts, KeyId, KeyState, KeyVersion,
    Level, Link, Material, Name, PairId, PairMembership, Parent, Reach, Revocation, SecretDigest, Status, Timestamp,
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
    /// `scopes`, parted by single spaces
    pub scopes: String,
    /// `digest`, of a secret key
    pub digest: Option<String>,
    /// `value`, of the others
    pub value: Option<String>,
    /// `last_four`
    pub last_four: String,
    /// `created_at`
    pub created_at: i64,
    /// `created_by`; none is the operator
    pub created_by: Option<Uuid>,
    /// `expires_at`
    pub expires_at: Option<i64>,
    /// `revoked_at`; the key is revoked if it is there
    pub revoked_at: Option<i64>,
    /// `revoked_by`; none in a revoked key is the operator
    pub revoked_by: Option<Uuid>,
    /// `revocation_reason`
    pub revocation_reason: Option<String>,
    /// `pair_id`
    pub pair_id: Option<Uuid>,
    /// `unique_name` of the pair
    pub unique_name: Option<String>,
}

/// What a chain needs of one account.
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
    /// What a chain needs.
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

/// Who did something: a key's id, or nothing for the operator.
#[must_use]
pub fn actor_column(actor: Actor) -> Option<Uuid> {
    match actor {
        Actor::Key(id) => Some(id.uuid()),
        Actor::Operator => None,
    }
}

/// How high the caller of this reach stands, if it suspends an account: `suspended_by` of that.
#[must_use]
pub fn suspended_by(within: &Reach, to: Status) -> Option<&'static str> {
    within.level().filter(|_| to == Status::Suspended).map(Level::as_str)
}

fn actor(column: Option<Uuid>) -> Actor {
    column.map_or(Actor::Operator, |id| Actor::Key(KeyId::from_uuid(id)))
}

impl KeyRow {
    /// The key that this row is.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if the row holds what this service never writes.
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
            expires_at,
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
    /// `scopes`, parted by single spaces
    pub scopes: String,
    /// `digest`, of a secret key
    pub digest: Option<String>,
    /// `value`, of the others
    pub value: Option<String>,
    /// `expires_at`
    pub expires_at: Option<i64>,
    /// Whether `state` is `revoked`
    pub revoked: bool,
}

impl AuthKeyRow {
    /// The key that this row is.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if the row holds what this service never writes.
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
            expires_at,
            revoked: self.revoked,
            digest: digest.as_ref(),
            value: self.value.as_deref(),
        };
        AuthKey::restore(&facts).ok()
    }
}

impl LinkRow {
    /// The link that this row is.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if the row holds what this service never writes.
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

/// The chain from an account over its parent to its grandparent, as far as they are.
///
/// # Errors
/// [`StorageError::Corrupt`] if a row holds what this service never writes, or they are no line up to the platform.
pub fn restore_chain(own: LinkRow, above: impl IntoIterator<Item = LinkRow>) -> Result<Chain> {
    let own = own.restore()?;
    let id = own.id;
    let above = above.into_iter().map(LinkRow::restore).collect::<Result<_>>()?;
    Chain::new(own, above).map_err(|_| StorageError::Corrupt { table: "account", id: id.to_string() })
}

impl AccountRow {
    /// The account that this row is.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if the row holds what this service never writes.
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

/// What a look-up makes of the row that it read: nothing, where that was a neighbour of the key that was asked for. It
/// is decoded all the same, so that an absent key costs as much; that it is corrupt says nothing about the key.
///
/// # Errors
/// Those of the row that was asked for.
pub fn asked_for<T>(is_asked: bool, restored: Result<T>) -> Result<Option<T>> {
    if is_asked { restored.map(Some) } else { Ok(None) }
}

/// Reads a stored moment.
///
/// # Errors
/// [`StorageError::Corrupt`] if it lies outside what this service writes.
pub fn stored_moment(micros: i64, table: &'static str, id: impl std::fmt::Display) -> Result<Timestamp> {
    moment(micros).ok_or_else(|| StorageError::Corrupt { table, id: id.to_string() })
}

/// Reads a stored version of the master key.
///
/// # Errors
/// [`StorageError::Corrupt`] if it is no version.
pub fn stored_version(number: i32) -> Result<KeyVersion> {
    u16::try_from(number)
        .ok()
        .and_then(KeyVersion::new)
        .ok_or_else(|| StorageError::Corrupt { table: "master_key", id: number.to_string() })
}

/// Reads the columns `change_seq` and `enforced_at`, with the token of the statement.
///
/// # Errors
/// [`StorageError::Corrupt`] if they hold what this service never writes.
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

/// Reads the number of an event.
///
/// # Errors
/// [`StorageError::Corrupt`] if it is none.
pub fn stored_seq(number: i64) -> Result<Seq> {
    let corrupt = |_| StorageError::Corrupt { table: "revocation_head", id: number.to_string() };
    u64::try_from(number).map(Seq::new).map_err(corrupt)
}

/// Reads a row of the view `history_position`.
///
/// # Errors
/// [`StorageError::Corrupt`] if it is not one.
pub fn stored_snapshot(seq: i64, nonce: Uuid, token: &str) -> Result<Snapshot> {
    let position = Position { seq: stored_seq(seq)?, nonce: Nonce::from_uuid(nonce) };
    Ok(Snapshot { position, token: stored_token(token)? })
}

/// Reads the token of a history.
///
/// # Errors
/// [`StorageError::Corrupt`] if it is none.
pub fn stored_token(token: &str) -> Result<HistoryToken> {
    token.parse().map_err(|_| StorageError::Corrupt { table: "history_position", id: token.to_owned() })
}

fn moment(micros: i64) -> Option<Timestamp> {
    Timestamp::from_micros(micros).ok()
}
