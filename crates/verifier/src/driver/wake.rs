//! Wakes the task that holds the lease when this process sees an event.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use keyward_storage::Seq;
use tokio::sync::Notify;

#[derive(Default)]
pub(crate) struct Wake {
    seen: AtomicU64,
    /// Whether notifications arrive; if they do not, the task polls more often (R14).
    hints_arrive: AtomicBool,
    notify: Notify,
}

impl Wake {
    /// Records that this process has seen an event, and wakes the task.
    pub(crate) fn see(&self, seq: Seq) {
        self.seen.fetch_max(seq.number(), Ordering::AcqRel);
        self.notify.notify_one();
    }

    /// The last event that this process has seen.
    pub(crate) fn seen(&self) -> Seq {
        Seq::new(self.seen.load(Ordering::Acquire))
    }

    /// Records that all events up to `last` were read after `seen` was recorded. A hint beyond `last` names an event
    /// that does not exist, or that belongs to a lost history.
    pub(crate) fn read_up_to(&self, seen: Seq, last: Seq) {
        if seen > last {
            // Keeps a later hint.
            let _ = self.seen.compare_exchange(seen.number(), last.number(), Ordering::AcqRel, Ordering::Acquire);
        }
    }

    /// Sets whether hints arrive.
    pub(crate) fn set_hints_arrive(&self, arrive: bool) {
        self.hints_arrive.store(arrive, Ordering::Relaxed);
    }

    /// Whether hints arrive.
    pub(crate) fn hints_arrive(&self) -> bool {
        self.hints_arrive.load(Ordering::Relaxed)
    }

    /// Waits until this process sees an event.
    pub(crate) async fn woken(&self) {
        self.notify.notified().await;
    }
}
