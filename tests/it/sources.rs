//! Wrong credentials are counted by source: the peer of the socket, or what a configured proxy reports.

use reqwest::{
    Method,
    header::{HeaderMap, HeaderValue},
};

use crate::harness::{Answer, Client, Node, Place, Program};

fn strict(place: &Place) -> Program {
    place.sandbox().env("KEYWARD_FAILED_ATTEMPTS_PER_MINUTE", "3")
}

/// A value with only a wrong secret, so that it has to be looked up.
async fn guess(node: &Node) -> Client {
    // A key of another database: well-formed, and unknown here.
    let elsewhere = Place::embedded();
    let other = elsewhere.sandbox().serve();
    let demo = other.demo();
    other.anonymous().get("/readyz").await.expect(200);
    node.client(&demo.partner.app_secret)
}

async fn from(client: &Client, source: &str) -> Answer {
    let headers = HeaderMap::from_iter([(
        reqwest::header::HeaderName::from_static("x-forwarded-for"),
        HeaderValue::from_str(source).unwrap(),
    )]);
    client.try_send(Method::GET, "/v1/auth", None, headers).await.unwrap()
}

#[tokio::test]
async fn an_unconfigured_nearby_proxy_is_named_and_its_clients_are_separated() {
    let place = Place::embedded();
    // The doctor has to know the address of the metrics.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let node = strict(&place).env("KEYWARD_METRICS_LISTEN", &free).serve();
    let guess = guess(&node).await;
    for _ in 1..=3 {
        from(&guess, "192.0.2.1").await.expect_problem(401, "invalid_credential");
    }
    let refused = from(&guess, "192.0.2.1").await.expect_problem(429, "too_many_attempts");
    assert!(refused.header("retry-after").is_some());
    from(&guess, "192.0.2.2").await.expect_problem(401, "invalid_credential");
    // A key that is not in memory, for another client of the same gateway.
    let partner = node.client(&node.demo().partner.app_secret);
    from(&partner, "192.0.2.3").await.expect(204);
    assert!(node.metric("keyward_failures_through_unconfigured_proxies_total").await > 3.5);
    let [level, found] = doctor_on_proxies(&place.keyward().env("KEYWARD_METRICS_LISTEN", &free));
    assert!(level == "notice" && found.contains("wrong credentials came through a proxy"), "{found}");
    let log = node.stop().err;
    assert!(log.contains("127.0.0.1 sends a forwarding header and is not in trusted_proxies"), "{log}");
}

/// The doctor's finding about proxies with these settings: level and text.
fn doctor_on_proxies(program: &Program) -> [String; 2] {
    let found = program.clone().words("doctor").run().json();
    let about = |finding: &&serde_json::Value| finding["about"] == "trusted_proxies";
    let found = found.as_array().unwrap().iter().find(about).cloned().unwrap();
    ["level", "finding"].map(|name| found[name].as_str().unwrap().to_owned())
}

#[test]
fn the_doctor_reports_when_it_cannot_know_whether_a_proxy_forwards() {
    let place = Place::embedded();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let node = place.sandbox().env("KEYWARD_METRICS_LISTEN", &free).serve();
    let of = |program: Program| doctor_on_proxies(&program);
    let knows = || place.keyward().env("KEYWARD_METRICS_LISTEN", &free);
    assert_eq!(of(knows()), ["ok", "none"]);
    let [level, finding] = of(place.keyward());
    assert!(
        level == "notice" && finding.contains("unknown: metrics_listen (KEYWARD_METRICS_LISTEN) is off"),
        "{finding}"
    );
    let [level, finding] = of(place.keyward().env("KEYWARD_TRUSTED_PROXIES", "192.0.2.7"));
    assert!(level == "ok" && finding.starts_with("192.0.2.7/32; ") && finding.contains("is unknown"), "{finding}");
    node.stop();
    let [level, finding] = of(knows());
    assert!(level == "notice" && finding.contains("no server answers at metrics_listen"), "{finding}");
}
