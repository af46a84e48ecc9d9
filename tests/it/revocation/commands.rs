//! The command line waits for the same enforcement: nodes that knew the key refuse it from the moment the command has
//! ended.

use serde_json::Value;

use super::without_notifications::OneUnnotified;
use crate::harness::{Fleet, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_by_a_command_is_enforced_on_every_node_when_it_ends() {
    let unnotified = OneUnnotified::among(2).await;
    let fleet = &unnotified.fleet;
    let command = |words: &str, of: &str| fleet.place.keyward().words(words).words(of).run().success();
    let partner = fleet.partner(0);
    for round in 0..3 {
        let key = partner.create(&fleet.demo.merchant, &format!("key {round}"), &[]).await;
        fleet.all_remember(&key.value).await;
        command("account suspend", &fleet.demo.merchant);
        fleet.all_return("SUSPENDED", &key.value).await;
        command("account resume", &fleet.demo.merchant);
        fleet.all_remember(&key.value).await;
        command("key revoke --yes", &key.id);
        fleet.all_return("REVOKED", &key.value).await;
        // It waits again, for nothing, and prints the same.
        command("key revoke --yes --reason compromised", &key.id);
    }
    // A key that a command creates is known in the next request.
    command("key create --type secret --name last --out last.json --mid", &fleet.demo.merchant);
    let file = std::fs::read_to_string(fleet.place.folder().join("last.json")).unwrap();
    let last: Value = serde_json::from_str(&file).unwrap();
    let last = last["value"].as_str().unwrap_or_else(|| panic!("no value among the members of last.json"));
    assert_eq!(partner.verdict(last).await, "VALID");
    fleet.all_remember(last).await;
    command("account close --yes", &fleet.demo.merchant);
    fleet.all_return("REVOKED", last).await;
    // A command answers nothing from memory: it is no member, and leaves no row.
    assert_eq!(fleet.leases().await.len(), 2);
    unnotified.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_sees_a_change_made_by_sql() {
    let fleet = Fleet::of(2).await;
    let partner = fleet.partner(0);
    let (typed, other) = (
        partner.create(&fleet.demo.merchant, "typed", &[]).await,
        partner.create(&fleet.demo.partner.mid, "other", &[]).await,
    );
    fleet.all_remember(&typed.value).await;
    fleet.all_remember(&other.value).await;
    fleet.place.execute("UPDATE account SET status = 'suspended' WHERE role = 'merchant'").await;
    for node in &fleet.nodes {
        let caller = node.client(&typed.value);
        eventually("the node refuses the key", async || caller.get("/v1/auth").await.status == 401).await;
        node.client(&other.value).get("/v1/auth").await.expect(204);
    }
    fleet.stop();
}
