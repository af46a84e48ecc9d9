//! The doctor's report about nodes: which exist, how far each has got, and what is wrong.

use serde_json::Value;

use crate::harness::{Fleet, Place, eventually};

/// Findings about this: level and text.
pub(crate) fn found(place: &Place, about: &str) -> Vec<(String, String)> {
    let findings = place.keyward().env("KEYWARD_VERIFIER__PROFILE", "quick").words("doctor").run().json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = findings.as_array().unwrap().iter().filter(|finding| finding["about"] == about);
    findings.map(|finding| (text(&finding["level"]), text(&finding["finding"]))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_lists_the_nodes_with_their_last_acknowledgement() {
    let fleet = Fleet::of(2).await;
    let partner = fleet.partner(0);
    let key = partner.create(&fleet.demo.merchant, "Till", &[]).await;
    let seq = partner.revoke(&key.id).await.expect(204).header("revocation-seq").unwrap().to_owned();
    let (nodes, names) = (found(&fleet.place, "node"), fleet.leases().await);
    assert_eq!(nodes.len(), 2, "{nodes:?}");
    for (name, (level, text)) in names.iter().zip(&nodes) {
        assert_eq!(level, "ok", "{text}");
        let version = concat!("keyward ", env!("CARGO_PKG_VERSION"));
        for part in [name, &format!("has acknowledged event {seq} of {seq}"), "lease 2 s", version] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    assert!(found(&fleet.place, "nodes").is_empty());
    // The throwaway database has only a superuser, and is not durable.
    let database = found(&fleet.place, "database");
    let warnings: Vec<_> =
        database.iter().filter(|(level, _)| level == "notice").map(|(_, text)| text.as_str()).collect();
    assert!(warnings.iter().any(|text| text.contains("a superuser")), "{database:?}");
    assert!(warnings.iter().any(|text| text.contains("fsync off")), "{database:?}");
    assert!(matches!(&found(&fleet.place, "notifications")[..], [(level, _)] if level == "ok"));
    let Fleet { place, nodes, .. } = fleet;
    for node in nodes {
        node.stop();
    }
    let none = found(&place, "nodes");
    assert!(matches!(&none[..], [(level, text)] if level == "notice" && text.contains("none runs")), "{none:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_problem_of_the_database_is_reported_when_a_server_starts_and_by_no_other_command() {
    let place = Place::postgres().await;
    let node = place.sandbox().serve();
    assert_eq!(node.output_so_far().matches("knows us as a superuser").count(), 1, "{}", node.output_so_far());
    let merchant = node.demo().merchant;
    for words in ["account list", "migrate", &format!("account suspend {merchant}"), "signing-key rotate"] {
        let log = place.keyward().words(words).run().success().err;
        assert!(!log.contains("superuser"), "{words}: {log}");
    }
    node.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_reports_leases_of_different_length() {
    let mut fleet = Fleet::of(1).await;
    let other = fleet.add(|program| program.env("KEYWARD_VERIFIER__PROFILE", "default")).await;
    let warning = "not all nodes have the same lease time";
    eventually("the node reports it", async || other.output_so_far().contains(warning)).await;
    let nodes = found(&fleet.place, "nodes");
    assert!(matches!(&nodes[..], [(level, text)] if level == "notice" && text.contains("2 s and 5 s")), "{nodes:?}");
    fleet.stop();
}

#[tokio::test]
async fn the_doctor_reports_that_one_process_has_the_embedded_database() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let nodes = found(&place, "nodes");
    assert!(matches!(&nodes[..], [(level, text)] if level == "ok" && text.contains("one process")), "{nodes:?}");
    assert!(found(&place, "node").is_empty() && found(&place, "notifications").is_empty());
    node.stop();
}
