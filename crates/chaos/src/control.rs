//! The controls: runs without faults, but with a planted defect that the check has to find.
//!
//! Three lying proxies; one breach of the protocol itself, made without the nodes; and a database that goes back, once
//! while no node runs, once without the knowledge of the check. No other run has any of this.

use std::collections::HashMap;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Run;
use super::check::{Outcome, check};
use super::goback::{self, Nodes};
use super::history::History;
use super::lying_proxy::Lie;
use keyward_testkit::clock::Moment;
use keyward_testkit::proxy::{Network, Way};
use keyward_testkit::rng::Rng;

/// The planted defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// A lying proxy in front of a node.
    LyingProxy(Lie),
    /// The leases of all nodes are removed while one of them is cut off and still answers from memory: a revocation
    /// waits for no acknowledgement then. Rule R10 forbids it.
    LostLease,
    /// A backup is put back while no node runs: no node is left that could report lost changes.
    Unsaid,
    /// A backup is put back, and the check does not get the lost events.
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

/// Minimum number of lies.
const ENOUGH: u64 = 10;

/// Less than any lease.
const CUT_OFF: Duration = Duration::from_millis(1_500);

/// How the database goes back, and how far.
const PUT_BACK: goback::Way = goback::Way::PutBack { overtaken: false };
const BEHIND: Duration = Duration::from_secs(3);

/// Until every node has a lease again, and things in memory.
const TOGETHER: Duration = Duration::from_secs(2);

/// Plants it until there were enough lies and the history shows the defect, or the time is over.
///
/// A client cannot notice every lie: a stale "valid" between a commit and its acknowledgement is allowed, and whether a
/// request reaches a node in between is a matter of chance.
///
/// # Errors
/// When it cannot be planted.
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

/// Maximum time from the end of a call until it is in the history.
const WRITTEN_DOWN: Duration = Duration::from_secs(1);

/// Whether the history shows a defect for good. A call is recorded when it is over: one that is under way may still
/// explain what was seen in the meantime, so only what is older than the longest call counts.
fn shows(history: &History, now: Moment, longest_call: Duration) -> bool {
    let findings = check(history, Outcome { ledger: &[], last: &HashMap::new(), cuts: &[], lease: Duration::ZERO });
    let wrong = findings.breaches.iter().map(|breach| breach.seen).chain(findings.untrue);
    wrong.filter_map(|place| history.seen.get(place)).any(|seen| seen.ended + longest_call + WRITTEN_DOWN < now)
}

fn lose_leases(run: &Run) -> Result<()> {
    run.wait_until(run.clock.now() + TOGETHER);
    let wire = run.world.wires.first().context("there is no node")?;
    wire.set(Network::HalfOpen { way: Way::Both, kept: false });
    let cluster = &run.world.cluster;
    let mut psql = Command::new(cluster.bin_dir().join("psql"));
    // Without waiting for a disk, which may take longer than a lease.
    let delete = "SET synchronous_commit = off; SELECT leave_node_lease(node) FROM node_lease";
    psql.args(["--no-psqlrc", "--quiet", "--command", delete, &cluster.url()]);
    keyward_testkit::run::capture(&mut psql)?;
    run.wait_until(run.clock.now() + CUT_OFF);
    wire.set(Network::Healthy);
    Ok(())
}

#[cfg(test)]
mod tests {
    //! When a control may stop.
    use super::super::history::{Call, Change, Ending, Made, Seen, Span, Verdict};
    use super::*;

    #[test]
    fn a_finding_counts_only_once_no_call_can_explain_it_any_more() {
        let at = |seconds| Moment::after(Duration::from_secs(seconds));
        let mut history = History::default();
        let key = history.add_thing("key", Span::BEFORE);
        let made = Made { name: "key".to_owned(), rests_on: vec![key], good_until: None, born: Span::BEFORE };
        let subject = history.add_subject(made);
        let seen = |verdict, seconds| Seen { subject, node: 0, sent: at(seconds), ended: at(seconds), verdict };
        let longest = Duration::from_secs(8);

        // Refused at 5, by a call that takes until 12.
        history.seen.push(seen(Verdict::Invalid, 5));
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
        history.seen.push(seen(Verdict::Valid, 20));
        assert!(!shows(&history, at(29), longest));
        assert!(shows(&history, at(30), longest));
    }
}
