//! A node whose role may read and write and owns nothing, as the README advises: nothing that it does needs more.

use serde_json::Value;

use crate::harness::{Place, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_read_and_write_is_enough_for_a_node() {
    let place = Place::postgres().await;
    let owner = place.sandbox().serve();
    let demo = owner.demo();
    place
        .execute(
            "DO $$ BEGIN
                IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'keyward_e2e_service') THEN
                    CREATE ROLE keyward_e2e_service LOGIN PASSWORD 'keyward_e2e_service';
                END IF;
            END $$;
            GRANT USAGE ON SCHEMA public TO keyward_e2e_service;
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO keyward_e2e_service;",
        )
        .await;
    let url = place.url().unwrap();
    let url = format!(
        "{url}{}user=keyward_e2e_service&password=keyward_e2e_service",
        if url.contains('?') { '&' } else { '?' }
    );
    let folder = tempfile::tempdir().unwrap();
    let program = || {
        let program = place.keyward_in(folder.path()).env("DATABASE_URL", &url).env("KEYWARD_AUTO_MIGRATE", "false");
        program.env("KEYWARD_MASTER_KEY_FILE", place.data().join("master.key"))
    };
    let node = program().env("KEYWARD_USAGE_FLUSH_INTERVAL", "100ms");
    let node = node.say("serve --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0").serve();

    let (partner, beside) = (node.client(&demo.partner.app_secret), owner.client(&demo.partner.app_secret));
    let key = partner.create(&demo.merchant, "Till", &[]).await;
    node.until_from_memory(async || {
        partner.with(&key.value).get("/v1/auth").await.expect(204);
    })
    .await;
    let path = format!("/v1/api-keys/{}", key.id);
    eventually("its use is written down", async || {
        partner.get(&path).await.expect(200).json()["last_used"].is_string()
    })
    .await;
    // Both ways: either waits for the other.
    partner.revoke(&key.id).await.expect(204);
    assert_eq!(beside.verdict(&key.value).await, "REVOKED");
    let other = partner.create(&demo.merchant, "Other till", &[]).await;
    assert_eq!(partner.verdict(&other.value).await, "VALID");
    beside.revoke(&other.id).await.expect(204);
    assert_eq!(partner.verdict(&other.value).await, "REVOKED");
    assert_eq!(partner.get(&format!("{path}/enforcement")).await.expect(200).json()["enforced"], Value::Bool(true));

    let findings = program().say("doctor").run().json();
    let about: Vec<_> = findings.as_array().unwrap().iter().filter(|finding| finding["about"] == "database").collect();
    assert!(about.iter().any(|finding| finding["level"] == "ok"), "{findings}");
    let trusts_too_much = |finding: &&&Value| finding["finding"].to_string().contains("role of its own");
    assert_eq!(about.iter().filter(trusts_too_much).count(), 0, "{about:?}");
    node.stop();
    owner.stop();
    place.execute("DROP OWNED BY keyward_e2e_service; DROP ROLE keyward_e2e_service;").await;
}
