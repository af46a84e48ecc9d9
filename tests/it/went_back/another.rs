//! A node's start configuration is compared with the database again in each history.

use crate::harness::{Place, eventually};

/// Updating the installation's row creates another history, as a restore does.
const ANOTHER_HISTORY: &str = "UPDATE installation SET claimed_at = claimed_at";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_stamp_is_restored_and_a_database_of_another_key_is_left() {
    let place = Place::postgres().await;
    let node = place.sandbox().env("KEYWARD_VERIFIER__PROFILE", "quick").serve();
    let issuer = async || place.column("SELECT url FROM issuer").await;
    let stamped = issuer().await;
    assert_eq!(stamped, [node.base_url()]);
    place.execute("DELETE FROM issuer").await;
    place.execute(ANOTHER_HISTORY).await;
    eventually("the issuer is stamped again", async || issuer().await == stamped).await;

    place.execute("UPDATE master_key SET fingerprint = reverse(fingerprint)").await;
    place.execute(ANOTHER_HISTORY).await;
    let ended = node.end();
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("is not the one of this database"), "{}", ended.err);
    assert_eq!(place.column("SELECT node::text FROM node_lease").await, [""; 0], "it released its lease");
}
