//! The ports of the revocation protocol: the members, the events, and how far each node has applied them.
//!
//! Every change that affects a verdict is an [`Event`] with its own number. Numbers come from one counter whose lock is
//! held until the commit (R1), so they are consecutive, and a snapshot that shows number n shows all before it. A
//! database that many nodes share also has [`Membership`]; the embedded one has a single node and needs none. Nothing
//! here reads a clock or decides anything: `keyward-verifier` decides when a lease ends, what counts as acknowledged
//! and which nodes are dead.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use keyward_domain::{AccountId, KeyId, Timestamp};
use uuid::Uuid;

use crate::{HistoryToken, LostHistory, Position, Result, Seq, Snapshot, Write};

/// Maximum difference between a node's and the database's wall clocks before one of them counts as wrong. A statement
/// that advances or deletes shared state uses the database's clock, and does nothing if the caller's expected time
/// differs by more.
pub const CLOCKS_AGREE: Duration = Duration::from_mins(1);

/// A value and the last event that it reflects, read in one snapshot by one statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Read<T> {
    /// The value read.
    pub value: T,
    /// The last event that the value reflects, and its history; every earlier event is reflected, too.
    pub as_of: Snapshot,
}

/// The target of an event: any cached state of it is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A key.
    Key(KeyId),
    /// An account, with all keys below it.
    Account(AccountId),
}

/// One change that affects verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// Number and nonce.
    pub position: Position,
    /// The key or account that changed.
    pub target: Target,
}

/// The events after a position, in one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// The history of the events.
    pub token: HistoryToken,
    /// Whether the event at the requested position exists, by number and nonce.
    pub follow: bool,
    /// The events, oldest first.
    pub events: Vec<Event>,
}

impl Events {
    /// Whether no further events exist, given the limit of the request.
    #[must_use]
    pub fn is_all(&self, at_most: u32) -> bool {
        self.events.len() < usize::try_from(at_most).unwrap_or(usize::MAX)
    }
}

/// Enforcement of the last change of a key or an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enforcement {
    /// The event that last changed it.
    pub seq: Seq,
    /// When it was enforced on every node; none while this is unknown.
    pub enforced_at: Option<Timestamp>,
    /// The history of this information: another history may lack the change or its enforcement (R18).
    pub token: HistoryToken,
}

/// The result of a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The last event of the unit of work; none if it changed nothing that affects a verdict.
    pub event: Option<Position>,
}

/// Identifies one process; generated at random at its start, never configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Uuid);

impl NodeId {
    /// Wraps a UUID.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The UUID.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A node's request to join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequest {
    /// The joining node.
    pub node: NodeId,
    /// Earlier node id of this process; the same transaction removes its row.
    pub previous: Option<NodeId>,
    /// Lease time; fixed for the life of the process (R17).
    pub ttl: Duration,
    /// Start of the process by its own wall clock. Shown to operators, never compared.
    pub started_at: Timestamp,
    /// Program version, shown to operators.
    pub version: String,
    /// Random number of its row until the first renewal (R18).
    pub counter: u64,
}

/// A renewal. It acknowledges and extends the lease only if the database has exactly what it names; otherwise it
/// changes no row (R18).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// The renewing node.
    pub node: NodeId,
    /// The last event that it has applied.
    pub applied: Position,
    /// The history of its lease.
    pub token: HistoryToken,
    /// The random numbers that its row may have: that of the last confirmed renewal, and those of later renewals with
    /// unknown outcome.
    pub counters: Vec<u64>,
    /// The row's new random number.
    pub counter: u64,
}

/// The database's reply to a join or renewal, once it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseReply {
    /// The last event visible at the write, and the history that confirmed it. Never older than the request.
    pub head: Snapshot,
    /// The database's wall clock, used only for the expiry of keys (R7).
    pub database_time: Timestamp,
}

/// A row of `node_lease`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The row's node.
    pub node: NodeId,
    /// Random number, changed by every renewal. A restored row has an old one.
    pub counter: u64,
    /// The last event that it has applied: its acknowledgement.
    pub applied: Seq,
    /// Lease time.
    pub ttl: Duration,
    /// Start of its process by its own wall clock.
    pub started_at: Timestamp,
    /// Last renewal by the database's wall clock. Shown to people; no rule uses it (R7, R10).
    pub renewed_at: Timestamp,
    /// Program version.
    pub version: String,
}

/// All rows of `node_lease`, in one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    /// The rows.
    pub rows: Vec<Member>,
    /// The last visible event, and its history.
    pub head: Snapshot,
    /// Whether a process has marked this history, after every lease of another history had ended (R18).
    pub is_marked: bool,
    /// Requested events that do not exist.
    pub absent: Vec<Position>,
    /// The database's wall clock at the read. Shown to people.
    pub database_time: Timestamp,
}

/// The nodes that answer from memory, and how far each has applied events. The table is logged: a crash of the database
/// must not make a revoker believe that there are no nodes.
#[async_trait]
pub trait Membership: Send + Sync {
    /// Adds the node's row with `applied` = head, as durably as a revocation (R12).
    async fn join(&self, node: &JoinRequest) -> Result<LeaseReply>;

    /// Renews the node's lease and records what it has applied (`applied` never goes back), as durably as a revocation
    /// (R12). Returns none if the database does not have exactly what the renewal names, such as the node's row: the
    /// node is no longer a member (R6, R18). A call dropped half way may still take effect; it closes its connection.
    async fn renew(&self, renewal: &Renewal) -> Result<Option<LeaseReply>>;

    /// Removes the node's row. Only for a node that no longer answers from memory (R10).
    async fn leave(&self, node: NodeId) -> Result<()>;

    /// Returns all rows, in a new snapshot, and those of these events that do not exist in that snapshot.
    async fn members(&self, events: &[Position]) -> Result<Members>;

    /// Removes a stale row. Returns `Stale` unless its counter is still `counter` (R10) and its lease has also ended by
    /// the database's clock.
    async fn reap(&self, node: NodeId, counter: u64) -> Result<Write>;

    /// Marks this token's history: this process has waited until every lease of another history had ended. Returns
    /// `Stale` if the database has another history by now.
    async fn mark(&self, token: HistoryToken) -> Result<Write>;

    /// Records events that a node found missing, for people. Of several reports on one history the widest stays.
    async fn record_lost(&self, lost: &LostHistory) -> Result<()>;

    /// Returns reports of missing events, latest first, at most `at_most`.
    async fn lost(&self, at_most: u32) -> Result<Vec<LostHistory>>;
}

/// The events, in order.
#[async_trait]
pub trait Feed: Send + Sync {
    /// Returns the number of the last event.
    async fn head(&self) -> Result<Read<()>>;

    /// Returns the events after this position, oldest first, at most `at_most`. A gap means that events were pruned.
    async fn events_after(&self, position: Position, at_most: u32) -> Result<Events>;

    /// Notifies listeners of a new event. A hint only: it is sent after the commit, in a separate statement, and
    /// nothing depends on it (R14).
    async fn announce(&self, hint: Hint) -> Result<()>;

    /// Listens for hints on a dedicated connection; none if no other process can send any.
    async fn listen(&self) -> Result<Option<Box<dyn Hints>>>;

    /// Records that the last changes of these targets, up to this number, are enforced on every node. Does nothing
    /// unless the event `shown_by` exists, by number and nonce: it identifies the history in which they are enforced
    /// (R18). Keeps earlier records, and does not affect later changes.
    async fn record_enforced(&self, targets: &[Target], up_to: Seq, shown_by: Position, at: Timestamp) -> Result<()>;

    /// Drops events that no node needs: below the lowest `applied`, and older than `older_than` by the database's
    /// clock. Drops none if that clock differs from `expected` by more than [`CLOCKS_AGREE`]. Returns how many.
    async fn prune(&self, older_than: Duration, expected: Timestamp, at_most: u32) -> Result<u64>;

    /// Records events that the only process on its database found missing, for people. Members use
    /// [`record_lost`](Membership::record_lost) instead.
    async fn note_lost(&self, _lost: &LostHistory) -> Result<()> {
        Ok(())
    }
}

/// The content of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// An event with this number exists.
    Event(Seq),
    /// A node tests whether its notifications arrive.
    Probe(NodeId),
}

/// A stream of hints.
#[async_trait]
pub trait Hints: Send {
    /// Returns the next hint. Hints sent while the connection was down are lost.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable) if the connection broke: listen again.
    async fn next(&mut self) -> Result<Hint>;
}
