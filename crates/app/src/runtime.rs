//! What the process provides to every use case: the time, random bytes, new ids, settings, and a place for work that
//! continues after the answer.

use std::sync::Arc;

use keyward_domain::Timestamp;
use keyward_verifier::Clock;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::{fresh_ids::FreshIds, settings::Settings};

/// Random bytes from the operating system.
pub trait Entropy: Send + Sync {
    /// Fills the slice.
    ///
    /// # Errors
    /// [`NoEntropy`] if the operating system returns none.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The operating system returned no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system returned no random bytes")]
pub struct NoEntropy;

/// Shared by both halves of the service.
pub(crate) struct Runtime {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) ids: FreshIds,
    pub(crate) settings: Settings,
    /// Work off the request path.
    pub(crate) background: TaskTracker,
}

impl Runtime {
    /// Draws random bytes.
    ///
    /// # Errors
    /// [`NoEntropy`] if the operating system returns none.
    pub(crate) fn random<const N: usize>(&self) -> Result<[u8; N], NoEntropy> {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A new identifier for what is made at this time.
    ///
    /// # Errors
    /// [`NoEntropy`] if the operating system returns no random bytes.
    pub(crate) fn fresh_id(&self, now: Timestamp) -> Result<Uuid, NoEntropy> {
        Ok(self.ids.next(now, self.random()?))
    }
}
