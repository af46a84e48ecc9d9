//! A seeded simulation of the whole protocol (T5): real verifiers with their real tasks, on simulated time, over a
//! simulated database and network that fail in every way. Each seed produces one history, the same one each time.
//!
//! It proves nothing about the SQL behind the ports, which has its own tests.

use std::{sync::Arc, time::Duration};

use keyward_verifier::{Credential, protocol::Rules};
use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

mod accounts;
mod check;
mod cluster;
mod database;
mod faults;
mod history;
mod link;
mod many;
mod mutants;
mod node;
mod plan;
mod ports;
mod process;
mod requests;
mod rng;
mod world;

pub(crate) use history::History;
pub(crate) use many::run_all;
pub(crate) use mutants::MUTANTS;
pub(crate) use world::Counts;

use cluster::Cluster;
use link::LineFault;
use plan::Plan;
use rng::Rng;
use world::World;

/// The result of one seed.
pub(crate) struct Outcome {
    /// Broken promises, as text.
    pub(crate) breaches: Vec<String>,
    /// Number of occurrences of each event.
    pub(crate) counts: Counts,
    /// The log.
    pub(crate) history: History,
    /// The plan of the run.
    pub(crate) plan: String,
}

/// Runs one seed.
pub(crate) fn run(seed: u64, rules: Rules) -> Outcome {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(async move {
        let mut rng = Rng::of_seed(seed);
        let plan = Plan::draw(&mut rng);
        let world = Arc::new(World::new(rng, rules, plan));
        let cluster = Cluster::new(&world);
        let mut breaches = live(&cluster).await;
        breaches.extend(check::breaches(&world.history(), world.plan.worst_wait()));
        breaches.extend(settle(&cluster).await);
        let history = world.history().clone();
        world.add("records in the log", history.records.len() as u64);
        Outcome { breaches, counts: world.counts(), history, plan: format!("{:?}", world.plan) }
    })
}

/// Runs the part with faults, and the recovery after it. Returns what never ended.
async fn live(cluster: &Arc<Cluster>) -> Vec<String> {
    let (world, over) = (&cluster.world, CancellationToken::new());
    for node in &cluster.nodes {
        node.start();
    }
    world.pass(Duration::from_millis(200)).await;
    faults::break_nodes(cluster, &over);
    faults::break_database(cluster, &over);
    faults::meddle(cluster, &over);
    noise(cluster, &over);
    for _ in 0..world.plan.calls {
        let gap = world.draw(|rng| if rng.per_mille(150) { Duration::ZERO } else { rng.millis(0, world.plan.gap) });
        world.pass(gap).await;
        match world.draw(|rng| rng.below(100)) {
            0..4 => world.spawn(Arc::clone(cluster).revoke_while_a_node_joins()),
            4..6 => world.spawn(Arc::clone(cluster).revoke_while_a_node_is_away()),
            _ => {
                if let Some(change) = cluster.next_change() {
                    world.spawn(Arc::clone(cluster).restrict(change));
                }
            }
        }
        let key = cluster.make_key();
        if let Some(node) = cluster.any_node() {
            requests::verify(world, node, key);
        }
    }
    over.cancel();
    // Until every fault and every call has ended: longer than any of them lasts.
    world.pass(world.plan.terms.ttl * 14).await;
    world.calm_down();
    cluster.database.restart();
    for node in &cluster.nodes {
        node.link.set_fault(None, LineFault::NONE);
        node.resume();
        if node.alive().is_none() {
            node.start();
        }
    }
    world.pass(Duration::from_mins(1)).await;
    let hanging =
        cluster.nodes.iter().flat_map(|node| node.under_way().into_iter().map(move |what| (node.number, what)));
    hanging.map(|(node, what)| format!("{what} on node {node} never ended")).collect()
}

/// Random requests: often several at the same time, for one key.
fn noise(cluster: &Arc<Cluster>, over: &CancellationToken) {
    let (cluster, over) = (Arc::clone(cluster), over.clone());
    cluster.world.clone().spawn(async move {
        while !over.is_cancelled() {
            let pause = cluster.world.draw(|rng| rng.millis(1, cluster.world.plan.noise));
            cluster.world.pass(pause).await;
            let (Some(key), Some(node)) = (cluster.any_key(), cluster.any_node()) else { continue };
            for _ in 0..cluster.world.draw(|rng| rng.between(1, 3)) {
                requests::verify(&cluster.world, node, key);
            }
            if cluster.world.draw(|rng| rng.per_mille(10)) {
                requests::verify(&cluster.world, node, accounts::key_id(u64::from(u32::MAX)));
            }
        }
    });
}

/// After recovery, every node answers from memory again, and correctly.
async fn settle(cluster: &Arc<Cluster>) -> Vec<String> {
    let mut wrong = Vec::new();
    for node in &cluster.nodes {
        let Some(alive) = node.alive() else { continue };
        if !alive.verifier.may_answer_from_memory() {
            wrong.push(format!("node {} never answered from memory again", node.number));
        }
        for key in cluster.keys() {
            let truth = cluster.database.truth(key).map(Credential::from);
            let answer = alive.verifier.credential(key).await;
            if answer.as_ref().ok() != Some(&truth) {
                wrong.push(format!("node {} finally answers {answer:?} for {key}, expected {truth:?}", node.number));
            }
        }
    }
    if cluster.database.rows() != cluster.nodes.len() {
        wrong.push(format!("{} rows of {} nodes at the end", cluster.database.rows(), cluster.nodes.len()));
    }
    wrong
}
