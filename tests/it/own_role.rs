//! A node with the role that the statements of `docs/production.md` create: the role suffices for everything the node
//! does, and allows nothing more.

use std::sync::LazyLock;

use serde_json::Value;

use crate::harness::{Page, Place, eventually};

/// A name for this run: roles belong to the whole cluster.
static ROLE: LazyLock<String> = LazyLock::new(|| format!("keyward_e2e_service_{}", std::process::id()));

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_role_of_the_page_suffices_for_a_node_and_allows_no_more() {
    let place = Place::postgres().await;
    let owner = place.sandbox().serve();
    let demo = owner.demo();
    place.attempt(&grants()).await.unwrap();
    let (url, role) = (place.url().unwrap(), ROLE.as_str());
    let url = format!("{url}{}user={role}&password={role}", if url.contains('?') { '&' } else { '?' });
    let folder = tempfile::tempdir().unwrap();
    let program = || {
        let program = place.keyward_in(folder.path()).env("DATABASE_URL", &url).env("KEYWARD_AUTO_MIGRATE", "false");
        program.env("KEYWARD_MASTER_KEY_FILE", place.data().join("master.key"))
    };
    // The start and the doctor name missing rights, as statements.
    place
        .attempt(&format!("REVOKE INSERT ON api_key FROM {role}; REVOKE SELECT ON _sqlx_migrations FROM {role}"))
        .await
        .unwrap();
    let lacking =
        [format!("GRANT INSERT ON api_key TO {role};"), format!("GRANT SELECT ON _sqlx_migrations TO {role};")];
    program().words("serve --listen 127.0.0.1:0").run().refuses_with(&[&lacking[0], &lacking[1]]);
    let doctor = program().words("doctor").run();
    assert!(lacking.iter().all(|it| doctor.out.contains(it)), "{}", doctor.out);
    place.attempt(&lacking.concat()).await.unwrap();

    let node = program().env("KEYWARD_USAGE_FLUSH_INTERVAL", "100ms");
    let node = node.words("serve --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0").serve();

    let (partner, beside) = (node.client(&demo.partner.app_secret), owner.client(&demo.partner.app_secret));
    let key = partner.create(&demo.merchant, "Till", &[]).await;
    node.until_from_memory(async || {
        partner.with(&key.value).get("/v1/auth").await.expect(204);
    })
    .await;
    let path = format!("/v1/api-keys/{}", key.id);
    eventually("its use is written", async || partner.get(&path).await.expect(200).json()["last_used"].is_string())
        .await;
    // In both directions: each waits for the other.
    partner.revoke(&key.id).await.expect(204);
    assert_eq!(beside.verdict(&key.value).await, "REVOKED");
    let other = partner.create(&demo.merchant, "Other till", &[]).await;
    assert_eq!(partner.verdict(&other.value).await, "VALID");
    beside.revoke(&other.id).await.expect(204);
    assert_eq!(partner.verdict(&other.value).await, "REVOKED");
    assert_eq!(partner.get(&format!("{path}/enforcement")).await.expect(200).json()["enforced"], Value::Bool(true));

    let findings = program().words("doctor").run().json();
    let about: Vec<_> = findings.as_array().unwrap().iter().filter(|finding| finding["about"] == "database").collect();
    assert!(about.iter().any(|finding| finding["level"] == "ok"), "{findings}");
    let trusts_too_much = |finding: &&&Value| finding["finding"].to_string().contains("role of its own");
    assert_eq!(about.iter().filter(trusts_too_much).count(), 0, "{about:?}");
    node.stop();
    // It released its lease, without the right to delete any.
    assert_eq!(place.column("SELECT node::text FROM node_lease").await.len(), 1);
    the_role_allows_no_more(&place).await;
    owner.stop();
    place.attempt(&format!("DROP OWNED BY {role}; DROP ROLE {role};")).await.unwrap();
}

/// The page's own statements, for a role of this test.
fn grants() -> String {
    let block = Page::read("docs/production.md").section("## 3. A role of the service's own").block("sql");
    for word in ["ON node_lease TO", "ON api_key TO"] {
        assert!(block.contains(word), "{word} is missing in the page's grants");
    }
    let role = ROLE.as_str();
    format!("CREATE ROLE {role} LOGIN PASSWORD '{role}';\n{}", block.replace("keyward_service", role))
}

/// The role cannot do what a service never does.
async fn the_role_allows_no_more(place: &Place) {
    for statement in [
        "UPDATE revocation_head SET seq = 0",
        "DELETE FROM revocation_head",
        "INSERT INTO revocation_event SELECT seq + 1, scope, subject, change, at FROM revocation_event",
        "UPDATE revocation_event SET seq = seq + 1",
        "DELETE FROM node_lease",
        "UPDATE node_lease SET node = gen_random_uuid()",
        "UPDATE node_lease SET ttl_ms = 1",
        "UPDATE node_lease SET secret_digest = NULL",
        "SELECT leave_node_lease(node) FROM node_lease",
        "UPDATE installation SET environment = 'production'",
        "DELETE FROM installation",
        "UPDATE master_key SET fingerprint = repeat('0', 32)",
        "DELETE FROM master_key",
        "UPDATE issuer SET url = 'https://elsewhere.test'",
        "DELETE FROM issuer",
        "UPDATE signing_key SET signs_from = signs_from",
        "UPDATE account SET change_seq = 0",
        "UPDATE account SET parent_id = NULL",
        "DELETE FROM account",
        "UPDATE api_key SET change_seq = 0",
        "UPDATE api_key SET value = 'x'",
        "UPDATE api_key SET type = type",
        "UPDATE api_key SET account_id = account_id",
        "DELETE FROM api_key",
        "DELETE FROM key_usage",
        "TRUNCATE redeemed_refresh",
        "UPDATE _sqlx_migrations SET success = false",
        "ALTER TABLE api_key DISABLE TRIGGER ALL",
        "CREATE TABLE mine (id integer)",
    ] {
        let refusal = place.attempt(&format!("SET ROLE {}; {statement}", *ROLE)).await;
        let error = refusal.expect_err(statement);
        assert!(error.contains("permission denied") || error.contains("must be owner"), "{statement}: {error}");
    }
    // Its rights allow nothing against the lease of a running node, whatever counter or secret is passed. The grants of
    // the previous version let it call the function that takes no secret.
    place.attempt(&format!("GRANT EXECUTE ON FUNCTION leave_node_lease(uuid) TO {}", *ROLE)).await.unwrap();
    for call in [
        "reap_node_lease(node, counter)",
        "leave_node_lease(node)",
        "leave_node_lease(node, node::text)",
        "leave_node_lease(node, encode(secret_digest, 'hex'))",
    ] {
        let gone = place.attempt(&format!("SET ROLE {}; SELECT {call} FROM node_lease", *ROLE)).await;
        gone.unwrap_or_else(|refused| panic!("{call}: {refused}"));
        assert_eq!(place.column("SELECT node::text FROM node_lease").await.len(), 1, "{call}");
    }
    // It may renew its own lease, and no other one: neither to hasten a revocation nor to end that lease.
    for set in ["applied = applied + 1000", "renewed_at = '-infinity'", "counter = 0"] {
        let guess = "SELECT set_config('keyward.lease_secret', gen_random_uuid()::text, false)";
        let refusal = place.attempt(&format!("SET ROLE {}; {guess}; UPDATE node_lease SET {set}", *ROLE)).await;
        let error = refusal.expect_err(set);
        assert!(error.contains("UPDATE of table node_lease is refused"), "{set}: {error}");
    }
    // It may prune old history, and never the part that it is compared with.
    let error = place.attempt(&format!("SET ROLE {}; DELETE FROM revocation_event", *ROLE)).await;
    let error = error.expect_err("all events were deleted");
    assert!(error.contains("DELETE of table revocation_event is refused"), "{error}");
    // The owner of the tables cannot do it by mistake either.
    let shortened = place.attempt("UPDATE node_lease SET ttl_ms = 1").await.expect_err("the lease was shortened");
    assert!(shortened.contains("UPDATE of table node_lease is refused"), "{shortened}");
}
