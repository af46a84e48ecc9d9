//! A secret is in the answer to its creation and in no other one. The tests of the binary (`secrecy`) search
//! logs and databases for it.

use serde_json::{Value, json};

use crate::harness::{Answer, Held, World};

/// A run that records issued secrets, and every answer.
struct Run {
    world: World,
    by: Held,
    /// Secrets that only the answer with this number may hold.
    handed_out: Vec<(usize, String)>,
    answers: Vec<Answer>,
}

impl Run {
    fn keep(&mut self, answer: Answer) {
        self.answers.push(answer);
    }

    /// Records an answer that issues a secret.
    fn keep_with(&mut self, answer: Answer, names: &[&str]) -> Vec<String> {
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        let values: Vec<String> = names
            .iter()
            .map(|name| body[*name].as_str().unwrap_or_else(|| panic!("{name}: {body}")).to_owned())
            .collect();
        self.handed_out.extend(values.iter().map(|value| (self.answers.len(), value.clone())));
        self.answers.push(answer);
        values
    }

    async fn get(&mut self, credential: &str, path: &str) {
        let answer = self.world.get(credential, path).await;
        self.keep(answer);
    }

    async fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.world.post_json(&self.by.value, path, body).await
    }

    async fn token(&mut self, body: &Value) -> Answer {
        self.world.token(body).await
    }
}

async fn keys_and_tokens(run: &mut Run) {
    let body = json!({"mid": "merchant_a1", "name": "x", "type": "secret", "scopes": ["api-keys:*"]});
    let answer = run.post("/v1/api-keys", &body).await;
    let key = answer.json(201);
    let value = run.keep_with(answer, &["value"]).remove(0);
    let path = format!("/v1/api-keys/{}", key["id"].as_str().unwrap());
    for path in [path.as_str(), "/v1/api-keys/merchant_a1?state=all", "/v1/merchants/merchant_a1/api-keys", "/v1/auth"]
    {
        run.get(&value, path).await;
    }
    let answer =
        run.post("/v1/merchants/merchant_a1/api-keys", &json!({"name": "x", "scopes": ["charges:read"]})).await;
    let pair = answer.json(201);
    let secret = run.keep_with(answer, &["appSecret"]).remove(0);
    let answer = run.token(&json!({"AppKey": pair["appKey"], "AppSecret": secret})).await;
    let tokens = run.keep_with(answer, &["accessToken", "refreshToken"]);
    let answer = run.token(&json!({"refreshToken": tokens[1]})).await;
    let next = run.keep_with(answer, &["accessToken", "refreshToken"]);
    for token in [&tokens[1], &next[1]] {
        let again = run.token(&json!({"refreshToken": token})).await;
        again.problem(401, "invalid_credential");
        run.keep(again);
    }
    let (id, form_secret) = (("client_id", pair["appKey"].as_str().unwrap()), ("client_secret", secret.as_str()));
    let form = [("grant_type", "client_credentials"), id, form_secret];
    let answer = run.world.request("POST", "/v1/oauth2/token").form(&form).send().await;
    run.keep_with(answer, &["access_token"]);
    for path in ["/v1/merchants", "/v1/auth", "/v1/auth?scope=none", "/v1/auth?unknown"] {
        run.get(&next[0], path).await;
    }
    for body in [json!({"key": value}), json!({"key": secret, "scopes": ["x"]}), json!({"key": value, "scope": 1})] {
        let answer = run.post("/v1/verify", &body).await;
        run.keep(answer);
        let answer = run.post("/v1/verify/batch", &json!({"checks": [body]})).await;
        run.keep(answer);
    }
    let answer = run.world.delete(&run.by.value, &path).await;
    run.keep(answer);
    for path in [path.as_str(), "/v1/auth"] {
        run.get(&value, path).await;
    }
}

/// Secrets in wrong places: none may be returned.
async fn misplaced(run: &mut Run) {
    let lost = run.world.root("merchant_a2").await.value;
    run.handed_out.push((usize::MAX, lost.clone()));
    for body in [
        json!({"mid": lost, "name": "x", "type": "secret"}),
        json!({"mid": "merchant_a1", "name": "x", "type": lost}),
        json!({"mid": "merchant_a1", "name": "x", "type": "secret", "scopes": [lost]}),
        json!({"mid": "merchant_a1", "name": "<", "type": "secret", "expires_at": lost}),
    ] {
        let answer = run.post("/v1/api-keys", &body).await;
        run.keep(answer);
    }
    for path in [format!("/v1/api-keys/{lost}"), format!("/v1/merchants/{lost}"), format!("/{lost}")] {
        run.get(&lost, &path).await;
    }
    for query in ["limit", "cursor", "state", "type"] {
        let path = format!("/v1/api-keys/merchant_a1?{query}={lost}");
        let by = run.by.value.clone();
        run.get(&by, &path).await;
    }
    let malformed = format!("{{\"AppKey\": \"{lost}\", \"AppSecret\": {lost}}}");
    let twice = format!("{{\"AppSecret\": \"{lost}\", \"AppSecret\": \"{lost}\"}}");
    for body in [malformed, twice] {
        let answer = run.world.request("POST", "/v1/oauth2/token").body("application/json", body).send().await;
        run.keep(answer);
    }
    let id = format!("{lost} {lost}");
    let answer = run.world.request("GET", "/v1/merchants").header("x-request-id", &id).bearer(&lost).send().await;
    run.keep(answer);
}

#[tokio::test]
async fn a_secret_is_in_the_answer_to_its_creation_and_in_no_other() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let mut run = Run { handed_out: vec![(usize::MAX, by.value.clone())], world, by, answers: Vec::new() };
    keys_and_tokens(&mut run).await;
    misplaced(&mut run).await;
    assert!(run.handed_out.len() >= 8);
    for (made_by, secret) in &run.handed_out {
        for (n, answer) in run.answers.iter().enumerate() {
            assert_eq!(answer.text().matches(secret.as_str()).count(), usize::from(n == *made_by), "{}", answer.text());
            let headers = format!("{:?}", answer.headers);
            assert!(!headers.contains(secret.as_str()), "{headers}");
        }
    }
}
