//! Requests that were authenticated before a revoke and would commit after its answer: a body that arrives late, and a
//! node that is frozen between a statement and its commit. Nothing that the key authorized exists afterwards.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{Client, Fleet, Issued, Node, Raw, eventually};

/// Each call with a body that creates something, by a key that may create it.
fn calls(mid: &str) -> [(String, Value); 3] {
    [
        ("/v1/api-keys".to_owned(), Client::new_key(mid, "held", &[])),
        (format!("/v1/merchants/{mid}/api-keys"), json!({ "name": "held" })),
        ("/v1/merchants".to_owned(), json!({ "name": "held" })),
    ]
}

/// A call whose head the node has accepted: it requests the body.
async fn parked(node: &Node, credential: &str, path: &str, body: &str) -> Raw {
    let mut raw = Raw::connect(node.address()).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {credential}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
        body.len()
    );
    raw.send(&head).await;
    let answer = raw.read_until("\r\n\r\n").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 100 "), "{answer}");
    raw
}

/// The status and the rest of the answer to the body.
async fn answer(mut raw: Raw, body: &str) -> String {
    raw.send(body).await;
    raw.read_until("\r\n\r\n").await.expect("an answer")
}

/// Parks each call at one node, revokes its key at another (or the same), and sends the bodies.
async fn late_bodies_are_refused(at: &Node, elsewhere: &Client, by: &Client, own: &str, below: &str) {
    // A valid credential stays valid, however late the body arrives.
    for (path, body) in calls(below) {
        let good = by.create(own, "good", &["api-keys:*", "merchants:*"]).await;
        let raw = parked(at, &good.value, &path, &body.to_string()).await;
        let answer = answer(raw, &body.to_string()).await;
        assert!(answer.starts_with("HTTP/1.1 201 "), "{path}: {answer}");
    }
    let stolen = by.create(own, "stolen", &["api-keys:*", "merchants:*"]).await;
    let mut late = Vec::new();
    for (path, body) in calls(below) {
        late.push((parked(at, &stolen.value, &path, &body.to_string()).await, path, body));
    }
    elsewhere.delete(&format!("/v1/api-keys/{}?reason=compromised", stolen.id)).await.expect(204);
    for (raw, path, body) in late {
        let answer = answer(raw, &body.to_string()).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{path}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_arrives_after_the_revoke_creates_nothing() {
    let fleet = Fleet::of(2).await;
    let platform = |node: usize| fleet.nodes[node].client(&fleet.demo.platform.app_secret);
    let (own, below) = (&fleet.demo.partner.mid, &fleet.demo.merchant);
    for (at, elsewhere) in [(0, 0), (1, 0)] {
        let by = platform(elsewhere);
        late_bodies_are_refused(&fleet.nodes[at], &by, &by, own, below).await;
    }
    fleet.stop();
}

/// Delays every insert with this name after its statement, while another session has this lock.
const HOLD: &str = "
    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS $$
    BEGIN
        PERFORM pg_advisory_lock_shared(8), pg_advisory_unlock_shared(8);
        RETURN NULL;
    END;
    $$;
    CREATE TRIGGER hold AFTER INSERT ON api_key FOR EACH ROW WHEN (NEW.name = 'held') EXECUTE FUNCTION hold();
    CREATE TRIGGER hold AFTER INSERT ON account FOR EACH ROW WHEN (NEW.name = 'held') EXECUTE FUNCTION hold();";

const HELD: &str = "SELECT l.pid::text FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.objid = 8 AND NOT l.granted";
const MADE: &str = "SELECT id::text FROM api_key WHERE name = 'held' UNION ALL
    SELECT id::text FROM account WHERE name = 'held'";

/// Begins the call at the node, and freezes the node when its statement is done and its transaction is open.
async fn open_transaction(fleet: &Fleet, node: &Node, key: &Issued, (path, body): &(String, Value)) -> JoinSet<u16> {
    let hold = fleet.place.session("SELECT pg_advisory_lock(8)").await;
    let (client, path, body) = (node.client(&key.value), path.clone(), body.clone());
    let mut call = JoinSet::new();
    call.spawn(async move { client.post(&path, &body).await.status });
    eventually("its statement is held", async || !fleet.place.column(HELD).await.is_empty()).await;
    node.freeze();
    hold.end().await;
    eventually("its transaction is open or over", async || fleet.place.column(HELD).await.is_empty()).await;
    call
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_frozen_before_its_commit_for_longer_than_its_lease_commits_nothing_afterwards() {
    let fleet = Fleet::of(2).await;
    fleet.place.execute(HOLD).await;
    let platform = fleet.nodes[0].client(&fleet.demo.platform.app_secret);
    let (own, below) = (&fleet.demo.partner.mid, &fleet.demo.merchant);
    for call in calls(below) {
        let stolen = platform.create(own, "stolen", &["api-keys:*", "merchants:*"]).await;
        let node = &fleet.nodes[1];
        node.until_from_memory(async || {
            node.client(&stolen.value).get("/v1/auth").await.expect(204);
        })
        .await;
        let mut late = open_transaction(&fleet, node, &stolen, &call).await;
        // The lease of the frozen node has to expire first.
        platform.revoke(&stolen.id).await.expect(204);
        assert_eq!(fleet.place.column(MADE).await, [""; 0], "{}: nothing was committed before", call.0);
        node.thaw();
        let status = late.join_next().await.unwrap().unwrap();
        assert!(matches!(status, 401 | 503), "{}: {status}", call.0);
        assert_eq!(fleet.place.column(MADE).await, [""; 0], "{}", call.0);
        node.client(&stolen.value).get("/v1/auth").await.expect(401);
        let kept = platform.create(own, "kept", &[]).await;
        fleet.all_remember(&kept.value).await;
    }
    fleet.stop();
}
