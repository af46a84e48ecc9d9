//! Which rows are in order, and what is reported about the others.

use keyward_domain::Timestamp;
use keyward_storage::{HistoryToken, NodeId, Seq, Snapshot};
use uuid::Uuid;

use super::*;
use crate::cli::doctor::findings::Level;

const NOW: i64 = 1_900_000_000_000_000;

/// A node with this lease, which it renewed this long ago; both in milliseconds.
fn node(name: u128, ttl: u64, renewed: i64) -> Member {
    let at = |micros| Timestamp::from_micros(micros).unwrap();
    Member {
        node: NodeId::from_uuid(Uuid::from_u128(name)),
        counter: 1,
        applied: Seq::new(7),
        ttl: Duration::from_millis(ttl),
        started_at: at(NOW - 60_000_000),
        renewed_at: at(NOW - renewed * 1_000),
        version: "0.1.0".to_owned(),
    }
}

fn findings(rows: Vec<Member>) -> Vec<(Level, &'static str, String)> {
    let members = Members {
        rows,
        head: Snapshot::embedded(Seq::new(8)),
        is_marked: true,
        absent: Vec::new(),
        database_time: Timestamp::from_micros(NOW).unwrap(),
    };
    let mut findings = Findings::default();
    judge(&members, LeaseConfig::DEFAULT, &mut findings);
    findings.0.into_iter().map(|finding| (finding.level, finding.about, finding.text)).collect()
}

#[test]
fn renewing_nodes_of_one_profile_are_in_order_and_show_their_last_acknowledgement() {
    let found = findings(vec![node(1, 5_000, 400), node(2, 5_000, 5_000)]);
    assert_eq!(found.iter().map(|(level, about, _)| (*level, *about)).collect::<Vec<_>>(), [(Level::Good, "node"); 2]);
    for part in
        ["0001 has acknowledged event 7 of 8", "renewed 0.4 s ago", "lease 5 s", "keyward 0.1.0", "started 2030"]
    {
        assert!(found[0].2.contains(part), "{part}: {}", found[0].2);
    }
}

#[test]
fn a_node_with_an_expired_lease_is_reported() {
    let found = findings(vec![node(1, 5_000, 5_001), node(2, 5_000, 0)]);
    assert_eq!((found[0].0, found[1].0, found.len()), (Level::Notice, Level::Good, 2));
    for part in ["0001 stopped renewing", "waits up to 6 s", "until a running node removes its row"] {
        assert!(found[0].2.contains(part), "{part}: {}", found[0].2);
    }
}

#[test]
fn the_absence_of_nodes_is_reported() {
    let found = findings(Vec::new());
    assert!(matches!(&found[..], [(Level::Notice, "nodes", text)] if text.contains("none runs")), "{found:?}");
}

#[test]
fn leases_that_differ_among_the_nodes_or_from_these_settings_are_reported() {
    let mixed = findings(vec![node(1, 2_000, 0), node(2, 5_000, 0), node(3, 2_000, 0)]);
    assert!(
        matches!(&mixed[3..], [(Level::Notice, "nodes", text)] if text.contains("leases of 2 s and 5 s")),
        "{mixed:?}"
    );
    let other = findings(vec![node(1, 2_000, 0), node(2, 2_000, 0)]);
    assert!(
        matches!(
            &other[2..],
            [(Level::Notice, "nodes", text)] if text.contains("of 2 s, and with these settings one has 5 s")
        ),
        "{other:?}"
    );
}

#[test]
fn a_database_clock_that_was_set_back_expires_no_lease() {
    assert_eq!(findings(vec![node(1, 5_000, -3_600_000)])[0].0, Level::Good);
}

#[test]
fn a_node_that_has_applied_an_event_beyond_the_last_shows_that_the_database_went_back() {
    let mut ahead = node(1, 5_000, 400);
    ahead.applied = Seq::new(9);
    let found = findings(vec![ahead]);
    assert_eq!((found[0].0, found[0].1), (Level::Wrong, "node"));
    assert!(found[0].2.contains("has applied event 9, and the last one here is 8"), "{}", found[0].2);
}

#[test]
fn a_report_of_lost_history_names_the_lost_events() {
    let noticed_at = Timestamp::from_micros(NOW).unwrap();
    let token = HistoryToken::EMBEDDED;
    let text = missing(&LostHistory { token, kept_up_to: Seq::new(13), had_up_to: Seq::new(15), noticed_at });
    assert!(text.contains("up to event 15, those after event 13 are lost"), "{text}");
}
