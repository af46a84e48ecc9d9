//! A feed of events that a test can delay or make fail.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use keyward_domain::{KeyId, Timestamp};
use keyward_storage::{Events, Feed, Hint, Hints, Position, Read, Result, Seq, StorageError, Target};
use tokio::sync::watch;
use uuid::Uuid;

/// How calls behave from now on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Course {
    Well,
    Fails,
    /// Calls wait until the behaviour changes.
    Waits,
}

/// A real feed, controlled by a test.
pub(crate) struct Feeding {
    inner: Arc<dyn Feed>,
    /// How reading events behaves.
    pub(crate) reading: watch::Sender<Course>,
    /// How recording enforcement behaves.
    pub(crate) recording: watch::Sender<Course>,
    /// Whether the targets of events are lost.
    blind: bool,
}

impl Feeding {
    pub(crate) fn over(inner: Arc<dyn Feed>) -> Arc<Self> {
        Arc::new(Self::new(inner, false))
    }

    /// A feed that reports changes without their targets: a defect, for testing the tests.
    pub(crate) fn blind(inner: Arc<dyn Feed>) -> Arc<Self> {
        Arc::new(Self::new(inner, true))
    }

    fn new(inner: Arc<dyn Feed>, blind: bool) -> Self {
        let course = || watch::Sender::new(Course::Well);
        Self { inner, reading: course(), recording: course(), blind }
    }
}

async fn pass(course: &watch::Sender<Course>) -> Result<()> {
    let mut course = course.subscribe();
    let now = *course.wait_for(|course| *course != Course::Waits).await.unwrap();
    if now == Course::Fails { Err(StorageError::Unavailable("cut off by a test".into())) } else { Ok(()) }
}

#[async_trait]
impl Feed for Feeding {
    async fn head(&self) -> Result<Read<()>> {
        self.inner.head().await
    }

    async fn events_after(&self, position: Position, at_most: u32) -> Result<Events> {
        pass(&self.reading).await?;
        let mut read = self.inner.events_after(position, at_most).await?;
        for event in read.events.iter_mut().filter(|_| self.blind) {
            event.target = Target::Key(KeyId::from_uuid(Uuid::nil()));
        }
        Ok(read)
    }

    async fn announce(&self, hint: Hint) -> Result<()> {
        self.inner.announce(hint).await
    }

    async fn listen(&self) -> Result<Option<Box<dyn Hints>>> {
        self.inner.listen().await
    }

    async fn record_enforced(&self, targets: &[Target], up_to: Seq, shown_by: Position, at: Timestamp) -> Result<()> {
        pass(&self.recording).await?;
        self.inner.record_enforced(targets, up_to, shown_by, at).await
    }

    async fn prune(&self, older_than: Duration, wall: Timestamp, at_most: u32) -> Result<u64> {
        self.inner.prune(older_than, wall, at_most).await
    }
}
