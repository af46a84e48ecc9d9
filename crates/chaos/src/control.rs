//! The controls: runs without faults in which something is planted that the check has to find.
//!
//! Three liars; one breach of the protocol itself, made behind the backs of real nodes; and a database that goes back,
//! once while no node is there to notice, once without the knowledge of the check. No other run has any of this.

use std::collections::HashMap;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Run;
use super::check::{Outcome, check};
use super::clock::Moment;
use super::goback::{self, Nodes};
use super::history::History;
use super::lying_proxy::Lie;
use super::proxy::{Way, Weather};
use super::rng::Rng;

/// What is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// A lying_proxy in front of a node.
    LyingProxy(Lie),
    /// The leases of all nodes are removed while one of them is cut off and still answers from memory: whoever revokes
    /// believes that nobody has to acknowledge. Rule R10 is what forbids it.
    LostLease,
    /// A backup is put back while no node runs: no node is left that could say that changes are lost.
    Unsaid,
    /// A backup is put back, and the check is not given what went with it.
    Unlisted,
}

impl Planted {
    pub(super) const ALL: [(&'static str, Self); 6] = [
        ("stale", Self::LyingProxy(Lie::StaleValid)),
        ("forgotten", Self::LyingProxy(Lie::ForgottenRevocation)),
        ("refusal", Self::LyingProxy(Lie::FalseRefusal)),
        ("lease", Self::LostLease),
        ("unsaid", Self::Unsaid),
        ("unlisted", Self::Unlisted),
    ];
}

/// At least so many lies.
const ENOUGH: u64 = 10;

/// Less than any lease.
const CUT_OFF: Duration = Duration::from_millis(1_500);

/// How the database goes back, and how far.
const PUT_BACK: goback::Way = goback::Way::PutBack { overtaken: false };
const BEHIND: Duration = Duration::from_secs(3);

/// Until everybody is a member again, and has things in memory.
const TOGETHER: Duration = Duration::from_secs(2);

/// Does it until it was done often enough and can be seen in what clients saw, or it is time.
///
/// Not every lie is one that a client could notice: a stale "valid" between a commit and its acknowledgement is
/// allowed, and whether somebody meets a node in the moment between is a matter of chance.
///
/// # Errors
/// When it cannot be done.
pub(super) fn happen(run: &Run, planted: Planted, until: Moment) -> Result<()> {
    let mut done = false;
    while !done && run.clock.now() < until && !run.is_over() {
        let often = match planted {
            Planted::LyingProxy(_) => {
                run.wait_until(run.clock.now() + Duration::from_millis(100));
                run.world.lying_proxy.as_ref().is_some_and(|lying_proxy| lying_proxy.lies() >= ENOUGH)
            }
            Planted::LostLease => {
                lose_leases(run)?;
                true
            }
            Planted::Unsaid => {
                run.finish_cut(goback::once(run, PUT_BACK, BEHIND, Nodes::Killed, &mut Rng::of_seed(run.plan.seed))?.0);
                return Ok(());
            }
            Planted::Unlisted => {
                goback::once(run, PUT_BACK, BEHIND, Nodes::Live, &mut Rng::of_seed(run.plan.seed))?;
                return Ok(());
            }
        };
        done = often && run.recorder.look(|history| shows(history, run.clock.now(), run.plan.patience_for_a_barrier()));
    }
    Ok(())
}

/// From the end of a call until it is in the history, at the most.
const WRITTEN_DOWN: Duration = Duration::from_secs(1);

/// Whether the history shows by now that something is wrong, and will go on to. A call is written down when it is over:
/// one that is under way may yet explain what was seen while it was, so only what is older than any call can be counts.
fn shows(history: &History, now: Moment, longest_call: Duration) -> bool {
    let findings = check(history, Outcome { ledger: &[], last: &HashMap::new(), cuts: &[], lease: Duration::ZERO });
    let wrong = findings.breaches.iter().map(|breach| breach.seen).chain(findings.untrue);
    wrong.filter_map(|place| history.seen.get(place)).any(|seen| seen.ended + longest_call + WRITTEN_DOWN < now)
}

fn lose_leases(run: &Run) -> Result<()> {
    run.wait_until(run.clock.now() + TOGETHER);
    let wire = run.world.wires.first().context("there is no node")?;
    wire.set(Weather::HalfOpen { way: Way::Both, kept: false });
    let cluster = &run.world.cluster;
    let mut psql = Command::new(cluster.bin_dir().join("psql"));
    // Not waiting for a disk, which may take longer than a lease.
    let delete = "SET synchronous_commit = off; SELECT leave_node_lease(node) FROM node_lease";
    psql.args(["--no-psqlrc", "--quiet", "--command", delete, &cluster.url()]);
    keyward_testkit::run::capture(&mut psql)?;
    run.wait_until(run.clock.now() + CUT_OFF);
    wire.set(Weather::Fair);
    Ok(())
}

#[cfg(test)]
mod tests {
    //! When a control may stop.
    use super::super::history::{Call, Change, Ending, Made, Seen, Span, Told};
    use super::*;

    #[test]
    fn a_finding_counts_only_once_no_call_can_explain_it_any_more() {
        let at = |seconds| Moment::after(Duration::from_secs(seconds));
        let mut history = History::default();
        let key = history.add_thing("key", Span::BEFORE);
        let made = Made { name: "key".to_owned(), rests_on: vec![key], good_until: None, born: Span::BEFORE };
        let subject = history.add_subject(made);
        let seen = |told, seconds| Seen { subject, node: 0, sent: at(seconds), ended: at(seconds), told };
        let longest = Duration::from_secs(8);

        // Refused at 5, by a call that takes until 12.
        history.seen.push(seen(Told::Invalid, 5));
        assert!(!shows(&history, at(13), longest));
        history.calls.push(Call {
            change: Change::Revoke,
            things: vec![key],
            node: 0,
            wanted: at(4),
            sent: at(4),
            ended: at(12),
            ending: Ending::Acknowledged,
        });
        assert!(!shows(&history, at(60), longest), "it is explained");

        // Accepted after that was acknowledged.
        history.seen.push(seen(Told::Valid, 20));
        assert!(!shows(&history, at(29), longest));
        assert!(shows(&history, at(30), longest));
    }
}
