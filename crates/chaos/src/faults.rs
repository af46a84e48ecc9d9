//! Does the planned faults at their time, and marks when each began and was over.
//!
//! One thread a lane. It never does anything to a process that is not of this run.

use std::time::Duration;

use anyhow::Result;

use super::Run;
use super::clock::Moment;
use super::counters::Op;
use super::desk::Desk;
use super::goback;
use super::http::{Client, Request, Silence};
use super::parked::Parked;
use super::proxy::Weather;
use super::rng::Rng;
use super::schedule::{Fault, Kind, Lane, Planned};

/// A node that is not ready by then does not start.
const START: Duration = Duration::from_mins(1);

/// A fault that has happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) lane: Lane,
    pub(super) kind: Kind,
    pub(super) fault: Fault,
    pub(super) from: Moment,
    /// When it was over: for a kill, when the process was ready again.
    pub(super) until: Moment,
    /// How long the process took to be ready, from its start or, where it took another's place, from the end of that.
    pub(super) ready_in: Option<Duration>,
}

/// Does one lane's faults, which are in the order of their time from `began` on. Ends early with the run.
///
/// # Errors
/// When a process does not come back, or cannot be signalled.
pub(super) fn happen(run: &Run, planned: &[Planned], began: Moment) -> Result<Vec<Mark>> {
    let mut marks = Vec::new();
    for it in planned {
        if !run.wait_until(began + it.at.offset()) {
            break;
        }
        let _turn = match it.lane {
            Lane::Node(node) => Some(run.calm(node)),
            Lane::Postgres => None,
        };
        let from = run.clock.now();
        let until = from + it.lasts;
        let ready_in = match (it.lane, it.fault) {
            (Lane::Node(node), Fault::Network(weather)) => {
                run.world.wires[node].set(weather);
                run.wait_until(until);
                run.world.wires[node].set(Weather::Fair);
                None
            }
            (Lane::Node(node), Fault::Pause) => {
                run.world.nodes[node].pause()?;
                run.wait_until(until);
                run.world.nodes[node].resume()?;
                None
            }
            (Lane::Node(node), Fault::Parked) => {
                let parked = run.world.nodes[node].address().map(Parked::at);
                run.wait_until(until);
                drop(parked);
                None
            }
            (Lane::Node(node), Fault::Log { reads_again }) => {
                run.world.nodes[node].block_log()?;
                go_on_answering(run, node, until);
                run.world.nodes[node].unblock_log(reads_again);
                go_on_answering(run, node, run.clock.now());
                None
            }
            (_, Fault::GoesBack(way)) => {
                let mut rng = Rng::of_seed(run.plan.seed).stream(u64::from(it.at.offset().subsec_nanos()));
                Some(goback::happen(run, way, it.lasts, &mut rng)?)
            }
            (Lane::Node(node), Fault::Kill) => {
                run.world.nodes[node].kill()?;
                run.wait_until(until);
                let started = run.clock.now();
                run.world.nodes[node].revive();
                run.world.nodes[node].await_ready(START)?;
                Some(run.clock.now().since(started))
            }
            (Lane::Postgres, _) | (Lane::Node(_), Fault::Postgres) => {
                run.world.cluster.kill9()?;
                run.wait_until(until);
                let started = run.clock.now();
                run.world.cluster.start_again()?;
                Some(run.clock.now().since(started))
            }
        };
        marks.push(Mark { lane: it.lane, kind: it.kind, fault: it.fault, from, until: run.clock.now(), ready_in });
    }
    Ok(marks)
}

/// Has a node say much while no one reads it: it has to answer all the same.
fn go_on_answering(run: &Run, node: usize, until: Moment) {
    let mut desk = Desk::new(run, Rng::of_seed(0));
    loop {
        // A line is written for each of the first kind.
        for path in ["/v1/merchants/no-one", "/healthz"] {
            let request = desk.request("GET", path, None);
            let answer = desk.send(Op::Read, node, &request, run.plan.patience());
            if let Err(silence @ (Silence::Cut | Silence::TimedOut)) = answer
                && path == "/healthz"
            {
                run.complain(format!("node {node} did not answer while its log was not read: {silence:?}"));
            }
        }
        if run.clock.now() >= until || run.is_over() {
            return;
        }
        run.wait_until(run.clock.now() + Duration::from_millis(20));
    }
}

/// Waits until every node says that it can verify.
///
/// # Errors
/// When one does not within the limit.
pub(super) fn await_readiness(run: &Run, limit: Duration) -> Result<()> {
    let deadline = run.clock.now() + limit;
    let mut client = Client::new(run.clock);
    for node in 0..run.world.nodes.len() {
        loop {
            let request = Request { method: "GET", path: "/readyz", bearer: None, body: None };
            let answer = run.world.address(node).map(|address| client.ask(address, &request, limit));
            if matches!(&answer, Some(Ok(answer)) if answer.status == 200) {
                break;
            }
            anyhow::ensure!(
                run.clock.now() < deadline,
                "node {node} was not ready within {limit:?} after all faults were over; it answered {answer:?}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}
