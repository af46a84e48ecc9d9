//! Storage of the service: the ports, and (feature `postgres`) their implementation on Postgres.
//!
//! There are two kinds of port. **Management** ([`Keys`], [`Accounts`], and the writes of a [`UnitOfWork`]): every
//! method takes a [`Reach`], so that no query can show a tenant the data of another. **Authentication**
//! ([`Credentials`]): the only port that reads a key without a reach, one at a time, by id; it lists nothing. The other
//! ports ([`Tokens`], [`Upkeep`], [`Installation`], and [`Membership`] and [`Feed`] of the revocation protocol) return
//! no tenant's data.
//!
//! Adapters record decisions and never make them: `keyward-domain` decides what may be revoked, issued or suspended.
//! The statement's `WHERE` contains the precondition, and [`Write`] reports whether it held. Nothing here reads a
//! clock. Feature `testing` adds the conformance suite that every implementation passes, and doubles that inject
//! faults.

#[cfg(doc)]
use keyward_domain::Reach;

mod authority;
mod credentials;
mod error;
mod history;
mod installation;
mod jobs;
pub mod pool;
mod reads;
mod revocation;
pub mod row;
mod schema;
mod search;
mod tokens;
mod traced;
mod upkeep;
mod work;
mod write;

#[cfg(feature = "testing")]
pub mod conformance;
#[cfg(feature = "testing")]
pub mod mock;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "testing")]
pub mod shortcuts;

pub use authority::Authority;
pub use credentials::{Credential, Credentials};
pub use error::{Cause, Constraint, StorageError, is_outdated};
pub use history::{HistoryToken, InvalidToken, LostHistory, Nonce, Position, Seq, Snapshot};
pub use installation::{Installation, Stamp};
pub use jobs::{JobTimes, JobTurn, Jobs};
pub use pool::PoolState;
#[cfg(feature = "postgres")]
pub use postgres::{LeaseSecret, PgControl, PgOptions, PgStore};
pub use reads::{
    AccountRecord, AccountWindow, Accounts, Below, KeyRecord, KeyWindow, Keys, ListedKey, Reads, StoredState,
};
pub use revocation::{
    CLOCKS_AGREE, Committed, Enforcement, Event, Events, Feed, Hint, Hints, JoinRequest, LeaseReply, Member, Members,
    Membership, NodeId, Read, Renewal, Target,
};
pub use schema::Schema;
pub use search::{AreaKeys, AreaWindow, EndsWindow, KeyArea, Search, merged};
pub use tokens::{FreshSigningKey, Redeemed, Redemption, SigningKeyRow, SigningKeys, Tokens};
pub use traced::Traced;
pub use upkeep::Upkeep;
pub use work::{Store, UnitOfWork};
pub use write::Write;

/// The result of a database operation.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;
