//! nginx, as its distribution builds it, with `examples/nginx/keyward.conf`, and mistakes that only nginx allows.

use std::path::Path;

use super::fixture::{Fixture, Kind};
use crate::harness::{Daemon, Place, installed};

pub(super) struct Nginx;

impl Kind for Nginx {
    const EXAMPLE: &'static str = "examples/nginx/keyward.conf";
    const ADDRESSES: [&'static str; 3] = ["listen 8000;", "127.0.0.1:8080", "127.0.0.1:9000"];

    fn with_another_node(configuration: &str, address: &str) -> String {
        let upstream = "upstream keyward {\n";
        assert_eq!(configuration.matches(upstream).count(), 1);
        configuration.replace(upstream, &format!("{upstream}    server {address};\n"))
    }

    fn start(folder: &Path, configuration: &str) -> Daemon {
        let mut command = keyward_testkit::nginx::command(&installed("nginx", "nginx"), folder, configuration).unwrap();
        Daemon::start(&mut command)
    }
}

/// A cache of answers, as a guide to `auth_request` suggests it: for a minute, by credential.
const CACHE: &str = "proxy_cache answers; proxy_cache_key $http_authorization; proxy_cache_valid any 1m;";

/// The example with a cache of Keyward's answers.
async fn with_cache(and: &str) -> Fixture {
    let question = "proxy_pass http://keyward/v1/auth;";
    let rewrite = |example: String| {
        assert_eq!(example.matches(question).count(), 1);
        let example = example.replace(question, &format!("{question} {CACHE} {and}"));
        format!("proxy_cache_path cache keys_zone=answers:1m;\n{example}")
    };
    Fixture::rewritten::<Nginx>(Place::embedded(), |program| program, rewrite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_stores_no_answer() {
    let fixture = with_cache("").await;
    fixture.a_revoked_key_is_refused().await;
    // A refusal is not cached either.
    let (_, later) = fixture.till().await;
    later.get("/charges").await.expect(200);
    fixture.node.stop();
}

/// The control for the claim above: the cache exists, and only the service's `no-store` keeps it empty.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_that_ignores_no_store_accepts_revoked_keys() {
    let fixture = with_cache("proxy_ignore_headers Cache-Control;").await;
    let (key, till) = fixture.till().await;
    till.get("/charges").await.expect(200);
    fixture.partner().revoke(&key.id).await.expect(204);
    till.get("/charges").await.expect(200);
    fixture.node.stop();
}
