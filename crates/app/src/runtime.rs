//! What the process lends to every use case: the time, random bytes, fresh ids, settings, and a place for work that goes
//! on after the answer.

use std::{sync::Arc, time::Duration};

use keyward_domain::Timestamp;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::{fresh_ids::FreshIds, settings::Settings};

/// The time.
pub trait Clock: Send + Sync {
    /// The wall clock, in whole microseconds.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment, never going back: for limits, never for stored times.
    fn monotonic(&self) -> Duration;
}

/// Random bytes from the operating system.
pub trait Entropy: Send + Sync {
    /// Fills the slice.
    ///
    /// # Errors
    /// [`NoEntropy`] if the operating system gives none.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The operating system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random bytes")]
pub struct NoEntropy;

/// What both halves of the service share.
pub(crate) struct Runtime {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) ids: FreshIds,
    pub(crate) settings: Settings,
    /// Work off the request path.
    pub(crate) background: TaskTracker,
}

impl Runtime {
    /// Random bytes.
    ///
    /// # Errors
    /// [`NoEntropy`] if the operating system gives none.
    pub(crate) fn random<const N: usize>(&self) -> Result<[u8; N], NoEntropy> {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A fresh identifier for what is made at this time.
    ///
    /// # Errors
    /// [`NoEntropy`] if the operating system gives no random bytes.
    pub(crate) fn fresh_id(&self, now: Timestamp) -> Result<Uuid, NoEntropy> {
        Ok(self.ids.next(now, self.random()?))
    }
}
