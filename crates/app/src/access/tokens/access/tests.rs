//! Every way in which a token can be invalid.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;

const NOW: i64 = 1_764_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000).unwrap()
}

/// The time on which all clocks agree.
fn both(seconds: i64) -> Now {
    Now::exact(at(seconds))
}

fn settings(url: &str, environment: Environment) -> Settings {
    Settings {
        environment,
        public_url: url.into(),
        issuer: url.into(),
        token_audience: format!("{url}/audience"),
        partners_name_mids: true,
        refresh_family_life: Duration::from_secs(1),
        failed_attempts_per_minute: 1,
    }
}

fn tokens() -> AccessTokens {
    deployment("https://keys.example", Environment::Sandbox, 1)
}

fn deployment(url: &str, environment: Environment, seed: u8) -> AccessTokens {
    let tokens = AccessTokens::new(&settings(url, environment), &MasterKey::from_bytes(&[1; 32]).ok().unwrap());
    let FreshSigningKey { generation, kid, public, sealed } =
        tokens.fresh_key(1, &Zeroizing::new([seed; 32]), [0; 24]).unwrap();
    let (published_at, signs_from) = (at(NOW), at(NOW));
    tokens.take_keys(&[SigningKeyRow { generation, kid, public, sealed, published_at, signs_from }], 0).unwrap();
    tokens
}

fn grant() -> AccessGrant {
    AccessGrant {
        public_key: KeyId::from_uuid(Uuid::from_u128(1)),
        secret_key: KeyId::from_uuid(Uuid::from_u128(2)),
        mid: "mid_1".parse().unwrap(),
        scopes: "charges:read api-keys:*".parse().unwrap(),
    }
}

fn issue(tokens: &AccessTokens) -> String {
    let id = AccessId::from_uuid(Uuid::from_u128(9));
    tokens.issue(&grant(), id, at(NOW)).unwrap().unwrap().token.to_string()
}

fn part(token: &str, n: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(n).unwrap()).unwrap()).unwrap()
}

/// Signs modified claims or a modified header with the deployment's own key.
fn resign(tokens: &AccessTokens, header: &Value, claims: &Value) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let message = format!("{}.{}", encode(header), encode(claims));
    let keys = tokens.keys();
    let key = keys.signer(at(NOW)).unwrap();
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key.signs, Algorithm::EdDSA).unwrap();
    format!("{message}.{signature}")
}

#[test]
fn a_token_is_valid_from_its_issue_to_its_expiry() {
    let tokens = tokens();
    let token = issue(&tokens);
    for (seconds, good) in [(NOW - 31, false), (NOW - 30, true), (NOW, true), (NOW + 599, true), (NOW + 600, false)] {
        assert_eq!(tokens.read(&token, both(seconds)).is_some(), good, "{}", seconds - NOW);
    }
    let expires_at = at(NOW).saturating_add(ACCESS_TOKEN_LIFE);
    assert_eq!(tokens.read(&token, both(NOW)), Some(ReadAccess { grant: grant(), expires_at }));
}

#[test]
fn expiry_follows_the_later_clock_and_validity_begins_by_the_shared_one() {
    let tokens = tokens();
    let token = issue(&tokens);
    for (shared, expiry, good) in [
        (NOW, NOW, true),
        (NOW, NOW + 599, true),
        (NOW, NOW + 600, false),
        (NOW + 600, NOW + 600, false),
        (NOW - 30, NOW, true),
        (NOW - 31, NOW, false),
    ] {
        let now = Now::by(at(shared), at(expiry));
        assert_eq!(tokens.read(&token, now).is_some(), good, "{} {}", shared - NOW, expiry - NOW);
    }
}

#[test]
fn a_missing_or_wrong_claim_is_refused() {
    let tokens = tokens();
    let token = issue(&tokens);
    let (header, claims) = (part(&token, 0), part(&token, 1));
    assert!(tokens.read(&resign(&tokens, &header, &claims), both(NOW)).is_some(), "the harness itself");
    for name in claims.as_object().unwrap().keys() {
        let mut broken = claims.clone();
        broken.as_object_mut().unwrap().remove(name);
        assert_eq!(tokens.read(&resign(&tokens, &header, &broken), both(NOW)), None, "without {name}");
    }
    for (name, value) in [
        ("iss", json!("https://other.example")),
        ("aud", json!("https://other.example")),
        ("aud", json!([])),
        ("env", json!("production")),
        ("exp", json!(NOW)),
        ("exp", json!((NOW + 600).to_string())),
        ("exp", json!(-1)),
        ("nbf", json!(NOW + 3600)),
        ("nbf", json!(NOW.to_string())),
        ("iat", json!(NOW + 3600)),
        ("sub", json!("key_")),
        ("sub", json!("pair_01h2xcejqtf2nbrexx3vqjhp41")),
        ("client_id", json!(7)),
        ("custom:mid", json!("key_1")),
        ("scope", json!("NOT A SCOPE")),
    ] {
        let mut broken = claims.clone();
        broken[name] = value.clone();
        assert_eq!(tokens.read(&resign(&tokens, &header, &broken), both(NOW)), None, "{name} = {value}");
    }
}

#[test]
fn a_wrong_header_is_refused() {
    let tokens = tokens();
    let token = issue(&tokens);
    let (header, claims) = (part(&token, 0), part(&token, 1));
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("ES256")),
        ("typ", json!("JWT")),
        ("typ", json!(null)),
        ("kid", json!("unknown")),
        ("kid", json!(null)),
    ] {
        let mut broken = header.clone();
        broken[name] = value.clone();
        assert_eq!(tokens.read(&resign(&tokens, &broken, &claims), both(NOW)), None, "{name} = {value}");
    }
}

#[test]
fn a_forged_or_foreign_token_is_refused() {
    let tokens = tokens();
    let token = issue(&tokens);
    let unsigned = token.rsplit_once('.').unwrap().0;
    let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "typ": "at+jwt"}).to_string());
    let (payload, signature) = (token.split('.').nth(1).unwrap(), token.split('.').nth(2).unwrap());
    let mut claims = part(&token, 1);
    claims["scope"] = json!("merchants:*");
    let wide = URL_SAFE_NO_PAD.encode(claims.to_string());
    let other_key = issue(&deployment("https://keys.example", Environment::Sandbox, 2));
    for forged in [
        unsigned.to_owned(),
        format!("{unsigned}."),
        format!("{unsigned}.AAAA"),
        format!("{none}.{payload}."),
        format!("{}.{wide}.{signature}", unsigned.split('.').next().unwrap()),
        token.get(1..).unwrap().to_owned(),
        other_key,
        issue(&deployment("https://other.example", Environment::Sandbox, 1)),
        issue(&deployment("https://keys.example", Environment::Production, 1)),
        String::new(),
        "..".into(),
        "a.b.c".into(),
    ] {
        assert_eq!(tokens.read(&forged, both(NOW)), None, "{forged}");
    }
    assert!(tokens.names_unknown_key(&issue(&deployment("https://keys.example", Environment::Sandbox, 2))));
    assert!(!tokens.names_unknown_key(&token) && !tokens.names_unknown_key("x"));
}

#[test]
fn nothing_is_signed_without_a_key() {
    let none = AccessTokens::new(
        &settings("https://keys.example", Environment::Sandbox),
        &MasterKey::from_bytes(&[1; 32]).ok().unwrap(),
    );
    assert!(none.issue(&grant(), AccessId::from_uuid(Uuid::nil()), at(NOW)).unwrap().is_none());
}
