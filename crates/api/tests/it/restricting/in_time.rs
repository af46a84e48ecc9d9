//! How long a call waits for other nodes, and how long it may take: in simulated time.

use async_trait::async_trait;
use keyward_domain::KeyId;
use keyward_storage::{
    Committed, Credential, Credentials, Enforcement, HistoryToken, Position, Read, Result, StorageError, Write,
    mock::MockUnitOfWork,
};

use super::{Arc, Duration, MockNodes, Seq, World, another_node, call, calls, silent};
use crate::harness::{Known, Node, Ports, Setup, Simulated};

/// The lease of every node here.
const LEASE: Duration = Duration::from_secs(2);
/// Added to it when a call waits for it to end.
const GUARD: Duration = Duration::from_secs(1);
/// Timers fire within a millisecond or two, and there are at most 20 between two reads of the list of nodes.
const CLOSE: Duration = Duration::from_millis(25);

/// Everything that a revocation needs, in memory: from here on time is simulated.
async fn prepared() -> (World, Known) {
    let world = World::new().await;
    let known = Known::of(&world).await;
    world.access.verifier().leave().await;
    tokio::time::pause();
    (world, known)
}

/// One node of several, whose commits succeed; and the clock.
async fn node(world: &World, known: &Known, nodes: MockNodes) -> (Node, Arc<Simulated>) {
    let shared = known.clone();
    let unit = move || {
        let mut unit = shared.unit();
        unit.expect_commit().returning(|| Ok(Committed { event: Some(Position::unnamed(Seq::new(1))) }));
        unit
    };
    node_of(world, known, nodes, unit).await
}

/// The same with the test's own units of work.
async fn node_of(
    world: &World,
    known: &Known,
    nodes: MockNodes,
    unit: impl Fn() -> MockUnitOfWork + Send + Sync + 'static,
) -> (Node, Arc<Simulated>) {
    let clock = Arc::new(Simulated::begin());
    let mut store = known.managing();
    store.expect_begin_as().returning(move |_| Ok(Box::new(unit())));
    let mut feed = MockNodes::new();
    feed.expect_announce().returning(|_| Ok(()));
    feed.expect_record_enforced().returning(|_, _, _, _| Ok(()));
    let ports = Ports {
        feed: Arc::new(feed),
        membership: Some(Arc::new(nodes)),
        clock: Arc::clone(&clock) as _,
        ..world.ports().behind(store)
    };
    (Node::over(ports, Setup::default()).await, clock)
}

#[track_caller]
fn assert_about(passed: Duration, expected: Duration) {
    assert!((expected..expected + CLOSE).contains(&passed), "{passed:?}");
}

#[tokio::test]
async fn a_node_is_waited_for_until_it_acknowledges_or_its_lease_and_the_guard_have_ended() {
    let (world, known) = prepared().await;
    let early = Duration::from_millis(700);
    let acknowledges_early = || {
        let begun = Simulated::begin();
        let mut nodes = MockNodes::new();
        nodes.expect_members().returning(move |_| Ok(another_node(u64::from(begun.passed() >= early))));
        nodes
    };
    // After the commit the database may be gone: then nothing more is known of the other nodes.
    let gone = || {
        let mut nodes = MockNodes::new();
        nodes.expect_members().returning(|_| Err(StorageError::Unavailable("gone".into())));
        nodes
    };
    let cases: [(&dyn Fn() -> MockNodes, Duration); 3] =
        [(&silent, LEASE + GUARD), (&gone, LEASE + GUARD), (&acknowledges_early, early)];
    for ending in &calls(&known.about) {
        for (nodes, wait) in cases {
            let (node, clock) = node(&world, &known, nodes()).await;
            assert_eq!(call(&node, &known.by, ending).await.status.as_u16(), ending.3, "{ending:?}");
            assert_about(clock.passed(), wait);
        }
    }
}

/// Two calls revoke one key: the one that finds it revoked wrote nothing itself, and still succeeds only once it is
/// enforced everywhere (R9).
#[tokio::test]
async fn a_key_that_another_call_just_revoked_is_waited_for_as_long() {
    let (world, mut known) = prepared().await;
    known.key.enforcement = Some(Enforcement { seq: Seq::new(1), enforced_at: None, token: HistoryToken::EMBEDDED });
    let [revoke, overwrite, ..] = calls(&known.about);
    for ending in [revoke, overwrite] {
        let shared = known.clone();
        let unit = move || {
            let mut unit = shared.unit_over(vec![shared.key.key.clone()], Write::Stale);
            unit.expect_commit().returning(|| Ok(Committed { event: None }));
            unit
        };
        let (node, clock) = node_of(&world, &known, silent(), unit).await;
        assert_eq!(call(&node, &known.by, &ending).await.status.as_u16(), ending.3, "{ending:?}");
        assert_about(clock.passed(), LEASE + GUARD);
    }
}

#[tokio::test]
async fn a_call_with_respond_async_does_not_wait() {
    let (world, known) = prepared().await;
    let (node, clock) = node(&world, &known, silent()).await;
    let request = node.request("DELETE", &known.about.path()).bearer(&known.by.value);
    request.header("prefer", "respond-async").send().await.empty(202);
    assert_eq!(clock.passed(), Duration::ZERO);
}

/// Never answers.
struct Stuck;

#[async_trait]
impl Credentials for Stuck {
    async fn credential(&self, _: KeyId) -> Result<Option<Read<Credential>>> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_call_that_may_wait_for_other_nodes_has_the_lease_and_six_seconds_and_others_the_setting() {
    let (world, known) = prepared().await;
    let others = [
        ("GET", known.about.path()),
        ("GET", format!("{}/enforcement", known.about.path())),
        ("POST", "/v1/api-keys".to_owned()),
        ("POST", "/v1/merchants".to_owned()),
        ("GET", "/v1/merchants/merchant_a1".to_owned()),
        ("GET", "/v1/merchants/merchant_a1/api-keys".to_owned()),
        ("POST", "/v1/verify".to_owned()),
    ];
    let long = calls(&known.about).map(|(method, path, ..)| (method, path, LEASE + Duration::from_secs(6)));
    let short = others.map(|(method, path)| (method, path, Duration::from_secs(1)));
    for (method, path, budget) in long.into_iter().chain(short) {
        let clock = Arc::new(Simulated::begin());
        let mut setup = Setup::default();
        setup.options.request_timeout = Duration::from_secs(1);
        let ports = Ports {
            credentials: Arc::new(Stuck),
            membership: Some(Arc::new(MockNodes::new())),
            clock: Arc::clone(&clock) as _,
            ..world.ports().behind(known.store())
        };
        let node = Node::over(ports, setup).await;
        let answer = node.request(method, &path).bearer(&known.by.value).send().await;
        answer.problem(504, "timeout");
        assert_about(clock.passed(), budget);
    }
}
