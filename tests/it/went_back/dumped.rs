//! The server keeps running, and its own tools restore an earlier state of the database.

use super::scene::Scene;
use crate::harness::run;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoke_holds_after_an_earlier_state_was_restored_into_the_running_server() {
    let mut scene = Scene::start("quick").await;

    scene.prepare("dumped", 2, 3).await;
    let url = scene.fleet.place.url().unwrap().to_owned();
    tool(&scene, "pg_dump", &["--format=custom", "--file=kw.dump", &url]);
    let after = scene.change_after_copy("dumped").await;
    tool(&scene, "pg_restore", &["--clean", "--if-exists", &format!("--dbname={url}"), "kw.dump"]);
    scene.stops_accepting_later_credentials(&after).await;
    scene.revoke(&scene.before.kept).await;
    scene.has_the_state_of_the_copy(&after).await;
    scene.reports_loss(&after, 1).await;

    // Numbers of the later history are exceeded.
    scene.prepare("a copy", 4, 2).await;
    let name = url.split('?').next().and_then(|url| url.rsplit('/').next()).unwrap().to_owned();
    alone(&scene, &name, &format!("CREATE DATABASE {name}_copy TEMPLATE {name}"));
    // That cut off both nodes.
    scene.all_return("REVOKED", &scene.before.dead).await;
    let after = scene.change_after_copy("a copy").await;
    let swap = format!("ALTER DATABASE {name} RENAME TO {name}_gone; ALTER DATABASE {name}_copy RENAME TO {name}");
    alone(&scene, &name, &swap);
    scene.revoke(&scene.before.kept).await;
    assert!(scene.head().await > after.head);
    scene.has_the_state_of_the_copy(&after).await;
    scene.reports_loss(&after, 2).await;
    scene.fleet.stop();
}

/// Runs statements while no client is connected to this database, and then allows connections again.
fn alone(scene: &Scene, name: &str, sql: &str) {
    let ask = |sql: &str| {
        let words = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &scene.cluster.url(), "-c", sql];
        run(&scene.cluster.bin_dir().join("psql"), words, scene.fleet.place.folder()).success();
    };
    ask(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
    ask(&format!("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'"));
    for statement in sql.split("; ") {
        ask(statement);
    }
    ask(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
}

fn tool(scene: &Scene, name: &str, arguments: &[&str]) {
    run(&scene.cluster.bin_dir().join(name), arguments, scene.fleet.place.folder()).success();
}
