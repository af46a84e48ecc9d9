//! Who shares a statement with whom, and what becomes of them when it fails.

use tokio::sync::{Semaphore, mpsc};

use super::*;

/// Statements that go on when a test says so, and tell it what they were asked.
struct Slow {
    begun: mpsc::UnboundedSender<Vec<u32>>,
    /// One permit for each statement that may be answered.
    go: Arc<Semaphore>,
}

/// These are refused; a statement that holds one of them is refused whole.
const BAD: u32 = 13;
/// With this one the database is away.
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

/// A meeting, and the two ends by which a test holds its statements.
struct Stage {
    meeting: Arc<Batcher<Slow>>,
    begun: mpsc::UnboundedReceiver<Vec<u32>>,
    go: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Stage {
    fn new(at_once: usize) -> Self {
        let ((begun, receiver), go, tasks) =
            (mpsc::unbounded_channel(), Arc::new(Semaphore::new(0)), TaskTracker::new());
        let meeting = Batcher::new(Slow { begun, go: Arc::clone(&go) }, at_once, tasks.clone());
        Self { meeting: Arc::new(meeting), begun: receiver, go, tasks }
    }

    /// Asks, and gives the answer to whoever waits for the task.
    fn ask(&self, number: u32) -> tokio::task::JoinHandle<Result<u32>> {
        let meeting = Arc::clone(&self.meeting);
        self.tasks.spawn(async move { meeting.ask(number).await })
    }

    /// Until so many wait. Tasks of a single thread run in turns: nothing else is needed.
    async fn wait_for(&self, waiting: usize) {
        while self.meeting.shared.queue().waiting.len() != waiting {
            tokio::task::yield_now().await;
        }
    }

    async fn next(&mut self) -> Vec<u32> {
        self.begun.recv().await.unwrap()
    }
}

#[tokio::test]
async fn nobody_waits_for_company_and_those_who_come_meanwhile_share() {
    let mut stage = Stage::new(1);
    let first = stage.ask(1);
    assert_eq!(stage.next().await, [1]);
    let others = [2, 3, 4].map(|number| stage.ask(number));
    stage.wait_for(3).await;
    stage.go.add_permits(1);
    assert_eq!(first.await.unwrap().unwrap(), 10);
    assert_eq!(stage.next().await, [2, 3, 4]);
    stage.go.add_permits(1);
    for (other, expected) in others.into_iter().zip([20, 30, 40]) {
        assert_eq!(other.await.unwrap().unwrap(), expected);
    }
    // And again, after nobody was there.
    let late = stage.ask(5);
    assert_eq!(stage.next().await, [5]);
    stage.go.add_permits(1);
    assert_eq!(late.await.unwrap().unwrap(), 50);
}

#[tokio::test]
async fn so_many_statements_are_under_way_at_once_and_no_more() {
    let mut stage = Stage::new(2);
    let first = stage.ask(1);
    assert_eq!(stage.next().await, [1]);
    let second = stage.ask(2);
    assert_eq!(stage.next().await, [2]);
    let third = stage.ask(3);
    stage.wait_for(1).await;
    assert!(stage.begun.try_recv().is_err());
    stage.go.add_permits(3);
    for (one, expected) in [first, second, third].into_iter().zip([10, 20, 30]) {
        assert_eq!(one.await.unwrap().unwrap(), expected);
    }
}

#[tokio::test]
async fn a_statement_has_a_greatest_size() {
    let mut stage = Stage::new(1);
    let first = stage.ask(0);
    assert_eq!(stage.next().await, [0]);
    let many = u32::try_from(MOST).unwrap() + 1;
    let others: Vec<_> = (1..=many).map(|number| stage.ask(number + 100)).collect();
    stage.wait_for(MOST + 1).await;
    stage.go.add_permits(3);
    assert_eq!((stage.next().await.len(), stage.next().await.len()), (MOST, 1));
    assert_eq!(first.await.unwrap().unwrap(), 0);
    for other in others {
        assert!(other.await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn whoever_hangs_up_takes_nobodys_answer_along() {
    let mut stage = Stage::new(1);
    let first = stage.ask(1);
    assert_eq!(stage.next().await, [1]);
    let (leaving, staying) = (stage.ask(2), stage.ask(3));
    stage.wait_for(2).await;
    first.abort();
    leaving.abort();
    assert!(leaving.await.unwrap_err().is_cancelled());
    stage.go.add_permits(2);
    assert_eq!(stage.next().await, [3], "nobody waits for the answer to the second any more");
    assert_eq!(staying.await.unwrap().unwrap(), 30);
}

#[tokio::test]
async fn a_refusal_is_told_to_the_one_that_it_is_about() {
    let mut stage = Stage::new(1);
    let first = stage.ask(1);
    assert_eq!(stage.next().await, [1]);
    let asked = [2, BAD, 4].map(|number| stage.ask(number));
    stage.wait_for(3).await;
    stage.go.add_permits(5);
    assert!(first.await.unwrap().is_ok());
    assert_eq!(stage.next().await, [2, BAD, 4]);
    let [before, bad, after] = asked;
    assert_eq!((before.await.unwrap().unwrap(), after.await.unwrap().unwrap()), (20, 40));
    assert!(matches!(bad.await.unwrap(), Err(StorageError::Unexpected(_))));
}

#[tokio::test]
async fn an_outage_is_told_to_all_with_its_cause() {
    let mut stage = Stage::new(1);
    let first = stage.ask(1);
    assert_eq!(stage.next().await, [1]);
    let asked = [2, AWAY].map(|number| stage.ask(number));
    stage.wait_for(2).await;
    stage.go.add_permits(2);
    assert!(first.await.unwrap().is_ok());
    for one in asked {
        let Err(StorageError::Unavailable(cause)) = one.await.unwrap() else { panic!("no outage") };
        assert_eq!(cause.to_string(), "gone");
    }
}

#[tokio::test]
async fn where_the_statement_is_ended_those_who_wait_are_told() {
    let mut stage = Stage::new(1);
    let asked = stage.ask(1);
    assert_eq!(stage.next().await, [1]);
    let waiting = stage.ask(2);
    stage.wait_for(1).await;
    // What ends with its task in the middle of a statement: it panics, since nobody may be answered any more.
    stage.go.close();
    for one in [asked, waiting] {
        assert!(matches!(one.await.unwrap(), Err(StorageError::Unavailable(_))));
    }
    // The place is free again.
    assert_eq!(stage.meeting.shared.queue().under_way, 0);
}
