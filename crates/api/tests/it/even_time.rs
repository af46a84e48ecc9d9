//! An answer that hides whether something exists is sent no earlier than the end of a step of time (T19). Only the
//! minimum is tested: it holds on the slowest machine.

use std::time::Duration;

use axum::body::Body;
use http_body_util::channel::Channel;
use serde_json::json;

use crate::harness::{ID, Simulated, World};

/// The value of `http::even_time`.
const STEP: Duration = Duration::from_millis(5);

/// Sends a request and expects this status after a step.
macro_rules! takes_a_step {
    ($status:literal, $answer:expr) => {{
        let sent = Simulated::begin();
        let answer = $answer.await;
        let took = sent.passed();
        assert_eq!(answer.status.as_u16(), $status, "{}", answer.text());
        assert!(took >= STEP, "{took:?}: {}", answer.text());
    }};
}

#[tokio::test]
async fn an_answer_that_hides_something_is_sent_at_the_end_of_a_step() {
    let world = World::new().await;
    let (by, key) = (world.root("platform").await, world.root("partner_a").await);
    let foreign = world.root("merchant_b1").await;
    let dead = world.root("merchant_a1").await;
    world.delete(&by.value, &dead.path()).await.empty(204);
    let token = async |body: serde_json::Value| world.token(&body).await;
    for wrong in [key.forged(), dead.value.clone(), dead.forged(), "garbage".to_owned()] {
        takes_a_step!(401, world.get(&wrong, "/v1/auth"));
        takes_a_step!(401, world.get(&wrong, "/v1/merchants"));
        takes_a_step!(401, token(json!({"AppKey": key.id, "AppSecret": wrong})));
        takes_a_step!(401, token(json!({"refreshToken": wrong})));
        let form = |pairs: &[(&str, &str)]| world.request("POST", "/v1/oauth2/token").form(pairs).send();
        let client = [("grant_type", "client_credentials"), ("client_id", key.id.as_str()), ("client_secret", &wrong)];
        takes_a_step!(401, form(&client));
        takes_a_step!(400, form(&[("grant_type", "refresh_token"), ("refresh_token", &wrong)]));
    }
    let none = json!({"key": key.forged()});
    takes_a_step!(200, world.post_json(&by.value, "/v1/verify", &none));
    takes_a_step!(200, world.post_json(&key.value, "/v1/verify", &json!({"key": foreign.value})));
    let good = json!({"key": key.value});
    takes_a_step!(200, world.post_json(&by.value, "/v1/verify/batch", &json!({"checks": [good, none]})));
    for id in [&foreign.id, ID] {
        takes_a_step!(404, world.get(&key.value, &format!("/v1/api-keys/{id}")));
    }
    for mid in ["merchant_b1", "unknown"] {
        takes_a_step!(404, world.get(&key.value, &format!("/v1/merchants/{mid}")));
    }
}

/// A client that chose when its body ends could place the end of a step between two look-up times.
#[tokio::test]
async fn the_steps_of_a_request_begin_when_its_body_has_arrived() {
    let world = World::new().await;
    let key = world.root("partner_a").await;
    let text = json!({"AppKey": key.id, "AppSecret": key.forged()}).to_string();
    let (mut sender, body) = Channel::<bytes::Bytes>::new(1);
    let asked = world.request("POST", "/v1/oauth2/token").body("application/json", Body::new(body)).send();
    let late = async {
        let begun = Simulated::begin();
        while begun.passed() < STEP * 2 / 5 {
            tokio::task::yield_now().await;
        }
        sender.send_data(text.into()).await.unwrap();
        drop(sender);
        Simulated::begin()
    };
    let (answer, whole) = tokio::join!(asked, late);
    answer.problem(401, "invalid_credential");
    assert!(whole.passed() >= STEP, "{:?}", whole.passed());
}
