//! Wakes the task that holds the lease when this process hears of an event.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use keyward_storage::Seq;
use tokio::sync::Notify;

#[derive(Default)]
pub(crate) struct Wake {
    heard: AtomicU64,
    /// Whether notifications arrive; if they do not, the task polls more often (R14).
    hints_arrive: AtomicBool,
    notify: Notify,
}

impl Wake {
    /// Records that this process has heard of an event, and wakes the task.
    pub(crate) fn hear(&self, seq: Seq) {
        self.heard.fetch_max(seq.number(), Ordering::AcqRel);
        self.notify.notify_one();
    }

    /// The last event that this process has heard of.
    pub(crate) fn heard(&self) -> Seq {
        Seq::new(self.heard.load(Ordering::Acquire))
    }

    /// Records that all events up to `last` were read after `heard` was recorded. A hint beyond `last` names an event
    /// that does not exist, or that belongs to a lost history.
    pub(crate) fn read_up_to(&self, heard: Seq, last: Seq) {
        if heard > last {
            // Keeps a later hint.
            let _ = self.heard.compare_exchange(heard.number(), last.number(), Ordering::AcqRel, Ordering::Acquire);
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

    /// Waits until this process hears of an event.
    pub(crate) async fn woken(&self) {
        self.notify.notified().await;
    }
}
