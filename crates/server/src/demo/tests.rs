//! Created once, only in an empty sandbox, and only with its credentials safely on disk.

use std::{collections::HashMap, fs};

use keyward_app::{Caller, manage::list_accounts::list_accounts};
use tempfile::TempDir;

use super::*;
use crate::{
    config::{Flags, Purpose, Settings},
    database::Mode,
    node::Node,
};

const URL: &str = "http://127.0.0.1:8080";

fn settings(folder: &TempDir, environment: &str) -> Settings {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut settings = vec![("data_dir", path("data")), ("environment", environment.to_owned())];
    if environment == "production" {
        let key = folder.path().join("given.key");
        crate::master_key::create(&key, &crate::entropy::SystemEntropy).unwrap();
        settings.extend([("master_key_file", path("given.key")), ("public_url", URL.to_owned())]);
        settings.push(("auto_migrate", "true".to_owned()));
    }
    Settings::load(&Flags { config: None, settings }, HashMap::new(), Purpose::Serve).unwrap()
}

async fn accounts(node: &Node) -> usize {
    list_accounts(&node.manage, &Caller::operator(), 10, None).await.unwrap().accounts.len()
}

#[tokio::test]
async fn each_database_has_its_own_file_and_none_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, "sandbox");
    let (node, path) = (Node::open(&settings, Mode::Make, Some(URL)).await.unwrap(), settings.demo_path());
    fs::write(&path, "one's").unwrap();
    fs::write(path.with_file_name("demo-2.json"), "another's").unwrap();
    let third = path.with_file_name("demo-3.json");
    assert!(matches!(prepare(&node.manage, &path, URL, true).await, Ok(Outcome::Seeded(own)) if own.path() == third));
    let content = fs::read_to_string(&third).unwrap();
    assert!(content.contains("appSecret"));
    // Found again beside the others, which stay as they are.
    assert!(matches!(prepare(&node.manage, &path, URL, true).await, Ok(Outcome::Kept(own)) if own.path() == third));
    assert_eq!(fs::read_to_string(&third).unwrap(), content);
    assert_eq!(fs::read_to_string(&path).unwrap(), "one's");
    assert_eq!(fs::read_to_string(path.with_file_name("demo-2.json")).unwrap(), "another's");
}

#[tokio::test]
async fn production_gets_no_demo_accounts() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, "production");
    let (node, path) = (Node::open(&settings, Mode::Make, Some(URL)).await.unwrap(), settings.demo_path());
    assert!(matches!(prepare(&node.manage, &path, URL, true).await, Ok(Outcome::NotOurs)));
    assert!(accounts(&node).await == 0 && !path.exists());
}

#[tokio::test]
async fn a_file_without_a_member_is_named_and_its_content_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("demo.json");
    for content in ["torn", "[]", r#"{"partner":{"appSecret":7}}"#] {
        fs::write(&path, content).unwrap();
        let file = DemoFile::read(&path).unwrap().unwrap();
        let error = file.text("/partner/appSecret").unwrap_err().to_string();
        assert!(error.contains("demo.json is not a file of demo credentials: it has no partner.appSecret"), "{error}");
        assert!(greeting(&file).is_err());
    }
}

#[test]
fn a_shell_reads_a_quoted_text_unchanged() {
    for text in ["", "plain", "it's", "$(reboot)`x`", "a b\"c\\d\ne", "'; exit 3; '"] {
        let script = format!("printf %s {}", quoted(text));
        let shell = std::process::Command::new("sh").args(["-euc", &script]).output().unwrap();
        assert_eq!(String::from_utf8(shell.stdout).unwrap(), text);
    }
}

#[tokio::test]
async fn credentials_of_another_database_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, "sandbox");
    let (node, path) = (Node::open(&settings, Mode::Make, Some(URL)).await.unwrap(), settings.demo_path());
    assert!(matches!(prepare(&node.manage, &path, URL, true).await, Ok(Outcome::Seeded(_))));
    for foreign in [r#"{"base_url":"http://x","platform":{"mid":"another"}}"#, "torn", "[]"] {
        fs::write(&path, foreign).unwrap();
        assert!(matches!(prepare(&node.manage, &path, URL, true).await, Ok(Outcome::OfAnother(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), foreign);
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(prepare(&node.manage, &path, URL, true).await, Ok(Outcome::NotOurs)));
}
