//! The log line of a request: the same for an answer after a look-up and one from memory.

use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Value, json};

use crate::harness::{Client, Place};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Sends a request with an id and a trace.
async fn ask(client: &Client, name: &str, (method, path, body): (&str, &str, Option<&Value>)) {
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let headers = [("x-request-id", name), ("traceparent", &parent)].into_iter();
    let headers: HeaderMap =
        headers.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect();
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let body = body.map(|body| ("application/json", body.to_string()));
    let answer = client.try_send(method, path, body, headers).await.unwrap();
    assert!(matches!(answer.status, 200 | 204), "{path}: {}", answer.text);
}

/// The line about the answer to this request, without what differs between any two.
fn line(log: &str, name: &str) -> Value {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut about = lines.filter(|line| line.to_string().contains(name) && line.to_string().contains("answered "));
    let line = about.next().unwrap_or_else(|| panic!("no line about {name}"));
    assert!(about.next().is_none(), "two lines about {name}");
    let text = line.to_string().replace(name, "NAME");
    let mut line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["span"]["trace.id"], TRACE, "{text}");
    blank(&mut line);
    line
}

/// Blanks times and durations.
fn blank(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for name in ["timestamp", "took_us", "message", "threadId"] {
                if let Some(value) = members.get_mut(name) {
                    *value = json!("");
                }
            }
            members.values_mut().for_each(blank);
        }
        Value::Array(items) => items.iter_mut().for_each(blank),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[tokio::test]
async fn an_answer_from_memory_has_the_log_line_of_one_after_a_look_up() {
    let place = Place::embedded();
    let program = place.sandbox().env("KEYWARD_LOG__FORMAT", "json").env("KEYWARD_LOG__FILTER", "debug");
    let node = program.env("KEYWARD_METRICS_LISTEN", "127.0.0.1:0").serve();
    let demo = node.demo();
    let partner = node.client(&demo.partner.app_secret);
    let (key, other) =
        (partner.create(&demo.merchant, "one", &[]).await, partner.create(&demo.merchant, "other", &[]).await);
    node.until_from_memory(async || drop(partner.get("/v1/auth").await.expect(204))).await;
    let check = json!({ "key": other.value });
    let asks = [
        (node.client(&key.value), ("GET", "/v1/auth", None)),
        (node.client(&key.value), ("PUT", "/v1/auth/charges/7?limit=10", None)),
        (partner, ("POST", "/v1/verify", Some(&check))),
    ];
    for (n, (client, asked)) in asks.iter().enumerate() {
        ask(client, &format!("looked-up-{n}"), *asked).await;
        ask(client, &format!("from-memory-{n}"), *asked).await;
    }
    let log = node.stop().err;
    for n in [0, 2] {
        assert_eq!(line(&log, &format!("from-memory-{n}")), line(&log, &format!("looked-up-{n}")));
    }
    for (n, method, route) in [(0, "GET", "/v1/auth"), (1, "PUT", "/v1/auth/{*rest}"), (2, "POST", "/v1/verify")] {
        let text = line(&log, &format!("from-memory-{n}")).to_string();
        for word in [method, route, "NAME"] {
            assert!(text.contains(&format!("\"{word}\"")), "{word}: {text}");
        }
    }
}
