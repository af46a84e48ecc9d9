//! Injects faults: nodes that stall or die, broken connections, a database that crashes, clocks that are set, spurious
//! hints. Every fault is repaired some time later.

use std::{sync::Arc, time::Duration};

use keyward_storage::{Hint, Seq};
use tokio_util::sync::CancellationToken;

use super::{
    cluster::Cluster,
    link::{Line, LineFault},
    node::Node,
};

/// Faults of a node, with their relative frequencies.
#[derive(Clone, Copy)]
enum Fault {
    Pause,
    LongPause,
    Stall,
    Crash,
    Restart,
    Partition,
    OneWay,
    OneLine,
    InParts,
    Slow,
    WallClock,
}

const FAULTS: [Fault; 15] = [
    Fault::Pause,
    Fault::Pause,
    Fault::LongPause,
    Fault::Stall,
    Fault::Crash,
    Fault::Restart,
    Fault::Partition,
    Fault::OneWay,
    Fault::OneLine,
    Fault::OneLine,
    Fault::InParts,
    Fault::Slow,
    Fault::WallClock,
    Fault::WallClock,
    Fault::WallClock,
];

/// Injects faults into nodes until stopped, one after the other on each.
pub(crate) fn break_nodes(cluster: &Arc<Cluster>, over: &CancellationToken) {
    for node in &cluster.nodes {
        let (cluster, node, over) = (Arc::clone(cluster), Arc::clone(node), over.clone());
        cluster.world.clone().spawn(async move {
            while !over.is_cancelled() {
                let pause = cluster.world.draw(|rng| rng.millis(0, cluster.world.plan.node_faults));
                cluster.world.pass(pause).await;
                if over.is_cancelled() {
                    break;
                }
                let fault = cluster.world.draw(|rng| rng.one_of(&FAULTS).copied()).unwrap_or(Fault::Pause);
                strike(&cluster, &node, fault).await;
            }
        });
    }
}

async fn strike(cluster: &Cluster, node: &Arc<Node>, fault: Fault) {
    let world = &cluster.world;
    let ttl = u64::try_from(world.plan.terms.ttl.as_millis()).unwrap_or_default();
    let lasting = |least, most| world.draw(|rng| rng.doubling(least, most));
    match fault {
        Fault::Pause => {
            world.count("fault: node stalled");
            node.pause();
            world.pass(lasting(5, ttl * 2)).await;
            node.resume();
        }
        Fault::LongPause => {
            world.count("fault: node stalled for long");
            node.pause();
            world.pass(lasting(ttl * 2, ttl * 10)).await;
            node.resume();
        }
        Fault::Stall => {
            world.count("fault: machine stalled, its clocks with it");
            let lost = lasting(20, 900);
            node.pause();
            world.pass(lost).await;
            node.machine.stall(lost);
            node.resume();
            // Not twice within a lease time (A2).
            world.pass(world.plan.worst_wait()).await;
        }
        Fault::Crash => {
            world.count("fault: node crashed");
            node.kill();
            world.pass(lasting(1, ttl * 3)).await;
            if world.draw(|rng| rng.per_mille(300)) {
                node.machine.reboot(world.draw(|rng| rng.below(1 << 40)));
            }
            node.start();
        }
        Fault::Restart => restart(cluster, node).await,
        Fault::Partition => {
            world.count("fault: node cut off");
            broken(cluster, node, None, LineFault::CUT, lasting(20, ttl * 3)).await;
        }
        Fault::OneWay => {
            world.count("fault: node cut off one way");
            let out = world.draw(|rng| rng.per_mille(400));
            let fault = LineFault { requests_lost: out, answers_lost: !out, ..LineFault::NONE };
            broken(cluster, node, None, fault, lasting(20, ttl * 2)).await;
        }
        Fault::OneLine => {
            world.count("fault: one line of a node cut");
            let line = world.draw(|rng| rng.one_of(&[Line::Lease, Line::Pool, Line::Keys]).copied());
            broken(cluster, node, line, LineFault::CUT, lasting(50, ttl * 2)).await;
        }
        Fault::InParts => {
            world.count("fault: node cut off, and mended line by line");
            node.link.set_fault(None, LineFault::CUT);
            world.pass(lasting(200, ttl)).await;
            node.link.set_fault(Some(Line::Lease), LineFault::NONE);
            node.link.set_fault(Some(Line::Keys), LineFault::NONE);
            world.pass(lasting(200, ttl * 2)).await;
            node.link.set_fault(None, LineFault::NONE);
        }
        Fault::Slow => {
            world.count("fault: way of a node slow");
            let fault = world.draw(|rng| rng.one_of(&[LineFault::SLOW, LineFault::LATE]).copied());
            broken(cluster, node, None, fault.unwrap_or(LineFault::SLOW), lasting(200, ttl * 2)).await;
        }
        Fault::WallClock => {
            world.count("fault: wall clock of a node set");
            node.machine.step_wall(step(cluster));
        }
    }
}

/// A step of a clock: seconds or hours, forwards or backwards, in microseconds.
fn step(cluster: &Cluster) -> i64 {
    let by = cluster.world.draw(|rng| rng.doubling(250, 4_000_000));
    let by = i64::try_from(by.as_micros()).unwrap_or_default();
    if cluster.world.draw(|rng| rng.per_mille(500)) { by } else { -by }
}

async fn broken(cluster: &Cluster, node: &Arc<Node>, line: Option<Line>, fault: LineFault, lasting: Duration) {
    node.link.set_fault(line, fault);
    cluster.world.pass(lasting).await;
    node.link.set_fault(line, LineFault::NONE);
}

/// An upgrade: the process releases its lease and ends, and another one starts.
async fn restart(cluster: &Cluster, node: &Arc<Node>) {
    let Some(alive) = node.alive() else { return };
    cluster.world.count("fault: node restarted in good order");
    let verifier = Arc::clone(&alive.verifier);
    node.begin(&alive, "a node that leaves", async move { verifier.leave().await });
    let later = cluster.world.draw(|rng| rng.doubling(1, 2_000));
    cluster.world.pass(later).await;
    node.kill();
    node.start();
}

/// Crashes the database at intervals.
pub(crate) fn break_database(cluster: &Arc<Cluster>, over: &CancellationToken) {
    let (cluster, over) = (Arc::clone(cluster), over.clone());
    cluster.world.clone().spawn(async move {
        while !over.is_cancelled() {
            let pause = cluster.world.draw(|rng| rng.millis(1_000, cluster.world.plan.database_faults));
            cluster.world.pass(pause).await;
            if over.is_cancelled() {
                break;
            }
            let copy = cluster.database.copy();
            let lag = cluster.world.draw(|rng| rng.per_mille(300).then(|| rng.doubling(1, 3_000)));
            if let Some(lag) = lag {
                cluster.world.pass(lag).await;
            }
            cluster.world.count("fault: database crashed");
            cluster.database.crash();
            let away = cluster.world.draw(|rng| rng.doubling(5, 6_000));
            cluster.world.pass(away).await;
            match lag {
                // A lagging standby takes over, or a snapshot is restored.
                Some(_) => {
                    cluster.world.count("fault: database went back");
                    cluster.database.go_back(copy, true);
                }
                None => cluster.database.restart_server(),
            }
            cluster.database.restart();
        }
    });
}

/// Sets the database's clock, prunes history, and sends wrong hints.
pub(crate) fn meddle(cluster: &Arc<Cluster>, over: &CancellationToken) {
    let (cluster, over) = (Arc::clone(cluster), over.clone());
    cluster.world.clone().spawn(async move {
        while !over.is_cancelled() {
            let pause = cluster.world.draw(|rng| rng.millis(0, cluster.world.plan.clock_faults));
            cluster.world.pass(pause).await;
            match cluster.world.draw(|rng| rng.below(10)) {
                0..7 => {
                    cluster.world.count("fault: clock of the database set");
                    cluster.database.step_wall(step(&cluster));
                }
                7 => {
                    cluster.world.count("fault: a hint of an event that never was");
                    let wrong = Hint::Event(Seq::new(cluster.world.draw(|rng| rng.between(1, 1 << 40))));
                    // No hint can be sent while the database is down.
                    let _ = cluster.database.announce(wrong);
                }
                _ => {
                    let _ = cluster.database.prune();
                }
            }
        }
    });
}
