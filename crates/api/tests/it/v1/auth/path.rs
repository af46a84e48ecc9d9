//! Only the path can widen what is accepted: the query and the headers may come from the client.

use crate::harness::{Held, World};

use super::{PATHS, ask};

/// One key of each type, in the order of [`PATHS`].
async fn keys(world: &World) -> [Held; 3] {
    let of = |key_type: &'static str| world.key_of("merchant_a1", key_type, &["charges:read"], None);
    [of("secret").await, of("public").await, of("tokenization").await]
}

#[tokio::test]
async fn each_path_accepts_one_type_with_or_without_a_tail_and_names_it() {
    let world = World::new().await;
    let types = ["secret", "public", "tokenization"];
    for (n, key) in keys(&world).await.iter().enumerate() {
        for (m, path) in PATHS.iter().enumerate() {
            for tail in ["", "/", "/charges", "/charges?limit=10", "//", "/v1/verify"] {
                for answer in ask(&world, "GET", &format!("{path}{tail}"), &[("x-api-key", &key.value)]).await {
                    if n == m {
                        answer.empty(204);
                        continue;
                    }
                    let problem = answer.problem(403, "wrong_type");
                    let detail = problem["detail"].as_str().unwrap();
                    for (k, accepted) in types.iter().enumerate() {
                        assert_eq!(detail.contains(&format!("a {accepted} key")), k == m, "{path}: {detail}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_type_in_the_query_may_only_repeat_that_of_the_path() {
    let world = World::new().await;
    let types = ["secret", "public", "tokenization"];
    for (key, path) in keys(&world).await.iter().zip(PATHS) {
        for asked in types {
            let repeats = path == format!("/v1/auth-{asked}") || (path == "/v1/auth" && asked == "secret");
            for answer in ask(&world, "GET", &format!("{path}?type={asked}"), &[("x-api-key", &key.value)]).await {
                if repeats {
                    answer.empty(204);
                    continue;
                }
                answer.invalid(&["type"]);
                let other = if asked == "secret" { "/v1/auth".to_owned() } else { format!("/v1/auth-{asked}") };
                assert!(answer.text().contains(&format!("call {other} instead")), "{}", answer.text());
            }
        }
    }
    let public = &keys(&world).await[1].value;
    for answer in ask(&world, "GET", "/v1/auth-public?type=publishable", &[("x-api-key", public)]).await {
        answer.empty(204);
    }
}

#[tokio::test]
async fn behind_a_tail_a_query_of_the_client_selects_no_type() {
    let world = World::new().await;
    let [_, public, _] = keys(&world).await;
    for path in ["/v1/auth/charges?type=public", "/v1/auth/?type=public", "/v1/auth/charges?type=public&type=public"] {
        for answer in ask(&world, "GET", path, &[("x-api-key", &public.value)]).await {
            answer.problem(403, "wrong_type");
        }
    }
}

#[tokio::test]
async fn behind_a_tail_neither_path_nor_query_is_read() {
    let world = World::new().await;
    let [key, ..] = keys(&world).await;
    for tail in [
        "/charges?limit=10",
        "/charges?scope=refunds:write&mid=merchant_b1",
        "/charges?scope=Malformed&mid=a%20b&type=server",
        "/charges?%ff=%zz",
        "/../../v1/merchants",
        "/%2e%2e/healthz",
        "/%ff/%00",
        "/..%2f",
        "/?",
        "/auth-public",
        "/a%2Fb;c=d",
    ] {
        for method in ["GET", "POST", "DELETE", "PROPFIND"] {
            for answer in ask(&world, method, &format!("/v1/auth{tail}"), &[("x-api-key", &key.value)]).await {
                assert_eq!(answer.status.as_u16(), 204, "{method} {tail}: {}", answer.text());
            }
        }
    }
}

#[tokio::test]
async fn at_the_exact_path_an_unknown_parameter_is_an_error() {
    let world = World::new().await;
    for (key, path) in keys(&world).await.iter().zip(PATHS) {
        for answer in ask(&world, "GET", &format!("{path}?limit=10"), &[("x-api-key", &key.value)]).await {
            let problem = answer.problem(400, "unknown_condition");
            assert!(problem["fields"]["limit"].is_array(), "{problem}");
        }
    }
}
