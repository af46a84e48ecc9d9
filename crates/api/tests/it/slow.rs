//! Keys whose digests are slow to check: verified once, and then as fast as any other.
//!
//! Hashing runs on the runtime's blocking threads. Here there is one, and a test that holds it sees which requests
//! pass without it.

use std::{future::Future, pin::pin, sync::mpsc};

use keyward_domain::{KeyId, SecretForm};
use keyward_storage::conformance::RawSql as _;
use keyward_storage_sqlite::testing::Raw;
use serde_json::json;
use uuid::Uuid;

use crate::harness::{Answer, Held, Node, Setup, World, absent};

fn with_one_blocking_thread(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
    runtime.unwrap().block_on(test);
}

/// Holds the one blocking thread until dropped: nothing is hashed meanwhile.
struct NoHashing {
    _until_dropped: mpsc::Sender<()>,
}

impl NoHashing {
    fn begin() -> Self {
        let (until_dropped, dropped) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || dropped.recv());
        Self { _until_dropped: until_dropped }
    }
}

/// Checks that a request cannot be answered without hashing; then returns its answer.
async fn only_with_hashing(node: &Node, request: impl Future<Output = Answer>) -> Answer {
    let held = NoHashing::begin();
    let mut waiting = pin!(request);
    tokio::select! {
        biased;
        answer = &mut waiting => panic!("nothing was hashed: {}", answer.text()),
        // Look-ups that began later complete.
        () = async { for n in 0..10 { look_up(node, n).await; } } => {}
    }
    drop(held);
    waiting.await
}

/// Looks up an absent key in the database.
async fn look_up(node: &Node, n: u128) {
    let id = KeyId::from_uuid(Uuid::from_u128(n));
    assert!(node.access.verifier().credential(id).await.unwrap().is_none());
}

fn slow() -> Setup {
    let mut setup = Setup { form: SecretForm::Argon2id, ..Setup::default() };
    setup.settings.failed_attempts_per_minute = 3;
    setup
}

async fn verify(node: &Node, by: &Held, value: &str) -> Answer {
    node.post_json(&by.value, "/v1/verify", &json!({"key": value})).await
}

#[test]
fn a_slow_digest_is_verified_once_and_remembered() {
    with_one_blocking_thread(async {
        let world = World::with(slow()).await;
        let (key, other) = (world.root("partner_a").await, world.root("partner_a").await);
        only_with_hashing(&world, world.get(&key.value, "/v1/merchants")).await.json(200);
        let held = NoHashing::begin();
        for _ in 0..2 {
            world.get(&key.value, "/v1/merchants").await.json(200);
            world.get(&key.value, "/v1/auth").await.empty(204);
            assert_eq!(verify(&world, &key, &key.value).await.json(200)["code"], "VALID");
        }
        drop(held);
        // In memory, but never verified here.
        world.get(&other.forged(), "/v1/auth").await.problem(401, "invalid_credential");
        assert!(world.remembers(&other));
        only_with_hashing(&world, world.get(&other.value, "/v1/auth")).await.empty(204);
    });
}

#[test]
fn a_verified_value_ends_with_its_key() {
    with_one_blocking_thread(async {
        let world = World::with(slow()).await;
        let by = world.root("platform").await;
        let (revoked, suspended) = (world.root("partner_a").await, world.root("merchant_b1").await);
        for key in [&by, &revoked, &suspended] {
            world.get(&key.value, "/v1/auth").await.empty(204);
        }
        world.delete(&by.value, &revoked.path()).await.empty(204);
        world.post(&by.value, "/v1/merchants/partner_b/suspend").await.json(200);
        for (key, code) in [(&revoked, "REVOKED"), (&suspended, "SUSPENDED")] {
            world.get(&key.value, "/v1/auth").await.problem(401, "invalid_credential");
            assert_eq!(verify(&world, &by, &key.value).await.json(200)["code"], code);
        }
        world.post(&by.value, "/v1/merchants/partner_b/resume").await.json(200);
        world.get(&suspended.value, "/v1/auth").await.empty(204);
    });
}

#[test]
fn a_wrong_value_for_a_verified_key_costs_answers_and_is_limited_as_for_an_absent_key() {
    with_one_blocking_thread(async {
        let world = World::with(slow()).await;
        let (owner, stranger) = (world.root("merchant_a1").await, world.root("platform").await);
        for key in [&owner, &stranger] {
            world.get(&key.value, "/v1/auth").await.empty(204);
        }
        for guess in [owner.forged(), absent()] {
            for _ in 0..3 {
                let answer = only_with_hashing(&world, verify(&world, &stranger, &guess)).await;
                assert_eq!(answer.json(200), json!({"valid": false, "code": "NOT_FOUND"}));
            }
            let held = NoHashing::begin();
            verify(&world, &stranger, &guess).await.problem(429, "too_many_attempts");
            drop(held);
            world.advance(std::time::Duration::from_mins(1));
        }
        let mut texts = Vec::new();
        for guess in [owner.forged(), absent()] {
            let request = world.request("GET", "/v1/auth").from("192.0.2.7:1").bearer(&guess);
            let answer = only_with_hashing(&world, request.send()).await;
            answer.problem(401, "invalid_credential");
            texts.push(answer.untraced());
        }
        assert_eq!(texts[0], texts[1]);
        // The right value is in memory, however many guesses there were.
        let held = NoHashing::begin();
        assert_eq!(verify(&world, &stranger, &owner.value).await.json(200)["code"], "VALID");
        world.get(&owner.value, "/v1/auth").await.empty(204);
        drop(held);
    });
}

#[test]
fn no_token_is_made_for_a_key_that_was_revoked_while_its_value_was_verified() {
    with_one_blocking_thread(async {
        let world = World::with(slow()).await;
        let (by, pair) = (world.root("platform").await, world.pair("partner_a", &[]).await);
        world.get(&by.value, "/v1/auth").await.empty(204);
        for key in [&pair.public, &pair.secret] {
            // In memory, so that it is found immediately, and never verified.
            world.access.verifier().credential(key.id.parse().unwrap()).await.unwrap().unwrap();
        }
        let held = NoHashing::begin();
        let mut waiting = pin!(world.request("POST", "/v1/oauth2/token").json(&pair.body()).send());
        tokio::select! {
            biased;
            answer = &mut waiting => panic!("nothing was hashed: {}", answer.text()),
            () = async { world.delete(&by.value, &pair.secret.path()).await.empty(204) } => {}
        }
        drop(held);
        waiting.await.problem(401, "invalid_credential");
    });
}

#[test]
fn a_digest_is_renewed_once_however_often_its_key_is_used_and_memory_takes_the_new_one() {
    with_one_blocking_thread(async {
        let world = World::new().await;
        let (key, by) = (world.root("partner_a").await, world.root("platform").await);
        let node = Node::started(world.ports(), slow()).await;
        let held = NoHashing::begin();
        for n in 0..3 {
            // Verified by the old one, which is fast.
            node.get(&key.value, "/v1/merchants").await.json(200);
            node.get(&key.value, "/v1/auth").await.empty(204);
            let checks = json!({"checks": [{"key": key.value}, {"key": key.value}]});
            node.post_json(&key.value, "/v1/verify/batch", &checks).await.json(200);
            assert_eq!(node.under_way(), 1, "{n}");
            assert!(node.remembers(&key));
        }
        // Another key's digest is separate.
        node.get(&by.value, "/v1/merchants").await.json(200);
        assert_eq!(node.under_way(), 2);
        drop(held);
        node.wait_for_background().await;
        assert!(!node.remembers(&key) && !node.remembers(&by));
        let stored = "SELECT count(id) FROM api_key WHERE digest LIKE '$argon2id$%'";
        assert_eq!(Raw::beside(world.folder.path()).number(stored).await, 2);
        only_with_hashing(&node, node.get(&key.value, "/v1/merchants")).await.json(200);
        let held = NoHashing::begin();
        node.get(&key.value, "/v1/merchants").await.json(200);
        assert_eq!(node.under_way(), 0, "the digest is current");
        drop(held);
    });
}

#[test]
fn a_digest_that_could_not_be_renewed_is_valid_and_is_retried() {
    with_one_blocking_thread(async {
        let world = World::new().await;
        let key = world.root("partner_a").await;
        let node = Node::started(world.ports(), slow()).await;
        world.store.on_the_writer("PRAGMA query_only = 1").await.unwrap();
        for _ in 0..2 {
            node.get(&key.value, "/v1/merchants").await.json(200);
            assert_eq!(node.under_way(), 1);
            node.wait_for_background().await;
        }
        world.store.on_the_writer("PRAGMA query_only = 0").await.unwrap();
        let stored = "SELECT count(id) FROM api_key WHERE digest LIKE '$argon2id$%'";
        assert_eq!(Raw::beside(world.folder.path()).number(stored).await, 0);
        node.get(&key.value, "/v1/merchants").await.json(200);
        node.wait_for_background().await;
        assert_eq!(Raw::beside(world.folder.path()).number(stored).await, 1);
    });
}

#[test]
fn guesses_of_one_source_or_account_do_not_delay_a_valid_key() {
    with_one_blocking_thread(async {
        let mut setup = slow();
        setup.settings.failed_attempts_per_minute = 600;
        setup.options.max_concurrent_requests = 512;
        let world = World::with(setup).await;
        let (owner, by) = (world.root("merchant_a1").await, world.root("platform").await);
        world.get(&by.value, "/v1/auth").await.empty(204);
        for by_account in [false, true] {
            let held = NoHashing::begin();
            let (sender, mut answers) = tokio::sync::mpsc::unbounded_channel();
            let mut tasks = tokio::task::JoinSet::new();
            let mut send = |name: &'static str, request: crate::harness::Request| {
                let sender = sender.clone();
                tasks.spawn(async move { sender.send((name, request.send().await)).unwrap() });
            };
            for n in 0..40 {
                let id = KeyId::from_uuid(Uuid::from_u128(n + 1));
                let guess = Held { id: id.to_string(), value: owner.value.clone() }.unknown();
                send(
                    "guess",
                    if by_account {
                        world.request("POST", "/v1/verify").bearer(&by.value).json(&json!({"key": guess}))
                    } else {
                        world.request("GET", "/v1/auth").from("192.0.2.7:1").bearer(&guess)
                    },
                );
            }
            for n in 0..200 {
                look_up(&world, 1_000 + n).await;
            }
            world.forget(&owner);
            send("owner", world.request("GET", "/v1/auth").from("192.0.2.8:1").bearer(&owner.value));
            for n in 0..200 {
                look_up(&world, 1_000 + n).await;
            }
            drop(held);
            let mut before = 0;
            loop {
                match answers.recv().await.unwrap() {
                    ("owner", answer) => break answer.empty(204),
                    _ => before += 1,
                }
            }
            // Two run concurrently here; one more may be granted before the owner's turn.
            assert!(before <= 4, "the owner waited for {before}");
            while tasks.join_next().await.is_some() {}
        }
    });
}

#[test]
fn an_account_that_may_verify_is_limited_before_the_work_whatever_ids_it_guesses() {
    with_one_blocking_thread(async {
        let world = World::with(slow()).await;
        let (by, good) = (world.root("platform").await, world.root("merchant_a1").await);
        world.get(&by.value, "/v1/auth").await.empty(204);
        let guess = |n: u128| {
            let id = KeyId::from_uuid(Uuid::from_u128(n));
            Held { id: id.to_string(), value: good.value.clone() }.unknown()
        };
        for n in 1..=3 {
            assert_eq!(verify(&world, &by, &guess(n)).await.json(200)["code"], "NOT_FOUND");
        }
        let held = NoHashing::begin();
        verify(&world, &by, &guess(4)).await.problem(429, "too_many_attempts");
        drop(held);
        // Another account has guessed nothing.
        let other = world.root("partner_a").await;
        assert_eq!(verify(&world, &other, &guess(4)).await.json(200)["code"], "NOT_FOUND");
        // A right value counts nothing, however often.
        for _ in 0..5 {
            world.forget(&good);
            assert_eq!(verify(&world, &other, &good.value).await.json(200)["code"], "VALID");
        }
    });
}

/// A batch is answered one check after the other, so its last check waits for all before it: batches that could not be
/// done in time are refused before anything is hashed for them.
#[test]
fn batches_that_would_wait_too_long_for_their_own_account_are_refused_immediately() {
    with_one_blocking_thread(async {
        let world = World::with(slow()).await;
        let (by, other) = (world.root("platform").await, world.root("partner_a").await);
        for key in [&by, &other] {
            world.get(&key.value, "/v1/auth").await.empty(204);
        }
        let batch = |from: u128| {
            let value =
                |n| Held { id: KeyId::from_uuid(Uuid::from_u128(n)).to_string(), value: String::new() }.unknown();
            json!({"checks": (from..from + 100).map(|n| json!({"key": value(n)})).collect::<Vec<_>>()})
        };
        let held = NoHashing::begin();
        let mut waiting = tokio::task::JoinSet::new();
        for n in 1..=12 {
            let request = world.request("POST", "/v1/verify/batch").bearer(&by.value).json(&batch(n * 100));
            waiting.spawn(request.send());
        }
        for _ in 0..10 {
            let refused = waiting.join_next().await.unwrap().unwrap();
            refused.problem(429, "too_many_requests");
            assert!(refused.header("retry-after").is_some());
        }
        // Checks that need no hashing are answered, and another account has its own queue.
        let known = json!({"checks": [{"key": by.value}, {"key": other.value}]});
        world.post_json(&by.value, "/v1/verify/batch", &known).await.json(200);
        let others = world.request("POST", "/v1/verify/batch").bearer(&other.value).json(&batch(1));
        waiting.spawn(others.send());
        for n in 0..100 {
            look_up(&world, 1_000_000 + n).await;
        }
        assert!(waiting.try_join_next().is_none());
        drop(held);
        // Three wrong values a minute are checked here.
        for answer in waiting.join_all().await {
            answer.problem(429, "too_many_attempts");
        }
        // Announced work that is done can be announced again.
        world.advance(std::time::Duration::from_mins(1));
        let again = json!({"checks": [{"key": absent()}]});
        world.post_json(&by.value, "/v1/verify/batch", &again).await.json(200);
    });
}
