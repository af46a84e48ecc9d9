//! What goes wrong, and when: nodes that stand still or die, ways that break, a database that crashes, clocks that somebody
//! sets, hints that nobody should have sent. Everything that is broken is mended some time later.

use std::{sync::Arc, time::Duration};

use keyward_storage::{Hint, Seq};
use tokio_util::sync::CancellationToken;

use super::{
    link::{Line, Trouble},
    node::Node,
    town::Town,
};

/// What may happen to a node, and how often beside the others.
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

/// Breaks nodes until told to stop, one after the other on each.
pub(crate) fn break_nodes(town: &Arc<Town>, over: &CancellationToken) {
    for node in &town.nodes {
        let (town, node, over) = (Arc::clone(town), Arc::clone(node), over.clone());
        town.world.clone().spawn(async move {
            while !over.is_cancelled() {
                let pause = town.world.draw(|dice| dice.millis(0, town.world.plan.node_faults));
                town.world.pass(pause).await;
                if over.is_cancelled() {
                    break;
                }
                let fault = town.world.draw(|dice| dice.one_of(&FAULTS).copied()).unwrap_or(Fault::Pause);
                strike(&town, &node, fault).await;
            }
        });
    }
}

async fn strike(town: &Town, node: &Arc<Node>, fault: Fault) {
    let world = &town.world;
    let ttl = u64::try_from(world.plan.terms.ttl.as_millis()).unwrap_or_default();
    let lasting = |least, most| world.draw(|dice| dice.doubling(least, most));
    match fault {
        Fault::Pause => {
            world.count("fault: node stands still");
            node.pause();
            world.pass(lasting(5, ttl * 2)).await;
            node.resume();
        }
        Fault::LongPause => {
            world.count("fault: node stands still for long");
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
            // Not twice in the time of a lease (A2).
            world.pass(world.plan.worst_wait()).await;
        }
        Fault::Crash => {
            world.count("fault: node crashed");
            node.kill();
            world.pass(lasting(1, ttl * 3)).await;
            if world.draw(|dice| dice.per_mille(300)) {
                node.machine.reboot(world.draw(|dice| dice.below(1 << 40)));
            }
            node.start();
        }
        Fault::Restart => restart(town, node).await,
        Fault::Partition => {
            world.count("fault: node cut off");
            broken(town, node, None, Trouble::CUT, lasting(20, ttl * 3)).await;
        }
        Fault::OneWay => {
            world.count("fault: node cut off one way");
            let out = world.draw(|dice| dice.per_mille(400));
            let trouble = Trouble { requests_lost: out, answers_lost: !out, ..Trouble::NONE };
            broken(town, node, None, trouble, lasting(20, ttl * 2)).await;
        }
        Fault::OneLine => {
            world.count("fault: one line of a node cut");
            let line = world.draw(|dice| dice.one_of(&[Line::Lease, Line::Pool, Line::Keys]).copied());
            broken(town, node, line, Trouble::CUT, lasting(50, ttl * 2)).await;
        }
        Fault::InParts => {
            world.count("fault: node cut off, and mended line by line");
            node.link.trouble(None, Trouble::CUT);
            world.pass(lasting(200, ttl)).await;
            node.link.trouble(Some(Line::Lease), Trouble::NONE);
            node.link.trouble(Some(Line::Keys), Trouble::NONE);
            world.pass(lasting(200, ttl * 2)).await;
            node.link.trouble(None, Trouble::NONE);
        }
        Fault::Slow => {
            world.count("fault: way of a node slow");
            let trouble = world.draw(|dice| dice.one_of(&[Trouble::SLOW, Trouble::LATE]).copied());
            broken(town, node, None, trouble.unwrap_or(Trouble::SLOW), lasting(200, ttl * 2)).await;
        }
        Fault::WallClock => {
            world.count("fault: wall clock of a node set");
            node.machine.step_wall(step(town));
        }
    }
}

/// A step of a clock: seconds or hours, forth or back, in microseconds.
fn step(town: &Town) -> i64 {
    let by = town.world.draw(|dice| dice.doubling(250, 4_000_000));
    let by = i64::try_from(by.as_micros()).unwrap_or_default();
    if town.world.draw(|dice| dice.per_mille(500)) { by } else { -by }
}

async fn broken(town: &Town, node: &Arc<Node>, line: Option<Line>, trouble: Trouble, lasting: Duration) {
    node.link.trouble(line, trouble);
    town.world.pass(lasting).await;
    node.link.trouble(line, Trouble::NONE);
}

/// As an upgrade goes: it gives its lease back, ends, and another process starts.
async fn restart(town: &Town, node: &Arc<Node>) {
    let Some(alive) = node.alive() else { return };
    town.world.count("fault: node restarted in good order");
    let verifier = Arc::clone(&alive.verifier);
    node.begin(&alive, "a node that leaves", async move { verifier.leave().await });
    let later = town.world.draw(|dice| dice.doubling(1, 2_000));
    town.world.pass(later).await;
    node.kill();
    node.start();
}

/// Crashes the database now and then.
pub(crate) fn break_database(town: &Arc<Town>, over: &CancellationToken) {
    let (town, over) = (Arc::clone(town), over.clone());
    town.world.clone().spawn(async move {
        while !over.is_cancelled() {
            let pause = town.world.draw(|dice| dice.millis(1_000, town.world.plan.database_faults));
            town.world.pass(pause).await;
            if over.is_cancelled() {
                break;
            }
            let copy = town.database.copy();
            let lag = town.world.draw(|dice| dice.per_mille(300).then(|| dice.doubling(1, 3_000)));
            if let Some(lag) = lag {
                town.world.pass(lag).await;
            }
            town.world.count("fault: database crashed");
            town.database.crash();
            let away = town.world.draw(|dice| dice.doubling(5, 6_000));
            town.world.pass(away).await;
            match lag {
                // A standby that lagged takes over, or a snapshot is put back.
                Some(_) => {
                    town.world.count("fault: database went back");
                    town.database.go_back(copy, true);
                }
                None => town.database.restart_server(),
            }
            town.database.restart();
        }
    });
}

/// Sets the clock of the database, drops history, and sends hints that are wrong.
pub(crate) fn meddle(town: &Arc<Town>, over: &CancellationToken) {
    let (town, over) = (Arc::clone(town), over.clone());
    town.world.clone().spawn(async move {
        while !over.is_cancelled() {
            let pause = town.world.draw(|dice| dice.millis(0, town.world.plan.clock_faults));
            town.world.pass(pause).await;
            match town.world.draw(|dice| dice.below(10)) {
                0..7 => {
                    town.world.count("fault: clock of the database set");
                    town.database.step_wall(step(&town));
                }
                7 => {
                    town.world.count("fault: a hint of an event that never was");
                    let wrong = Hint::Event(Seq::new(town.world.draw(|dice| dice.between(1, 1 << 40))));
                    // Where the database is away there is nobody to tell.
                    let _ = town.database.announce(wrong);
                }
                _ => {
                    let _ = town.database.prune();
                }
            }
        }
    });
}
