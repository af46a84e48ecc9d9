//! One embedded database has one server, whatever happens to files beside it and by whatever name it is opened. A
//! server whose database is removed acknowledges nothing more.

use std::{fs, os::unix::fs::symlink, path::Path};

use reqwest::{Method, header::HeaderMap};

use crate::harness::{Client, Node, Place};

/// A folder whose database is a link to that of `place`, with the same master key.
fn linked(place: &Place, name: &str, link: fn(&Path, &Path) -> std::io::Result<()>) -> std::path::PathBuf {
    let folder = place.folder().join(name);
    let data = folder.join("keyward-data");
    fs::create_dir(&folder).unwrap();
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    fs::copy(place.data().join("master.key"), data.join("master.key")).unwrap();
    link(&place.data().join("keyward.db"), &data.join("keyward.db")).unwrap();
    folder
}

#[tokio::test]
async fn a_second_server_is_kept_out_whatever_is_removed_beside_the_database() {
    let place = Place::embedded();
    let first = place.sandbox().serve();
    for beside in ["keyward.lock", "demo.json"] {
        // An absent file needs no removal.
        let _ = fs::remove_file(place.data().join(beside));
    }
    let held = ["another keyward holds ./keyward-data"];
    place.sandbox().run().refuses_with(&held);
    place.keyward().words("account create --role merchant --name Late --parent x").run().refuses_with(&held);
    first.anonymous().get("/readyz").await.expect(200);
    first.stop();
}

#[tokio::test]
async fn a_linked_database_is_the_same_database() {
    let place = Place::embedded();
    let first = place.sandbox().serve();
    let merchant = first.demo().merchant;
    let is_held = |folder: &Path| {
        let second = place.keyward_in(folder).words("serve --listen 127.0.0.1:0");
        second.run().refuses_with(&["another keyward holds"]);
        let command = place.keyward_in(folder).words("account suspend").words(&merchant);
        command.run().refuses_with(&["another keyward holds"]);
    };
    let symbolic = linked(&place, "symbolic", |from, to| symlink(from, to));
    is_held(&symbolic);
    // Reading is allowed, but not by a name beside which SQLite would not find the last writes.
    place.keyward_in(&symbolic).words("account list").run().success();
    let hard = linked(&place, "hard", |from, to| fs::hard_link(from, to));
    is_held(&hard);
    let two_names = ["2 names (hard links)"];
    place.keyward_in(&hard).words("account list").run().refuses_with(&two_names);
    first.anonymous().get("/readyz").await.expect(200);
    first.stop();

    for folder in [hard.as_path(), place.folder()] {
        place.keyward_in(folder).words("serve --listen 127.0.0.1:0").run().refuses_with(&two_names);
    }
    fs::remove_file(hard.join("keyward-data/keyward.db")).unwrap();
    place.keyward_in(&symbolic).words("serve --listen 127.0.0.1:0").serve().stop();
}

/// Creates keys until the node is gone: none is acknowledged. Then the node has ended by itself, and reports why.
async fn acknowledges_nothing_and_ends(node: Node, partner: &Client, merchant: &str) {
    let new_key = Client::new_key(merchant, "lost", &[]).to_string();
    while node.is_running() {
        let body = Some(("application/json", new_key.clone()));
        let asked = partner.try_send(Method::POST, "/v1/api-keys", body, HeaderMap::new()).await;
        if let Ok(answer) = asked {
            assert_eq!(answer.status, 503, "{}", answer.text);
        }
    }
    node.end().refuses_with(&["was removed or replaced while it was in use"]);
}

#[tokio::test]
async fn a_removed_database_ends_its_server_before_it_acknowledges_anything() {
    let mishaps: [fn(&Path); 4] = [
        |data| fs::remove_file(data.join("keyward.db")).unwrap(),
        |data| {
            fs::rename(data.join("keyward.db"), data.join("aside")).unwrap();
            fs::copy(data.join("aside"), data.join("keyward.db")).unwrap();
        },
        |data| fs::remove_file(data.join("keyward.db-wal")).unwrap(),
        |data| fs::rename(data, data.with_extension("aside")).unwrap(),
    ];
    for mishap in mishaps {
        let place = Place::embedded();
        let node = place.sandbox().serve();
        let demo = node.demo();
        let partner = node.client(&demo.partner.app_secret);
        partner.create(&demo.merchant, "kept", &[]).await;
        mishap(&place.data());
        acknowledges_nothing_and_ends(node, &partner, &demo.merchant).await;
    }
}

#[tokio::test]
async fn an_idle_server_notices_that_its_database_was_removed() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    fs::rename(place.data().join("keyward.db"), place.data().join("aside")).unwrap();
    node.end().refuses_with(&["was removed or replaced while it was in use", "Start again on the file"]);
}
