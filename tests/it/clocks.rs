//! Wrong clocks: the database's for a moment, or one that differs by weeks from a node's. The database of these
//! scenarios has its own `clock_timestamp`, whose error is read from a table.

use serde_json::json;

use crate::harness::{Fleet, Place, eventually};

/// Before the first node: functions of `public` come before those of Postgres.
const CLOCK: &str = "
    CREATE SCHEMA wrong;
    CREATE TABLE wrong.clock (by interval NOT NULL);
    INSERT INTO wrong.clock VALUES ('0');
    CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
        AS 'SELECT pg_catalog.clock_timestamp() + c.by FROM wrong.clock c';
    DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database());
    END $$;";

/// A node on a database whose clock can be set.
async fn one() -> Fleet {
    let place = Place::postgres().await;
    place.execute(CLOCK).await;
    Fleet::on(place, 1).await
}

/// Waits until the node has renewed with the present clock.
async fn renewed(fleet: &Fleet) {
    let renewals = async || {
        let sql =
            "SELECT counter::text FROM node_lease WHERE abs(extract(epoch FROM renewed_at - clock_timestamp())) < 60";
        fleet.place.column(sql).await.pop().map(|counter| counter.parse::<u64>().unwrap())
    };
    let mut first = None;
    eventually("it has renewed twice by this clock", async || {
        let now = renewals().await;
        first = first.or(now);
        now.zip(first).is_some_and(|(now, first)| now >= first + 2)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_whose_clock_runs_ahead_for_a_moment_ends_no_key() {
    let fleet = one().await;
    let partner = fleet.partner(0);
    let tomorrow =
        fleet.place.column("SELECT to_char(now() + '1 day', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')").await.remove(0);
    let key = json!({
        "mid": fleet.demo.merchant, "name": "Until tomorrow", "type": "secret", "scopes": [], "expires_at": tomorrow,
    });
    let value = partner.post("/v1/api-keys", &key).await.expect(201).member("value");
    assert_eq!(partner.verdict(&value).await, "VALID");
    fleet.place.execute("UPDATE wrong.clock SET by = '30 days'").await;
    renewed(&fleet).await;
    assert_eq!(partner.verdict(&value).await, "VALID", "the new time is not used yet");
    fleet.place.execute("UPDATE wrong.clock SET by = '0'").await;
    renewed(&fleet).await;
    assert_eq!(partner.verdict(&value).await, "VALID");
    let log = fleet.nodes[0].output_so_far();
    assert_eq!(log.matches("the database's clock ran ahead").count(), 1, "{log}");
    assert_eq!(log.matches("the database's clock is where it was").count(), 1, "{log}");
    fleet.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_clock_is_weeks_ahead_reports_it_everywhere_and_rotates_nothing() {
    let fleet = one().await;
    let node = &fleet.nodes[0];
    let ready = async || node.anonymous().get("/readyz").await.expect(200).text;
    assert_eq!(ready().await, "ready\n");
    fleet.place.execute("UPDATE wrong.clock SET by = '-40 days'").await;
    let difference = "the wall clock of this machine is 3456000 s ahead of the database's";
    let jump = "the clock that dates what is stored jumped 345";
    let both = format!("ready\n{difference}\n{jump}");
    eventually("/readyz reports both", async || {
        let readiness = ready().await;
        readiness.starts_with(&both) && readiness.ends_with(" s back\n")
    })
    .await;
    assert!(node.metric("keyward_clock_jump_seconds").await < -3_455_000.0);
    assert!(node.metric("keyward_clock_ahead_seconds").await > 3_455_000.0);
    let doctor = fleet.place.keyward().env("KEYWARD_VERIFIER__PROFILE", "quick").words("doctor").run();
    assert!(doctor.code == Some(1) && doctor.out.contains(difference), "{}", doctor.output());
    let kids = async || node.anonymous().get("/.well-known/jwks.json").await.expect(200).json()["keys"].clone();
    let before = kids().await;
    fleet.place.keyward().words("signing-key rotate").run().refuses_with(&[difference, "correct the wrong one"]);
    assert_eq!(kids().await, before);
    fleet.place.execute("UPDATE wrong.clock SET by = '0'").await;
    eventually("the clocks agree again", async || ready().await == "ready\n").await;
    let log = node.output_so_far();
    assert_eq!(log.matches(difference).count(), 1, "{log}");
    assert_eq!(log.matches(jump).count(), 1, "{log}");
    fleet.stop();
}
