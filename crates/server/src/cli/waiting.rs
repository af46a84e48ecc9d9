//! Progress of a change that must be enforced on every node: which nodes it waits for, and where it is finally
//! enforced. Printed on standard error, independently of the change itself.

use std::{
    collections::BTreeSet,
    io::{self, Write as _},
    time::Duration,
};

use anyhow::Result;
use keyward_storage::{Member, Members};

use super::consent::count;
use crate::{config::Settings, node::Node};

/// How often the nodes that a change waits for are read. A change that ends earlier prints nothing.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Makes a change that waits until it is enforced, and reports progress meanwhile.
pub(super) async fn enforced<T>(
    node: &Node,
    settings: &Settings,
    change: impl Future<Output = Result<T>>,
) -> Result<T> {
    let done = tokio::select! {
        biased;
        done = change => done?,
        never = report_waiting(node, settings) => match never {},
    };
    // A failure to count the nodes does not undo the change.
    if let Ok(members) = node.access.verifier().members().await {
        print(&everywhere(members.as_ref()));
    }
    Ok(done)
}

async fn report_waiting(node: &Node, settings: &Settings) -> std::convert::Infallible {
    let mut reported = BTreeSet::new();
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        // The change itself reports an unavailable database.
        let Ok(Some(members)) = node.access.verifier().members().await else { continue };
        for member in silent(&members).filter(|member| reported.insert(member.node)) {
            print(&waits_for(member, &members, settings.verifier.terms.guard));
        }
    }
}

/// The nodes that have neither acknowledged the last change nor renewed their leases.
fn silent(members: &Members) -> impl Iterator<Item = &Member> {
    let is_late = |member: &&Member| members.database_time.since(member.renewed_at) * 2 > member.ttl;
    members.rows.iter().filter(|member| member.applied < members.head.seq()).filter(is_late)
}

fn waits_for(member: &Member, members: &Members, guard: Duration) -> String {
    format!(
        "waiting for node {}, which does not acknowledge: it renewed its lease of {} s {} s ago, and once the lease \
         ends it answers nothing from memory (up to {} s in all)",
        member.node,
        member.ttl.as_secs_f64(),
        members.database_time.since(member.renewed_at).as_secs(),
        member.ttl.saturating_add(guard).as_secs_f64(),
    )
}

/// Where the change is enforced.
fn everywhere(members: Option<&Members>) -> String {
    let Some(members) = members else { return "enforced; no server runs on this database".to_owned() };
    let has_lease = |member: &&Member| members.database_time.since(member.renewed_at) <= member.ttl;
    let running = members.rows.iter().filter(has_lease).count();
    let gone = members.rows.len() - running;
    let nodes = match running {
        0 => "enforced; no node runs".to_owned(),
        1 => "enforced on the one node that runs".to_owned(),
        several => format!("enforced on all {several} nodes"),
    };
    if gone == 0 {
        return nodes;
    }
    let gone = count(u64::try_from(gone).unwrap_or(u64::MAX), "node");
    format!("{nodes}; {gone} without a lease can answer nothing from memory")
}

/// The exit code reports the same to scripts.
fn print(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    //! Which nodes are named, and how many are counted.
    use keyward_domain::Timestamp;
    use keyward_storage::{NodeId, Seq, Snapshot};
    use uuid::Uuid;

    use super::*;

    const NOW: i64 = 1_900_000_000_000_000;

    /// Nodes with leases of 5 s: the event that each has reached, and milliseconds since its renewal.
    fn members(rows: &[(u64, i64)]) -> Members {
        let at = |ago: i64| Timestamp::from_micros(NOW - ago * 1_000).unwrap();
        let member = |(name, (applied, ago)): (u128, &(u64, i64))| Member {
            node: NodeId::from_uuid(Uuid::from_u128(name)),
            counter: 1,
            applied: Seq::new(*applied),
            ttl: Duration::from_secs(5),
            started_at: at(60_000),
            renewed_at: at(*ago),
            version: "0.1.0".to_owned(),
        };
        Members {
            rows: (0..).zip(rows).map(member).collect(),
            head: Snapshot::embedded(Seq::new(8)),
            is_marked: true,
            absent: Vec::new(),
            database_time: at(0),
        }
    }

    #[test]
    fn only_nodes_that_neither_acknowledge_nor_renew_are_named() {
        let members = members(&[(8, 4_000), (7, 900), (7, 2_600), (7, 90_000)]);
        let reports: Vec<_> = silent(&members).map(|it| waits_for(it, &members, Duration::from_secs(1))).collect();
        assert_eq!(reports.len(), 2, "{reports:?}");
        let words = ["node 00000000-0000-0000-0000-000000000002", "lease of 5 s 2 s ago", "up to 6 s in all"];
        assert!(words.iter().all(|word| reports[0].contains(word)), "{reports:?}");
    }

    #[test]
    fn nodes_are_counted_by_their_leases() {
        for (rows, expected) in [
            (&[][..], "enforced; no node runs"),
            (&[(8, 0)], "enforced on the one node that runs"),
            (&[(8, 0), (8, 5_000)], "enforced on all 2 nodes"),
            (
                &[(8, 0), (7, 5_001)],
                "enforced on the one node that runs; 1 node without a lease can answer nothing from memory",
            ),
        ] {
            assert_eq!(everywhere(Some(&members(rows))), expected);
        }
        assert!(everywhere(None).contains("no server runs"));
    }
}
