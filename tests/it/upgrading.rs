//! Different versions together, as `docs/upgrading.md` describes: a running node continues while the schema moves
//! ahead, and a node that does not know the schema does not start.

use crate::harness::Place;

/// A migration of a later version: it only adds.
const LATER: &str = "ALTER TABLE api_key ADD COLUMN later text;
    CREATE TABLE later (id bigint PRIMARY KEY);
    INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        SELECT 9999, description, success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_continues_while_the_schema_moves_ahead_and_no_older_one_starts() {
    let place = Place::postgres().await;
    let node = place.sandbox().serve();
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let before = partner.create(&demo.merchant, "before", &["charges:read"]).await;
    place.execute(LATER).await;

    let after = partner.create(&demo.merchant, "after", &["charges:read"]).await;
    for key in [&before, &after] {
        assert_eq!(partner.verdict(&key.value).await, "VALID");
        partner.with(&key.value).get("/v1/auth?scope=charges:read").await.expect(204);
        partner.revoke(&key.id).await.expect(204);
        partner.with(&key.value).get("/v1/auth").await.expect_problem(401, "invalid_credential");
    }
    let listed = partner.get(&format!("/v1/api-keys/{}?state=revoked", demo.merchant)).await.expect(200).json();
    assert_eq!(listed["keys"].as_array().map(Vec::len), Some(2), "{listed}");

    let folder = tempfile::tempdir().unwrap();
    let second = place.keyward_in(folder.path()).env("KEYWARD_MASTER_KEY_FILE", place.data().join("master.key"));
    let words = ["at migration 9999", "made by a newer keyward"];
    second.clone().words("serve --listen 127.0.0.1:0").run().refuses_with(&words);
    let doctor = second.words("doctor").run();
    assert!(doctor.code != Some(0) && doctor.out.contains(words[1]), "{}", doctor.output());
    assert_eq!(partner.verdict(&after.value).await, "REVOKED");
    node.stop();
}
