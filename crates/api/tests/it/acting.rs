//! A caller that makes a change is judged when the change begins and where it is committed, however long ago it was
//! authenticated (contract, section 6): a call whose body arrives after its caller was ended writes nothing.

use std::{
    any::Any,
    pin::Pin,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use keyward_storage::conformance::RawSql as _;
use keyward_storage_sqlite::testing::{Raw, open};
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinSet};

use crate::{
    harness::{Answer, Dial, Held, Node, Ports, Setup, World},
    model::running::{Place as _, Shared},
};

/// A node with its accounts on one of the two databases, answering from memory.
struct Place {
    node: Node,
    clock: Arc<Dial>,
    /// Must live as long as the node.
    _keep: Box<dyn Any + Send + Sync>,
}

async fn embedded() -> Place {
    let (store, folder) = open().await;
    let clock = Arc::<Dial>::default();
    let ports = Ports::of(&Arc::new(store.at_the_time_of(clock.shown())), Arc::clone(&clock) as _);
    Place::over(ports, clock, Box::new(folder)).await
}

async fn shared() -> Place {
    let clock = Arc::<Dial>::default();
    let (ports, database) = Shared::open(Arc::clone(&clock)).await;
    Place::over(ports, clock, database).await
}

impl Place {
    async fn over(ports: Ports, clock: Arc<Dial>, keep: Box<dyn Any + Send + Sync>) -> Self {
        let node = Node::started(ports, Setup::default()).await;
        node.seed_accounts().await;
        while !node.access.verifier().may_answer_from_memory() {
            tokio::task::yield_now().await;
        }
        Self { node, clock, _keep: keep }
    }

    /// Number of accounts and keys.
    async fn contents(&self, by: &Held) -> [usize; 2] {
        let merchants = self.node.get(&by.value, "/v1/merchants?limit=1000").await.json(200);
        let mut keys = 0;
        for mid in ["partner_a", "merchant_a1"] {
            let listed = self.node.get(&by.value, &format!("/v1/api-keys/{mid}?state=all&limit=1000")).await.json(200);
            keys += listed["keys"].as_array().unwrap().len();
        }
        [merchants["merchants"].as_array().unwrap().len(), keys]
    }
}

/// A body that is held back.
struct HeldBack {
    /// Signalled when the service begins to wait for it: the caller is authenticated then.
    waited_for: Option<oneshot::Sender<()>>,
    content: Option<oneshot::Receiver<Bytes>>,
}

impl http_body::Body for HeldBack {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        if let Some(waited_for) = self.waited_for.take() {
            waited_for.send(()).unwrap();
        }
        let Some(content) = &mut self.content else { return Poll::Ready(None) };
        Pin::new(content).poll(cx).map(|content| {
            self.content = None;
            Some(Ok(http_body::Frame::data(content.unwrap())))
        })
    }
}

/// A call that was authenticated, and whose body is not sent yet.
struct Parked {
    content: Bytes,
    send: oneshot::Sender<Bytes>,
    answer: JoinSet<Answer>,
}

impl Parked {
    async fn begin(node: &Node, credential: &str, (path, body): &(String, Value)) -> Self {
        let ((waited_for, waits), (send, content)) = (oneshot::channel(), oneshot::channel());
        let held_back = HeldBack { waited_for: Some(waited_for), content: Some(content) };
        let request = node.request("POST", path).bearer(credential).body("application/json", Body::new(held_back));
        let mut answer = JoinSet::new();
        answer.spawn(request.send());
        waits.await.unwrap();
        Self { content: body.to_string().into(), send, answer }
    }

    async fn send_body(mut self) -> Answer {
        self.send.send(self.content).unwrap();
        self.answer.join_next().await.unwrap().unwrap()
    }
}

/// Each call with a body that creates something.
fn calls() -> [(String, Value); 4] {
    let pairs = "/v1/merchants/merchant_a1/api-keys".to_owned();
    [
        ("/v1/api-keys".to_owned(), json!({"mid": "merchant_a1", "name": "x", "type": "secret"})),
        (pairs.clone(), json!({"name": "x"})),
        (pairs, json!({"name": "x", "overwriteExistingKey": true})),
        ("/v1/merchants".to_owned(), json!({"name": "x"})),
    ]
}

/// Parks each call with this credential, ends its caller, and then sends the body.
async fn parked_calls_are_refused(place: &Place, by: &Held, credential: &str, ends: &[(&str, String, u16)]) {
    let (node, mut parked) = (&place.node, Vec::new());
    for call in calls() {
        parked.push(Parked::begin(node, credential, &call).await);
    }
    for (method, path, status) in ends {
        let ended = node.request(method, path).bearer(&by.value).send().await;
        assert_eq!(ended.status.as_u16(), *status, "{path}");
    }
    let before = place.contents(by).await;
    for (parked, call) in parked.into_iter().zip(calls()) {
        let answer = parked.send_body().await;
        assert_eq!(answer.status.as_u16(), 401, "{call:?}: {}", answer.text());
        answer.problem(401, "invalid_credential");
    }
    assert_eq!(place.contents(by).await, before, "{ends:?}");
}

async fn check_that_an_ended_caller_creates_nothing(place: Place) {
    let node = &place.node;
    let by = node.root("platform").await;
    // A valid credential stays valid, however long the body took.
    let good = node.root("partner_a").await;
    for call in calls() {
        Parked::begin(node, &good.value, &call).await.send_body().await.json(201);
    }
    for is_remembered in [true, false] {
        let key = node.root("partner_a").await;
        node.get(&key.value, "/v1/merchants").await.json(200);
        if !is_remembered {
            node.forget(&key);
        }
        let revoke = [("DELETE", format!("{}?reason=compromised", key.path()), 204)];
        parked_calls_are_refused(&place, &by, &key.value, &revoke).await;
    }
    let pair = node.pair("partner_a", &["api-keys:*", "merchants:*"]).await;
    let token = node.access_token(&pair).await;
    parked_calls_are_refused(&place, &by, &token, &[("DELETE", pair.public.path(), 204)]).await;
    let key = node.root("partner_a").await;
    let suspend = [("POST", "/v1/merchants/partner_a/suspend".to_owned(), 200)];
    parked_calls_are_refused(&place, &by, &key.value, &suspend).await;
    node.post(&by.value, "/v1/merchants/partner_a/resume").await.json(200);
    let close = [("POST", "/v1/merchants/partner_a/close".to_owned(), 200)];
    parked_calls_are_refused(&place, &by, &key.value, &close).await;
}

#[tokio::test]
async fn an_ended_caller_creates_nothing_on_an_embedded_database() {
    check_that_an_ended_caller_creates_nothing(embedded().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_caller_creates_nothing_on_a_shared_database() {
    check_that_an_ended_caller_creates_nothing(shared().await).await;
}

#[tokio::test]
async fn a_caller_that_expires_before_its_body_arrives_creates_nothing() {
    let place = embedded().await;
    let by = place.node.root("platform").await;
    let scopes = ["api-keys:*", "merchants:*"];
    let key = place.node.key_of("partner_a", "secret", &scopes, Some("2026-11-23T12:00:10Z")).await;
    let token = place.node.access_token(&place.node.pair("partner_a", &scopes).await).await;
    for (credential, ends_after) in [(&key.value, Duration::from_secs(10)), (&token, Duration::from_mins(10))] {
        let mut parked = Vec::new();
        for call in calls() {
            parked.push(Parked::begin(&place.node, credential, &call).await);
        }
        let before = place.contents(&by).await;
        place.clock.advance(ends_after);
        for parked in parked {
            parked.send_body().await.problem(401, "invalid_credential");
        }
        assert_eq!(place.contents(&by).await, before);
    }
}

/// Time passes between the service's last reading of the clock and the commit.
#[tokio::test]
async fn a_caller_that_expires_right_before_the_commit_creates_nothing() {
    let (store, folder) = open().await;
    let (clock, pause) = (Arc::<Dial>::default(), Arc::<Mutex<Duration>>::default());
    let (moved, passing) = (Arc::clone(&clock), Arc::clone(&pause));
    let store = store.at_the_time_of(move || {
        moved.advance(std::mem::take(&mut *passing.lock().unwrap()));
        moved.shown()()
    });
    let ports = Ports::of(&Arc::new(store), Arc::clone(&clock) as _);
    let place = Place::over(ports, Arc::clone(&clock), Box::new(folder)).await;
    let node = &place.node;
    let (by, target) = (node.root("platform").await, node.root("merchant_a1").await);
    let scopes = ["api-keys:*", "merchants:*"];
    let pair = node.pair("partner_a", &scopes).await;
    let changes = calls().map(|(path, body)| ("POST", path, Some(body))).into_iter().chain([
        ("DELETE", format!("{}?reason=compromised", target.path()), None),
        ("POST", "/v1/merchants/merchant_a1/suspend".to_owned(), None),
    ]);
    let pause_before_commit = |duration| *pause.lock().unwrap() = duration;
    for (method, path, body) in changes {
        let end = clock.shown()().saturating_add(Duration::from_secs(10)).to_string();
        let key = node.key_of("partner_a", "secret", &scopes, Some(end.as_str())).await;
        let token = node.access_token(&pair).await;
        for (credential, duration) in [(&key.value, Duration::from_secs(10)), (&token, Duration::from_mins(10))] {
            let before = place.contents(&by).await;
            pause_before_commit(duration);
            let request = node.request(method, &path).bearer(credential);
            let request = if let Some(body) = &body { request.json(body) } else { request };
            request.send().await.problem(401, "invalid_credential");
            assert_eq!(place.contents(&by).await, before, "{path}");
        }
    }
    let body = pair.body();
    let obtained = node.token(&body).await.json(200);
    pause_before_commit(Duration::from_hours(24));
    let body = json!({"refreshToken": obtained["refreshToken"]});
    let refused = node.token(&body).await;
    assert_eq!(refused.status.as_u16(), 401, "the family has ended: {}", refused.text());
}

#[tokio::test]
async fn a_caller_that_loses_a_scope_before_its_body_arrives_does_nothing_that_needs_it() {
    let world = World::new().await;
    let key = world.root("partner_a").await;
    let grants_itself = (
        "/v1/api-keys".to_owned(),
        json!({"mid": "merchant_a1", "name": "x", "type": "secret", "scopes": ["merchants:read"]}),
    );
    let [create, pair, overwrite, register] = calls();
    let mut parked = Vec::new();
    for call in [&create, &pair, &overwrite, &register, &grants_itself] {
        parked.push(Parked::begin(&world, &key.value, call).await);
    }
    let narrow = format!("UPDATE api_key SET scopes = 'api-keys:*' WHERE id = x'{}'", key.uuid().replace('-', ""));
    assert_eq!(Raw::beside(world.folder.path()).execute(&narrow).await, Ok(1));
    let answers = [(201, ""), (201, ""), (201, ""), (403, "insufficient_scope"), (403, "scope_not_held")];
    for (parked, (status, code)) in parked.into_iter().zip(answers) {
        let answer = parked.send_body().await;
        if status == 201 { drop(answer.json(201)) } else { drop(answer.problem(status, code)) }
    }
}
