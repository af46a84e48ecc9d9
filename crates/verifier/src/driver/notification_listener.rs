//! The task that listens to hints. Whatever it misses, the next renewal sees.

use std::{sync::Arc, time::Duration};

use keyward_storage::{Hint, Hints, NodeId, Result};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::verifier::Shared;

/// How long a notification to oneself may take before hints count as not arriving.
const PROBE: Duration = Duration::from_secs(2);
/// How long to wait before listening anew.
const AGAIN: Duration = Duration::from_millis(250);

pub(crate) struct NotificationListener {
    shared: Arc<Shared>,
    /// The name under which this process asks itself whether notifications arrive.
    probe: NodeId,
}

impl NotificationListener {
    pub(crate) const fn new(shared: Arc<Shared>, probe: NodeId) -> Self {
        Self { shared, probe }
    }

    /// Listens until told to stop.
    pub(crate) async fn run(self, leaving: CancellationToken) {
        let listening = async {
            // Said once, until it works again.
            let mut is_said = false;
            loop {
                match self.shared.feed.listen().await {
                    Ok(Some(hints)) => {
                        is_said = false;
                        let broken = self.follow(hints).await;
                        tracing::debug!(error = ?broken.err(), "no longer listening to notifications");
                    }
                    Ok(None) => return,
                    Err(error) if is_said => {
                        tracing::debug!(
                            error = &error as &dyn std::error::Error,
                            "still cannot listen to notifications"
                        );
                    }
                    Err(error) => {
                        is_said = true;
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "cannot listen to notifications: looking for revocations more often instead: {error}"
                        );
                    }
                }
                self.shared.wake.set_hints_arrive(false);
                sleep(AGAIN).await;
            }
        };
        let _ = leaving.run_until_cancelled(listening).await;
    }

    async fn follow(&self, mut hints: Box<dyn Hints>) -> Result<()> {
        if let Ok(Err(error)) = timeout(PROBE, self.shared.feed.announce(Hint::Probe(self.probe))).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "cannot send a notification");
        }
        let mut asked = true;
        loop {
            let hint = if asked {
                if let Ok(hint) = timeout(PROBE, hints.next()).await {
                    hint?
                } else {
                    asked = false;
                    tracing::warn!(
                        "notifications of the database do not arrive (is a transaction pooler in between?): looking \
                             for revocations more often instead; set database_direct_url to a direct connection"
                    );
                    continue;
                }
            } else {
                hints.next().await?
            };
            match hint {
                Hint::Event(seq) => self.shared.wake.hear(seq),
                Hint::Probe(node) if node == self.probe => {
                    asked = false;
                    self.shared.wake.set_hints_arrive(true);
                }
                Hint::Probe(_) => {}
            }
        }
    }
}
