//! A minute of all faults together: connections break, nodes and Postgres are killed, nodes freeze, and clients use
//! every key right after its revocation was acknowledged (T7, T8, T10 in small; `cargo xtask chaos` is the full size).
//! And the controls: with a lying proxy in front of a node, a lease removed without the node, or a database that goes
//! back without a report by a node, the same check has to find it.
//!
//! The harness is `keyward_chaos`. No latency is asserted here.

use std::io::Write as _;

use keyward_chaos::{Kind, Lie, Mode, Plan, Planted, Report, storm};

use crate::harness::binary;

/// A small run. It prints its figures whatever the outcome.
fn run(mode: Mode) -> Report {
    let mut plan = Plan::short(mode);
    plan.server = Some(binary().to_owned());
    let report = storm(&plan).unwrap();
    std::io::stderr().write_all(format!("\n{report}\n").as_bytes()).unwrap();
    report
}

#[test]
fn whatever_breaks_no_node_accepts_a_key_after_its_acknowledged_revocation() {
    let report = run(Mode::All);
    assert!(report.is_clean(), "see the explanations above");
    for kind in Kind::ALL {
        let least = if kind.goes_back() { 1 } else { 3 };
        assert!(report.faults(kind) >= least, "{kind} happened {} times", report.faults(kind));
    }
    let (verdicts, acknowledged) = report.load();
    assert!(verdicts > 500 && acknowledged > 30, "too little happened: {verdicts} verdicts, {acknowledged} changes");
}

#[test]
fn every_planted_defect_is_found() {
    let stale = run(Mode::Control(Planted::LyingProxy(Lie::StaleValid)));
    assert!(stale.breaches() > 0, "a node that keeps returning valid");
    assert_eq!((stale.untrue_refusals(), stale.lost()), (0, 0));

    let forgotten = run(Mode::Control(Planted::LyingProxy(Lie::ForgottenRevocation)));
    assert!(forgotten.breaches() > 0 && forgotten.lost() > 0, "a node that acknowledges and forgets");
    assert_eq!(forgotten.untrue_refusals(), 0);

    let refusal = run(Mode::Control(Planted::LyingProxy(Lie::FalseRefusal)));
    assert!(refusal.untrue_refusals() > 0, "a node that refuses what is valid");
    assert_eq!((refusal.breaches(), refusal.lost()), (0, 0));

    let lease = run(Mode::Control(Planted::LostLease));
    assert!(lease.breaches() > 0, "a revoker that waits for no node");
    assert_eq!((lease.untrue_refusals(), lease.lost()), (0, 0));

    let unreported = run(Mode::Control(Planted::Unreported));
    assert!(unreported.unreported() > 0, "a database that went back, and no node reports it");
    assert_eq!((unreported.breaches(), unreported.untrue_refusals(), unreported.lost()), (0, 0, 0));

    let unlisted = run(Mode::Control(Planted::Unlisted));
    assert!(unlisted.lost() > 0, "changes that are gone without a database that lost them");
    assert_eq!(unlisted.untrue_refusals(), 0);
}
