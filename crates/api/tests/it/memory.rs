//! Keys in memory: valid until the answer of the call that ends them, and different from others only in speed.

use serde_json::Value;

use crate::harness::{Answer, Held, Node};

mod alike;
mod expiry;
mod lease;
mod outage;
mod revoked;
mod unknown;
mod work;

/// Checks this key for a caller.
async fn verify(node: &Node, by: &Held, check: &Value) -> Answer {
    node.post_json(&by.value, "/v1/verify", check).await
}
