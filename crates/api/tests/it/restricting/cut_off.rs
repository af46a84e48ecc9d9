//! The process ends while a change waits for other nodes.

use std::sync::Arc;

use tokio::sync::Notify;

use super::{MockNodes, World, another_node, call, calls};
use crate::harness::{Node, Ports, Setup};

#[tokio::test]
async fn a_call_that_waits_when_the_process_ends_reports_an_unknown_outcome_and_may_be_repeated() {
    for n in 0..4 {
        let world = World::new().await;
        let by = world.root("platform").await;
        let pair = world.pair("merchant_a1", &["merchants:read"]).await;
        let listed = Arc::new(Notify::new());
        let hint = Arc::clone(&listed);
        let mut silent = MockNodes::new();
        silent.expect_members().returning(move |_| {
            hint.notify_one();
            Ok(another_node(0))
        });
        let node = Node::over(Ports { membership: Some(Arc::new(silent)), ..world.ports() }, Setup::default()).await;
        let ending = &calls(&pair.secret)[n];
        let stop = async {
            listed.notified().await;
            node.access.verifier().end();
        };
        let (answer, ()) = tokio::join!(call(&node, &by, ending), stop);
        answer.problem(503, "outcome_unknown");
        assert_eq!(answer.header("retry-after"), Some("1"));
        // It is committed, and not reported as enforced.
        node.get(&pair.secret.value, "/v1/merchants").await.problem(401, "invalid_credential");
        let enforcement = node.get(&by.value, &format!("{}/enforcement", pair.secret.path())).await.json(200);
        assert_eq!(enforcement["enforced"], false);
        if ending.3 == 201 {
            // A repeated overwrite creates another pair; it does not wait for what it replaced last time.
            continue;
        }
        // A later call does not report it as enforced either.
        call(&node, &by, ending).await.problem(503, "outcome_unknown");
        // On another node, after all nodes have received it, the repeated call waits again, and then it is known.
        let mut awake = MockNodes::new();
        awake.expect_members().once().returning(|_| Ok(another_node(100)));
        let after = Node::over(Ports { membership: Some(Arc::new(awake)), ..world.ports() }, Setup::default()).await;
        for _ in 0..2 {
            assert_eq!(call(&after, &by, ending).await.status.as_u16(), ending.3);
            after.wait_for_background().await;
        }
    }
}

#[tokio::test]
async fn a_change_known_to_be_enforced_is_not_waited_for_again() {
    let world = World::new().await;
    let by = world.root("platform").await;
    let pair = world.pair("merchant_a1", &[]).await;
    // The first time on a node that knows no others.
    for ending in &calls(&pair.secret) {
        assert_eq!(call(&world, &by, ending).await.status.as_u16(), ending.3);
        world.wait_for_background().await;
        if ending.1.ends_with("api-keys") {
            continue;
        }
        // A node that never saw the database checks once whether its history was waited out (R18). A second list
        // panics.
        let mut nodes = MockNodes::new();
        nodes.expect_members().once().returning(|_| Ok(another_node(100)));
        let alone = Ports { membership: Some(Arc::new(nodes)), ..world.ports() };
        let node = Node::over(alone, Setup::default()).await;
        assert_eq!(call(&node, &by, ending).await.status.as_u16(), ending.3, "{ending:?}");
    }
}
