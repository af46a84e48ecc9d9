//! The ports of the revocation protocol: who is a member, what was narrowed or widened, and how far each node has got.
//!
//! Every change that decides a verdict is an [`Event`] with a number of its own. Numbers come from one counter whose lock
//! is held until the commit (R1), so they are consecutive, and whoever sees number n sees all before it. A database that
//! many nodes share has [`Membership`] too; the embedded one has a single node and needs none. Nothing here reads a clock
//! or decides anything: when a lease ends, what counts as acknowledged and who is dead is decided in `keyward-verifier`.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use keyward_domain::{AccountId, KeyId, Timestamp};
use uuid::Uuid;

use crate::{HistoryToken, LostHistory, Position, Result, Snapshot, Write};

/// How far the wall clock of a node and that of the database may differ before one of them counts as wrong. A statement
/// that advances or deletes what all nodes share goes by the database's clock, and does nothing where what
/// the caller expects differs by more.
pub const CLOCKS_AGREE: Duration = Duration::from_mins(1);

/// The number of an event; 0 comes before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(u64);

impl Seq {
    /// Before every event.
    pub const ZERO: Self = Self(0);

    /// The event of this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The event after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A value, and what the database had seen when it was read. All of it is of one snapshot: one statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Read<T> {
    /// What was read.
    pub value: T,
    /// The last event whose effect the value shows, and whose history that is; every earlier event shows too.
    pub as_of: Snapshot,
}

/// What an event is about: whatever is remembered of it is no longer to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A key.
    Key(KeyId),
    /// An account, and through it every key below it.
    Account(AccountId),
}

/// One change that decides verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// Its number and its nonce.
    pub position: Position,
    /// What was changed.
    pub subject: Target,
}

/// The events after a position, in one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// Whose history they are of.
    pub token: HistoryToken,
    /// Whether the event that they were to follow is there, by number and nonce.
    pub follow: bool,
    /// The events, oldest first.
    pub events: Vec<Event>,
}

impl Events {
    /// Whether that is all there was, when at most this many were asked for.
    #[must_use]
    pub fn is_all(&self, at_most: u32) -> bool {
        self.events.len() < usize::try_from(at_most).unwrap_or(usize::MAX)
    }
}

/// How far a change of a key or an account has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enforcement {
    /// The event that last changed it.
    pub seq: Seq,
    /// When that was in force on every node; none while it is not known to be.
    pub enforced_at: Option<Timestamp>,
    /// The history that shows it: in another one neither the change nor the note need be there (R18).
    pub token: HistoryToken,
}

/// What a commit wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The last event of the unit of work; none if it changed nothing that decides a verdict.
    pub event: Option<Position>,
}

/// One process, by a name drawn at random at its start and never configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Uuid);

impl NodeId {
    /// The node of this name.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Its name.
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

/// How a node presents itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequest {
    /// Its name.
    pub node: NodeId,
    /// The name under which this process was a member before; that row goes in the same transaction.
    pub previous: Option<NodeId>,
    /// How long its lease lasts; fixed for the life of the process (R17).
    pub ttl: Duration,
    /// When the process started, by its own wall clock; shown to operators, compared with nothing.
    pub started_at: Timestamp,
    /// Which version it runs; shown to operators.
    pub version: String,
    /// The random number that its row has until the first renewal (R18).
    pub counter: u64,
}

/// A renewal. It acknowledges and grants only where the database has exactly what it names; elsewhere it touches no row
/// (R18).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// The node.
    pub node: NodeId,
    /// Up to which event it has forgotten what was changed.
    pub applied: Position,
    /// The history in which its lease stands.
    pub token: HistoryToken,
    /// The random numbers that its row may have: that of the last confirmed renewal, and those of renewals since whose
    /// outcome is unknown.
    pub counters: Vec<u64>,
    /// The random number that its row gets.
    pub counter: u64,
}

/// What the database answers to a join or a renewal, once it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseReply {
    /// The last event that was visible when it was written, and whose history confirmed it. Never older than the moment
    /// of asking.
    pub head: Snapshot,
    /// The database's wall clock, for judging when keys expire and for nothing else (R7).
    pub database_time: Timestamp,
}

/// A row of `node_lease`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The node.
    pub node: NodeId,
    /// A random number, another one after every renewal. A row that was put back has an old one.
    pub counter: u64,
    /// Up to which event it has forgotten what was changed: its acknowledgement.
    pub applied: Seq,
    /// How long its lease lasts.
    pub ttl: Duration,
    /// When its process started, by its own wall clock.
    pub started_at: Timestamp,
    /// When it last renewed, by the database's wall clock. For people: no rule looks at it (R7, R10).
    pub renewed_at: Timestamp,
    /// Which version it runs.
    pub version: String,
}

/// All rows of `node_lease`, in one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    /// The rows.
    pub rows: Vec<Member>,
    /// The last event that is visible, and whose history this is.
    pub head: Snapshot,
    /// Whether a process has marked this history: it waited until every lease of another one had ended (R18).
    pub is_marked: bool,
    /// Of the events that were asked about, those that are not there.
    pub absent: Vec<Position>,
    /// The database's wall clock when they were read. For people.
    pub database_time: Timestamp,
}

/// Which nodes answer from memory, and how far each has got. Rows are logged tables' rows: a crash of the database must
/// not make a revoker believe that nobody is there.
#[async_trait]
pub trait Membership: Send + Sync {
    /// Adds the node's row with `applied` = head, as durably as a revocation (R12).
    async fn join(&self, node: &JoinRequest) -> Result<LeaseReply>;

    /// Renews the node's lease and records how far it has got (`applied` never goes back). None if the database does
    /// not have exactly what the renewal names, the node's row among it: the node is a member no more (R6, R18). As
    /// durable as a revocation (R12). A call that is dropped half way may still be carried out; it gives up its
    /// connection.
    async fn renew(&self, renewal: &Renewal) -> Result<Option<LeaseReply>>;

    /// Takes the node's row away. Only for a node that no longer answers from memory (R10).
    async fn leave(&self, node: NodeId) -> Result<()>;

    /// All rows, in a snapshot of its own, and which of these events are not there in that snapshot.
    async fn members(&self, events: &[Position]) -> Result<Members>;

    /// Takes a row away that stands still. `Stale` unless its counter is still the one that was seen (R10), and unless
    /// its lease is over by the database's clock as well.
    async fn reap(&self, node: NodeId, counter: u64) -> Result<Write>;

    /// Marks the history of this token: this process has waited until every lease of another one had ended. `Stale` if
    /// the database is of another history by now.
    async fn mark(&self, token: HistoryToken) -> Result<Write>;

    /// Records what a node found missing, for people. Of several reports about one history the widest stays.
    async fn record_lost(&self, lost: &LostHistory) -> Result<()>;

    /// What nodes found missing, latest first, at most this many reports.
    async fn lost(&self, at_most: u32) -> Result<Vec<LostHistory>>;
}

/// What happened, in order.
#[async_trait]
pub trait Feed: Send + Sync {
    /// The number of the last event.
    async fn head(&self) -> Result<Read<()>>;

    /// The events after this one, oldest first, at most this many. A gap at the beginning or in between means that
    /// history was pruned.
    async fn events_after(&self, position: Position, at_most: u32) -> Result<Events>;

    /// Tells listeners that there is something to read. A hint only: it is sent after the commit, in a statement of its
    /// own, and nothing depends on it (R14).
    async fn announce(&self, hint: Hint) -> Result<()>;

    /// Listens to hints on a connection of its own; none where no other process could send any.
    async fn listen(&self) -> Result<Option<Box<dyn Hints>>>;

    /// Notes that the last changes of these, up to this number, are in force on every node; nothing unless the event
    /// `shown_by` is there, by number and nonce: it is of the history in which they are in force (R18). What was noted
    /// before stays, and a change that came later is left alone.
    async fn record_enforced(&self, subjects: &[Target], up_to: Seq, shown_by: Position, at: Timestamp) -> Result<()>;

    /// Drops events that no node needs: below the lowest `applied`, and older than this by the database's clock. None
    /// where it differs from what the caller expects of it by more than [`CLOCKS_AGREE`]. Returns how many.
    async fn prune(&self, older_than: Duration, expected: Timestamp, at_most: u32) -> Result<u64>;

    /// Records what the only process on its database found missing, for people. Where there are members, they
    /// [record](Membership::record_lost) it.
    async fn note_lost(&self, _lost: &LostHistory) -> Result<()> {
        Ok(())
    }
}

/// What a notification says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// There is an event of this number.
    Event(Seq),
    /// A node asks itself whether notifications arrive.
    Probe(NodeId),
}

/// Hints as they arrive.
#[async_trait]
pub trait Hints: Send {
    /// The next one. Those that were sent while the connection was down are lost.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`](crate::StorageError::Unavailable) if the connection broke: listen anew.
    async fn next(&mut self) -> Result<Hint>;
}
