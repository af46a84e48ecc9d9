//! `/v1/auth`: a gateway's question about the credential of a forwarded request.

use crate::harness::{Answer, Node, Request, Setup, World};

mod credential;
mod path;
mod require;

/// One path for each type: secret, public, tokenization.
const PATHS: [&str; 3] = ["/v1/auth", "/v1/auth-public", "/v1/auth-tokenization"];

/// The five identity headers.
fn identity(answer: &Answer) -> [Option<&str>; 5] {
    ["key-id", "mid", "partner-mid", "type", "scopes"].map(|name| answer.header(&format!("x-keyward-{name}")))
}

#[track_caller]
fn passed(answer: &Answer) -> [Option<&str>; 5] {
    answer.empty(204);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    identity(answer)
}

/// Sends the same request in three ways: looked up, looked up and then remembered, and from memory.
async fn ask(world: &World, method: &str, path: &str, headers: &[(&str, &str)]) -> [Answer; 3] {
    // This node never answers from memory.
    let cold = Node::over(world.ports(), Setup::default()).await;
    let send = async |node: &Node| {
        let request = Request::new(&node.router, method, path);
        headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send().await
    };
    [send(&cold).await, send(world).await, send(world).await]
}

#[tokio::test]
async fn any_method_is_accepted_and_no_body_is_read() {
    let world = World::new().await;
    let key = world.key("merchant_a1", &["charges:read", "refunds:*"]).await;
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"] {
        let request = world.request(method, "/v1/auth").bearer(&key.value).body("text/plain", "x".repeat(100_000));
        let expected = [&key.id, "merchant_a1", "partner_a", "secret", "charges:read refunds:*"].map(Some);
        assert_eq!(passed(&request.send().await), expected, "{method}");
    }
    world.request("HEAD", "/v1/auth").bearer(&key.value).send().await.empty(204);
}

#[tokio::test]
async fn an_access_token_is_judged_by_its_effective_scopes() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &["charges:*"]).await;
    let token = &world.narrowed_token(&pair, "charges:read").await;
    let expected = [&pair.secret.id, "merchant_a1", "partner_a", "secret", "charges:read"].map(Some);
    assert_eq!(passed(&world.get(token, "/v1/auth?scope=charges:read&mid=merchant_a1&type=secret").await), expected);
    assert_eq!(passed(&world.request("GET", "/v1/auth").header("x-api-key", token).send().await), expected);
    world.get(token, "/v1/auth?scope=charges:write").await.problem(403, "insufficient_scope");
    world.get(token, "/v1/auth-public").await.problem(403, "wrong_type");
}

#[tokio::test]
async fn all_conditions_are_checked() {
    let world = World::new().await;
    let secret = world.key("merchant_a1", &["charges:*", "refunds:read"]).await.value;
    let public = world.key_of("merchant_a1", "public", &["charges:read"], None).await.value;
    for (key, query, code) in [
        (&secret, "?scope=charges:read&scope=refunds:read", None),
        (&secret, "?mid=merchant_a1&type=secret&scope=charges:*", None),
        (&secret, "?scope=charges:read&scope=refunds:write", Some("insufficient_scope")),
        (&secret, "?scope=charges", Some("insufficient_scope")),
        (&secret, "?mid=merchant_a2", Some("wrong_account")),
        (&secret, "-tokenization", Some("wrong_type")),
        (&secret, "-public?mid=merchant_a2&scope=x", Some("wrong_type")),
        (&secret, "?mid=merchant_a2&scope=x", Some("wrong_account")),
        (&public, "", Some("wrong_type")),
        (&public, "-public", None),
        (&public, "-public?type=publishable&scope=charges:read", None),
    ] {
        let answer = world.get(key, &format!("/v1/auth{query}")).await;
        match code {
            None => drop(passed(&answer)),
            Some(code) => {
                answer.problem(403, code);
                assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("x-keyward")));
            }
        }
    }
}

#[tokio::test]
async fn a_misspelt_or_wrong_condition_is_refused() {
    let world = World::new().await;
    let key = world.key("merchant_a1", &[]).await.value;
    for (query, name) in
        [("scopes=charges:read", "scopes"), ("Scope=x", "Scope"), ("scope=charges:read&x", "x"), ("=", "query")]
    {
        let problem = world.get(&key, &format!("/v1/auth?{query}")).await.problem(400, "unknown_condition");
        assert!(problem["fields"][name].is_array(), "{problem}");
    }
    for (query, name) in [
        ("scope=Charges", "scope[0]"),
        ("scope=", "scope[0]"),
        ("scope=a&scope=a", "scope[1]"),
        ("type=server", "type"),
        ("type=secret&type=secret", "type"),
        ("mid=a%20b", "mid"),
        ("mid=a&mid=a", "mid"),
    ] {
        world.get(&key, &format!("/v1/auth?{query}")).await.invalid(&[name]);
    }
    let all = "/v1/auth?scope=Charges&scope=a&scope=merchants:delete&type=server&mid=a%20b";
    world.get(&key, all).await.invalid(&["mid", "scope[0]", "scope[2]", "type"]);
}

#[tokio::test]
async fn an_invalid_credential_is_401_whatever_is_required() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let revoked = world.key("merchant_a1", &[]).await;
    world.delete(&by.value, &revoked.path()).await.empty(204);
    for query in ["", "?scope=charges:read", "?unknown=1", "?type=server"] {
        let path = format!("/v1/auth{query}");
        let mut bodies = Vec::new();
        let none = world.request("GET", &path).send().await;
        let forged = world.get(&by.forged(), &path).await;
        let revoked_answer = world.get(&revoked.value, &path).await;
        for answer in [none, forged, revoked_answer, world.get("garbage", &path).await] {
            answer.problem(401, "invalid_credential");
            bodies.push(answer.untraced());
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 1);
        world.get(&by.production_value(), &path).await.problem(401, "wrong_environment");
    }
}
