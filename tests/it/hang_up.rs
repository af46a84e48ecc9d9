//! SIGHUP ends no server: it reloads what can be reloaded, and reports it.

use crate::harness::{Place, eventually, private};

#[tokio::test]
async fn a_hang_up_reloads_the_filter_of_the_log_and_nothing_else() {
    let place = Place::embedded();
    let file = place.folder().join("keyward.toml");
    let write =
        |filter: &str| private(&file, &format!("[log]\nfilter = \"{filter}\"\n[limits]\nmax_body_bytes = 20000\n"));
    write("error");
    let node = place.sandbox().words("--config keyward.toml").serve();
    node.hang_up();
    node.anonymous().get("/nowhere").await.expect(404);
    write("info");
    node.hang_up();
    eventually("the log reports it", async || node.output_so_far().contains("log.filter is info")).await;
    node.anonymous().get("/elsewhere").await.expect(404);
    eventually("a request is logged", async || node.output_so_far().contains("answered 404")).await;

    for (broken, word) in [("a=b=c", "a level"), ("info\"\nx = \"", "there is no setting log.x")] {
        write(broken);
        node.hang_up();
        eventually("the log reports it", async || node.output_so_far().contains(word)).await;
    }
    let log = node.output_so_far();
    assert!(log.contains("kept the old log.filter"), "{log}");
    node.anonymous().get("/healthz").await.expect(200);
    node.stop();
}
