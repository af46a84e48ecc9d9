//! Walks over the served OpenAPI document: no operation admits a caller without a credential, without the scope, or to
//! another tenant's objects. Files of single routes do not repeat these claims.

use crate::harness::{Foreign, Target, World, rule};

/// Callers, and the owners of objects that they do not reach: strangers, siblings, children and grandchildren.
const UNREACHABLE: [(&str, &str); 11] = [
    ("partner_b", "partner_a"),
    ("partner_b", "merchant_a1"),
    ("partner_b", "merchant_p1"),
    ("merchant_b1", "merchant_a1"),
    ("merchant_b1", "partner_a"),
    ("merchant_a2", "merchant_a1"),
    ("merchant_a1", "partner_a"),
    ("merchant_a1", "platform"),
    ("merchant_p1", "merchant_a1"),
    ("merchant_p1", "platform"),
    ("partner_a", "platform"),
];

/// Callers, and the owners of objects that they reach.
const REACHES: [(&str, &str); 7] = [
    ("platform", "platform"),
    ("platform", "partner_a"),
    ("platform", "merchant_a1"),
    ("platform", "merchant_p1"),
    ("partner_a", "partner_a"),
    ("partner_a", "merchant_a1"),
    ("merchant_a1", "merchant_a1"),
];

#[tokio::test]
async fn no_operation_answers_without_a_credential() {
    let world = World::new().await;
    let about = Target::of(&world, "merchant_a1").await;
    let revoked = world.root("platform").await;
    let by = world.root("platform").await;
    world.delete(&by.value, &revoked.path()).await.empty(204);
    let before = world.contents().await;
    for (method, template) in world.operations().await {
        let rule = rule(&method, &template, &about);
        for ask in &rule.requests {
            for credential in [None, Some("garbage"), Some(revoked.value.as_str()), Some(by.forged().as_str())] {
                let answer = world.try_out(&method, credential, ask).await;
                if rule.needs_credential {
                    answer.problem(401, "invalid_credential");
                } else {
                    let is_open = template == "/v1/oauth2/token" || !template.starts_with("/v1/");
                    assert!(is_open, "{template} answers without a credential");
                }
            }
            if rule.needs_credential {
                world.try_out(&method, Some(&by.production_value()), ask).await.problem(401, "wrong_environment");
            }
        }
    }
    assert_eq!(world.contents().await, before);
}

#[tokio::test]
async fn no_operation_answers_without_its_scope() {
    let world = World::new().await;
    let about = Target::of(&world, "merchant_a1").await;
    let all = ["api-keys:write", "api-keys:read", "api-keys:verify", "merchants:read", "merchants:write"];
    let before = world.contents().await[0];
    for (method, template) in world.operations().await {
        let rule = rule(&method, &template, &about);
        let Some(scope) = rule.scope else { continue };
        let others: Vec<&str> = all.into_iter().filter(|other| *other != scope).chain(["charges:*"]).collect();
        let lacking = world.key("platform", &others).await;
        let nothing = world.key("platform", &[]).await;
        for ask in &rule.requests {
            for key in [&lacking, &nothing] {
                let answer = world.try_out(&method, Some(&key.value), ask).await;
                answer.problem(403, "insufficient_scope");
                let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
                assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()));
            }
        }
        // That scope alone suffices.
        let holding = world.key("platform", &[scope]).await;
        for ask in &crate::harness::rule(&method, &template, &Target::absent()).requests {
            let answer = world.try_out(&method, Some(&holding.value), ask).await;
            assert_ne!(answer.status, 403, "{method} {template}: {}", answer.text());
        }
    }
    assert_eq!(world.contents().await[0], before);
}

#[tokio::test]
async fn another_tenants_object_is_answered_as_an_absent_one() {
    let world = World::new().await;
    let absent = Target::absent();
    let operations = world.operations().await;
    for (by, owner) in UNREACHABLE {
        let (by, about) = (world.root(by).await, Target::of(&world, owner).await);
        let before = world.contents().await;
        for (method, template) in &operations {
            let rule = rule(method, template, &about);
            let unknown = crate::harness::rule(method, template, &absent);
            for (ask, unknown) in rule.requests.iter().zip(&unknown.requests) {
                let foreign = world.try_out(method, Some(&by.value), ask).await;
                let unknown = world.try_out(method, Some(&by.value), unknown).await;
                match rule.foreign {
                    Foreign::Absent(code) => {
                        let code = if ask.0 == format!("/v1/api-keys/{owner}") { "account_not_found" } else { code };
                        foreign.problem(404, code);
                        assert_eq!(foreign.untraced(), unknown.untraced());
                    }
                    Foreign::NotFound => {
                        assert_eq!(foreign.json(200), unknown.json(200));
                        assert!(foreign.text().contains("NOT_FOUND") && !foreign.text().contains(&about.key.id));
                    }
                    Foreign::Unnamed => {
                        assert_eq!(foreign.status, unknown.status);
                        assert!(!foreign.text().contains(&about.key.id));
                        assert!(!foreign.text().contains(&format!("\"mid\":\"{owner}\"")), "{}", foreign.text());
                    }
                }
            }
        }
        assert_eq!(world.contents().await, before);
    }
}

#[tokio::test]
async fn a_malformed_id_or_mid_is_answered_as_an_absent_one() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let upper = world.key("merchant_a1", &[]).await.id.to_uppercase().replace("KEY", "key");
    let long = "m".repeat(65);
    let ids = ["key_", "key_zzz", "key_garbage%20here", &upper, "merchant_a1", "partner_a", "x", "%ff"];
    let mids = ["x", "a%20b", "%ff", "key_x", &long];
    let before = world.contents().await;
    for (method, template) in world.operations().await.iter().filter(|(_, template)| template.contains('{')) {
        let unknown = rule(method, template, &Target::absent());
        let Foreign::Absent(code) = unknown.foreign else { continue };
        let texts = if template.contains("{id}") { &ids[..] } else { &mids };
        for text in texts {
            let asks = rule(method, template, &Target::named(text)).requests;
            for (ask, unknown) in asks.iter().zip(&unknown.requests) {
                // One path serves both: a segment that begins like a key id is not read as a mid.
                let is_shared = method == "get" && ask.0 == format!("/v1/api-keys/{text}");
                if is_shared && text.starts_with("key_") != (code == "key_not_found") {
                    continue;
                }
                let answer = world.try_out(method, Some(&by.value), ask).await;
                answer.problem(404, code);
                let unknown = world.try_out(method, Some(&by.value), unknown).await;
                assert_eq!(answer.untraced(), unknown.untraced(), "{method} {}", ask.0);
            }
        }
    }
    assert_eq!(world.contents().await, before);
}

#[tokio::test]
async fn a_caller_reaches_its_own_account_and_those_below() {
    let world = World::new().await;
    let operations = world.operations().await;
    for (by, owner) in REACHES {
        let (by, about) = (world.root(by).await, Target::of(&world, owner).await);
        for (method, template) in &operations {
            let rule = rule(method, template, &about);
            for ask in &rule.requests {
                match rule.foreign {
                    Foreign::Absent(_) if method == "get" => {
                        world.try_out(method, Some(&by.value), ask).await.json(200);
                    }
                    Foreign::NotFound => {
                        let answer = world.try_out(method, Some(&by.value), ask).await;
                        assert!(answer.text().contains("\"VALID\""), "{method} {template}: {}", answer.text());
                    }
                    Foreign::Absent(_) | Foreign::Unnamed => {}
                }
            }
        }
    }
}

#[tokio::test]
async fn every_documented_operation_has_a_handler_and_no_other_method_has_one() {
    let world = World::new().await;
    let about = Target::of(&world, "merchant_a1").await;
    let document = world.document().await;
    let mut routes =
        vec![("/openapi.json".to_owned(), vec!["GET".to_owned()]), ("/docs".to_owned(), vec!["GET".to_owned()])];
    for (template, operations) in document["paths"].as_object().unwrap() {
        let documented: Vec<String> = operations.as_object().unwrap().keys().map(|it| it.to_uppercase()).collect();
        let (path, _) = &rule(&documented[0].to_lowercase(), template, &about).requests[0];
        routes.push((path.clone(), documented));
    }
    for (path, mut methods) in routes {
        if methods.iter().any(|it| it == "GET") {
            methods.push("HEAD".to_owned());
        }
        methods.sort();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            // The route comes before the credential.
            let answer = world.request(method, &path).bearer("garbage").send().await;
            if methods.iter().any(|it| it == method) || path.starts_with("/v1/auth") {
                assert!(!matches!(answer.status.as_u16(), 404 | 405), "{method} {path}: {}", answer.text());
            } else {
                answer.problem(405, "method_not_allowed");
                let mut allowed: Vec<&str> = answer.header("allow").unwrap().split(',').map(str::trim).collect();
                allowed.sort_unstable();
                assert_eq!(allowed, methods, "{method} {path}");
            }
        }
    }
}
