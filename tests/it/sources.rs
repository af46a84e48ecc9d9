//! Wrong credentials are counted by where they come from: the socket, or what a configured proxy says of it.

use reqwest::{
    Method,
    header::{HeaderMap, HeaderValue},
};

use crate::harness::{Answer, Client, Node, Place, Program};

fn strict(place: &Place) -> Program {
    place.sandbox().env("KEYWARD_FAILED_ATTEMPTS_PER_MINUTE", "3")
}

/// A value of which only the secret is wrong, so that it has to be looked up.
async fn guess(node: &Node) -> Client {
    // A key of a place that is gone: well-formed, and unknown here.
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
async fn without_a_configured_proxy_the_socket_counts_whatever_a_header_says() {
    let place = Place::embedded();
    let node = strict(&place).serve();
    let guess = guess(&node).await;
    for attempt in 1..=3 {
        from(&guess, &format!("192.0.2.{attempt}")).await.expect_problem(401, "invalid_credential");
    }
    let refused = from(&guess, "192.0.2.4").await.expect_problem(429, "too_many_attempts");
    assert!(refused.header("retry-after").is_some());
    node.stop();
}

#[tokio::test]
async fn a_configured_proxy_is_believed_and_one_source_does_not_lock_out_another() {
    let place = Place::embedded();
    let node = strict(&place).env("KEYWARD_TRUSTED_PROXIES", "127.0.0.0/8, ::1").serve();
    let guess = guess(&node).await;
    for _ in 1..=3 {
        from(&guess, "192.0.2.1").await.expect_problem(401, "invalid_credential");
    }
    from(&guess, "192.0.2.1").await.expect_problem(429, "too_many_attempts");
    // What the client itself wrote before the proxy's own word is not believed.
    from(&guess, "192.0.2.9, 192.0.2.1").await.expect_problem(429, "too_many_attempts");
    from(&guess, "192.0.2.2").await.expect_problem(401, "invalid_credential");
    let partner = node.client(&node.demo().partner.app_secret);
    from(&partner, "192.0.2.2").await.expect(204);
    node.stop();
}
