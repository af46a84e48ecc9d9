//! `/healthz` and `/readyz`.

use crate::harness::{Setup, World};

#[tokio::test]
async fn the_process_is_healthy_and_ready_when_it_can_answer() {
    let setup = Setup::default();
    let ready = setup.options.ready.clone();
    let world = World::with(setup).await;
    for (open, status) in [(true, 200), (false, 503), (true, 200)] {
        if open {
            ready.open();
        } else {
            ready.close();
        }
        assert_eq!(world.request("GET", "/healthz").send().await.status, 200);
        let answer = world.request("GET", "/readyz").send().await;
        if status == 200 {
            assert_eq!((answer.status.as_u16(), answer.text()), (200, "ready\n"));
        } else {
            answer.problem(503, "unavailable");
        }
    }
}

#[tokio::test]
async fn a_node_is_not_ready_before_its_first_success() {
    assert_eq!(World::with(not_ready()).await.request("GET", "/readyz").send().await.status, 503);
}

fn not_ready() -> Setup {
    let mut setup = Setup::default();
    setup.options.ready = keyward_api::http::Readiness::default();
    setup
}
