//! A start before that of the database: a server waits for a database that may still come, and not for one that
//! refuses it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use keyward_testkit::{
    pg::{Cluster, Durability, Options},
    proxy::Proxy,
};
use tokio::{net::TcpListener, time::timeout};

use crate::harness::Place;

fn cluster() -> Cluster {
    Cluster::start_with(Options { durability: Durability::Fast, tcp: true }).unwrap()
}

/// The URL with another host and port.
fn through(url: &str, address: &str) -> String {
    let (before, after) = url.split_once("@127.0.0.1:").expect("a URL over TCP");
    let (_, database) = after.split_once('/').expect("a URL with a database");
    format!("{before}@{address}/{database}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_waits_for_a_database_that_is_not_up_yet() {
    let cluster = cluster();
    let url = cluster.tcp_url().unwrap();
    let place = Place::on(&url).await;
    let port = place.url().unwrap().split_once("@127.0.0.1:").unwrap().1.split_once('/').unwrap().0;
    let database = SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().unwrap()));
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::to(silent.local_addr().unwrap()).unwrap();
    let through_it = through(place.url().unwrap(), &proxy.address().to_string());
    let serve = place.sandbox().env("DATABASE_URL", through_it).env("KEYWARD_DATABASE__CONNECT_WAIT", "10m");
    let node = tokio::task::spawn_blocking(move || serve.serve());
    // It connects at least once before the database is reachable.
    drop(timeout(Duration::from_mins(1), silent.accept()).await.expect("it connects").unwrap());
    proxy.lead_to(database);
    // Resets the connections that it has not accepted.
    drop(silent);
    let node = node.await.unwrap();
    node.anonymous().get("/readyz").await.expect(200);
    assert!(node.output_so_far().contains("waiting for it"), "{}", node.output_so_far());
    node.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permanent_error_ends_the_start_immediately_and_names_a_remedy() {
    let cluster = cluster();
    let url = cluster.tcp_url().unwrap();
    let place = Place::on(&url).await;
    let good = place.url().unwrap();
    let (user, password) = good.split_once("://").unwrap().1.split_once('@').unwrap().0.split_once(':').unwrap();
    let cases = [
        (good.replace(password, "open-sesame"), "correct the user or the password"),
        (good.replace(&format!("{user}:"), "stranger:"), "correct the user or the password"),
        (keyward_testkit::pg::with_database(good, "no_such_database").unwrap(), "CREATE DATABASE"),
    ];
    for (url, advice) in cases {
        // A wait would outlast the test.
        let serve = place.sandbox().env("DATABASE_URL", url).env("KEYWARD_DATABASE__CONNECT_WAIT", "30d");
        let finished = serve.run();
        assert!(
            !finished.output().contains(password) && !finished.output().contains("sesame"),
            "{}",
            finished.output()
        );
        assert!(!finished.output().contains("at line"), "{}", finished.output());
        finished.refuses_with(&["cannot use the database of DATABASE_URL", advice]);
    }
}
