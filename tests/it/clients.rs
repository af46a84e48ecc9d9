//! Clients generated from the document of a running server: they build, and run the calls of a first day.

use std::fs;
use std::path::Path;
use std::process::Command;

use keyward_testkit::{outside, run};

use crate::{
    document::saved,
    harness::{Node, Place},
};

/// Runs the calls of a first day by a partner.
fn first_day(mut command: Command, node: &Node) {
    let demo = node.demo();
    command.args([node.base_url(), &demo.partner.app_secret, &demo.merchant]).env("NO_PROXY", "127.0.0.1");
    assert_eq!(run::capture(&mut command).unwrap(), "done\n");
}

#[tokio::test]
async fn a_python_client_is_generated_imports_and_works() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let file = saved(&node, "python-client").await;
    let mut generate = outside::python_program("openapi-python-client").unwrap();
    generate.args(["generate", "--fail-on-warning", "--meta", "none", "--path"]).arg(&file);
    run::capture(generate.arg("--output-path").arg(folder(&file).join("keyward_client"))).unwrap();
    let mut client = outside::python_program("python").unwrap();
    client.arg(outside::source("client.py")).env("PYTHONPATH", folder(&file));
    first_day(client, &node);
    node.stop();
}

#[tokio::test]
async fn a_typescript_client_is_generated_passes_the_strict_compiler_and_works() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let file = saved(&node, "typescript-client").await;
    let folder = folder(&file);
    let mut generate = outside::npm_program("openapi-typescript").unwrap();
    run::capture(generate.arg(&file).arg("--output").arg(folder.join("schema.d.ts"))).unwrap();
    // Beside the packages: the compiler and Node.js look for them there.
    fs::copy(outside::source("client.ts"), folder.join("client.ts")).unwrap();
    let mut compile = outside::npm_program("tsc").unwrap();
    compile.args(["--strict", "--module", "esnext", "--moduleResolution", "bundler", "--target", "es2022"]);
    run::capture(compile.args(["--types", "node", "client.ts"]).current_dir(folder)).unwrap();
    let mut client = Command::new("node");
    client.arg(folder.join("client.js"));
    first_day(client, &node);
    node.stop();
}

fn folder(file: &Path) -> &Path {
    file.parent().expect("a file in a folder")
}
