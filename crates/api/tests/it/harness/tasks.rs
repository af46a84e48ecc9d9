//! The tasks of a verifier, counted: some live as long as it does, and a test can wait for the others.

use std::{
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
};

use keyward_verifier::Tasks;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

#[derive(Default)]
pub(crate) struct CountedTasks {
    tasks: TaskTracker,
    under_way: watch::Sender<usize>,
    /// Number of tasks that never end.
    lasting: AtomicUsize,
}

/// One task; over when dropped.
struct CountedTask(watch::Sender<usize>);

impl Drop for CountedTask {
    fn drop(&mut self) {
        self.0.send_modify(|under_way| *under_way -= 1);
    }
}

impl Tasks for CountedTasks {
    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.under_way.send_modify(|under_way| *under_way += 1);
        let counted = CountedTask(self.under_way.clone());
        self.tasks.spawn(async move {
            let _counted = counted;
            task.await;
        });
    }
}

impl CountedTasks {
    /// Counts the present tasks as lasting.
    pub(crate) fn count_as_lasting(&self) {
        self.lasting.store(*self.under_way.borrow(), Ordering::Relaxed);
    }

    /// Waits for all tasks that are not lasting.
    pub(crate) async fn wait_for_passing(&self) {
        let lasting = self.lasting.load(Ordering::Relaxed);
        self.under_way.subscribe().wait_for(|under_way| *under_way <= lasting).await.unwrap();
    }
}
