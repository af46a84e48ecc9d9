//! The credential of a request at a gateway: exactly one, from the configured header. The headers of the answer
//! overwrite the client's.

use keyward_api::http::{CredentialHeader, Gateway};

use crate::harness::{Setup, World};

use super::{ask, identity};

#[tokio::test]
async fn all_five_headers_are_always_sent() {
    let world = World::new().await;
    let key = world.key("merchant_p1", &[]).await;
    for path in ["/v1/auth", "/v1/auth/x"] {
        for answer in ask(&world, "GET", path, &[("x-api-key", &key.value)]).await {
            let expected = [key.id.as_str(), "merchant_p1", "", "secret", ""].map(Some);
            assert_eq!(identity(&answer), expected, "{path}");
        }
    }
    let platform = world.key("platform", &["charges:read"]).await;
    for answer in ask(&world, "GET", "/v1/auth", &[("x-api-key", &platform.value)]).await {
        assert_eq!(identity(&answer), [platform.id.as_str(), "platform", "", "secret", "charges:read"].map(Some));
    }
}

#[tokio::test]
async fn two_different_credentials_are_refused_as_an_invalid_one() {
    let world = World::new().await;
    let (key, other) = (world.key("merchant_p1", &[]).await.value, world.key("merchant_a1", &[]).await.value);
    let (bearer, foreign) = (format!("Bearer {key}"), format!("Bearer {other}"));
    for headers in [
        &[("authorization", bearer.as_str()), ("x-api-key", &other)][..],
        &[("authorization", &foreign), ("x-api-key", &key)],
        &[("x-api-key", &key), ("x-api-key", &other)],
        &[("authorization", &bearer), ("authorization", &foreign)],
        &[("authorization", &bearer), ("authorization", &bearer)],
        &[("authorization", "Basic eDp5"), ("x-api-key", &key)],
    ] {
        for answer in ask(&world, "GET", "/v1/auth", headers).await {
            answer.problem(401, "invalid_credential");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
            assert_eq!(identity(&answer), [None; 5]);
        }
    }
    for headers in [
        &[("authorization", bearer.as_str()), ("x-api-key", &key)][..],
        &[("x-api-key", &key), ("x-api-key", &key)],
        // An empty header counts as absent.
        &[("authorization", &bearer), ("x-api-key", "")],
        &[("authorization", " "), ("x-api-key", &key)],
        &[("x-api-key", ""), ("x-api-key", &key)],
    ] {
        for answer in ask(&world, "GET", "/v1/auth", headers).await {
            answer.empty(204);
        }
    }
}

#[tokio::test]
async fn a_challenge_says_whether_a_credential_was_presented() {
    let world = World::new().await;
    let forged = world.key("merchant_p1", &[]).await.forged();
    let bearer = format!("Bearer {forged}");
    for (headers, challenge) in [
        (&[][..], "Bearer"),
        (&[("x-api-key", "")], "Bearer"),
        (&[("authorization", "")], "Bearer"),
        // A call that does not read this header still counts its credential as presented.
        (&[("x-api-key", forged.as_str())], "Bearer error=\"invalid_token\""),
        (&[("authorization", &bearer)], "Bearer error=\"invalid_token\""),
        (&[("authorization", "Basic eDp5")], "Bearer error=\"invalid_token\""),
    ] {
        for path in ["/v1/auth", "/v1/auth-public/x"] {
            for answer in ask(&world, "GET", path, headers).await {
                answer.problem(401, "invalid_credential");
                assert_eq!(answer.header("www-authenticate"), Some(challenge), "{headers:?}");
            }
        }
        let request = world.request("GET", "/v1/merchants");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let answer = request.send().await;
        answer.problem(401, "invalid_credential");
        assert_eq!(answer.header("www-authenticate"), Some(challenge), "{headers:?}");
    }
}

/// A world with these gateway settings.
async fn world(gateway: Gateway) -> World {
    let mut setup = Setup::default();
    setup.options.gateway = gateway;
    World::with(setup).await
}

#[tokio::test]
async fn a_header_that_belongs_to_the_application_is_not_read() {
    for (credential, ours, theirs) in [
        (CredentialHeader::Authorization, "authorization", "x-api-key"),
        (CredentialHeader::XApiKey, "x-api-key", "authorization"),
    ] {
        let world = world(Gateway { credential, ..Gateway::default() }).await;
        let (key, other) = (world.key("merchant_a1", &[]).await, world.key("merchant_b1", &[]).await);
        let bearer = |name: &str, value: &str| {
            if name == "authorization" { format!("Bearer {value}") } else { value.to_owned() }
        };
        let request = || world.request("GET", "/v1/auth").header(ours, &bearer(ours, &key.value));
        for _ in 0..2 {
            let foreign = bearer(theirs, &other.value);
            let answers = [
                request().send().await,
                request().header(theirs, &foreign).send().await,
                request().header(theirs, "Basic eDp5").header(theirs, "garbage").send().await,
            ];
            for answer in answers {
                answer.empty(204);
                assert_eq!(answer.header("x-keyward-key-id"), Some(key.id.as_str()));
            }
            let theirs_alone = world.request("GET", "/v1/auth").header(theirs, &foreign).send().await;
            theirs_alone.problem(401, "invalid_credential");
            assert_eq!(theirs_alone.header("www-authenticate"), Some("Bearer"));
        }
    }
}

#[tokio::test]
async fn a_preflight_passes_where_allowed_and_names_no_caller() {
    let preflight = [("origin", "https://shop.example"), ("access-control-request-method", "POST")];
    let ask = async |world: &World, method: &str, path: &str, headers: &[(&str, &str)]| {
        let request = world.request(method, path);
        headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send().await
    };
    let strict = World::new().await;
    ask(&strict, "OPTIONS", "/v1/auth", &preflight).await.problem(401, "invalid_credential");
    let world = world(Gateway { allow_preflight: true, ..Gateway::default() }).await;
    for path in ["/v1/auth", "/v1/auth/charges?limit=10", "/v1/auth-public/x", "/v1/auth-tokenization"] {
        let answer = ask(&world, "OPTIONS", path, &preflight).await;
        answer.empty(204);
        assert_eq!(identity(&answer), [Some(""); 5], "{path}");
        let required = [&preflight[..], &[("x-keyward-require-scope", "charges:read"), ("x-api-key", "")]].concat();
        ask(&world, "OPTIONS", path, &required).await.empty(204);
    }
    ask(&world, "OPTIONS", "/v1/auth?limit=10", &preflight).await.problem(400, "unknown_condition");
    for (method, headers) in [("POST", &preflight[..]), ("OPTIONS", &preflight[..1]), ("OPTIONS", &preflight[1..])] {
        ask(&world, method, "/v1/auth", headers).await.problem(401, "invalid_credential");
    }
    // With a credential it is a request like any other.
    let key = world.key("merchant_a1", &[]).await;
    let answer = ask(&world, "OPTIONS", "/v1/auth", &[&preflight[..], &[("x-api-key", &key.value)]].concat()).await;
    assert_eq!(identity(&answer)[0], Some(key.id.as_str()));
    let forged = key.forged();
    let answer = ask(&world, "OPTIONS", "/v1/auth", &[&preflight[..], &[("x-api-key", &forged)]].concat()).await;
    answer.problem(401, "invalid_credential");
}
