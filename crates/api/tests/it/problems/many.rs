//! Many errors in one request: the answer names twenty and counts the others.

use serde_json::{Value, json};

use crate::harness::{Answer, World};

/// Twenty errors and a count, in an answer that does not grow with the request.
#[track_caller]
fn counted(answer: &Answer, code: &str, more: usize) {
    let problem = answer.problem(400, code);
    let errors = problem["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 21, "{problem}");
    assert_eq!(errors[20], format!("and {more} more"));
    assert!(problem["fields"].as_object().unwrap().len() <= 20, "{problem}");
    assert!(answer.body.len() < 16 * 1024, "{} bytes", answer.body.len());
}

fn object(names: usize) -> Value {
    let members = (0..names).map(|n| (format!("unknown_{n}"), Value::Null));
    Value::Object(members.collect())
}

#[tokio::test]
async fn a_long_query_gets_a_short_answer() {
    let world = World::new().await;
    let by = world.root("platform").await;
    for query in ["a&".repeat(30_000), "a=1&b=2&".repeat(4_000)] {
        let count = query.matches('&').count();
        let answer = world.get(&by.value, &format!("/v1/auth?{query}")).await;
        counted(&answer, "unknown_condition", count - 20);
    }
}

#[tokio::test]
async fn many_members_get_a_short_answer() {
    let world = World::new().await;
    let by = world.root("platform").await;
    let answer = world.post_json(&by.value, "/v1/verify", &object(3_000)).await;
    counted(&answer, "unknown_condition", 2_980);
    let answer = world.post_json(&by.value, "/v1/verify/batch", &object(3_000)).await;
    counted(&answer, "unknown_condition", 2_980);
    let checks: Vec<Value> = (0..100).map(|_| object(15)).collect();
    let answer = world.post_json(&by.value, "/v1/verify/batch", &json!({"checks": checks})).await;
    counted(&answer, "unknown_condition", 1_480);
    // Several invalid fields in each check.
    let checks = vec![json!({"key": 1, "scopes": "x", "type": "x", "mid": "?"}); 100];
    let answer = world.post_json(&by.value, "/v1/verify/batch", &json!({"checks": checks})).await;
    counted(&answer, "invalid_request", 380);
    // One name in many spellings.
    let spellings = (0..1_u32 << 6).map(|bits| {
        let letter = |(n, c): (u32, char)| if bits >> n & 1 == 1 { c.to_ascii_uppercase() } else { c };
        ((0..).zip("appkey".chars()).map(letter).collect::<String>(), Value::Null)
    });
    let answer = world.token(&Value::Object(spellings.collect())).await;
    assert!(answer.body.len() < 16 * 1024, "{} bytes", answer.body.len());
}

#[tokio::test]
async fn a_long_name_is_not_repeated() {
    let world = World::new().await;
    let by = world.root("platform").await;
    let long = "é".repeat(20_000);
    let text = &*long;
    let body = json!({ text: 1 });
    for answer in [
        world.post_json(&by.value, "/v1/verify", &body).await,
        world.get(&by.value, &format!("/v1/auth?{}", "%C3%A9".repeat(5_000))).await,
    ] {
        answer.problem(400, "unknown_condition");
        assert!(answer.body.len() < 4 * 1024, "{} bytes", answer.body.len());
    }
    let part =
        format!("--x\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n\u{0}\r\n--x--\r\n", "n".repeat(20_000));
    let mut part = part.into_bytes();
    let place = part.iter().position(|b| *b == 0).unwrap();
    part[place] = 0xff;
    let request = world.request("POST", "/v1/api-keys").bearer(&by.value);
    let answer = request.body("multipart/form-data; boundary=x", part).send().await;
    answer.problem(400, "invalid_request");
    assert!(answer.body.len() < 4 * 1024, "{} bytes", answer.body.len());
}
