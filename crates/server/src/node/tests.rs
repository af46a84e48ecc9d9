//! Which processes may open a database together, and in which state it must be.

use std::{collections::HashMap, fs};

use tempfile::TempDir;

use super::*;
use crate::config::{Flags, Purpose};

const URL: &str = "http://127.0.0.1:8080";

fn settings(folder: &TempDir, more: &[(&'static str, &str)]) -> Settings {
    let mut settings = vec![("data_dir", folder.path().join("data").display().to_string())];
    settings.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    Settings::load(&Flags { config: None, settings }, HashMap::new(), Purpose::Serve).unwrap()
}

async fn refusal(settings: &Settings, mode: Mode) -> String {
    format!("{:#}", Node::open(settings, mode, Some(URL)).await.err().unwrap())
}

#[tokio::test]
async fn a_schema_is_brought_up_to_date_only_where_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let careful = settings(&folder, &[("auto_migrate", "false")]);
    let refused = refusal(&careful, Mode::Make).await;
    assert!(refused.contains("keyward migrate"), "{refused}");
    assert!(!careful.master_key_path().exists());

    let refused = refusal(&settings(&folder, &[]), Mode::Read).await;
    assert!(refused.contains("there is no installation in this database yet"), "{refused}");

    let database = Database::open(&careful, Mode::Make).await.unwrap();
    database.migrate().await.unwrap();
    database.close().await.unwrap();
    Node::open(&careful, Mode::Make, Some(URL)).await.unwrap().close().await.unwrap();
}

#[tokio::test]
async fn a_refused_node_releases_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, &[]);
    fs::create_dir(settings.data_dir()).unwrap();
    fs::set_permissions(settings.data_dir(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    fs::write(settings.master_key_path(), [7; 31]).unwrap();
    fs::set_permissions(settings.master_key_path(), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert!(refusal(&settings, Mode::Make).await.contains("wrong length"));
    fs::remove_file(settings.master_key_path()).unwrap();
    Node::open(&settings, Mode::Make, Some(URL)).await.unwrap().close().await.unwrap();
}
