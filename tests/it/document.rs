//! The OpenAPI document of a running server, as programs of others read it.

use std::path::PathBuf;

use serde_json::Value;

use crate::harness::{Node, Place};

/// The document in a file, in a folder of this test's own.
pub(crate) async fn saved(node: &Node, name: &str) -> PathBuf {
    let document = node.anonymous().get("/openapi.json").await.expect(200);
    let file = xtask::outside::workshop(name).unwrap().join("openapi.json");
    std::fs::write(&file, document.text).unwrap();
    file
}

#[tokio::test]
async fn redocly_and_spectral_have_nothing_to_say() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let file = saved(&node, "linted").await;
    let mut redocly = xtask::outside::npm_program("redocly").unwrap();
    redocly.args(["lint", "--extends", "recommended", "--format", "json"]).arg(&file);
    let found: Value = serde_json::from_str(&xtask::run::capture(&mut redocly).unwrap()).unwrap();
    assert_eq!(found["totals"], serde_json::json!({"errors": 0, "warnings": 0, "ignored": 0}), "{found:#}");
    let mut spectral = xtask::outside::npm_program("spectral").unwrap();
    spectral.args(["lint", "--fail-severity", "hint", "--format", "json", "--quiet", "--ruleset"]);
    let found = xtask::run::capture(spectral.arg(xtask::outside::source("spectral.yaml")).arg(&file)).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&found).unwrap(), serde_json::json!([]));
    node.stop();
}

/// All its checks but those that `schemathesis.toml` leaves out, with a reason each.
#[tokio::test]
async fn a_minute_of_schemathesis_finds_nothing() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let file = saved(&node, "schemathesis").await;
    let mut run = xtask::outside::python_program("schemathesis").unwrap();
    run.arg("--no-color").arg("--config-file").arg(xtask::outside::source("schemathesis.toml"));
    run.arg("run").arg(&file).args(["--url", node.base_url(), "--checks", "all", "--max-time", "60"]);
    // It notes what it found in the folder where it runs.
    run.args(["--generation-database", "none", "--header"]).current_dir(file.parent().unwrap());
    run.arg(format!("Authorization: Bearer {}", node.demo().platform.app_secret));
    for (variable, key_type) in [("PUBLIC_KEY", "public"), ("TOKENIZATION_KEY", "tokenization")] {
        let new = serde_json::json!({"mid": node.demo().merchant, "name": key_type, "type": key_type});
        let made = node.client(&node.demo().platform.app_secret).post("/v1/api-keys", &new).await.expect(201);
        run.env(variable, made.member("value"));
    }
    let output = run.env("NO_PROXY", "127.0.0.1").output().unwrap();
    // It filters the credential out of what it prints.
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    node.stop();
}
