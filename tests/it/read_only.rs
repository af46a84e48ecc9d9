//! A database that accepts no changes although it is no standby: a managed Postgres does that when its disk is full.

use crate::harness::{Client, Place, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_database_is_reported_as_such_everywhere() {
    let place = Place::postgres().await;
    let node = place.sandbox().serve();
    let demo = node.demo();
    node.stop();
    place
        .execute(
            "DO $$ BEGIN
                EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database());
            END $$",
        )
        .await;
    let node = place.sandbox().serve();
    eventually("/readyz reports it", async || {
        let ready = node.anonymous().get("/readyz").await.expect(200).text;
        ready.starts_with("ready\n") && ready.contains("this node could not join the others")
    })
    .await;
    let new_key = Client::new_key(&demo.merchant, "not now", &[]);
    node.client(&demo.partner.app_secret).post("/v1/api-keys", &new_key).await.expect_problem(503, "unavailable");
    let (log, setting) = (node.output_so_far(), "default_transaction_read_only is on");
    let lines = |words: &str| log.lines().filter(|line| line.contains(words) && line.contains(setting)).count();
    assert_eq!(lines("this node could not join the others"), 1, "{log}");
    assert_eq!(lines("this node answers by reading alone"), 1, "{log}");
    let doctor = place.keyward().words("doctor").run();
    assert!(doctor.out.contains(setting) && doctor.out.contains("make room"), "{}", doctor.output());
    node.stop();
}
