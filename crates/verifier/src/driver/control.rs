//! The task that holds the lease: it joins, catches up and renews repeatedly, and removes the rows of dead nodes.
//!
//! Each renewal names the last event up to which this node has purged its memory: the renewal *is* the acknowledgement.
//! Hints only make it happen sooner than the next tick; nothing depends on them.

use std::{sync::Arc, time::Duration};

use keyward_domain::Timestamp;
use keyward_storage::{JoinRequest, Membership, NodeId, Write};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{catch_up::CaughtUp, history::JoinedHistory};
use crate::{
    node_state::NodeState,
    protocol::{BootInstant, Lease, Reaper},
};

/// Maximum drift between wall clock and boot clock from one renewal to the next; beyond it the lease is dropped. A
/// machine restored from a memory snapshot does not know the snapshot's age.
const MOST_DRIFT: Duration = Duration::from_millis(200);
/// Rounds of maintenance between two prunings of old events.
const PRUNE_EVERY: u32 = 300;

/// Outcome of catching up or renewing.
enum Outcome {
    Done,
    /// The database lacks what this node knows of it, such as its row: the membership ends (R6, R18).
    Elsewhere,
    /// No reply in time. The lease is not extended.
    Failed,
}

pub(crate) struct Control {
    state: Arc<NodeState>,
    membership: Arc<dyn Membership>,
    fresh_node: Arc<dyn Fn() -> NodeId + Send + Sync>,
    version: String,
    started_at: Timestamp,
    lease: Lease,
    node: NodeId,
    /// Earlier node id whose row may still exist.
    previous: Option<NodeId>,
    reaper: Reaper,
    /// This node's knowledge of the history that it has joined.
    history: JoinedHistory,
    /// Wall clock and boot clock at the last renewal.
    clocks: Option<(Timestamp, BootInstant)>,
    /// Time of the last maintenance round, and the number of rounds.
    maintained_at: Option<BootInstant>,
    rounds: u32,
    /// Whether the last pruning left old events.
    more_to_prune: bool,
}

impl Control {
    pub(crate) fn new(
        state: Arc<NodeState>,
        membership: Arc<dyn Membership>,
        fresh_node: Arc<dyn Fn() -> NodeId + Send + Sync>,
        version: String,
    ) -> Self {
        let (rules, terms) = (state.rules, state.terms);
        Self {
            lease: Lease::new(rules, terms.ttl),
            reaper: Reaper::new(rules, terms.guard),
            history: JoinedHistory::new(rules.history()),
            node: fresh_node(),
            started_at: state.clock.wall(),
            state,
            membership,
            fresh_node,
            version,
            previous: None,
            clocks: None,
            maintained_at: None,
            rounds: 0,
            more_to_prune: false,
        }
    }

    /// Runs until cancelled, then releases the lease.
    pub(crate) async fn run(mut self, leaving: CancellationToken) {
        let state = Arc::clone(&self.state);
        let mut next = Instant::now();
        loop {
            let hint = tokio::select! {
                biased;
                () = leaving.cancelled() => break,
                () = state.wake.woken() => true,
                () = sleep_until(next) => false,
            };
            // Cancellation aborts the current round: the lease is released in any case.
            match leaving.run_until_cancelled(self.run_round(hint)).await {
                Some(Some(pause)) => next = Instant::now() + pause,
                Some(None) => {}
                None => break,
            }
        }
        self.leave().await;
    }

    /// Runs one round. Returns the pause before the next one; none to keep the time already set.
    async fn run_round(&mut self, hint: bool) -> Option<Duration> {
        if !self.lease.is_member() {
            let joined = self.join().await;
            self.measure();
            return Some(if joined { self.pause() } else { self.limit() });
        }
        if self.clock_jumped() {
            tracing::warn!("the clocks of this machine disagree: dropping the lease and joining again");
            self.end_membership();
            return Some(Duration::ZERO);
        }
        if hint && !self.must_read_events() {
            return None;
        }
        let mut outcome = if self.must_read_events() { self.catch_up().await } else { Outcome::Done };
        if matches!(outcome, Outcome::Done) {
            outcome = self.renew().await;
        }
        if matches!(outcome, Outcome::Done) {
            outcome = self.maintain_if_due().await;
        }
        let pause = match outcome {
            // The reply shows more events, which are not acknowledged yet.
            Outcome::Done if self.lease.is_behind() => Duration::ZERO,
            Outcome::Done => self.pause(),
            Outcome::Elsewhere => {
                tracing::warn!(
                    node = %self.node,
                    "the database was restarted or went back, or the row of this node is gone: joining again"
                );
                self.end_membership();
                Duration::ZERO
            }
            Outcome::Failed => self.limit() / 4,
        };
        self.measure();
        Some(pause)
    }

    /// Whether a reply or a hint named an event that is not applied here. A hint is only a reason to read: whatever
    /// number it names, no event counts as applied because of it (R14).
    fn must_read_events(&self) -> bool {
        self.lease.is_behind() || self.state.wake.seen() > self.lease.applied().seq
    }

    /// Applies all outstanding events. Each batch counts immediately, so that catching up always terminates.
    async fn catch_up(&mut self) -> Outcome {
        loop {
            let (applied, seen, token) = (self.lease.applied(), self.lease.seen(), self.lease.token());
            let hinted = self.state.wake.seen();
            match timeout(self.limit(), self.state.apply_next(applied, seen, token)).await {
                Ok(Ok(CaughtUp::Applied(progress))) => {
                    self.lease.apply(progress.up_to);
                    self.history.add(progress.up_to);
                    self.state.published_lease.publish(self.lease.term());
                    if progress.all {
                        self.state.wake.read_up_to(hinted, progress.up_to.seq);
                        return Outcome::Done;
                    }
                }
                Ok(Ok(CaughtUp::Elsewhere)) => return Outcome::Elsewhere,
                Ok(Err(error)) => return self.failed("the events could not be read", Some(&error)),
                Err(_) => return self.failed("the events could not be read in time", None),
            }
        }
    }

    async fn renew(&mut self) -> Outcome {
        let sent_at = self.state.clock.boot();
        let prepared = self.lease.prepare(sent_at);
        let renewal = self.history.renewal(self.node, prepared, &*self.fresh_node);
        // A time-out cancels on this side only; it does not matter whether the database still executes it (I1,
        // `greatest`).
        match timeout(self.limit(), self.membership.renew(&renewal)).await {
            Ok(Ok(Some(reply))) => {
                self.history.confirmed(renewal.counter);
                self.state.saw_history(reply.head.token, sent_at);
                if !self.lease.renewed(prepared, &reply, self.state.clock.boot()) {
                    return Outcome::Elsewhere;
                }
                self.state.published_lease.publish(self.lease.term());
                self.state.record_time(reply.database_time, sent_at);
                self.state.lease_problems.end();
                Outcome::Done
            }
            Ok(Ok(None)) => Outcome::Elsewhere,
            Ok(Err(error)) => self.failed("the lease could not be renewed", Some(&error)),
            Err(_) => self.failed("the lease could not be renewed in time", None),
        }
    }

    async fn join(&mut self) -> bool {
        let sent_at = self.state.clock.boot();
        let prepared = self.lease.prepare(sent_at);
        let request = JoinRequest {
            node: self.node,
            previous: self.previous,
            ttl: self.state.terms.ttl,
            started_at: self.started_at,
            version: self.version.clone(),
            counter: JoinedHistory::draw(&*self.fresh_node),
        };
        let joined = timeout(self.state.terms.ttl, self.membership.join(&request)).await;
        if let Ok(Ok(reply)) = &joined {
            self.history.confirmed(request.counter);
            self.state.saw_history(reply.head.token, sent_at);
            let generation = self.lease.joined(prepared, reply, self.state.clock.boot());
            self.state.cache.open(generation, reply.head);
            self.state.record_time(reply.database_time, sent_at);
            self.state.published_lease.publish(self.lease.term());
            self.clocks = Some((self.state.clock.wall(), self.state.clock.boot()));
            self.previous = None;
            self.state.lease_problems.end();
            let head = reply.head.seq();
            tracing::info!(node = %self.node, %head, "answering from memory as node {}", self.node);
            self.history.begin(reply.head);
            // Hints from a lost history do not apply to this one.
            self.state.wake.read_up_to(self.state.wake.seen(), head);
            self.look_back().await;
            return true;
        }
        // Whether that row exists is unknown; a node id is never reused.
        self.previous = Some(std::mem::replace(&mut self.node, (self.fresh_node)()));
        match joined {
            Ok(Err(error)) => self.state.lease_problems.could_not_join(Some(&error)),
            Ok(Ok(_)) | Err(_) => self.state.lease_problems.could_not_join(None),
        }
        false
    }

    /// Compares the history with the earlier one, reads the events before the join, and records what is missing. The
    /// next maintenance round retries whatever fails.
    async fn look_back(&mut self) {
        self.compare_history().await;
        if let Some(last) = self.history.began_with()
            && let Some(past) = self.state.events_up_to(last, self.lease.token(), self.limit()).await
        {
            self.history.precede(&past);
        }
        while let Some(lost) = self.history.unrecorded() {
            match timeout(self.limit(), self.membership.record_lost(lost)).await {
                Ok(Ok(())) => self.history.recorded(),
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }

    /// Checks which of the events applied earlier still exist, and logs the lost ones.
    async fn compare_history(&mut self) {
        if self.history.uncompared().is_empty() {
            return;
        }
        let listed = timeout(self.limit(), self.membership.members(self.history.uncompared())).await;
        let Ok(Ok(members)) = listed else { return };
        let Some(lost) = self.history.compare(&members, self.state.clock.wall()) else { return };
        self.state.metrics.history_lost.increment(1);
        tracing::error!(
            kept_up_to = %lost.kept_up_to,
            had_up_to = %lost.had_up_to,
            "the database went back: of the changes that this node had applied, those after number {} are lost (it had \
             seen up to {}). Keys that they revoked are accepted until you revoke them again",
            lost.kept_up_to,
            lost.had_up_to
        );
    }

    /// Withdraws the term from requests first, then closes the memory, then gives up the row (R6, R10).
    fn end_membership(&mut self) {
        self.state.published_lease.close();
        self.history.ended(self.lease.token());
        self.lease.ended();
        self.state.cache.close();
        self.clocks = None;
        self.previous = Some(std::mem::replace(&mut self.node, (self.fresh_node)()));
    }

    async fn leave(&mut self) {
        // An aborted join may have taken effect, under the current node id or the earlier one.
        let names = [Some(self.node), self.previous];
        self.end_membership();
        for node in names.into_iter().flatten() {
            match timeout(self.limit(), self.membership.leave(node)).await {
                Ok(Ok(())) => tracing::info!(%node, "released the lease"),
                Ok(Err(_)) | Err(_) => {
                    tracing::warn!(%node, "could not release the lease: revocations wait until it expires");
                }
            }
        }
        self.measure();
    }

    /// Runs maintenance at least once and at most twice per renewal interval, however many hints arrive.
    async fn maintain_if_due(&mut self) -> Outcome {
        let now = self.state.clock.boot();
        if self.maintained_at.is_none_or(|before| now.since(before) >= self.pause() / 2) {
            self.maintained_at = Some(now);
            return self.maintain().await;
        }
        Outcome::Done
    }

    /// Runs maintenance: removes the rows of dead nodes and old events. Stops at the first failure, because the lease
    /// has priority. If the database answers from another history than the lease's, the membership ends (R18).
    async fn maintain(&mut self) -> Outcome {
        self.rounds = self.rounds.wrapping_add(1);
        let sent_at = self.state.clock.boot();
        let Ok(Ok(members)) = timeout(self.limit(), self.membership.members(&[])).await else { return Outcome::Done };
        self.state.saw_members(&members, sent_at);
        if members.head.token != self.lease.token() {
            return Outcome::Elsewhere;
        }
        self.mark_history().await;
        self.look_back().await;
        for stale in self.reaper.look(&members, self.state.clock.boot()) {
            match timeout(self.limit(), self.membership.reap(stale.node, stale.counter)).await {
                Ok(Ok(Write::Applied)) => {
                    tracing::warn!(node = %stale.node, "removed the row of a node that stopped renewing");
                }
                Ok(Ok(Write::Stale)) => {}
                Ok(Err(_)) | Err(_) => return Outcome::Done,
            }
        }
        if self.rounds == 1 && members.rows.iter().any(|row| row.ttl != self.state.terms.ttl) {
            tracing::warn!("not all nodes have the same lease time: revocations wait for the longest");
        }
        if self.more_to_prune || self.rounds.is_multiple_of(PRUNE_EVERY) {
            self.more_to_prune = self.state.prune(self.limit()).await;
        }
        Outcome::Done
    }

    /// Marks the history as waited out, once, so that no process waits again (R18).
    async fn mark_history(&self) {
        let (longest, now) = (self.state.longest_lease(), self.state.clock.boot());
        let due = self.state.newness().mark_due(longest, now);
        let Some(token) = due else { return };
        if let Ok(Ok(Write::Applied)) = timeout(self.limit(), self.membership.mark(token)).await {
            self.state.newness().marked(token);
        }
    }

    /// Whether wall clock and boot clock have drifted apart since the last renewal.
    fn clock_jumped(&mut self) -> bool {
        let (wall, boot) = (self.state.clock.wall(), self.state.clock.boot());
        let Some((wall_before, boot_before)) = self.clocks.replace((wall, boot)) else { return false };
        let expected = wall_before.saturating_add(boot.since(boot_before));
        expected.since(wall).max(wall.since(expected)) > MOST_DRIFT
    }

    /// Pause before the next renewal.
    fn pause(&self) -> Duration {
        let every = self.state.terms.renew_every;
        if self.state.wake.hints_arrive() { every } else { every / 4 }
    }

    /// Time limit for one reply.
    fn limit(&self) -> Duration {
        self.state.terms.ttl / 5
    }

    fn measure(&self) {
        let left = self.lease.term().end().since(self.state.clock.boot());
        let NodeState { metrics, cache, .. } = &*self.state;
        metrics.lease.set(left.as_secs_f64());
        // Includes hints: while events cannot be read, no renewal shows new ones.
        let seen = self.lease.seen().max(self.state.wake.seen());
        let behind = seen.number().saturating_sub(self.lease.applied().seq.number());
        metrics.behind.set(if self.lease.is_member() {
            f64::from(u32::try_from(behind).unwrap_or(u32::MAX))
        } else {
            0.0
        });
        metrics.show(cache.size());
    }

    fn failed(&self, what: &'static str, error: Option<&(dyn std::error::Error + 'static)>) -> Outcome {
        self.state.lease_problems.begin(what, error);
        Outcome::Failed
    }
}
