//! The log line of a request: the same for an answer after a look-up and one from memory.

use reqwest::Method;
use serde_json::{Value, json};

use super::{TRACE, line, verbose};
use crate::harness::{Answer, Client, Place};

/// Sends a request with an id and in a trace.
async fn ask(client: &Client, id: &str, (method, path, body): (&str, &str, Option<&Value>)) -> Answer {
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let headers = super::headers(&[("x-request-id", id), ("traceparent", &parent)]);
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let body = body.map(|body| ("application/json", body.to_string()));
    let answer = client.try_send(method, path, body, headers).await.unwrap();
    assert!(matches!(answer.status, 200 | 204), "{path}: {}", answer.text);
    answer
}

/// The line about this answer, without the parts that differ between any two.
fn comparable(log: &str, answer: &Answer) -> Value {
    let text = line(log, answer).to_string().replace(answer.header("x-request-id").unwrap(), "ID");
    let mut line = serde_json::from_str(&text).unwrap();
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
    let node = verbose(&place).env("KEYWARD_METRICS_LISTEN", "127.0.0.1:0").serve();
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
    let mut answers = Vec::new();
    for (n, (client, asked)) in asks.iter().enumerate() {
        let looked_up = ask(client, &format!("looked-up-{n}"), *asked).await;
        answers.push([looked_up, ask(client, &format!("from-memory-{n}"), *asked).await]);
    }
    let log = node.stop().err;
    for [looked_up, from_memory] in [&answers[0], &answers[2]] {
        assert_eq!(comparable(&log, from_memory), comparable(&log, looked_up));
    }
    for ([_, from_memory], route) in
        answers.iter().zip([["GET", "/v1/auth"], ["PUT", "/v1/auth/{*rest}"], ["POST", "/v1/verify"]])
    {
        let line = comparable(&log, from_memory);
        assert_eq!(line["span"]["trace.id"], TRACE, "{line}");
        for word in route {
            assert!(line.to_string().contains(&format!("\"{word}\"")), "{word}: {line}");
        }
    }
}
