//! A commit that succeeded while the events cannot be read.

use keyward_storage::{
    StorageError,
    mock::{MockNodes, MockUnitOfWork},
};

use super::{Arc, call, calls};
use crate::harness::{Course, Feeding, Known, Node, Ports, Setup, World};

#[tokio::test]
async fn a_committed_revocation_is_enforced_even_if_its_event_cannot_be_read() {
    for n in 0..4 {
        let world = World::new().await;
        let by = world.root("platform").await;
        let pair = world.pair("merchant_a1", &["merchants:read"]).await;
        let stranger = world.root("partner_b").await;
        let feed = Feeding::over(world.ports().feed);
        let node = Node::started(Ports { feed: feed.clone() as _, ..world.ports() }, Setup::default()).await;
        for key in [&by, &pair.secret, &stranger] {
            node.get(&key.value, "/v1/merchants").await.json(200);
            assert!(node.remembers(key));
        }
        feed.reading.send_replace(Course::Fails);
        let ending = &calls(&pair.secret)[n];
        assert_eq!(call(&node, &by, ending).await.status.as_u16(), ending.3, "{ending:?}");
        // Other changes are unknown: nothing in memory is trusted.
        assert_eq!(node.access.verifier().size().keys, 0, "{ending:?}");
        node.get(&pair.secret.value, "/v1/merchants").await.problem(401, "invalid_credential");
        node.get(&stranger.value, "/v1/merchants").await.json(200);
        feed.reading.send_replace(Course::Well);
        node.get(&pair.secret.value, "/v1/merchants").await.problem(401, "invalid_credential");
    }
}

#[tokio::test]
async fn a_feed_that_always_fails_still_ends_the_key() {
    let world = World::new().await;
    let (by, key) = (world.root("platform").await, world.root("merchant_a1").await);
    let gone = || StorageError::Unavailable("gone".into());
    let mut feed = MockNodes::new();
    let head = world.ports().feed.head().await.unwrap();
    feed.expect_head().returning(move || Ok(head.clone()));
    feed.expect_events_after().returning(move |_, _| Err(gone()));
    feed.expect_record_enforced().returning(move |_, _, _, _| Err(gone()));
    let node = Node::started(Ports { feed: Arc::new(feed), ..world.ports() }, Setup::default()).await;
    node.get(&key.value, "/v1/merchants").await.json(200);
    for _ in 0..2 {
        node.delete(&by.value, &key.path()).await.empty(204);
        node.get(&key.value, "/v1/merchants").await.problem(401, "invalid_credential");
    }
}

#[tokio::test]
async fn a_commit_that_ends_in_a_panic_is_reported_as_unknown_and_not_as_undone() {
    let world = World::new().await;
    let known = Known::of(&world).await;
    for call in &calls(&known.about)[..1] {
        let shared = known.clone();
        let mut store = known.managing();
        store.expect_begin_as().returning(move |_| {
            let mut unit: MockUnitOfWork = shared.unit();
            unit.expect_commit().returning(|| panic!("a defect, planted by a test"));
            Ok(Box::new(unit))
        });
        let node = Node::over(world.ports().behind(store), Setup::default()).await;
        super::call(&node, &known.by, call).await.problem(503, "outcome_unknown");
    }
}
