//! Injects the planned faults at their times, and records the beginning and end of each.
//!
//! Each lane has a thread. Signals only processes of this run.

use std::time::Duration;

use anyhow::Result;

use super::Run;
use super::client::{Client, Request};
use super::counters::Op;
use super::goback;
use super::parked::Parked;
use super::schedule::{Fault, Kind, Lane, Planned};
use keyward_testkit::clock::Moment;
use keyward_testkit::http::Silence;
use keyward_testkit::program::START;
use keyward_testkit::proxy::Network;
use keyward_testkit::rng::Rng;

/// A fault that has happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) lane: Lane,
    pub(super) kind: Kind,
    pub(super) fault: Fault,
    pub(super) from: Moment,
    /// End of the fault; for a kill, the time at which the process was ready again.
    pub(super) until: Moment,
    /// Time until the process was ready, from its start or from the end of its predecessor.
    pub(super) ready_in: Option<Duration>,
}

/// Injects the faults of one lane, which are ordered by time from `began` on. Ends early if the run ends.
///
/// # Errors
/// If a process does not return, or cannot be signalled.
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
            (Lane::Node(node), Fault::Network(network)) => {
                run.world.wires[node].set(network);
                run.wait_until(until);
                run.world.wires[node].set(Network::Healthy);
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
                go_on_answering(run, node, until)?;
                run.world.nodes[node].unblock_log(reads_again);
                go_on_answering(run, node, run.clock.now())?;
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

/// Makes a node write many log lines while its log is not read. The node must answer nevertheless.
fn go_on_answering(run: &Run, node: usize, until: Moment) -> Result<()> {
    let mut client = Client::new(run, Rng::of_seed(0))?;
    loop {
        // The node logs a line for each request of the first kind.
        for path in ["/v1/merchants/no-one", "/healthz"] {
            let request = client.request("GET", path, None);
            let answer = client.send(Op::Read, node, &request, run.plan.timeout());
            if let Err(silence @ (Silence::Cut | Silence::TimedOut)) = answer
                && path == "/healthz"
            {
                run.add_error(format!("node {node} did not answer while its log was not read: {silence:?}"));
            }
        }
        if run.clock.now() >= until || run.is_over() {
            return Ok(());
        }
        run.wait_until(run.clock.now() + Duration::from_millis(20));
    }
}

/// Waits until every node reports that it is ready.
///
/// # Errors
/// If a node is not ready within the limit.
pub(super) fn await_readiness(run: &Run, limit: Duration) -> Result<()> {
    let deadline = run.clock.now() + limit;
    let client = Client::new(run, Rng::of_seed(0))?;
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
