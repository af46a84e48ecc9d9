//! The rules of the protocol, as one value that the core is handed.
//!
//! Each is a switch only with the feature `proofs`: the model checker and the simulation turn them off one by one, to show
//! that each is needed. Without it the value is empty, and every rule is the constant `true`.

mod history;

pub use history::HistoryRules;

/// Declares rules: with the feature `proofs` a struct of switches, without it one that holds nothing. Code asks by
/// methods, which exist either way.
macro_rules! rules {
    (
        $(#[$about:meta])* pub struct $name:ident {
            $($(#[$doc:meta])* $rule:ident,)*
            $(@ $(#[$inner_doc:meta])* $inner:ident: $of:ty,)?
        }
    ) => {
        $(#[$about])*
        #[cfg(feature = "proofs")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $name {
            $($(#[$doc])* pub $rule: bool,)*
            $($(#[$inner_doc])* pub $inner: $of,)?
        }

        $(#[$about])*
        #[cfg(not(feature = "proofs"))]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub struct $name {}

        #[cfg(feature = "proofs")]
        impl $name {
            /// All of them.
            pub const ALL: Self = Self { $($rule: true,)* $($inner: <$of>::ALL,)? };

            $($(#[$doc])* #[must_use] pub const fn $rule(&self) -> bool { self.$rule })*
            $($(#[$inner_doc])* #[must_use] pub const fn $inner(&self) -> $of { self.$inner })?
        }

        #[cfg(not(feature = "proofs"))]
        impl $name {
            /// All of them.
            pub const ALL: Self = Self {};

            $($(#[$doc])* #[must_use] pub const fn $rule(&self) -> bool { true })*
            $($(#[$inner_doc])* #[must_use] pub const fn $inner(&self) -> $of { <$of>::ALL })?
        }
    };
}
use rules;

rules! {
    /// Which rules hold: all of them ([`Rules::ALL`]) but in proofs.
    pub struct Rules {
        /// A lease is needed at all. Without it there is nothing but a cache that is told of changes: the control.
        lease_is_checked,
        /// R1: event numbers are given in the order of commits, by a counter that is locked until the commit. Kept by the
        /// database; the databases of model and simulation keep it if this is on.
        numbers_in_commit_order,
        /// R2: a renewed lease counts once all is applied that the renewal saw.
        caught_up_before_renewed,
        /// R2: an event is acknowledged after the purge on all shards.
        purged_before_acknowledged,
        /// R3: a lease is counted from before its renewal was sent.
        lease_from_sending,
        /// R3: each request reads the clock itself; there is no flag that a timer clears.
        clock_in_each_request,
        /// R3: the lease is checked after arrival and before the look-up.
        lease_before_look_up,
        /// R4: what was read is kept and used only if it shows every event that the shard has applied.
        fills_are_guarded,
        /// R5: the same holds for a request that shares another's read.
        shared_reads_are_guarded,
        /// R6: what was begun to be read before the node joined is not kept.
        fills_belong_to_a_membership,
        /// R6: a node that joins begins with nothing in memory.
        joining_empties,
        /// R7: a revoker gives a silent node up by its own clock, counted from the confirmed commit, and by no other.
        revoker_trusts_its_own_clock,
        /// R8: the members are listed after the commit is confirmed.
        members_after_commit,
        /// R9: a repeated restricting change waits for what the first one did.
        repeated_call_waits,
        /// R10: a row is taken away only after it stood still for its lease and the guard, by the reaper's own clock.
        reaper_trusts_its_own_clock,
        /// R19: a change is committed only if its caller is found as it was judged. This one and the next three are kept by
        /// the database; that of the model keeps each if it is on.
        callers_are_looked_at_where_committed,
        /// R19: the caller is locked first, and looked at by a statement that begins after that.
        callers_are_locked_before_looked_at,
        /// R19: such a lock ends before a lease would, whatever the node does.
        callers_locks_end_before_the_lease,
        /// R19: what ends a caller's right gets the lock before those who come later.
        callers_locks_queue,
        @ /// R11, R13 and R18: what holds when the database goes back.
        history: HistoryRules,
    }
}
