//! Acknowledged changes are kept whatever happens: the node is killed while it writes, or Postgres is.

mod workers;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use keyward_testkit::pg::{Cluster, Durability, Options};
use tokio::{sync::mpsc, task::JoinSet};

use crate::harness::{Demo, Node, Place, Wire, eventually, on_both};
use workers::{Journal, Worker};

/// Number of acknowledgements before a kill, and again afterwards.
const ENOUGH: usize = 25;

on_both!(a_killed_node_loses_nothing);

async fn a_killed_node_loses_nothing(place: Place) {
    let node = place.sandbox().serve();
    let demo = node.demo();
    let (sender, entries) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    for number in 0..4 {
        let client = node.client(&demo.partner.app_secret);
        let worker = Worker { number, client, mid: demo.merchant.clone(), journal: sender.clone() };
        tasks.spawn(worker.until_cut_off());
    }
    drop(sender);
    let mut journal = Journal::new(entries);
    journal.read_until(|journal| journal.revoked() >= ENOUGH).await;
    node.kill();
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    journal.read_to_the_end().await;

    let node = place.sandbox().serve();
    assert_eq!(node.demo(), demo);
    journal.holds(&node.client(&demo.partner.app_secret)).await;
    node.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_postgres_is_an_outage_and_loses_nothing() {
    let cluster = Cluster::start(Durability::Real).unwrap();
    let place = Place::on(&cluster.url()).await;
    let node = place.sandbox().env("KEYWARD_DATABASE__ACQUIRE_TIMEOUT", "500ms").serve();
    let demo = node.demo();
    let (workers, mut journal) = Workers::start(&node, &demo);
    journal.read_until(|journal| journal.revoked() >= ENOUGH).await;

    cluster.kill9().unwrap();
    let before = journal.outages();
    journal.read_until(|journal| journal.outages() > before + ENOUGH).await;
    let anonymous = node.anonymous();
    eventually("not ready", async || anonymous.get("/readyz").await.status == 503).await;
    anonymous.get("/healthz").await.expect(200);

    cluster.start_again().unwrap();
    let before = journal.revoked();
    journal.read_until(|journal| journal.revoked() >= before + ENOUGH).await;
    eventually("ready", async || anonymous.get("/readyz").await.status == 200).await;

    workers.stop().await;
    journal.read_to_the_end().await;
    journal.holds(&node.client(&demo.partner.app_secret)).await;
    node.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_cut_during_requests_lose_nothing() {
    let cluster = Cluster::start_with(Options { durability: Durability::Fast, tcp: true }).unwrap();
    let wire = Wire::to(&cluster.tcp_url().unwrap()).await;
    let place = Place::on(wire.url()).await;
    let node = place.sandbox().serve();
    let demo = node.demo();
    let (workers, mut journal) = Workers::start(&node, &demo);
    for _ in 0..20 {
        let before = journal.revoked();
        journal.read_until(|journal| journal.revoked() >= before + 3).await;
        wire.cut();
    }
    workers.stop().await;
    journal.read_to_the_end().await;
    let partner = node.client(&demo.partner.app_secret);
    // A connection that was cut while idle is detected by the next request that uses it.
    let mut in_a_row = 0;
    eventually("all connections are good", async || {
        in_a_row = if partner.get("/v1/merchants").await.status == 200 { in_a_row + 1 } else { 0 };
        in_a_row == 50
    })
    .await;
    journal.holds(&partner).await;
    node.stop();
}

/// Workers that continue whatever happens, until they are stopped.
struct Workers {
    tasks: JoinSet<()>,
    enough: Arc<AtomicBool>,
}

impl Workers {
    fn start(node: &Node, demo: &Demo) -> (Self, Journal) {
        let (sender, entries) = mpsc::unbounded_channel();
        let (mut tasks, enough) = (JoinSet::new(), Arc::new(AtomicBool::new(false)));
        for number in 0..4 {
            let client = node.client(&demo.partner.app_secret);
            let worker = Worker { number, client, mid: demo.merchant.clone(), journal: sender.clone() };
            tasks.spawn(worker.through_outages(Arc::clone(&enough)));
        }
        (Self { tasks, enough }, Journal::new(entries))
    }

    async fn stop(mut self) {
        self.enough.store(true, Ordering::Release);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}
