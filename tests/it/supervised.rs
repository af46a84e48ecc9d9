//! Notifications that a supervisor such as systemd receives from a server.

use std::{path::PathBuf, time::Duration};

use tokio::{net::UnixDatagram, time::timeout};

use crate::harness::{Client, Place, Program};

/// Longer than any step takes. No test waits for it.
const LIMIT: Duration = Duration::from_mins(1);

/// The supervisor's socket.
struct Supervisor {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Supervisor {
    fn of(place: &Place) -> Self {
        let path = place.folder().join("notify");
        Self { socket: UnixDatagram::bind(&path).unwrap(), path }
    }

    fn supervise(&self, program: Program) -> Program {
        program.env("NOTIFY_SOCKET", &self.path)
    }

    async fn next_notification(&self) -> String {
        let mut datagram = [0; 512];
        let len = timeout(LIMIT, self.socket.recv(&mut datagram)).await.expect("a notification arrives").unwrap();
        String::from_utf8(datagram[..len].to_vec()).unwrap().trim_end().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_supervisor_is_notified_when_the_service_answers_reloads_and_stops() {
    let place = Place::embedded();
    let supervisor = Supervisor::of(&place);
    let program = supervisor.supervise(place.sandbox());
    let starting = tokio::task::spawn_blocking(move || program.serve());
    assert_eq!(supervisor.next_notification().await, "READY=1");
    let demo: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(place.data().join("demo.json")).unwrap()).unwrap();
    Client::anonymous(demo["base_url"].as_str().unwrap()).get("/readyz").await.expect(200);
    let node = starting.await.unwrap();

    for _ in 0..2 {
        node.hang_up();
        let reloading = supervisor.next_notification().await;
        let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap_or_else(|| panic!("{reloading}"));
        assert!(time.parse::<u64>().is_ok_and(|time| time > 0), "{reloading}");
        assert_eq!(supervisor.next_notification().await, "READY=1");
    }

    node.terminate();
    assert_eq!(supervisor.next_notification().await, "STOPPING=1");
    node.finish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_start_is_never_ready() {
    let place = Place::embedded();
    let supervisor = Supervisor::of(&place);
    supervisor.supervise(place.production()).words("serve --listen 127.0.0.1:0").run().refusal();
    let mut datagram = [0; 512];
    let received = supervisor.socket.try_recv(&mut datagram);
    assert!(received.is_err(), "it sent {:?}", String::from_utf8_lossy(&datagram));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_supervisor_ends_no_server() {
    let place = Place::embedded();
    let node = place.sandbox().env("NOTIFY_SOCKET", place.folder().join("nothing")).serve();
    node.anonymous().get("/readyz").await.expect(200);
    let log = node.stop().err;
    assert!(log.contains("the supervisor at NOTIFY_SOCKET cannot be reached"), "{log}");
}
