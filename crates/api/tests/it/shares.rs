//! Places for requests: no caller takes all of them, and a call that stops an account never waits for it.

use std::time::Duration;

use http_body_util::BodyExt as _;
use keyward_storage::shortcuts::StoreShortcuts as _;
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinSet};
use tower::ServiceExt as _;

use crate::harness::{Answer, Held, Request, Setup, World, stuck};

/// Places for `maximum` requests of each kind. The service waits for a body as long as the test runs.
async fn room_for(maximum: usize) -> World {
    let mut setup = Setup::default();
    setup.options.max_concurrent_requests = maximum;
    setup.options.body_read_timeout = Duration::from_hours(1);
    setup.options.request_timeout = Duration::from_hours(1);
    World::with(setup).await
}

fn pair(world: &World, by: &Held, name: &str) -> Request {
    let body = json!({"name": name, "scopes": []});
    world.request("POST", "/v1/merchants/merchant_a1/api-keys").bearer(&by.value).json(&body)
}

/// Pending requests, each with a name for its answer.
struct Flood {
    tasks: JoinSet<()>,
    sender: mpsc::UnboundedSender<(&'static str, Answer)>,
    answers: mpsc::UnboundedReceiver<(&'static str, Answer)>,
}

impl Flood {
    fn new() -> Self {
        let (sender, answers) = mpsc::unbounded_channel();
        Self { tasks: JoinSet::new(), sender, answers }
    }

    fn send(&mut self, name: &'static str, request: Request) {
        let sender = self.sender.clone();
        self.tasks.spawn(async move {
            let answer = request.send().await;
            sender.send((name, answer)).unwrap();
        });
    }

    /// The next answer.
    async fn next(&mut self) -> (&'static str, Answer) {
        self.answers.recv().await.unwrap()
    }

    /// Waits for the answer to `stop`. Returns how many requests before it created something.
    async fn until_stopped(&mut self) -> u32 {
        let mut made = 0;
        loop {
            match self.next().await {
                ("stop", answer) => {
                    assert!(answer.status.is_success(), "{}", answer.text());
                    return made;
                }
                (_, answer) if answer.status == 201 => made += 1,
                // Too many, or too late.
                (_, answer) => assert!([401, 409, 429].contains(&answer.status.as_u16()), "{}", answer.text()),
            }
        }
    }

    /// All remaining answers.
    async fn rest(mut self) -> Vec<(&'static str, Answer)> {
        let mut all = Vec::new();
        while self.tasks.join_next().await.is_some() {}
        while let Ok(one) = self.answers.try_recv() {
            all.push(one);
        }
        all
    }
}

/// Waits until all tasks that can progress without the test have done so.
async fn quiet(world: &World, by: &Held) {
    // Each of these passes through memory, the queues and a reader of the database.
    for _ in 0..50 {
        world.get(&by.value, "/v1/merchants/merchant_a1").await;
    }
}

#[tokio::test]
async fn a_stop_never_queues_behind_its_account_and_too_many_parallel_calls_are_refused() {
    for stop in ["suspend", "close", "revoke"] {
        let world = World::new().await;
        let (partner, merchant) = (world.root("partner_a").await, world.root("merchant_a1").await);
        let second = world.root("merchant_a1").await;
        for key in [&partner, &merchant, &second] {
            world.get(&key.value, "/v1/merchants").await.json(200);
        }
        // This one is the only writer while it is open.
        let held = world.store.begin().await.unwrap();
        let mut flood = Flood::new();
        for _ in 0..40 {
            flood.send("pair", pair(&world, &merchant, "flood"));
        }
        let (name, refused) = flood.next().await;
        assert_eq!(name, "pair");
        refused.problem(429, "too_many_requests");
        quiet(&world, &partner).await;
        let path = format!("/v1/merchants/merchant_a1/{stop}");
        let request = if stop == "revoke" {
            // With another key of the same account.
            world.request("DELETE", &merchant.path()).bearer(&second.value)
        } else {
            world.request("POST", &path).bearer(&partner.value)
        };
        flood.send("stop", request);
        quiet(&world, &partner).await;
        drop(held);
        let made = flood.until_stopped().await;
        // The one that was in progress, and those created while the stop spread to all nodes.
        assert!(made <= 8, "{stop} waited for {made}");
        drop(flood.rest().await);
    }
}

#[tokio::test]
async fn a_flood_of_new_keys_and_merchants_does_not_delay_a_suspension() {
    let world = room_for(512).await;
    let (platform, partner) = (world.root("platform").await, world.root("partner_a").await);
    for key in [&platform, &partner] {
        world.get(&key.value, "/v1/merchants").await.json(200);
    }
    let held = world.store.begin().await.unwrap();
    let mut flood = Flood::new();
    for n in 0..250 {
        let (path, body) = if n % 2 == 0 {
            ("/v1/api-keys", json!({"mid": "partner_a", "name": "flood", "type": "public"}))
        } else {
            ("/v1/merchants", json!({"name": "flood"}))
        };
        flood.send("flood", world.request("POST", path).bearer(&partner.value).json(&body));
    }
    quiet(&world, &platform).await;
    flood.send("stop", world.request("POST", "/v1/merchants/partner_a/suspend").bearer(&platform.value));
    quiet(&world, &platform).await;
    drop(held);
    let made = flood.until_stopped().await;
    assert!(made <= 40, "the suspension waited for {made}");
    drop(flood.rest().await);
}

/// A request whose body never arrives.
fn parked(world: &World, path: &str, by: Option<&Held>, from: &str) -> Request {
    let mut request = world.request("POST", path).from(from).body("application/json", stuck(b"{"));
    if let Some(by) = by {
        request = request.bearer(&by.value);
    }
    request
}

#[tokio::test]
async fn bodies_that_never_arrive_take_only_the_places_of_their_source_or_account() {
    let world = room_for(16).await;
    let (by, other) = (world.root("partner_a").await, world.root("partner_b").await);
    let pair = world.pair("merchant_b1", &[]).await;
    for key in [&by, &other] {
        world.get(&key.value, "/v1/merchants").await.json(200);
    }
    let mut flood = Flood::new();
    for n in 0..40 {
        flood.send("token", parked(&world, "/v1/oauth2/token", None, "192.0.2.1:1"));
        // From many addresses: the account counts.
        let from = format!("198.51.100.{n}:1");
        flood.send("key", parked(&world, "/v1/api-keys", Some(&by), &from));
        flood.send("check", parked(&world, "/v1/verify", Some(&by), &from));
    }
    let asked_for = pair.body();
    for _ in 0..3 {
        // Only callers for which there is no place are refused.
        let (_, answer) = flood.next().await;
        answer.problem(429, "too_many_requests");
    }
    for _ in 0..20 {
        let token = world.request("POST", "/v1/oauth2/token").from("192.0.2.2:1").json(&asked_for).send().await;
        token.json(200);
        world.get(&other.value, "/v1/merchants").await.json(200);
        let body = json!({"mid": "partner_b", "name": "x", "type": "public"});
        // Also from the source of the flood.
        let request = world.request("POST", "/v1/api-keys").from("198.51.100.1:2").bearer(&other.value);
        request.json(&body).send().await.json(201);
        world
            .post_json(&other.value, "/v1/verify", &json!({"key": other.value, "extra": 1}))
            .await
            .problem(400, "unknown_condition");
    }
}

/// A partner may create any number of merchants, and each is an account of its own.
#[tokio::test]
async fn a_partner_has_one_share_with_all_its_merchants_and_can_still_be_suspended() {
    let world = room_for(64).await;
    let (platform, partner, other) =
        (world.root("platform").await, world.root("partner_a").await, world.root("partner_b").await);
    let mut keys = Vec::new();
    for n in 0..12 {
        let mid = format!("one_of_many_{n}");
        world.post_json(&partner.value, "/v1/merchants", &json!({"name": "x", "mid": mid})).await.json(201);
        keys.push(world.root(&mid).await);
    }
    for key in [&platform, &other] {
        world.get(&key.value, "/v1/merchants").await.json(200);
    }
    let mut flood = Flood::new();
    let mut refused = 0;
    for (n, key) in keys.iter().enumerate() {
        for _ in 0..40 {
            let from = format!("198.51.{n}.1:1");
            flood.send("key", parked(&world, "/v1/api-keys", Some(key), &from));
            flood.send("check", parked(&world, "/v1/verify/batch", Some(key), &from));
        }
        // Two kinds; at most forty of each wait.
        for _ in 0..8 {
            flood.next().await.1.problem(429, "too_many_requests");
            refused += 1;
        }
    }
    assert_eq!(refused, 96);
    quiet(&world, &other).await;
    for by in [&platform, &other] {
        world.get(&by.value, "/v1/merchants").await.json(200);
        let check = json!({"checks": [{"key": other.value}]});
        world.post_json(&by.value, "/v1/verify/batch", &check).await.json(200);
    }
    world.request("POST", "/v1/merchants/partner_a/suspend").bearer(&platform.value).send().await.json(200);
}

/// Calls that stop something have places of their own: not even one place is left for other calls.
#[tokio::test]
async fn no_load_keeps_out_a_call_that_stops_something() {
    let world = room_for(1).await;
    let (platform, partner) = (world.root("platform").await, world.root("partner_a").await);
    world.get(&platform.value, "/v1/merchants").await.json(200);
    let mut flood = Flood::new();
    for _ in 0..2 {
        flood.send("key", parked(&world, "/v1/api-keys", Some(&partner), "198.51.100.1:1"));
    }
    flood.next().await.1.problem(503, "unavailable");
    world.get(&platform.value, "/v1/merchants").await.problem(503, "unavailable");
    for stop in ["/v1/merchants/partner_a/suspend", "/v1/merchants/partner_b/close"] {
        world.request("POST", stop).bearer(&platform.value).send().await.json(200);
    }
    world.request("DELETE", &partner.path()).bearer(&platform.value).send().await.empty(204);
}

/// The owner of the stolen key has no account above it that could end the key.
#[tokio::test]
async fn requests_of_a_stolen_key_do_not_keep_out_the_call_that_ends_it() {
    let world = room_for(16).await;
    let (stolen, owner) = (world.root("partner_a").await, world.root("partner_a").await);
    for key in [&stolen, &owner] {
        world.get(&key.value, "/v1/merchants").await.json(200);
    }
    let mut flood = Flood::new();
    for n in 0..40 {
        flood.send("key", parked(&world, "/v1/api-keys", Some(&stolen), &format!("198.51.100.{n}:1")));
    }
    flood.next().await.1.problem(429, "too_many_requests");
    let ask = |method, path: String| world.request(method, &path).from("192.0.2.1:1").bearer(&owner.value).send();
    ask("GET", "/v1/merchants".to_owned()).await.problem(429, "too_many_requests");
    ask("POST", "/v1/merchants/merchant_a1/suspend".to_owned()).await.json(200);
    ask("POST", "/v1/merchants/merchant_a2/close".to_owned()).await.json(200);
    ask("DELETE", format!("{}?reason=compromised", stolen.path())).await.empty(204);
}

#[tokio::test]
async fn no_place_is_held_for_a_body_before_its_credential_is_verified() {
    let world = room_for(4).await;
    let by = world.root("partner_a").await;
    // From one source, with invalid credentials: each is answered although its body never arrives.
    for _ in 0..20 {
        let forged = Held { id: by.id.clone(), value: by.forged() };
        let answer = parked(&world, "/v1/api-keys", Some(&forged), "192.0.2.1:1").send().await;
        answer.problem(401, "invalid_credential");
    }
}

#[tokio::test]
async fn a_place_is_held_until_the_answer_is_sent() {
    let world = room_for(1).await;
    let (by, other) = (world.root("platform").await, world.root("partner_a").await);
    for key in [&by, &other] {
        world.get(&key.value, "/v1/merchants").await.json(200);
    }
    for path in ["/v1/merchants", "/v1/merchants?limit=0"] {
        let request = http::Request::builder().uri(path).header("authorization", format!("Bearer {}", by.value));
        let untaken = world.router.clone().oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
        world.get(&other.value, "/v1/merchants").await.problem(503, "unavailable");
        let taken = untaken.into_body().collect().await.unwrap().to_bytes();
        let document: Value = serde_json::from_slice(&taken).unwrap();
        assert!(document.is_object(), "{document}");
        world.get(&other.value, "/v1/merchants").await.json(200);
    }
}

#[tokio::test]
async fn constant_content_is_shared_by_all_its_answers() {
    let world = World::new().await;
    for path in ["/openapi.json", "/docs", "/docs/problems"] {
        let one = world.request("GET", path).send().await;
        let other = world.request("GET", path).send().await;
        assert!(one.body.len() > 1024, "{path}");
        assert_eq!(one.body.as_ptr(), other.body.as_ptr(), "{path} is copied");
    }
}
