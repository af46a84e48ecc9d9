//! What the task that holds the lease is woken by: somebody has heard of an event.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use keyward_storage::Seq;
use tokio::sync::Notify;

#[derive(Default)]
pub(crate) struct Wake {
    heard: AtomicU64,
    /// Whether notifications were seen to arrive; where they do not, the task looks more often by itself (R14).
    hints_arrive: AtomicBool,
    notify: Notify,
}

impl Wake {
    /// Somebody has heard of this event.
    pub(crate) fn hear(&self, seq: Seq) {
        self.heard.fetch_max(seq.number(), Ordering::AcqRel);
        self.notify.notify_one();
    }

    /// The last event that anybody here has heard of.
    pub(crate) fn heard(&self) -> Seq {
        Seq::new(self.heard.load(Ordering::Acquire))
    }

    /// Everything there was after `heard` was noted has been read, and it ends at `last`: a hint beyond that names an
    /// event that is not there, of a history that was lost or of none.
    pub(crate) fn read_up_to(&self, heard: Seq, last: Seq) {
        if heard > last {
            // A hint that came since stays.
            let _ = self.heard.compare_exchange(heard.number(), last.number(), Ordering::AcqRel, Ordering::Acquire);
        }
    }

    /// Whether hints arrive.
    pub(crate) fn set_hints_arrive(&self, arrive: bool) {
        self.hints_arrive.store(arrive, Ordering::Relaxed);
    }

    /// Whether hints were seen to arrive.
    pub(crate) fn hints_arrive(&self) -> bool {
        self.hints_arrive.load(Ordering::Relaxed)
    }

    /// Waits until somebody hears of something.
    pub(crate) async fn woken(&self) {
        self.notify.notified().await;
    }
}
