//! Metrics: on their own address, by route template, with no label that names a client, a key or an account.

mod documented;
mod observability;

use keyward_testkit::http;

use crate::harness::{Place, eventually, on_both};
use documented::{promtool_finds_nothing_wrong, the_metrics_are_those_of_the_documentation};

on_both!(
    requests_are_counted_by_template_and_no_client_is_named,
    memory_lease_and_barrier_are_measured,
    the_metrics_are_those_of_the_documentation,
    promtool_finds_nothing_wrong,
);

async fn requests_are_counted_by_template_and_no_client_is_named(place: Place) {
    let node = place.sandbox().words("--metrics-listen 127.0.0.1:0").serve();
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let key = partner.create(&demo.merchant, "Till", &[]).await;
    for _ in 0..3 {
        partner.get(&format!("/v1/api-keys/{}", key.id)).await.expect(200);
    }
    partner.get("/v1/api-keys/no-such-mid").await.expect_problem(404, "account_not_found");
    partner.get("/v1/no-such-route").await.expect_problem(404, "not_found");
    node.client("garbage").get("/v1/merchants").await.expect_problem(401, "invalid_credential");

    let page = node.metrics().get("/metrics").await.expect(200);
    assert!(page.header("content-type").is_some_and(|it| it.starts_with("text/plain")));
    let counted = |line: &str| {
        let (labels, count) = line.rsplit_once(' ').unwrap();
        page.text.lines().any(|it| {
            it.starts_with("keyward_http_requests_total{")
                && it.ends_with(&format!(" {count}"))
                && labels.split(',').all(|label| it.contains(label))
        })
    };
    for line in [
        r#"method="GET",route="/v1/api-keys/{id}",status="200" 3"#,
        r#"method="GET",route="/v1/api-keys/{id}",status="404" 1"#,
        r#"method="POST",route="/v1/api-keys",status="201" 1"#,
        r#"route="unmatched",status="404" 1"#,
        r#"route="/v1/merchants",status="401" 1"#,
    ] {
        assert!(counted(line), "{line} is not in:\n{}", page.text);
    }
    for name in [
        "keyward_build_info",
        "keyward_ready 1",
        "keyward_http_request_duration_seconds_bucket",
        "keyward_problems_total",
    ] {
        assert!(page.text.contains(name), "{name} is not in:\n{}", page.text);
    }
    for id in [
        &key.id,
        &key.id["key_".len()..].to_owned(),
        &demo.merchant,
        &demo.partner.mid,
        &key.value,
        &"no-such-mid".to_owned(),
    ] {
        assert!(!page.text.contains(id.as_str()), "{id} is in the metrics");
    }
    node.anonymous().get("/metrics").await.expect_problem(404, "not_found");
    // That address serves only metrics.
    node.metrics().get("/v1/merchants").await.expect(404);
    node.metrics().get("/healthz").await.expect(404);
    node.stop();
}

async fn memory_lease_and_barrier_are_measured(place: Place) {
    let node = place.sandbox().words("--metrics-listen 127.0.0.1:0").serve();
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let key = partner.create(&demo.merchant, "Till", &[]).await;
    let caller = partner.with(&key.value);
    node.until_from_memory(async || {
        caller.get("/v1/auth").await.expect(204);
    })
    .await;
    assert!(node.metric("keyward_cache_fills_total").await >= 1.0);
    assert_eq!(partner.verdict("garbage").await, "NOT_FOUND");
    partner.revoke(&key.id).await.expect(204);
    caller.get("/v1/auth").await.expect(401);
    assert_eq!(partner.verdict(&key.value).await, "REVOKED");
    // Tried by the fast path first, and counted once.
    let http = http::client(http::LIMIT).unwrap();
    let other_scheme = http.get(format!("{}/v1/auth", node.base_url())).basic_auth("who", Some("ever"));
    assert_eq!(other_scheme.send().await.unwrap().status(), 401);

    let page = node.metrics().get("/metrics").await.expect(200).text;
    for line in ["keyward_denials_total{code=\"REVOKED\"} 2", "keyward_denials_total{code=\"NOT_FOUND\"} 2"] {
        assert!(page.contains(line), "{line} is not in:\n{page}");
    }
    // These are set when the lease is renewed, or periodically where there is none.
    eventually("memory is measured", async || node.metric("keyward_cache_bytes").await > 0.0).await;
    if !place.is_embedded() {
        assert!(node.metric("keyward_barrier_seconds_count").await >= 1.0, "{page}");
        eventually("the lease is measured", async || node.metric("keyward_lease_seconds").await > 0.0).await;
        eventually("all was applied", async || {
            let page = node.metrics().get("/metrics").await.expect(200).text;
            page.lines().any(|line| line == "keyward_events_behind 0")
        })
        .await;
    }
    node.stop();
}
