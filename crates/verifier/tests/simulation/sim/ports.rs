//! The ports of a node, over its link to the simulated database. A rule that is off and that the driver cannot break is
//! broken here.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use keyward_domain::{KeyId, Timestamp};
use keyward_storage::{
    Credential, Credentials, Events, Feed, Hint, Hints, HistoryToken, JoinRequest, LeaseReply, LostHistory, Members,
    Membership, NodeId, Position, Read, Renewal, Result, Seq, StorageError, Target, Write,
};
use tokio::sync::{mpsc, oneshot};

use super::{
    database::{Change, Changed, Database},
    link::{Line, Link},
    world::World,
};

/// Time limit of a node's pools for a reply: longer than any lease.
const PATIENCE: Duration = Duration::from_secs(8);

tokio::task_local! {
    /// Number of database reads of the current request.
    pub(crate) static READS: AtomicU64;
}

/// The ports of one process.
pub(crate) struct Ports {
    pub(crate) world: Arc<World>,
    pub(crate) database: Arc<Database>,
    pub(crate) link: Arc<Link>,
}

impl Ports {
    /// Makes a change, in a transaction.
    pub(crate) async fn change(&self, change: Change, numbered: Option<oneshot::Sender<Position>>) -> Result<Changed> {
        let database = Arc::clone(&self.database);
        self.world.trace("change", 0);
        self.link.call(Line::Pool, PATIENCE, move || async move { database.change(change, numbered).await }).await
    }
}

#[async_trait]
impl Credentials for Ports {
    async fn credential(&self, id: KeyId) -> Result<Option<Read<Credential>>> {
        let _ = READS.try_with(|reads| reads.fetch_add(1, Ordering::Relaxed));
        let database = Arc::clone(&self.database);
        self.world.trace("credential", u64::from(id.uuid().as_bytes()[15]));
        self.link.call(Line::Keys, PATIENCE, move || async move { database.credential(id) }).await
    }
}

#[async_trait]
impl Membership for Ports {
    async fn join(&self, node: &JoinRequest) -> Result<LeaseReply> {
        let (database, node) = (Arc::clone(&self.database), node.clone());
        self.world.trace("join", 0);
        if node.previous.is_some() {
            self.world.count("joins of a process that was a member, or tried, before");
        }
        self.link.call(Line::Lease, PATIENCE, move || async move { database.join(&node).await }).await
    }

    async fn renew(&self, renewal: &Renewal) -> Result<Option<LeaseReply>> {
        self.world.trace("renew", renewal.applied.seq.number());
        let mut renewal = renewal.clone();
        let database = Arc::clone(&self.database);
        let again = self.world.draw(|rng| rng.per_mille(20).then(|| rng.doubling(1, 4_000)));
        if let Some(later) = again.filter(|_| !self.world.is_calm()) {
            let (world, database, renewal) = (Arc::clone(&self.world), Arc::clone(&database), renewal.clone());
            self.world.spawn(async move {
                world.pass(later).await;
                world.count("fault: renewal delivered twice");
                // No caller waits for this reply.
                let _ = database.renew(&renewal).await;
            });
        }
        // The driver never acknowledges an event that it has not applied. Without that rule (R2), it would look like
        // this: the renewal acknowledges what it sees, and the purge comes later.
        let early = !self.world.rules.purged_before_acknowledged;
        let renewing = move || async move {
            if early {
                renewal.applied = database.head()?.as_of.position;
            }
            database.renew(&renewal).await
        };
        let renewed = self.link.call(Line::Lease, PATIENCE, renewing).await;
        if matches!(renewed, Ok(None)) {
            self.world.count("renewals of a node whose row was gone");
        }
        renewed
    }

    async fn leave(&self, node: NodeId) -> Result<()> {
        let database = Arc::clone(&self.database);
        self.link.call(Line::Lease, PATIENCE, move || async move { database.leave(node) }).await
    }

    async fn members(&self, events: &[Position]) -> Result<Members> {
        let (database, events) = (Arc::clone(&self.database), events.to_vec());
        self.world.trace("members", 0);
        self.link.call(Line::Pool, PATIENCE, move || async move { database.members(&events) }).await
    }

    async fn reap(&self, node: NodeId, counter: u64) -> Result<Write> {
        let database = Arc::clone(&self.database);
        self.link.call(Line::Pool, PATIENCE, move || async move { database.reap(node, counter) }).await
    }

    async fn mark(&self, token: HistoryToken) -> Result<Write> {
        let database = Arc::clone(&self.database);
        self.link.call(Line::Pool, PATIENCE, move || async move { database.mark(token) }).await
    }

    async fn record_lost(&self, lost: &LostHistory) -> Result<()> {
        let (database, lost) = (Arc::clone(&self.database), lost.clone());
        self.link.call(Line::Pool, PATIENCE, move || async move { database.record_lost(&lost) }).await
    }

    async fn lost(&self, _: u32) -> Result<Vec<LostHistory>> {
        let database = Arc::clone(&self.database);
        self.link.call(Line::Pool, PATIENCE, move || async move { database.lost() }).await
    }
}

#[async_trait]
impl Feed for Ports {
    async fn head(&self) -> Result<Read<()>> {
        let database = Arc::clone(&self.database);
        self.link.call(Line::Pool, PATIENCE, move || async move { database.head() }).await
    }

    async fn events_after(&self, position: Position, at_most: u32) -> Result<Events> {
        let database = Arc::clone(&self.database);
        self.world.trace("events", position.seq.number());
        self.link.call(Line::Pool, PATIENCE, move || async move { database.events_after(position, at_most) }).await
    }

    async fn announce(&self, hint: Hint) -> Result<()> {
        let database = Arc::clone(&self.database);
        self.link.call(Line::Pool, PATIENCE, move || async move { database.announce(hint) }).await
    }

    async fn listen(&self) -> Result<Option<Box<dyn Hints>>> {
        let database = Arc::clone(&self.database);
        let (number, hints) = self.link.call(Line::Pool, PATIENCE, move || async move { database.listen() }).await?;
        let (database, link) = (Arc::clone(&self.database), Arc::clone(&self.link));
        Ok(Some(Box::new(Listening { number, hints, database, link })))
    }

    async fn record_enforced(&self, targets: &[Target], up_to: Seq, shown_by: Position, at: Timestamp) -> Result<()> {
        let (database, targets) = (Arc::clone(&self.database), targets.to_vec());
        let recording = move || async move { database.record_enforced(&targets, up_to, shown_by, at) };
        self.link.call(Line::Pool, PATIENCE, recording).await
    }

    async fn prune(&self, _: Duration, _: Timestamp, _: u32) -> Result<u64> {
        let database = Arc::clone(&self.database);
        self.link.call(Line::Pool, PATIENCE, move || async move { database.prune() }).await
    }
}

/// A listening connection.
struct Listening {
    number: u64,
    hints: mpsc::UnboundedReceiver<Hint>,
    database: Arc<Database>,
    link: Arc<Link>,
}

#[async_trait]
impl Hints for Listening {
    async fn next(&mut self) -> Result<Hint> {
        loop {
            let Some(hint) = self.hints.recv().await else {
                return Err(StorageError::Unavailable("the connection that listens broke".into()));
            };
            // A half-open connection: undetected, and nothing arrives.
            if !self.link.at(Line::Pool).answers_lost {
                return Ok(hint);
            }
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.database.forget_listener(self.number);
    }
}
