//! Applies events: reads those after the last one applied, purges the memory, raises the floors (R2). A gap in the
//! events, such as pruned history, empties the memory. Also sends hints and records of enforcement.

use std::time::Duration;

use keyward_storage::{Event, Hint, HistoryToken, Position, Result, Seq, Target};
use tokio::time::timeout;

use super::history::EVENTS;
use crate::{node_state::NodeState, protocol::Succession};

/// Maximum number of events per read.
const AT_ONCE: u32 = 1_000;
/// Time limit for sending a hint or recording an enforced change.
const IN_PASSING: Duration = Duration::from_secs(5);

/// Minimum retention of events.
const HISTORY: Duration = Duration::from_hours(24);
/// Maximum number of old events dropped per statement.
const PRUNED_AT_ONCE: u32 = 10_000;

/// The progress of applying events.
pub(crate) struct Progress {
    /// The event up to which all parts of the memory are purged.
    pub(crate) up_to: Position,
    /// Whether no further events exist.
    pub(crate) all: bool,
}

/// Outcome of reading events.
pub(crate) enum CaughtUp {
    /// The events were applied.
    Applied(Progress),
    /// The database lacks events that were applied here, or has another history. Nothing was applied, and the
    /// membership must end (R6, R18).
    Elsewhere,
}

/// Outcome of reading events if this process alone uses the database.
pub(crate) enum Own {
    /// The events were applied.
    Applied(Progress),
    /// The database went back, or another process has written to it. Nothing was applied.
    Rewritten,
}

impl NodeState {
    /// Applies the next events after `applied`, if they belong to this token's history and follow it by number and
    /// nonce. `seen` is the last event seen in this history, and therefore committed.
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

    /// Like [`Self::apply_next`], for the only process on its database, whose events have no nonces. Pruned events
    /// empty the memory; another token shows that another process has written.
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
                // A committed event is missing: its history is gone.
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

    /// The last events up to this one, in this token's history; none if they could not be read.
    pub(crate) async fn events_up_to(
        &self,
        last: Position,
        token: HistoryToken,
        in_time: Duration,
    ) -> Option<Vec<Position>> {
        // The nonce of the event before is unknown: it is part of the result.
        let from = Position::unnamed(Seq::new(last.seq.number().saturating_sub(EVENTS.into())));
        let read = timeout(in_time, self.feed.events_after(from, EVENTS)).await.ok()?.ok()?;
        let events: Vec<Position> = read.events.iter().map(|event| event.position).collect();
        (read.token == token && events.contains(&last)).then_some(events)
    }

    /// Notifies the other nodes of a new event.
    pub(crate) async fn announce(&self, seq: Seq) {
        match timeout(IN_PASSING, self.feed.announce(Hint::Event(seq))).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(
                    %seq,
                    error = &error as &dyn std::error::Error,
                    "no notification was sent: nodes see the event when they renew"
                );
            }
            Err(_) => tracing::debug!(%seq, "no notification was sent in time: nodes see the event when they renew"),
        }
    }

    /// Drops some old events; none while the time is in doubt. Returns whether there may be more.
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

    /// Records that the last changes of these targets, up to this number, are enforced on every node, in the history
    /// of `shown_by`.
    pub(crate) async fn record_enforced(&self, seq: Seq, shown_by: Position, targets: &[Target]) {
        let at = self.now(self.clock.boot(), self.clock.wall()).recorded();
        match timeout(IN_PASSING, self.feed.record_enforced(targets, seq, shown_by, at)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                // The change is enforced anyway; a repeated call waits again.
                tracing::warn!(
                    %seq,
                    error = &error as &dyn std::error::Error,
                    "could not record that a change is enforced"
                );
            }
            Err(_) => tracing::warn!(%seq, "could not record in time that a change is enforced"),
        }
    }
}
