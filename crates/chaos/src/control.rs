//! The controls: runs without faults and with a planted defect that the check must find.
//!
//! Three controls have a lying proxy. One breaches the protocol without the nodes. In two, a database goes back: once
//! while no node runs, once without the knowledge of the check. No other run has any of these.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Run;
use super::check::{Outcome, check};
use super::goback::{self, Nodes};
use super::history::History;
use super::lying_proxy::Lie;
use super::sql;
use keyward_testkit::clock::Moment;
use keyward_testkit::proxy::{Network, Way};
use keyward_testkit::rng::Rng;

/// The planted defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// A lying proxy in front of a node.
    LyingProxy(Lie),
    /// The leases of all nodes are removed while one node is cut off and still answers from memory, so a revocation
    /// waits for no acknowledgement. Rule R10 forbids this.
    LostLease,
    /// A backup is restored while no node runs, so no node reports lost changes.
    Unreported,
    /// A backup is restored, and the check does not receive the lost events.
    Unlisted,
}

impl Planted {
    pub(super) const ALL: [(&'static str, Self); 6] = [
        ("stale", Self::LyingProxy(Lie::StaleValid)),
        ("forgotten", Self::LyingProxy(Lie::ForgottenRevocation)),
        ("refusal", Self::LyingProxy(Lie::FalseRefusal)),
        ("lease", Self::LostLease),
        ("unreported", Self::Unreported),
        ("unlisted", Self::Unlisted),
    ];
}

/// Minimum number of false answers.
const ENOUGH: u64 = 10;

/// Shorter than any lease.
const CUT_OFF: Duration = Duration::from_millis(1_500);

const PUT_BACK: goback::Way = goback::Way::PutBack { overtaken: false };
const BEHIND: Duration = Duration::from_secs(3);

/// Time until every node has a lease again and keys in memory.
const TOGETHER: Duration = Duration::from_secs(2);

/// Plants the defect until there were enough false answers and the history shows the defect, or until the time is over.
///
/// Clients cannot notice every false answer: a stale "valid" between a commit and its acknowledgement is allowed, and
/// chance decides whether a request reaches a node in between.
///
/// # Errors
/// If the defect cannot be planted.
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
            Planted::Unreported => {
                run.finish_cut(goback::once(run, PUT_BACK, BEHIND, Nodes::Killed, &mut Rng::of_seed(run.plan.seed))?.0);
                return Ok(());
            }
            Planted::Unlisted => {
                goback::once(run, PUT_BACK, BEHIND, Nodes::Live, &mut Rng::of_seed(run.plan.seed))?;
                return Ok(());
            }
        };
        done = often && run.recorder.look(|history| shows(history, run.clock.now(), run.plan.timeout_for_a_barrier()));
    }
    Ok(())
}

/// Maximum time from the end of a call until it is in the history.
const WRITTEN_DOWN: Duration = Duration::from_secs(1);

/// Whether the history certainly shows a defect. A call is recorded at its end, so a pending call may still explain a
/// finding. Only findings that are older than the longest call count.
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
    // Does not wait for the disk, which may take longer than a lease.
    let delete = "SET synchronous_commit = off; SELECT leave_node_lease(node) FROM node_lease";
    sql::ask(cluster, delete)?;
    run.wait_until(run.clock.now() + CUT_OFF);
    wire.set(Network::Healthy);
    Ok(())
}

#[cfg(test)]
mod tests {
    //! When a control may stop.
    use super::super::history::{Call, Change, Ending, Made, Seen, Span, Validity};
    use super::*;

    #[test]
    fn a_finding_counts_only_when_no_call_can_explain_it() {
        let at = |seconds| Moment::after(Duration::from_secs(seconds));
        let mut history = History::default();
        let key = history.add_thing("key", Span::BEFORE);
        let made = Made { name: "key".to_owned(), rests_on: vec![key], good_until: None, born: Span::BEFORE };
        let credential = history.add_credential(made);
        let seen = |validity, seconds| Seen { credential, node: 0, sent: at(seconds), ended: at(seconds), validity };
        let longest = Duration::from_secs(8);

        // Refused at 5, by a call that takes until 12.
        history.seen.push(seen(Validity::Invalid, 5));
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
        history.seen.push(seen(Validity::Valid, 20));
        assert!(!shows(&history, at(29), longest));
        assert!(shows(&history, at(30), longest));
    }
}
