//! The task that listens for hints. The next renewal sees whatever it misses.

use std::{sync::Arc, time::Duration};

use keyward_storage::{Hint, Hints, NodeId, Result};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::node_state::NodeState;

/// Time limit for a probe that this process sends to itself; after it, hints count as not arriving.
const PROBE: Duration = Duration::from_secs(2);
/// Pause before listening again.
const AGAIN: Duration = Duration::from_millis(250);

pub(crate) struct NotificationListener {
    state: Arc<NodeState>,
    /// Id of the probes that this process sends to itself, to check that notifications arrive.
    probe: NodeId,
}

impl NotificationListener {
    pub(crate) const fn new(state: Arc<NodeState>, probe: NodeId) -> Self {
        Self { state, probe }
    }

    /// Listens until cancelled.
    pub(crate) async fn run(self, leaving: CancellationToken) {
        let listening = async {
            // Logged once, until listening works again.
            let mut is_logged = false;
            loop {
                match self.state.feed.listen().await {
                    Ok(Some(hints)) => {
                        is_logged = false;
                        let broken = self.follow(hints).await;
                        tracing::debug!(error = ?broken.err(), "no longer listening for notifications");
                    }
                    Ok(None) => return,
                    Err(error) if is_logged => {
                        tracing::debug!(
                            error = &error as &dyn std::error::Error,
                            "still cannot listen for notifications"
                        );
                    }
                    Err(error) => {
                        is_logged = true;
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "cannot listen for notifications: polling for revocations more often instead: {error}"
                        );
                    }
                }
                self.state.wake.set_hints_arrive(false);
                sleep(AGAIN).await;
            }
        };
        let _ = leaving.run_until_cancelled(listening).await;
    }

    async fn follow(&self, mut hints: Box<dyn Hints>) -> Result<()> {
        if let Ok(Err(error)) = timeout(PROBE, self.state.feed.announce(Hint::Probe(self.probe))).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "cannot send a notification");
        }
        let mut is_probing = true;
        loop {
            let hint = if is_probing {
                if let Ok(hint) = timeout(PROBE, hints.next()).await {
                    hint?
                } else {
                    is_probing = false;
                    tracing::warn!(
                        "notifications of the database do not arrive (is a transaction pooler in between?): polling \
                             for revocations more often instead; set database_direct_url to a direct connection"
                    );
                    continue;
                }
            } else {
                hints.next().await?
            };
            match hint {
                Hint::Event(seq) => self.state.wake.see(seq),
                Hint::Probe(node) if node == self.probe => {
                    is_probing = false;
                    self.state.wake.set_hints_arrive(true);
                }
                Hint::Probe(_) => {}
            }
        }
    }
}
