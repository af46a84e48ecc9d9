//! PgBouncer in transaction mode (T12): nodes and commands refuse it and report what to do, because neither can rely on
//! it.

use keyward_testkit::pg::{Cluster, Durability, Pooler};

use crate::harness::Place;

/// Advice to the operator of a pooler.
const ADVICE: &[&str] = &["PgBouncer", "unsupported startup parameter", "give the address of Postgres itself"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_pooler_is_refused_with_advice() {
    let cluster = Cluster::start(Durability::Fast).unwrap();
    let Some(bouncer) = Pooler::in_front_of(&cluster).unwrap() else { return };
    let place = Place::on(&cluster.url()).await;
    let pooled = bouncer.url_of(place.url().unwrap()).unwrap();
    let through = || place.sandbox().env("DATABASE_URL", &pooled);
    through().run().refuses_with(&[&["DATABASE_URL"], ADVICE].concat());
    // A known direct address does not help: requests read through the pooler.
    through().env("KEYWARD_DATABASE_DIRECT_URL", place.url().unwrap()).run().refuses_with(ADVICE);
    let commands = place.keyward().env("DATABASE_URL", &pooled);
    commands.clone().words("migrate").run().refuses_with(ADVICE);
    commands.clone().words("account list").run().refuses_with(ADVICE);

    // A direct address that leads to the pooler.
    let astray = || place.sandbox().env("KEYWARD_DATABASE_DIRECT_URL", &pooled);
    astray().run().refuses_with(ADVICE);
    place.sandbox().serve().stop();
    astray().run().refuses_with(&[&["database_direct_url"], ADVICE].concat());
    let doctor = place.keyward().env("KEYWARD_DATABASE_DIRECT_URL", &pooled).words("doctor").run();
    assert_eq!(doctor.code, Some(1), "{}", doctor.output());
    assert!(doctor.out.contains("give the address of Postgres itself"), "{}", doctor.out);
}
