//! The controls: runs without faults in which something is planted that the check has to find.
//!
//! Three liars, and one breach of the protocol itself, made behind the backs of real nodes. No other run has any of this.

use std::collections::HashMap;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Run;
use super::check::check;
use super::clock::Moment;
use super::history::History;
use super::liar::Lie;
use super::proxy::{Way, Weather};

/// What is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// A liar in front of a node.
    Liar(Lie),
    /// The leases of all nodes are removed while one of them is cut off and still answers from memory: whoever revokes
    /// believes that nobody has to acknowledge. Rule R10 is what forbids it.
    LostLease,
}

impl Planted {
    pub(super) const ALL: [(&'static str, Self); 4] = [
        ("stale", Self::Liar(Lie::StaleValid)),
        ("forgotten", Self::Liar(Lie::ForgottenRevocation)),
        ("refusal", Self::Liar(Lie::FalseRefusal)),
        ("lease", Self::LostLease),
    ];
}

/// At least so many lies.
const ENOUGH: u64 = 10;

/// Less than any lease.
const CUT_OFF: Duration = Duration::from_millis(1_500);

/// Until everybody is a member again, and has things in memory.
const TOGETHER: Duration = Duration::from_secs(2);

/// Does it until it was done often enough and can be seen in what clients saw, or it is time.
///
/// Not every lie is one that a client could notice: a stale "valid" between a commit and its acknowledgement is allowed,
/// and whether somebody meets a node in the moment between is a matter of chance.
///
/// # Errors
/// When it cannot be done.
pub(super) fn happen(run: &Run, planted: Planted, until: Moment) -> Result<()> {
    let mut done = false;
    while !done && run.clock.now() < until && !run.is_over() {
        let often = match planted {
            Planted::Liar(_) => {
                run.wait_until(run.clock.now() + Duration::from_millis(100));
                run.world.liar.as_ref().is_some_and(|liar| liar.lies() >= ENOUGH)
            }
            Planted::LostLease => {
                lose_leases(run)?;
                true
            }
        };
        done = often && run.recorder.look(shows);
    }
    Ok(())
}

/// Whether the history shows that something is wrong.
fn shows(history: &History) -> bool {
    let findings = check(history, &[], &HashMap::new());
    !findings.breaches.is_empty() || !findings.untrue.is_empty()
}

fn lose_leases(run: &Run) -> Result<()> {
    run.wait_until(run.clock.now() + TOGETHER);
    let wire = run.world.wires.first().context("there is no node")?;
    wire.set(Weather::HalfOpen { way: Way::Both, kept: false });
    let cluster = &run.world.cluster;
    let mut psql = Command::new(cluster.bin_dir().join("psql"));
    psql.args(["--no-psqlrc", "--quiet", "--command", "DELETE FROM node_lease", &cluster.url()]);
    crate::run::capture(&mut psql)?;
    run.wait_until(run.clock.now() + CUT_OFF);
    wire.set(Weather::Fair);
    Ok(())
}
