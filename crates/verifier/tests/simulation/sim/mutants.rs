//! The rules, each turned off alone: what the simulation must detect (the last column of 2.5).

use keyward_verifier::protocol::{HistoryRules, Rules};

/// A mutant with one rule off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mutant {
    /// Its field in [`Rules`].
    pub(crate) name: &'static str,
    /// The rules, all others on.
    pub(crate) rules: Rules,
}

/// Every switch of [`Rules`], off.
pub(crate) const MUTANTS: [Mutant; 15] = [
    Mutant { name: "lease_is_checked", rules: Rules { lease_is_checked: false, ..Rules::ALL } },
    Mutant { name: "numbers_in_commit_order", rules: Rules { numbers_in_commit_order: false, ..Rules::ALL } },
    Mutant { name: "caught_up_before_renewed", rules: Rules { caught_up_before_renewed: false, ..Rules::ALL } },
    Mutant { name: "purged_before_acknowledged", rules: Rules { purged_before_acknowledged: false, ..Rules::ALL } },
    Mutant { name: "lease_from_sending", rules: Rules { lease_from_sending: false, ..Rules::ALL } },
    Mutant { name: "clock_in_each_request", rules: Rules { clock_in_each_request: false, ..Rules::ALL } },
    Mutant { name: "lease_before_look_up", rules: Rules { lease_before_look_up: false, ..Rules::ALL } },
    Mutant { name: "fills_are_guarded", rules: Rules { fills_are_guarded: false, ..Rules::ALL } },
    Mutant { name: "shared_reads_are_guarded", rules: Rules { shared_reads_are_guarded: false, ..Rules::ALL } },
    Mutant { name: "fills_belong_to_a_membership", rules: Rules { fills_belong_to_a_membership: false, ..Rules::ALL } },
    Mutant { name: "joining_empties", rules: Rules { joining_empties: false, ..Rules::ALL } },
    Mutant { name: "revoker_trusts_its_own_clock", rules: Rules { revoker_trusts_its_own_clock: false, ..Rules::ALL } },
    // A list that does not show the event ends the call (R18c), and so hides that it was read too early.
    Mutant {
        name: "members_after_commit",
        rules: Rules {
            members_after_commit: false,
            history: HistoryRules { barrier_names_its_event: false, ..HistoryRules::ALL },
            ..Rules::ALL
        },
    },
    Mutant { name: "repeated_call_waits", rules: Rules { repeated_call_waits: false, ..Rules::ALL } },
    Mutant { name: "reaper_trusts_its_own_clock", rules: Rules { reaper_trusts_its_own_clock: false, ..Rules::ALL } },
];
