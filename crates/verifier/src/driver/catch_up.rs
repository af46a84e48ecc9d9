//! Applying what happened: read the events after the last one applied, purge, raise the floors (R2). A gap in them, such as
//! pruned history, empties the memory. And what is said of an event to others.

use std::time::Duration;

use keyward_storage::{Event, Hint, HistoryToken, Position, Result, Seq, Target};
use tokio::time::timeout;

use super::history::EVENTS;
use crate::{protocol::Succession, verifier::Shared};

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
    pub(crate) up_to: Position,
    /// Whether that is all there was.
    pub(crate) all: bool,
}

/// What came of reading events.
pub(crate) enum CaughtUp {
    /// They were applied.
    Applied(Progress),
    /// The database does not have what was applied here, or it is of another history: nothing was applied, and the
    /// membership has to end (R6, R18).
    Elsewhere,
}

/// The same where one process has the database.
pub(crate) enum Own {
    /// They were applied.
    Applied(Progress),
    /// The database went back, or others have written to it: nothing was applied.
    Rewritten,
}

impl Shared {
    /// Applies the next events after `applied`, if they are of the history of this token and follow it by number and
    /// nonce. `seen` is an event that this history has shown: it was committed.
    pub(crate) async fn apply_next(&self, applied: Position, seen: Seq, token: HistoryToken) -> Result<CaughtUp> {
        let sent_at = self.clock.boot();
        let read = self.feed.events_after(applied, AT_ONCE).await?;
        self.saw_history(read.token, sent_at);
        let known = Succession { token, applied, seen };
        if !known.admits(&self.rules.history(), &read, read.is_all(AT_ONCE)) {
            return Ok(CaughtUp::Elsewhere);
        }
        Ok(CaughtUp::Applied(self.apply(applied, seen, &read.events)))
    }

    /// The same for the only process on its database, whose events have no nonces: what was pruned empties the memory,
    /// and another token says that others have written.
    pub(crate) async fn apply_own(&self, applied: Position, seen: Seq, token: HistoryToken) -> Result<Own> {
        let read = self.feed.events_after(applied, AT_ONCE).await?;
        if read.token != token || !read.follow {
            return Ok(Own::Rewritten);
        }
        Ok(Own::Applied(self.apply(applied, seen, &read.events)))
    }

    fn apply(&self, applied: Position, seen: Seq, events: &[Event]) -> Progress {
        let Some(last) = events.last().map(|event| event.position) else {
            if applied.seq < seen {
                // It was committed, and it is not there: its history is gone.
                tracing::warn!(applied = %applied.seq, %seen, "events are missing: forgetting everything in memory");
                self.cache.forget(Position::unnamed(seen));
                return Progress { up_to: Position::unnamed(seen), all: true };
            }
            return Progress { up_to: applied, all: true };
        };
        if Succession::is_gapless(applied.seq, events) {
            self.cache.apply(events, last);
        } else {
            let (applied, next) = (applied.seq, last.seq);
            tracing::warn!(%applied, %next, "events are missing: forgetting everything in memory");
            self.cache.forget(last);
        }
        Progress { up_to: last, all: events.len() < AT_ONCE as usize && last.seq >= seen }
    }

    /// The last events up to this one, in the history of this token; none if they could not be read.
    pub(crate) async fn events_up_to(
        &self,
        last: Position,
        token: HistoryToken,
        in_time: Duration,
    ) -> Option<Vec<Position>> {
        // What this one follows is not known: that is what is asked for.
        let from = Position::unnamed(Seq::new(last.seq.number().saturating_sub(EVENTS.into())));
        let read = timeout(in_time, self.feed.events_after(from, EVENTS)).await.ok()?.ok()?;
        let events: Vec<Position> = read.events.iter().map(|event| event.position).collect();
        (read.token == token && events.contains(&last)).then_some(events)
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

    /// Drops old events, a part of them at once; none while the time is in doubt. Returns whether there may be more.
    pub(crate) async fn prune(&self, in_time: Duration) -> bool {
        let Some(now) = self.upkeep_time() else { return false };
        match timeout(in_time, self.feed.prune(HISTORY, now, PRUNED_AT_ONCE)).await {
            Ok(Ok(dropped)) => return dropped >= u64::from(PRUNED_AT_ONCE),
            Ok(Err(error)) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "old events could not be dropped");
            }
            Err(_) => tracing::debug!("old events could not be dropped in time"),
        }
        false
    }

    /// Notes that the last changes of these, up to this number, are in force on every node, in the history of that
    /// event.
    pub(crate) async fn note(&self, seq: Seq, shown_by: Position, subjects: &[Target]) {
        let at = self.times(self.clock.boot(), self.clock.wall()).shared;
        match timeout(IN_PASSING, self.feed.record_enforced(subjects, seq, shown_by, at)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                // It is in force all the same; a repeated call will wait once more.
                tracing::warn!(%seq, error = &error as &dyn std::error::Error, "could not note that a change is in force");
            }
            Err(_) => tracing::warn!(%seq, "could not note in time that a change is in force"),
        }
    }
}
