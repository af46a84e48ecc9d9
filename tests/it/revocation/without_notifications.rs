//! A node that receives no notifications, as behind a pooler that lends connections (T12): it reports this, polls for
//! events, and is waited for like any other.

use keyward_testkit::pg::{Cluster, Durability, Options};

use crate::harness::{Fleet, Place, Wire, eventually};

/// Nodes, the last of which receives no notification: it drops revoked keys when it polls, later than the others, so
/// that a call that does not wait for it is detected.
pub(super) struct OneUnnotified {
    pub(super) fleet: Fleet,
    wire: Wire,
    _cluster: Cluster,
}

impl OneUnnotified {
    pub(super) async fn among(nodes: usize) -> Self {
        let cluster = Cluster::start_with(Options { durability: Durability::Fast, tcp: true }).unwrap();
        let mut fleet = Fleet::on(Place::on(&cluster.tcp_url().unwrap()).await, nodes - 1).await;
        let wire = Wire::without_notifications(fleet.place.url().unwrap()).await;
        let unnotified = fleet.add(|program| program.env("KEYWARD_DATABASE_DIRECT_URL", wire.url())).await;
        eventually("the log reports it", async || {
            let log = unnotified.output_so_far();
            log.contains("notifications of the database do not arrive") && log.contains("database_direct_url")
        })
        .await;
        Self { fleet, wire, _cluster: cluster }
    }

    pub(super) fn stop(self) {
        self.fleet.stop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_node_without_notifications_reports_it_and_so_does_the_doctor() {
    let unnotified = OneUnnotified::among(3).await;
    let (fleet, wire) = (&unnotified.fleet, &unnotified.wire);
    for node in &fleet.nodes[..2] {
        assert!(!node.output_so_far().contains("do not arrive"), "{}", node.output_so_far());
    }
    // The doctor reports it before a node is started there.
    let doctor = fleet.place.keyward().env("KEYWARD_DATABASE_DIRECT_URL", wire.url()).words("doctor").run().json();
    let found = doctor.as_array().unwrap().iter().find(|finding| finding["about"] == "notifications").unwrap();
    assert_eq!(found["level"], "notice", "{found}");
    assert!(found["finding"].as_str().unwrap().contains("database_direct_url"), "{found}");
    unnotified.stop();
}
