//! The OpenAPI document of a running server, as other programs read it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::{Node, Place};

/// Saves the document to a file, in a folder of this test.
pub(crate) async fn saved(node: &Node, name: &str) -> PathBuf {
    let document = node.anonymous().get("/openapi.json").await.expect(200);
    let file = keyward_testkit::outside::workshop(name).unwrap().join("openapi.json");
    std::fs::write(&file, document.text).unwrap();
    file
}

#[tokio::test]
async fn redocly_and_spectral_find_nothing() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let file = saved(&node, "linted").await;
    let mut redocly = keyward_testkit::outside::npm_program("redocly").unwrap();
    redocly.args(["lint", "--extends", "recommended", "--format", "json"]).arg(&file);
    let found: Value = serde_json::from_str(&keyward_testkit::run::capture(&mut redocly).unwrap()).unwrap();
    assert_eq!(found["totals"], json!({"errors": 0, "warnings": 0, "ignored": 0}), "{found:#}");
    let mut spectral = keyward_testkit::outside::npm_program("spectral").unwrap();
    spectral.args(["lint", "--fail-severity", "hint", "--format", "json", "--quiet", "--ruleset"]);
    let found =
        keyward_testkit::run::capture(spectral.arg(keyward_testkit::outside::source("spectral.yaml")).arg(&file))
            .unwrap();
    assert_eq!(serde_json::from_str::<Value>(&found).unwrap(), json!([]));
    node.stop();
}

/// All its checks except those that `schemathesis.toml` disables, with a reason each, and one of our own
/// (`reasons.py`). A service that refuses everything would pass them, so each call must also accept something.
#[tokio::test]
async fn schemathesis_finds_nothing_and_every_call_accepts_a_valid_request() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let file = saved(&node, "schemathesis").await;
    let by = node.client(&node.demo().platform.app_secret);
    let report = file.with_file_name("report.json");
    let mut run = keyward_testkit::outside::python_program("schemathesis").unwrap();
    run.arg("--no-color").arg("--config-file").arg(keyward_testkit::outside::source("schemathesis.toml"));
    run.arg("run").arg(&file).args(["--url", node.base_url()]);
    run.args(["--report", "json", "--report-json-path"]).arg(&report);
    // It records its findings in the folder where it runs.
    run.args(["--generation-database", "none", "--header"]).current_dir(file.parent().unwrap());
    run.arg(format!("Authorization: Bearer {}", node.demo().platform.app_secret));
    run.env("SCHEMATHESIS_HOOKS", keyward_testkit::outside::source("reasons.py")).env("NO_PROXY", "127.0.0.1");
    // Accounts that the configuration names, each for calls that leave it in the state that they need.
    for mid in ["mid_123456", "mid_suspended", "mid_closed"] {
        by.post("/v1/merchants", &json!({"mid": mid, "name": mid})).await.expect(201);
    }
    for (variable, key_type) in [
        ("PUBLIC_KEY", "public"),
        ("TOKENIZATION_KEY", "tokenization"),
        ("REVOKED_KEY_ID", "secret"),
        ("CHANGED_KEY_ID", "secret"),
    ] {
        let new = json!({"mid": node.demo().merchant, "name": key_type, "type": key_type});
        let made = by.post("/v1/api-keys", &new).await.expect(201);
        run.env(variable, made.member(if variable.ends_with("_ID") { "id" } else { "value" }));
    }
    let output = run.output().unwrap();
    // It removes the credential from its output.
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    accepted_everywhere(&file, &report);
    node.stop();
}

/// Panics if the service accepted no valid request of some call.
#[track_caller]
fn accepted_everywhere(document: &Path, report: &Path) {
    let read = |file: &Path| serde_json::from_slice::<Value>(&std::fs::read(file).unwrap()).unwrap();
    let (document, rates) = (read(document), read(report)["valid_rates"].take());
    let mut refused = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let call = format!("{} {path}", method.to_uppercase());
            let phases = rates[&call].as_object().into_iter().flatten();
            let accepted: u64 = phases.map(|(_, answers)| answers["accepted"].as_u64().unwrap()).sum();
            if accepted == 0 {
                refused.push(call);
            }
        }
    }
    assert!(refused.is_empty(), "no valid request was accepted by {refused:?}; what each call answered: {rates:#}");
}
