//! The rules of the protocol, as one value that the core is handed.

mod history;

pub use history::HistoryRules;

/// Which rules hold. In production all do ([`Rules::ALL`]); the model checker and the simulation switch them off one by
/// one, to show that each is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each rule is a switch of its own, and any set of them may be off")]
pub struct Rules {
    /// A lease is needed at all. Without it there is nothing but a cache that is told of changes: the control.
    pub lease_is_checked: bool,
    /// R1: event numbers are given in the order of commits, by a counter that is locked until the commit. Kept by the
    /// database; the databases of model and simulation keep it if this is on.
    pub numbers_in_commit_order: bool,
    /// R2: a renewed lease counts once all is applied that the renewal saw.
    pub caught_up_before_renewed: bool,
    /// R2: an event is acknowledged after the purge on all shards.
    pub purged_before_acknowledged: bool,
    /// R3: a lease is counted from before its renewal was sent.
    pub lease_from_sending: bool,
    /// R3: each request reads the clock itself; there is no flag that a timer clears.
    pub clock_in_each_request: bool,
    /// R3: the lease is checked after arrival and before the look-up.
    pub lease_before_look_up: bool,
    /// R4: what was read is kept and used only if it shows every event that the shard has applied.
    pub fills_are_guarded: bool,
    /// R5: the same holds for a request that shares another's read.
    pub shared_reads_are_guarded: bool,
    /// R6: what was begun to be read before the node joined is not kept.
    pub fills_belong_to_a_membership: bool,
    /// R6: a node that joins begins with nothing in memory.
    pub joining_empties: bool,
    /// R7: a revoker gives a silent node up by its own clock, counted from the confirmed commit, and by no other.
    pub revoker_trusts_its_own_clock: bool,
    /// R8: the members are listed after the commit is confirmed.
    pub members_after_commit: bool,
    /// R9: a repeated narrowing call waits for what the first one did.
    pub repeated_call_waits: bool,
    /// R11, R13 and R18: what holds when the database goes back.
    pub history: HistoryRules,
    /// R10: a row is taken away only after it stood still for its lease and the guard, by the reaper's own clock.
    pub reaper_trusts_its_own_clock: bool,
    /// R19: a change is committed only if its caller is found as it was judged. This one and the next three are kept by
    /// the database; that of the model keeps each if it is on.
    pub callers_are_looked_at_where_committed: bool,
    /// R19: the caller is locked first, and looked at by a statement that begins after that.
    pub callers_are_locked_before_looked_at: bool,
    /// R19: such a lock ends before a lease would, whatever the node does.
    pub callers_locks_end_before_the_lease: bool,
    /// R19: what ends a caller's right gets the lock before those who come later.
    pub callers_locks_queue: bool,
}

impl Rules {
    /// All of them.
    pub const ALL: Self = Self {
        lease_is_checked: true,
        numbers_in_commit_order: true,
        caught_up_before_renewed: true,
        purged_before_acknowledged: true,
        lease_from_sending: true,
        clock_in_each_request: true,
        lease_before_look_up: true,
        fills_are_guarded: true,
        shared_reads_are_guarded: true,
        fills_belong_to_a_membership: true,
        joining_empties: true,
        revoker_trusts_its_own_clock: true,
        members_after_commit: true,
        repeated_call_waits: true,
        history: HistoryRules::ALL,
        reaper_trusts_its_own_clock: true,
        callers_are_looked_at_where_committed: true,
        callers_are_locked_before_looked_at: true,
        callers_locks_end_before_the_lease: true,
        callers_locks_queue: true,
    };
}
