//! Which requests share a statement, and what happens if it fails.

use tokio::sync::{Semaphore, mpsc};

use super::*;

/// Statements that a test lets continue, and that report their requests to it.
struct Slow {
    begun: mpsc::UnboundedSender<Vec<u32>>,
    /// One permit per statement that may be answered.
    go: Arc<Semaphore>,
}

/// Invalid requests; a statement with one of them is rejected as a whole.
const BAD: u32 = 13;
/// With this request, the database is unavailable.
const AWAY: u32 = 99;

#[async_trait]
impl Batched for Slow {
    type Request = u32;
    type Answer = u32;

    async fn answer(&self, asked: &[u32]) -> Result<Vec<u32>> {
        self.begun.send(asked.to_vec()).unwrap();
        self.go.acquire().await.unwrap().forget();
        if asked.contains(&AWAY) {
            return Err(StorageError::Unavailable("gone".into()));
        }
        if asked.contains(&BAD) {
            return Err(StorageError::Unexpected("a bad number".into()));
        }
        Ok(asked.iter().map(|number| number * 10).collect())
    }
}

/// A batcher, and the handles by which a test controls its statements.
struct Fixture {
    batcher: Arc<Batcher<Slow>>,
    begun: mpsc::UnboundedReceiver<Vec<u32>>,
    go: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Fixture {
    fn new(max_concurrent: usize) -> Self {
        let ((begun, receiver), go, tasks) =
            (mpsc::unbounded_channel(), Arc::new(Semaphore::new(0)), TaskTracker::new());
        let batcher = Batcher::new(Slow { begun, go: Arc::clone(&go) }, max_concurrent, tasks.clone());
        Self { batcher: Arc::new(batcher), begun: receiver, go, tasks }
    }

    /// Sends a request in a task, which returns the answer.
    fn ask(&self, number: u32) -> tokio::task::JoinHandle<Result<u32>> {
        let batcher = Arc::clone(&self.batcher);
        self.tasks.spawn(async move { batcher.ask(number).await })
    }

    /// Waits until this many requests wait. Tasks on a single thread run in turn, so yielding suffices.
    async fn wait_for(&self, waiting: usize) {
        while self.batcher.shared.queue().waiting.len() != waiting {
            tokio::task::yield_now().await;
        }
    }

    async fn next(&mut self) -> Vec<u32> {
        self.begun.recv().await.unwrap()
    }
}

#[tokio::test]
async fn no_request_waits_for_others_and_those_that_arrive_meanwhile_share() {
    let mut fixture = Fixture::new(1);
    let first = fixture.ask(1);
    assert_eq!(fixture.next().await, [1]);
    let others = [2, 3, 4].map(|number| fixture.ask(number));
    fixture.wait_for(3).await;
    fixture.go.add_permits(1);
    assert_eq!(first.await.unwrap().unwrap(), 10);
    assert_eq!(fixture.next().await, [2, 3, 4]);
    fixture.go.add_permits(1);
    for (other, expected) in others.into_iter().zip([20, 30, 40]) {
        assert_eq!(other.await.unwrap().unwrap(), expected);
    }
    // And again, after it was idle.
    let late = fixture.ask(5);
    assert_eq!(fixture.next().await, [5]);
    fixture.go.add_permits(1);
    assert_eq!(late.await.unwrap().unwrap(), 50);
}

#[tokio::test]
async fn concurrent_statements_never_exceed_the_maximum() {
    let mut fixture = Fixture::new(2);
    let first = fixture.ask(1);
    assert_eq!(fixture.next().await, [1]);
    let second = fixture.ask(2);
    assert_eq!(fixture.next().await, [2]);
    let third = fixture.ask(3);
    fixture.wait_for(1).await;
    assert!(fixture.begun.try_recv().is_err());
    fixture.go.add_permits(3);
    for (one, expected) in [first, second, third].into_iter().zip([10, 20, 30]) {
        assert_eq!(one.await.unwrap().unwrap(), expected);
    }
}

#[tokio::test]
async fn a_statement_has_a_maximum_size() {
    let mut fixture = Fixture::new(1);
    let first = fixture.ask(0);
    assert_eq!(fixture.next().await, [0]);
    let many = u32::try_from(MOST).unwrap() + 1;
    let others: Vec<_> = (1..=many).map(|number| fixture.ask(number + 100)).collect();
    fixture.wait_for(MOST + 1).await;
    fixture.go.add_permits(3);
    assert_eq!((fixture.next().await.len(), fixture.next().await.len()), (MOST, 1));
    assert_eq!(first.await.unwrap().unwrap(), 0);
    for other in others {
        assert!(other.await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn a_dropped_request_does_not_cancel_the_others() {
    let mut fixture = Fixture::new(1);
    let first = fixture.ask(1);
    assert_eq!(fixture.next().await, [1]);
    let (leaving, staying) = (fixture.ask(2), fixture.ask(3));
    fixture.wait_for(2).await;
    first.abort();
    leaving.abort();
    assert!(leaving.await.unwrap_err().is_cancelled());
    fixture.go.add_permits(2);
    assert_eq!(fixture.next().await, [3], "the second request was dropped");
    assert_eq!(staying.await.unwrap().unwrap(), 30);
}

#[tokio::test]
async fn a_rejection_is_reported_only_to_its_request() {
    let mut fixture = Fixture::new(1);
    let first = fixture.ask(1);
    assert_eq!(fixture.next().await, [1]);
    let asked = [2, BAD, 4].map(|number| fixture.ask(number));
    fixture.wait_for(3).await;
    fixture.go.add_permits(5);
    assert!(first.await.unwrap().is_ok());
    assert_eq!(fixture.next().await, [2, BAD, 4]);
    let [before, bad, after] = asked;
    assert_eq!((before.await.unwrap().unwrap(), after.await.unwrap().unwrap()), (20, 40));
    assert!(matches!(bad.await.unwrap(), Err(StorageError::Unexpected(_))));
}

#[tokio::test]
async fn an_outage_is_reported_to_all_with_its_cause() {
    let mut fixture = Fixture::new(1);
    let first = fixture.ask(1);
    assert_eq!(fixture.next().await, [1]);
    let asked = [2, AWAY].map(|number| fixture.ask(number));
    fixture.wait_for(2).await;
    fixture.go.add_permits(2);
    assert!(first.await.unwrap().is_ok());
    for one in asked {
        let Err(StorageError::Unavailable(cause)) = one.await.unwrap() else { panic!("no outage") };
        assert_eq!(cause.to_string(), "gone");
    }
}

#[tokio::test]
async fn an_aborted_statement_is_reported_to_waiting_requests() {
    let mut fixture = Fixture::new(1);
    let asked = fixture.ask(1);
    assert_eq!(fixture.next().await, [1]);
    let waiting = fixture.ask(2);
    fixture.wait_for(1).await;
    // A statement that is aborted with its task: it panics, since no request may be answered.
    fixture.go.close();
    for one in [asked, waiting] {
        assert!(matches!(one.await.unwrap(), Err(StorageError::Unavailable(_))));
    }
    // Its slot is free again.
    assert_eq!(fixture.batcher.shared.queue().under_way, 0);
}
