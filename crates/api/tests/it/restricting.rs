//! Restricting calls: each answers once its change is enforced on every node, within its time budget, whatever happens
//! to its client.

use std::{future::poll_fn, pin::Pin, sync::Arc, task::Poll, time::Duration};

use keyward_storage::{Member, Members, NodeId, Seq, Snapshot, mock::MockNodes};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Answer, Held, Node, START, World};

mod cut_off;
mod hung_up;
mod in_time;
mod unread;

/// Each call that ends this key of `merchant_a1`: method, path, body, and the status of success.
fn calls(key: &Held) -> [(&'static str, String, Value, u16); 4] {
    let merchant = |verb: &str| format!("/v1/merchants/merchant_a1/{verb}");
    let overwrite = json!({"name": "Planted pair", "overwriteExistingKey": true});
    [
        ("DELETE", key.path(), Value::Null, 204),
        ("POST", merchant("api-keys"), overwrite, 201),
        ("POST", merchant("suspend"), Value::Null, 200),
        ("POST", merchant("close"), Value::Null, 200),
    ]
}

async fn call(node: &Node, by: &Held, (method, path, body, _): &(&str, String, Value, u16)) -> Answer {
    let request = node.request(method, path).bearer(&by.value);
    if body.is_null() { request.send().await } else { request.json(body).send().await }
}

/// The list of members: one other node, which has applied events up to this one.
fn another_node(applied: u64) -> Members {
    let time = START.parse().unwrap();
    let row = Member {
        node: NodeId::from_uuid(Uuid::from_u128(7)),
        counter: 1,
        applied: Seq::new(applied),
        ttl: Duration::from_secs(2),
        started_at: time,
        renewed_at: time,
        version: String::new(),
    };
    // Marked: no test here concerns a database that went back.
    let head = Snapshot::embedded(Seq::new(applied.max(1)));
    Members { rows: vec![row], head, is_marked: true, absent: Vec::new(), database_time: time }
}

/// Members, one of which never acknowledges anything.
fn silent() -> MockNodes {
    let mut nodes = MockNodes::new();
    nodes.expect_members().returning(|_| Ok(another_node(0)));
    nodes
}
