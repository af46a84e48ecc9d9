//! When a key was last used: a written time stays, whatever happens to the node. A clean stop writes the rest
//! (`stopping`).

use serde_json::Value;

use crate::harness::{Place, eventually, on_both};

on_both!(a_flushed_use_survives_a_kill);

async fn a_flushed_use_survives_a_kill(place: Place) {
    let node = place.sandbox().env("KEYWARD_USAGE_FLUSH_INTERVAL", "100ms").serve();
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let key = partner.create(&demo.merchant, "used", &[]).await;
    let path = format!("/v1/api-keys/{}", key.id);
    partner.with(&key.value).get("/v1/auth").await.expect(204);
    let mut flushed = Value::Null;
    eventually("it is written", async || {
        flushed = partner.get(&path).await.expect(200).json()["last_used"].clone();
        flushed.is_string()
    })
    .await;
    node.kill();

    // It writes nothing more of its own.
    let node = place.sandbox().env("KEYWARD_USAGE_FLUSH_INTERVAL", "12h").serve();
    let found = node.client(&demo.partner.app_secret).get(&path).await.expect(200).json();
    assert_eq!(found["last_used"], flushed);
    node.stop();
}
