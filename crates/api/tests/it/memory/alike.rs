//! An answer from memory and one after a look-up are the same, byte for byte; so are those about a remembered key with
//! a wrong secret and about a key that never existed.

use std::time::Duration;

use keyward_api::http::Entrance;
use serde_json::{Value, json};

use crate::harness::{Answer, Held, Node, Request, Setup, World, absent};

/// A request that can be sent more than once.
#[derive(Clone, Debug)]
struct Call {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Call {
    fn auth(path: &str, credential: &str) -> Self {
        let headers = vec![("authorization", format!("Bearer {credential}"))];
        Self { method: "GET", path: format!("/v1/auth{path}"), headers, body: String::new() }
    }

    fn verify(by: &Held, body: &str) -> Self {
        let headers =
            vec![("authorization", format!("Bearer {}", by.value)), ("content-type", "application/json".to_owned())];
        Self { method: "POST", path: "/v1/verify".to_owned(), headers, body: body.to_owned() }
    }

    /// The same with another header.
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.and(name, value)
    }

    /// The same with a second line of a header.
    fn and(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    async fn send(&self, to: &Entrance) -> Answer {
        let request = Request::new(to, self.method, &self.path);
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        request.raw(self.body.clone()).send().await
    }
}

/// Everything of an answer except what is new in each.
fn seen(call: &Call, answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let named = call.headers.iter().any(|(name, _)| *name == "x-request-id");
    // Added by the server: it adds a missing length, and sends none with a 204.
    if let Some(length) = answer.header("content-length").filter(|_| call.method != "HEAD") {
        assert_eq!(length, answer.body.len().to_string(), "{call:?}");
    }
    let mut headers: Vec<(String, String)> = answer
        .headers
        .iter()
        .filter(|(name, _)| (named || name.as_str() != "x-request-id") && name.as_str() != "content-length")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    let problem = answer.header("content-type") == Some("application/problem+json") && !answer.body.is_empty();
    (answer.status.as_u16(), headers, if problem { answer.untraced() } else { answer.text().to_owned() })
}

/// Several keys that differ in one property each.
struct Keys {
    by: Held,
    lacking: Held,
    good: Vec<Held>,
    bad: Vec<Held>,
    token: String,
}

impl Keys {
    async fn of(world: &World) -> Self {
        let by = world.root("partner_a").await;
        let pair = world.pair("merchant_a1", &["charges:read", "merchants:read"]).await;
        let good = vec![
            world.key("merchant_a1", &["charges:*", "refunds:read"]).await,
            world.key_of("merchant_a2", "secret", &["charges:read"], Some("2027-01-01T00:00:00.000Z")).await,
            world.key_of("merchant_a1", "public", &["charges:read"], None).await,
            world.key_of("merchant_a1", "tokenization", &[], None).await,
            world.key("partner_a", &["api-keys:verify"]).await,
            pair.public.clone(),
            pair.secret.clone(),
        ];
        let bad = vec![
            world.key("merchant_a1", &[]).await,
            world.key_of("merchant_a1", "secret", &[], Some("2026-11-23T12:00:01.000Z")).await,
            world.key("merchant_b1", &[]).await,
            world.key("merchant_p1", &[]).await,
            world.key("platform", &[]).await,
        ];
        let token = world.access_token(&pair).await;
        let platform = world.root("platform").await;
        world.delete(&platform.value, &bad[0].path()).await.empty(204);
        world.post(&platform.value, "/v1/merchants/merchant_p1/suspend").await.json(200);
        world.advance(Duration::from_secs(1));
        Self { by, lacking: world.key("partner_a", &["merchants:*"]).await, good, bad, token }
    }

    fn auth(&self) -> Vec<Call> {
        let mut calls = Vec::new();
        let values = self.good.iter().chain(&self.bad).map(|key| key.value.clone());
        let values =
            values.chain([self.token.clone(), absent(), self.by.forged(), self.by.production_value(), "x".to_owned()]);
        for value in values {
            for query in [
                "",
                "?",
                "?type=public",
                "?scope=charges:read",
                "?scope=charges%3Aread&scope=refunds:read",
                "?mid=merchant_a1&type=secret",
                "?mid=",
                "?scope=a&scope=a",
                "?scopes=charges:read",
            ] {
                calls.push(Call::auth(query, &value));
            }
            let plain = Call::auth("", &value);
            calls.push(Call { headers: Vec::new(), ..plain.clone() }.with("x-api-key", &value));
            calls.push(plain.clone().with("x-api-key", &value));
            calls.push(plain.clone().with("x-api-key", &self.by.value));
            calls.push(plain.clone().with("x-api-key", &value).and("x-api-key", &absent()));
            calls.push(plain.clone().and("authorization", &format!("Bearer {value}")));
            calls.push(plain.clone().with("authorization", &format!("bearer  {value} ")));
            calls.push(plain.clone().with("authorization", &format!("Basic {value}")));
            calls.push(plain.clone().with("x-request-id", "mine-1").with("traceparent", "00-garbage"));
            for method in ["HEAD", "POST", "DELETE", "OPTIONS", "PROPFIND"] {
                calls.push(Call { method, body: "a body".to_owned(), ..plain.clone() });
            }
        }
        calls
    }

    fn verify(&self) -> Vec<Call> {
        let mut calls = Vec::new();
        let values = self.good.iter().chain(&self.bad).map(|key| key.value.clone());
        for value in
            values.chain([absent(), self.by.forged(), self.by.production_value(), "x".to_owned(), String::new()])
        {
            let bodies = [
                json!({"key": value}),
                json!({"key": value, "type": "public"}),
                json!({"key": value, "type": "publishable", "scopes": []}),
                json!({"key": value, "type": null, "mid": null, "scopes": null}),
                json!({"key": value, "scopes": ["charges:read"]}),
                json!({"key": value, "scopes": "charges:read"}),
                json!({"key": value, "scopes": ["charges:read", "charges:read"]}),
                json!({"key": value, "scopes": [1]}),
                json!({"key": value, "mid": "merchant_a1", "type": "secret", "scopes": ["refunds:read"]}),
                json!({"key": value, "mid": "a b"}),
                json!({"key": value, "type": "server"}),
                json!({"key": value, "scope": ["charges:read"]}),
                json!({"Key": value}),
                json!({"key": [value]}),
                json!([value]),
                json!([value, [], "secret", "merchant_a1"]),
                json!(value),
            ];
            let mut texts: Vec<String> = bodies.iter().map(Value::to_string).collect();
            texts.extend([
                format!("\n {{ \"key\" :\t\"{value}\" }} \n"),
                format!("{{\"key\":\"{value}\"}}x"),
                format!("{{\"key\":\"{value}\",\"key\":\"{value}\"}}"),
                format!("{{\"key\":\"{value}\",\"mid\":\"merchant_a1\",\"mid\":\"merchant_a1\"}}"),
                format!("{{\"\\u006bey\":\"{}\"}}", value.replace('s', "\\u0073")),
                format!("{{\"key\":\"{value}\""),
                format!("\u{feff}{{\"key\":\"{value}\"}}"),
                format!("{{\"key\":\"{value}\"}}{}", " ".repeat(5_000)),
            ]);
            calls.extend(texts.iter().map(|text| Call::verify(&self.by, text)));
            let plain = Call::verify(&self.by, &texts[0]);
            for caller in [&self.lacking.value, &self.token, &absent(), &self.bad[0].value, &self.by.forged()] {
                calls.push(plain.clone().with("authorization", &format!("Bearer {caller}")));
            }
            for content_type in ["application/json; charset=utf-8", "Application/JSON", "text/plain", ""] {
                calls.push(plain.clone().with("content-type", content_type));
            }
            calls.push(plain.clone().and("content-type", "text/plain"));
            calls.push(plain.clone().and("authorization", "Bearer x"));
            calls.push(plain.clone().with("x-request-id", "mine-2"));
            calls.push(Call { path: "/v1/verify?key=1".to_owned(), ..plain.clone() });
            calls.push(Call { path: "/v1/verify/".to_owned(), ..plain.clone() });
            calls.push(Call { method: "PUT", ..plain });
        }
        calls.push(Call::verify(&self.by, ""));
        calls
    }
}

#[tokio::test]
async fn memory_answers_as_the_database_does_byte_for_byte() {
    let mut setup = Setup::default();
    setup.settings.failed_attempts_per_minute = 1_000_000;
    let world = World::with(setup).await;
    let keys = Keys::of(&world).await;
    // This node never answers from memory.
    let mut setup = Setup::default();
    setup.settings.failed_attempts_per_minute = 1_000_000;
    let cold = Node::over(world.ports(), setup).await;
    let mut good = 0;
    for call in [keys.auth(), keys.verify()].concat() {
        let looked_up = seen(&call, &call.send(&cold.router).await);
        for n in 0..2 {
            assert_eq!(seen(&call, &call.send(&world.router).await), looked_up, "{n} {call:?}");
        }
        good += u32::from(looked_up.0 < 300);
    }
    assert_eq!(cold.access.verifier().size().keys, 0);
    assert!(good > 100, "{good}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_even_if_its_key_is_in_memory() {
    let mut setup = Setup::default();
    setup.options.max_body_bytes = 100;
    let world = World::with(setup).await;
    let by = world.root("partner_a").await;
    let body = format!("{{\"key\":\"{}\"{}}}", by.value, " ".repeat(100));
    for _ in 0..2 {
        let answer = Call::verify(&by, &body).send(&world.router).await;
        answer.problem(413, "body_too_large");
        world.get(&by.value, "/v1/auth").await.empty(204);
    }
}

#[tokio::test]
async fn a_remembered_key_with_a_wrong_secret_is_answered_as_an_absent_one() {
    let world = World::new().await;
    let by = world.root("platform").await;
    let key = world.root("merchant_a1").await;
    let public = world.key_of("merchant_a1", "public", &[], None).await;
    for held in [&by, &key] {
        world.get(&held.value, "/v1/auth").await.empty(204);
    }
    let check = json!({"key": public.value, "type": "public"}).to_string();
    assert_eq!(Call::verify(&by, &check).send(&world.router).await.json(200)["code"], "VALID");
    assert!([&by, &key, &public].iter().all(|held| world.remembers(held)));
    let calls = |value: &str| {
        let obtain = |app_key: &str| {
            let body = json!({"AppKey": app_key, "AppSecret": value}).to_string();
            let headers = vec![("content-type", "application/json".to_owned())];
            Call { method: "POST", path: "/v1/oauth2/token".to_owned(), headers, body }
        };
        vec![
            Call::auth("", value),
            Call { path: "/v1/merchants".to_owned(), ..Call::auth("", value) },
            Call { method: "DELETE", path: key.path(), ..Call::auth("", value) },
            Call::verify(&by, &json!({"key": value}).to_string()),
            Call::verify(&by, &json!({"key": value, "mid": "merchant_a1"}).to_string()),
            Call {
                path: "/v1/verify/batch".to_owned(),
                ..Call::verify(&by, &json!({"checks": [{"key": value}]}).to_string())
            },
            obtain(&public.value),
        ]
    };
    for (unknown, wrong) in calls(&absent()).into_iter().zip(calls(&key.forged())) {
        let expected = seen(&unknown, &unknown.send(&world.router).await);
        assert_eq!(seen(&wrong, &wrong.send(&world.router).await), expected, "{wrong:?}");
    }
    assert!(world.remembers(&key), "a wrong secret forgets nothing");
}

#[tokio::test]
async fn a_key_used_from_memory_counts_as_used() {
    let world = World::new().await;
    let (by, key) = (world.root("partner_a").await, world.root("merchant_a1").await);
    let check = Call::verify(&by, &json!({"key": key.value}).to_string());
    let uses = [check, Call::auth("", &key.value)];
    for call in &uses {
        assert!(call.send(&world.router).await.status.is_success());
    }
    for (n, call) in uses.iter().enumerate() {
        world.advance(Duration::from_mins(1));
        assert!(world.remembers(&by) && world.remembers(&key));
        assert!(call.send(&world.router).await.status.is_success());
        world.access.flush_usage().await.unwrap();
        let shown = world.get(&by.value, &key.path()).await.json(200);
        assert_eq!(shown["last_used"], format!("2026-11-23T12:0{}:00.000Z", n + 1), "{call:?}");
        assert_eq!(shown["lastUsed"], shown["last_used"]);
        let list = world.get(&by.value, "/v1/api-keys/merchant_a1").await.json(200);
        assert_eq!(list["keys"][0]["last_used"], shown["last_used"]);
    }
}
