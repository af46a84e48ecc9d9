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
    eventually("those who ask learn it", async || {
        let ready = node.anonymous().get("/readyz").await.expect(200).text;
        ready.starts_with("ready\n") && ready.contains("this node could not join the others")
    })
    .await;
    let wish = Client::wish(&demo.merchant, "not now", &[]);
    node.client(&demo.partner.app_secret).post("/v1/api-keys", &wish).await.expect_problem(503, "unavailable");
    let (said, setting) = (node.said_so_far(), "default_transaction_read_only is on");
    let lines = |words: &str| said.lines().filter(|line| line.contains(words) && line.contains(setting)).count();
    assert_eq!(lines("this node could not join the others"), 1, "{said}");
    assert_eq!(lines("this node answers by reading alone"), 1, "{said}");
    let doctor = place.keyward().say("doctor").run();
    assert!(doctor.out.contains(setting) && doctor.out.contains("make room"), "{}", doctor.said());
    node.stop();
}
