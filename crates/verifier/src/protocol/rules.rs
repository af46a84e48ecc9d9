//! The rules of the protocol, as one value that is passed to the core.
//!
//! Rules are switches only with the feature `proofs`: the model checker and the simulation turn them off one by one, to
//! show that each is needed. Without the feature, the value is empty, and every rule is the constant `true`.

mod history;
mod switches;

pub use history::HistoryRules;
use switches::rules;

rules! {
    /// The rules in effect: all ([`Rules::ALL`]), except in proofs.
    pub struct Rules {
        /// A lease is needed at all. Without this rule, only notifications keep the cache current: the control
        /// experiment.
        lease_is_checked,
        /// R1: event numbers follow the order of commits, by a counter that is locked until the commit. The database
        /// enforces this; the databases of model and simulation do so if it is on.
        numbers_in_commit_order,
        /// R2: a renewed lease takes effect once every event that the renewal showed is applied.
        caught_up_before_renewed,
        /// R2: an event is acknowledged only after all shards are purged.
        purged_before_acknowledged,
        /// R3: a lease starts before its renewal is sent.
        lease_from_sending,
        /// R3: each request reads the clock itself; no timer clears a flag.
        clock_in_each_request,
        /// R3: the lease is checked after arrival and before the look-up.
        lease_before_look_up,
        /// R4: a read is kept and used only if it shows every event that the shard has applied.
        fills_are_guarded,
        /// R5: the same holds for a request that shares another's read.
        shared_reads_are_guarded,
        /// R6: a read that began before the node joined is not kept.
        fills_belong_to_a_membership,
        /// R6: a node that joins starts with an empty memory.
        joining_empties,
        /// R7: a revoker outlives a silent node by its own clock only, counted from the confirmed commit.
        revoker_trusts_its_own_clock,
        /// R8: the members are listed after the commit is confirmed.
        members_after_commit,
        /// R9: a repeated restricting change waits for the same event as the first call.
        repeated_call_waits,
        /// R10: a row is removed only once unchanged for its lease time plus the guard, by the reaper's own clock.
        reaper_trusts_its_own_clock,
        /// R19: a change is committed only if its caller is unchanged since it was judged. The database enforces this
        /// rule and the next three; the model's database enforces each if it is on.
        callers_are_looked_at_where_committed,
        /// R19: the caller is locked first, and checked by a statement that begins afterwards.
        callers_are_locked_before_looked_at,
        /// R19: this lock ends before a lease would, whatever the node does.
        callers_locks_end_before_the_lease,
        /// R19: a transaction that ends a caller's right gets the lock before later transactions.
        callers_locks_queue,
        @ /// R11, R13 and R18: rules for a database that goes back.
        history: HistoryRules,
    }
}
