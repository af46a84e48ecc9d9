//! `X-Keyward-Require-…`: requirements in headers. They only restrict, on every form of the path.

use crate::harness::World;

use super::{PATHS, ask};

const SCOPE: &str = "x-keyward-require-scope";
const MID: &str = "x-keyward-require-mid";

#[tokio::test]
async fn all_requirements_must_hold() {
    let world = World::new().await;
    let key = world.key("merchant_a1", &["charges:*", "refunds:read"]).await.value;
    for (path, headers, code) in [
        ("/v1/auth", &[(SCOPE, "charges:read")][..], None),
        ("/v1/auth", &[(SCOPE, "charges:read, refunds:read")], None),
        ("/v1/auth", &[(SCOPE, "charges:read refunds:read ,charges:write")], None),
        ("/v1/auth", &[(SCOPE, "charges:read"), (SCOPE, "refunds:read")], None),
        ("/v1/auth", &[(SCOPE, "charges:read"), (SCOPE, "charges:read charges:read")], None),
        ("/v1/auth", &[(MID, "merchant_a1")], None),
        ("/v1/auth", &[(MID, "merchant_a1"), (MID, " merchant_a1 ")], None),
        ("/v1/auth?scope=charges:read&mid=merchant_a1", &[(SCOPE, "refunds:read"), (MID, "merchant_a1")], None),
        ("/v1/auth/x?scope=nothing:held", &[(SCOPE, "refunds:read"), (MID, "merchant_a1")], None),
        ("/v1/auth", &[(SCOPE, "refunds:write")], Some("insufficient_scope")),
        ("/v1/auth", &[(SCOPE, "charges:read"), (SCOPE, "refunds:write")], Some("insufficient_scope")),
        ("/v1/auth/x", &[(SCOPE, "charges:read refunds:write")], Some("insufficient_scope")),
        ("/v1/auth?scope=refunds:write", &[(SCOPE, "charges:read")], Some("insufficient_scope")),
        ("/v1/auth", &[(MID, "merchant_a2")], Some("wrong_account")),
        ("/v1/auth/x", &[(MID, "merchant_a2")], Some("wrong_account")),
        ("/v1/auth", &[(MID, "merchant_a1"), (MID, "merchant_a2")], Some("wrong_account")),
        ("/v1/auth?mid=merchant_a1", &[(MID, "merchant_a2")], Some("wrong_account")),
        ("/v1/auth?mid=merchant_a2", &[(MID, "merchant_a1")], Some("wrong_account")),
        ("/v1/auth-public", &[(SCOPE, "charges:read")], Some("wrong_type")),
    ] {
        let headers = [&[("x-api-key", key.as_str())], headers].concat();
        for answer in ask(&world, "GET", path, &headers).await {
            println!("{path} {:?}", &headers[1..]);
            match code {
                None => answer.empty(204),
                Some(code) => drop(answer.problem(403, code)),
            }
        }
    }
}

#[tokio::test]
async fn no_credential_meets_an_unreadable_requirement_and_it_is_named() {
    let world = World::new().await;
    let key = world.key("merchant_a1", &["charges:*"]).await.value;
    for path in PATHS.map(|path| format!("{path}/x")).into_iter().chain(["/v1/auth".to_owned()]) {
        let path = path.as_str();
        let wrong_type = path.starts_with("/v1/auth-");
        for (header, value, code) in [
            (SCOPE, "Charges", "insufficient_scope"),
            (SCOPE, "charges:read charges:*:x", "insufficient_scope"),
            (SCOPE, "", "insufficient_scope"),
            (SCOPE, " , ", "insufficient_scope"),
            (SCOPE, "charges:read;charges:write", "insufficient_scope"),
            (MID, "a b", "wrong_account"),
            (MID, "", "wrong_account"),
            (MID, "key_1", "wrong_account"),
            ("x-keyward-require-type", "secret", "insufficient_scope"),
            ("x-keyward-require-scopes", "charges:read", "insufficient_scope"),
            ("x-keyward-require-", "", "insufficient_scope"),
        ] {
            for answer in ask(&world, "GET", path, &[("x-api-key", &key), (header, value)]).await {
                println!("{path} {header}: {value}");
                if wrong_type {
                    answer.problem(403, "wrong_type");
                    continue;
                }
                let problem = answer.problem(403, code);
                assert!(problem["detail"].as_str().unwrap().to_lowercase().contains(header), "{problem}");
            }
        }
    }
}

#[tokio::test]
async fn all_unmeetable_requirements_are_named_together() {
    let world = World::new().await;
    let key = world.key("merchant_a1", &["charges:*"]).await.value;
    let (scopes, others) = ((SCOPE, "Charges charges:read, api-keys:delete"), ("x-keyward-require-type", "secret"));
    let many = (0..101).map(|n| format!("a:{n}")).collect::<Vec<_>>().join(" ");
    for (path, headers, code, fields) in [
        ("/v1/auth", &[scopes, others][..], "insufficient_scope", &["scope[0]", "scope[2]", "type"][..]),
        ("/v1/auth/x", &[others, ("x-keyward-require-mids", "x")], "insufficient_scope", &["mids", "type"]),
        ("/v1/auth", &[(MID, "a b"), scopes, others], "wrong_account", &["mid", "scope[0]", "scope[2]", "type"]),
        ("/v1/auth?mid=merchant_a1", &[(MID, "merchant_a2"), (SCOPE, "")], "wrong_account", &["mid", "scope"]),
        ("/v1/auth", &[(SCOPE, many.as_str()), (MID, "key_1")], "wrong_account", &["mid", "scope"]),
        // A well-formed mid of another account: the account must be corrected first.
        ("/v1/auth", &[(MID, "merchant_a2"), scopes], "wrong_account", &[]),
    ] {
        let headers = [&[("x-api-key", key.as_str())], headers].concat();
        for answer in ask(&world, "GET", path, &headers).await {
            let problem = answer.problem(403, code);
            let named: Vec<&str> = problem["fields"].as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(named, fields.iter().map(|name| format!("x-keyward-require-{name}")).collect::<Vec<_>>());
            let mut errors = problem["errors"].as_array().unwrap().iter().map(|error| error.as_str().unwrap());
            assert!(fields.iter().all(|name| errors.clone().any(|error| error.contains(name))), "{problem}");
            assert_eq!(problem["detail"], errors.next().unwrap(), "{problem}");
        }
    }
}

#[tokio::test]
async fn an_invalid_credential_is_401_whatever_the_headers_require() {
    let world = World::new().await;
    let forged = world.key("merchant_a1", &[]).await.forged();
    for header in [SCOPE, MID, "x-keyward-require-type"] {
        for answer in ask(&world, "GET", "/v1/auth/x", &[("x-api-key", &forged), (header, "!")]).await {
            answer.problem(401, "invalid_credential");
        }
    }
}

#[tokio::test]
async fn missing_scopes_are_named() {
    let world = World::new().await;
    let key = world.key("merchant_a1", &["charges:*"]).await.value;
    for (path, required, missing) in [
        ("/v1/auth?scope=refunds:read", "", "refunds:read"),
        ("/v1/auth?scope=charges:read&scope=refunds:read&scope=a", "", "refunds:read a"),
        ("/v1/auth?scope=refunds:read", "a, charges:write, refunds:read", "refunds:read a"),
        ("/v1/auth/x", "b a", "b a"),
    ] {
        let mut headers = vec![("x-api-key", key.as_str())];
        headers.extend(Some((SCOPE, required)).filter(|(_, required)| !required.is_empty()));
        for answer in ask(&world, "GET", path, &headers).await {
            let problem = answer.problem(403, "insufficient_scope");
            let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{missing}\"");
            assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()), "{path}");
            assert!(problem["detail"].as_str().unwrap().contains(missing), "{problem}");
        }
    }
}
