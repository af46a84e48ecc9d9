//! Applying what happened: read the events after the last one applied, purge, raise the floors (R2). A gap in them, such as
//! pruned history, empties the memory. And what is said of an event to others.

use std::time::Duration;

use keyward_storage::{Event, Hint, Result, Seq, Subject};
use tokio::time::timeout;

use crate::verifier::Shared;

/// How many events are read at once.
const AT_ONCE: u32 = 1_000;
/// How long a hint or a note may take before nobody cares for it any more.
const IN_PASSING: Duration = Duration::from_secs(5);

/// How long events are kept at the least.
const HISTORY: Duration = Duration::from_hours(24);
/// How many old events are dropped at once.
const PRUNED_AT_ONCE: u32 = 10_000;

/// How far events were applied.
pub(crate) struct Progress {
    /// Up to this event the memory has been purged, on all its parts.
    pub(crate) up_to: Seq,
    /// Whether that is all there was.
    pub(crate) all: bool,
}

impl Shared {
    /// Applies the next events after `applied`. `seen` is an event that the database itself has shown: it was committed.
    pub(crate) async fn apply_next(&self, applied: Seq, seen: Seq) -> Result<Progress> {
        let events = self.feed.events_after(applied, AT_ONCE).await?;
        let Some(last) = events.last().map(|event| event.seq) else {
            if applied < seen {
                // It was committed, and it is not there: its history is gone.
                tracing::warn!(%applied, %seen, "events are missing: forgetting everything in memory");
                self.cache.forget(seen);
            }
            return Ok(Progress { up_to: applied.max(seen), all: true });
        };
        if follow(applied, &events) {
            self.cache.apply(&events, last);
        } else {
            tracing::warn!(%applied, next = %last, "events are missing: forgetting everything in memory");
            self.cache.forget(last);
        }
        Ok(Progress { up_to: applied.max(last), all: events.len() < AT_ONCE as usize && last >= seen })
    }

    /// Tells the other nodes that there is something to read.
    pub(crate) async fn announce(&self, seq: Seq) {
        match timeout(IN_PASSING, self.feed.announce(Hint::Event(seq))).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(%seq, error = &error as &dyn std::error::Error, "no notification was sent: nodes see it when they renew");
            }
            Err(_) => tracing::debug!(%seq, "no notification was sent in time: nodes see it when they renew"),
        }
    }

    /// Drops old events, a part of them at once. Tells whether there may be more.
    pub(crate) async fn prune(&self, in_time: Duration) -> bool {
        match timeout(in_time, self.feed.prune(HISTORY, self.clock.wall(), PRUNED_AT_ONCE)).await {
            Ok(Ok(dropped)) => return dropped >= u64::from(PRUNED_AT_ONCE),
            Ok(Err(error)) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "old events could not be dropped");
            }
            Err(_) => tracing::debug!("old events could not be dropped in time"),
        }
        false
    }

    /// Notes that the last changes of these, up to this event, are in force on every node.
    pub(crate) async fn note(&self, seq: Seq, subjects: &[Subject]) {
        let at = self.times(self.clock.boot(), self.clock.wall()).shared;
        match timeout(IN_PASSING, self.feed.record_enforced(subjects, seq, at)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                // It is in force all the same; a repeated call will wait once more.
                tracing::warn!(%seq, error = &error as &dyn std::error::Error, "could not note that a change is in force");
            }
            Err(_) => tracing::warn!(%seq, "could not note in time that a change is in force"),
        }
    }
}

/// Whether these events follow `applied` without a gap.
fn follow(applied: Seq, events: &[Event]) -> bool {
    let mut next = applied;
    events.iter().all(|event| {
        next = next.next();
        event.seq == next
    })
}
