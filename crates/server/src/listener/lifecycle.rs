//! Whether a listener accepts connections and how long it keeps them: open, draining, closed, cut off.
//!
//! The state only advances. Does nothing by itself.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use tokio::sync::watch;

/// Connections are accepted and kept.
const OPEN: u8 = 0;
/// Connections are accepted, and each ends after its next request: a load balancer has time to notice.
const DRAINING: u8 = 1;
/// No connection is accepted. Idle ones end, others end after their pending request.
const CLOSED: u8 = 2;
/// Every connection ends.
const CUT: u8 = 3;

/// The state of a listener. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Lifecycle {
    state: Arc<AtomicU8>,
    changed: watch::Sender<()>,
}

/// Observes a lifecycle.
pub(super) struct Watch {
    state: Arc<AtomicU8>,
    changed: watch::Receiver<()>,
}

impl Lifecycle {
    /// An open listener.
    pub(crate) fn new() -> Self {
        Self { state: Arc::new(AtomicU8::new(OPEN)), changed: watch::Sender::new(()) }
    }

    /// Makes each connection end after its next answer.
    pub(crate) fn drain(&self) {
        self.become_at_least(DRAINING);
    }

    /// Stops accepting connections; open ones end as soon as their pending request is answered.
    pub(crate) fn close(&self) {
        self.become_at_least(CLOSED);
    }

    /// Ends all connections.
    pub(crate) fn cut(&self) {
        self.become_at_least(CUT);
    }

    /// Whether connections end after their next answer.
    pub(super) fn is_draining(&self) -> bool {
        self.state.load(Ordering::Acquire) >= DRAINING
    }

    pub(super) fn watch(&self) -> Watch {
        Watch { state: Arc::clone(&self.state), changed: self.changed.subscribe() }
    }

    fn become_at_least(&self, state: u8) {
        self.state.fetch_max(state, Ordering::AcqRel);
        self.changed.send_replace(());
    }
}

impl Watch {
    pub(super) fn is_draining(&self) -> bool {
        self.state.load(Ordering::Acquire) >= DRAINING
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.load(Ordering::Acquire) >= CLOSED
    }

    /// Waits for another state.
    pub(super) async fn changed(&mut self) {
        if self.changed.changed().await.is_err() {
            // The lifecycle was dropped without being closed: its listener runs forever.
            std::future::pending::<()>().await;
        }
    }

    /// Waits until it is closed.
    pub(super) async fn closed(&mut self) {
        while !self.is_closed() {
            self.changed().await;
        }
    }

    /// Waits until it is cut off.
    pub(super) async fn cut(&mut self) {
        while self.state.load(Ordering::Acquire) < CUT {
            self.changed().await;
        }
    }
}
