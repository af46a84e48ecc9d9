//! How every call reads values: white space, byte order marks and texts for people.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::harness::World;

const TOKEN: &str = "/v1/oauth2/token";

#[tokio::test]
async fn white_space_around_a_credential_is_dropped_in_every_call() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let pair = world.pair("merchant_a1", &["charges:read"]).await;
    let (id, secret) = (&pair.public.value, &pair.secret.value);
    for (before, after) in [("", "\n"), (" ", "\r\n"), ("\t", " ")] {
        let around = |value: &str| format!("{before}{value}{after}");
        for body in [
            json!({"key": around(secret)}),
            json!({"key": around(secret), "scopes": ["charges:read"], "mid": "merchant_a1"}),
        ] {
            for _ in 0..2 {
                let verdict = world.post_json(&by.value, "/v1/verify", &body).await.json(200);
                assert_eq!(verdict["code"], "VALID", "{body:?}");
            }
        }
        let batch = json!({"checks": [{"key": around(secret)}]});
        let verdicts = world.post_json(&by.value, "/v1/verify/batch", &batch).await.json(200);
        assert_eq!(verdicts["results"][0]["code"], "VALID");

        for app_key in [id, &pair.public.id, &pair.public.uuid()] {
            let body = json!({"AppKey": around(app_key), "AppSecret": around(secret)});
            let tokens = world.request("POST", TOKEN).json(&body).send().await.json(200);
            let body = json!({"refreshToken": around(tokens["refreshToken"].as_str().unwrap())});
            let tokens = world.request("POST", TOKEN).json(&body).send().await.json(200);
            let refresh = around(tokens["refreshToken"].as_str().unwrap());
            let form = [("grant_type", "refresh_token"), ("refresh_token", &refresh)];
            world.request("POST", TOKEN).form(&form).send().await.json(200);
        }
        let form = [("grant_type", "client_credentials")];
        let named = [("client_id", around(id)), ("client_secret", around(secret))];
        let named = named.iter().map(|(name, value)| (*name, value.as_str()));
        let in_body: Vec<_> = form.into_iter().chain(named).collect();
        world.request("POST", TOKEN).form(&in_body).send().await.json(200);
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", around(id), around(secret))));
        let by_basic = world.request("POST", TOKEN).header("authorization", &basic).form(&form);
        by_basic.send().await.json(200);
    }
    for header in [format!("Bearer \t{secret} "), format!(" bearer  {secret}\t"), format!("Bearer\t{secret}")] {
        for _ in 0..2 {
            world.request("GET", "/v1/auth").header("authorization", &header).send().await.empty(204);
        }
    }
    world.request("GET", "/v1/auth").header("x-api-key", &format!("\t{secret} ")).send().await.empty(204);
}

#[tokio::test]
async fn a_byte_order_mark_before_json_is_skipped() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let pair = world.pair("merchant_a1", &[]).await;
    let post = |path: &str, body: &Value| {
        let request = world.request("POST", path).bearer(&by.value);
        request.body("application/json", format!("\u{feff}{body}")).send()
    };
    let key = json!({"mid": "merchant_a1", "name": "x", "type": "secret"});
    post("/v1/api-keys", &key).await.json(201);
    assert_eq!(post("/v1/verify", &json!({"key": pair.secret.value})).await.json(200)["valid"], true);
    post(TOKEN, &pair.body()).await.json(200);
}

#[tokio::test]
async fn spaces_and_repetitions_in_a_scope_are_collapsed() {
    let world = World::new().await;
    let pair = world.pair("merchant_a1", &["charges:*", "a"]).await;
    for (scope, granted) in [
        ("a a", "a"),
        ("a  charges:read", "a charges:read"),
        (" a charges:read\n", "a charges:read"),
        ("charges:read a charges:read  a", "charges:read a"),
    ] {
        let form = pair.form(&[("scope", scope)]);
        assert_eq!(world.request("POST", TOKEN).form(&form).send().await.json(200)["scope"], granted, "{scope:?}");
    }
}

#[tokio::test]
async fn a_text_for_people_may_have_any_script_and_no_character_that_hides_others() {
    let world = World::new().await;
    let by = world.root("partner_a").await;
    let key = |text: &str| json!({"mid": "merchant_a1", "name": text, "type": "secret", "description": text});
    let hidden = world.post_json(&by.value, "/v1/api-keys", &key("a\u{202e}b")).await;
    hidden.invalid(&["description", "name"]);
    for text in ["Schlüssel – 鍵", "👩\u{200d}🚀 ❤\u{fe0f}", "می\u{200c}خواهم", "שלום"] {
        let made = world.post_json(&by.value, "/v1/api-keys", &key(text)).await.json(201);
        let path = format!("/v1/api-keys/{}", made["id"].as_str().unwrap());
        let read = world.get(&by.value, &path).await.json(200);
        assert_eq!((&read["name"], &read["description"]), (&json!(text), &json!(text)));
    }
}
