//! Production from an empty database to the first merchant's live key, on both databases.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::harness::{Client, Credentials, Node, Place, Program, mode_of, on_both};

on_both!(from_an_empty_database_to_live_keys, a_lost_root_is_replaced, nothing_of_the_sandbox_works);

/// The root account and its keys, in `root.json`.
fn bootstrap(place: &Place) -> (Program, Credentials) {
    let keyward = place.production();
    keyward.clone().words("migrate").run().success();
    let account = keyward.clone().words("account create --role platform --mid platform --name").word("Our platform");
    let account = account.run().json();
    assert_eq!((&account["mid"], &account["role"]), (&json!("platform"), &json!("platform")), "{account}");
    (keyward.clone(), pair(place, &keyward, "platform", "root.json"))
}

fn pair(place: &Place, keyward: &Program, mid: &str, out: &str) -> Credentials {
    let program = keyward.clone().words("key pair --name root --scope api-keys:* --scope merchants:*");
    let made = program.words("--mid").words(mid).words("--out").words(out).run().success();
    let path = place.folder().join(out);
    assert_eq!(mode_of(&path), 0o600);
    let pair = Credentials::read(&serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap()).unwrap();
    assert_eq!(pair.mid, mid);
    assert!(!made.output().contains(&pair.app_secret), "the secret was printed");
    pair
}

fn serve(keyward: &Program) -> Node {
    keyward.clone().words("serve --listen 127.0.0.1:0").serve()
}

async fn from_an_empty_database_to_live_keys(place: Place) {
    let keyward = place.production();
    let early = keyward.clone().words("serve --listen 127.0.0.1:0").run();
    early.refuses_with(&["the database is empty", "keyward migrate"]);

    let (keyward, root) = bootstrap(&place);
    let made =
        keyward.clone().words("account create --role partner --mid partner-1 --parent platform --name Partner").run();
    assert_eq!(made.json()["parent_mid"], "platform");
    let partner = pair(&place, &keyward, "partner-1", "partner.json");
    let node = serve(&keyward);
    assert!(!node.demo_path().exists(), "production made a demo");
    for value in [&root.app_secret, &partner.app_secret] {
        assert!(value.starts_with("sk_live_"));
    }
    let platform = node.client(&root.app_secret);
    let keys = platform.get("/v1/api-keys/platform").await.expect(200).json();
    let created_by: Vec<&Value> = keys["keys"].as_array().unwrap().iter().map(|key| &key["created_by"]).collect();
    assert_eq!(created_by, [&json!("operator"), &json!("operator")], "{keys}");

    let tokens = node.anonymous().tokens(&partner.app_key, &partner.app_secret).await;
    let caller = node.client(&tokens.access);
    let with_mid = json!({ "name": "Shop", "mid": "shop-1" });
    caller.post("/v1/merchants", &with_mid).await.expect_problem(403, "mid_not_allowed");
    let shop = caller.post("/v1/merchants", &json!({ "name": "Shop" })).await.expect(201).member("mid");
    let key = caller.create(&shop, "Till", &["charges:read"]).await;
    assert!(key.value.starts_with("sk_live_"));
    assert_eq!(platform.verdict(&key.value).await, "VALID");
    let metadata = node.anonymous().get("/.well-known/oauth-authorization-server").await.json();
    assert_eq!(metadata["issuer"], "https://keys.example.com");
    node.stop();

    let closed = keyward.clone().words("account close --yes partner-1").run().json();
    assert_eq!(closed["status"], "closed");
    let node = serve(&keyward);
    assert_eq!(node.client(&root.app_secret).verdict(&key.value).await, "REVOKED");
    node.client(&partner.app_secret).get("/v1/merchants").await.expect_problem(401, "invalid_credential");
    node.stop();
}

async fn a_lost_root_is_replaced(place: Place) {
    let (keyward, lost) = bootstrap(&place);
    keyward.clone().words("account create --role platform --name Second").run().refuses_with(&["keyward key pair"]);
    let again = keyward.clone().words("key pair --mid platform --name root --out root.json").run();
    again.refuses_with(&["root.json already exists", "not overwritten"]);
    let to_a_pipe = keyward.clone().words("key pair --mid platform --name root").run();
    to_a_pipe.misuse_with(&["--out FILE"]);

    let found = pair(&place, &keyward, "platform", "again.json");
    let listed = keyward.clone().words("key list --mid platform --state active").run();
    assert!(!listed.output().contains(&found.app_secret) && !listed.output().contains(&lost.app_secret));
    let lost_id = secret_ids(&listed.json()).pop().unwrap();
    let revoked = keyward.clone().words("key revoke --yes --reason compromised").words(&lost_id).run().json();
    assert_eq!(revoked["state"], "revoked");

    let node = serve(&keyward);
    node.client(&lost.app_secret).get("/v1/merchants").await.expect_problem(401, "invalid_credential");
    let root = node.client(&found.app_secret);
    let dead = root.get(&format!("/v1/api-keys/{lost_id}")).await.expect(200).json();
    assert_eq!((&dead["revoked_by"], &dead["revocation_reason"]), (&json!("operator"), &json!("compromised")));
    node.stop();
}

/// The ids of the secret keys in a list, newest first.
fn secret_ids(list: &Value) -> Vec<String> {
    let keys = list.as_array().unwrap().iter().filter(|key| key["type"] == "secret");
    keys.map(|key| key["id"].as_str().unwrap().to_owned()).collect()
}

async fn nothing_of_the_sandbox_works(place: Place) {
    let sandbox = Place::embedded();
    let (test_value, test_token) = {
        let node = sandbox.sandbox().serve();
        let demo = node.demo();
        let tokens = node.anonymous().tokens(&demo.platform.app_key, &demo.platform.app_secret).await;
        (demo.platform, tokens.access)
    };
    let (keyward, root) = bootstrap(&place);
    let node = serve(&keyward);
    let foreign: Client = node.client(&test_value.app_secret);
    foreign.get("/v1/merchants").await.expect_problem(401, "wrong_environment");
    foreign.get("/v1/auth").await.expect_problem(401, "wrong_environment");
    node.client(&test_token).get("/v1/merchants").await.expect_problem(401, "invalid_credential");
    assert_eq!(node.client(&root.app_secret).verdict(&test_value.app_secret).await, "WRONG_ENVIRONMENT");
    let pair = json!({ "AppKey": test_value.app_key, "AppSecret": test_value.app_secret });
    node.anonymous().post("/v1/oauth2/token", &pair).await.expect(401);
    node.stop();
}

#[test]
fn a_configured_master_key_is_never_created() {
    let place = Place::embedded();
    let absent: PathBuf = place.folder().join("absent.key");
    let keyward = place.production().env("KEYWARD_MASTER_KEY_FILE", &absent);
    keyward.clone().words("migrate").run().success();
    let words = ["absent.key is missing", "head -c 32 /dev/urandom"];
    keyward.clone().words("account create --role platform --name Root").run().refuses_with(&words);
    keyward.words("serve --listen 127.0.0.1:0").run().refuses_with(&words);
    assert!(!absent.exists());
}
