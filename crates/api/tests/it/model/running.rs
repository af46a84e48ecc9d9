//! The service beside the model: every step is taken over HTTP, and the answers are compared.

use std::{any::Any, marker::PhantomData, sync::Arc, time::Duration};

use async_trait::async_trait;
use keyward_app::Clock as _;
use keyward_storage::{
    HistoryToken, JoinRequest, LeaseReply, LostHistory, Members, Membership, NodeId, PgControl, Position, Renewal,
    Result, Write,
};
use keyward_storage_sqlite::testing::open;
use proptest_state_machine::StateMachineTest;
use tokio::runtime::{Builder, Runtime};

use super::{client::Client, reference::Model, steps::Step};
use crate::harness::{Database, Dial, Feeding, Node, Ports, Setup};

/// Source of a database.
pub(crate) trait Place: 'static {
    /// Opens an empty one. The second value must live as long as the ports.
    fn open(clock: Arc<Dial>) -> impl Future<Output = (Ports, Box<dyn Any + Send + Sync>)>;
}

/// The embedded database: one process, and no other node to wait for.
pub(super) enum Embedded {}

impl Place for Embedded {
    async fn open(clock: Arc<Dial>) -> (Ports, Box<dyn Any + Send + Sync>) {
        let (store, folder) = open().await;
        (Ports::of(&Arc::new(store.at_the_time_of(clock.shown())), clock), Box::new(folder))
    }
}

/// The same with a planted defect: memory receives no changes.
pub(super) enum Forgetful {}

impl Place for Forgetful {
    async fn open(clock: Arc<Dial>) -> (Ports, Box<dyn Any + Send + Sync>) {
        let (ports, place) = Embedded::open(clock).await;
        (Ports { feed: Feeding::blind(Arc::clone(&ports.feed)), ..ports }, place)
    }
}

/// Postgres: the node holds a lease, and acknowledges its own changes.
pub(crate) enum Shared {}

impl Place for Shared {
    async fn open(clock: Arc<Dial>) -> (Ports, Box<dyn Any + Send + Sync>) {
        // Signing keys are dated by the database: far from now, they all sign.
        clock.advance(Duration::from_hours(24 * 3_650));
        let database = Database::create().await;
        let (store, control) = database.connect().await;
        let (store, control) = (Arc::new(store), Arc::new(control));
        let entropy = Arc::default();
        let ports = Ports {
            store: Arc::clone(&store) as _,
            credentials: store,
            feed: Arc::clone(&control) as _,
            membership: Some(Arc::new(Dated { control, clock: Arc::clone(&clock) })),
            clock,
            entropy,
        };
        (ports, Box::new(database))
    }
}

/// The members of a database whose clock the steps control.
struct Dated {
    control: Arc<PgControl>,
    clock: Arc<Dial>,
}

#[async_trait]
impl Membership for Dated {
    async fn join(&self, node: &JoinRequest) -> Result<LeaseReply> {
        Ok(LeaseReply { database_time: self.clock.wall(), ..self.control.join(node).await? })
    }

    async fn renew(&self, renewal: &Renewal) -> Result<Option<LeaseReply>> {
        let confirmed = self.control.renew(renewal).await?;
        Ok(confirmed.map(|confirmed| LeaseReply { database_time: self.clock.wall(), ..confirmed }))
    }

    async fn leave(&self, node: NodeId) -> Result<()> {
        self.control.leave(node).await
    }

    async fn members(&self, events: &[Position]) -> Result<Members> {
        self.control.members(events).await
    }

    async fn reap(&self, node: NodeId, counter: u64) -> Result<Write> {
        self.control.reap(node, counter).await
    }

    async fn mark(&self, token: HistoryToken) -> Result<Write> {
        self.control.mark(token).await
    }

    async fn record_lost(&self, lost: &LostHistory) -> Result<()> {
        self.control.record_lost(lost).await
    }

    async fn lost(&self, at_most: u32) -> Result<Vec<LostHistory>> {
        self.control.lost(at_most).await
    }
}

/// The claim that a service on this database agrees with the model.
pub(super) struct Agrees<P>(PhantomData<P>);

/// A service on its database, and its client.
pub(super) struct Running {
    client: Client,
    runtime: Runtime,
    _place: Box<dyn Any + Send + Sync>,
}

impl<P: Place> StateMachineTest for Agrees<P> {
    type SystemUnderTest = Running;
    type Reference = Model;

    fn init_test(model: &Model) -> Running {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let clock = Arc::<Dial>::default();
        let mut setup = Setup::default();
        setup.settings.failed_attempts_per_minute = 1_000_000;
        if !model.roomy {
            // Too small for all the accounts above the keys of each part.
            setup.capacity_bytes = 128 * 1024;
        }
        let (client, place) = runtime.block_on(async {
            let (ports, place) = P::open(Arc::clone(&clock)).await;
            let node = Node::started(ports, setup).await;
            node.seed_accounts().await;
            (Client::of(node, clock).await, place)
        });
        Running { client, runtime, _place: place }
    }

    fn apply(mut running: Running, model: &Model, step: Step) -> Running {
        let outcome = running.runtime.block_on(running.client.take(step));
        assert_eq!(outcome, model.outcome, "{step:?}");
        running
    }

    /// Every key and every token agrees with the model, however it was used before.
    fn check_invariants(running: &Running, model: &Model) {
        running.runtime.block_on(running.client.compare(model));
    }

    fn teardown(running: Running, _: Model) {
        running.runtime.block_on(running.client.leave());
    }
}
