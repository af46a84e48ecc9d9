//! The rules turned off, and what must be found without them.

use keyward_verifier::protocol::{HistoryRules, Rules};

use crate::{
    scope::{
        Happening::{DelayedLists, Loss, OldReads, OldRenewals, Reaping, Records},
        Promise, Scope,
    },
    search::{HONEST, NO_REQUEST_ACCEPTS, SETTLES},
};

/// The protocol with something turned off, and the scope in which the breach occurs.
pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    pub(crate) scope: Scope,
    /// The broken promise.
    pub(crate) breaks: &'static str,
}

const fn accepts(name: &'static str, scope: Scope) -> Mutant {
    Mutant { name, scope, breaks: NO_REQUEST_ACCEPTS }
}

const fn lies(name: &'static str, scope: Scope) -> Mutant {
    Mutant { name, scope, breaks: HONEST }
}

const ON: HistoryRules = HistoryRules::ALL;

const fn without(history: HistoryRules) -> Scope {
    Scope { rules: Rules { history, ..Rules::ALL }, ticks: 1, names: 1, ..Scope::ONE }
}

/// The lease's token is never compared.
const NO_TOKEN: HistoryRules = HistoryRules {
    fills_are_of_one_history: false,
    renewal_names_its_history: false,
    events_are_of_one_history: false,
    events_follow_by_nonce: false,
    ..ON
};
/// The lease keeps the token of its join, and it is not compared with that of the renewal.
const TOKEN_OF_THE_JOIN: HistoryRules = HistoryRules { renewal_names_its_history: false, ..ON };
/// No call waits under a new token.
const NO_WAIT: HistoryRules = HistoryRules { new_history_is_waited_out: false, record_is_waited_out: false, ..ON };

/// Mutants for restores that change the token.
pub(crate) const WITH_A_TOKEN: &[Mutant] = &[
    accepts(
        "R18a: the token is compared nowhere, nor the nonce",
        Scope { others: 1, ..without(HistoryRules { renewal_names_its_event: false, ..NO_TOKEN }) },
    ),
    accepts(
        "R18a: the token is compared nowhere, the nonce in the renewal alone",
        Scope { others: 2, ..without(NO_TOKEN) },
    ),
    accepts(
        "R18a: the lease's token is that of its join, and not compared in the statement",
        Scope { lifts: 1, restricts: 1, ..without(TOKEN_OF_THE_JOIN) },
    ),
    accepts(
        "R18a: the lease's token is that of its last renewal, and not compared in the statement",
        Scope { lifts: 1, restricts: 1, ..without(HistoryRules { lease_keeps_its_token: false, ..TOKEN_OF_THE_JOIN }) },
    ),
    Mutant {
        name: "R18a: a node that joins keeps its earlier knowledge",
        scope: Scope { names: 2, others: 1, ..without(HistoryRules { joining_starts_over: false, ..ON }) },
        breaks: SETTLES,
    },
    accepts("R18b: nonces alone, and no wait", without(NO_WAIT)),
    accepts(
        "R13, R18b: acknowledgements count immediately under a new token",
        without(HistoryRules { new_history_is_waited_out: false, ..ON }),
    ),
    accepts(
        "R18b: a record is trusted immediately under a new token",
        Scope { calls: 2, lifts: 1, may: &[Records], ..without(HistoryRules { record_is_waited_out: false, ..ON }) },
    ),
    accepts(
        "R18b: the first token that a process sees counts as old",
        Scope { calls: 2, second_is_fresh: true, ..without(HistoryRules { first_token_is_new: false, ..ON }) },
    ),
    accepts(
        "R18b: a token counts as seen when the list was sent",
        Scope { may: &[DelayedLists], ..without(HistoryRules { token_is_seen_on_reply: false, ..ON }) },
    ),
    accepts(
        "R18b: instead of the wait, every listed row was renewed under the token",
        Scope { rows_instead_of_the_wait: true, ..without(ON) },
    ),
    accepts("R18b: the mark does not name the token", without(HistoryRules { mark_names_its_history: false, ..ON })),
    accepts(
        "R18c: the record does not name its event",
        Scope {
            calls: 2,
            restricts: 1,
            may: &[Records],
            ..without(HistoryRules { record_names_its_event: false, ..ON })
        },
    ),
    lies("R18c: the barrier does not name its event", without(HistoryRules { barrier_names_its_event: false, ..ON })),
    accepts(
        "R18c: the time-out uses only the leases of the rows listed",
        without(HistoryRules { longest_lease_is_remembered: false, ..ON }),
    ),
    accepts(
        "R11: an old server answers reads, and the token of a read is never compared",
        Scope { others: 2, may: &[OldReads], ..without(HistoryRules { fills_are_of_one_history: false, ..ON }) },
    ),
    accepts(
        "R6: memory outlives a membership",
        Scope { names: 2, others: 1, rules: Rules { joining_empties: false, ..Rules::ALL }, ..without(ON) },
    ),
];

/// Mutants for restores that keep the token, as for manually restored rows.
const fn by_hand(history: HistoryRules) -> Scope {
    Scope { token_stays: true, promise: Promise::LeaseLater, ..without(history) }
}

/// Mutants for which only the nonces protect.
pub(crate) const BY_HAND: &[Mutant] = &[
    accepts(
        "R18a: a renewal does not name its event",
        Scope { others: 1, ..by_hand(HistoryRules { renewal_names_its_event: false, ..ON }) },
    ),
    accepts(
        "R18a: events need not follow by nonce",
        Scope { others: 2, ..by_hand(HistoryRules { events_follow_by_nonce: false, ..ON }) },
    ),
    accepts(
        "R18d: a read is compared only by number",
        Scope { others: 1, ..by_hand(HistoryRules { reads_name_their_event: false, ..ON }) },
    ),
    accepts(
        "R18d: a read as of a later event is kept",
        Scope { lifts: 1, restricts: 1, ..by_hand(HistoryRules { reads_ahead_are_not_kept: false, ..ON }) },
    ),
    lies("R18c: the barrier does not name its event", by_hand(HistoryRules { barrier_names_its_event: false, ..ON })),
    accepts(
        "R18c: the record does not name its event",
        Scope {
            calls: 2,
            restricts: 1,
            may: &[Records],
            ..by_hand(HistoryRules { record_names_its_event: false, ..ON })
        },
    ),
    accepts(
        "R18a: row numbers are sequential, and a reply is lost",
        Scope {
            renewals: Some(2),
            may: &[Reaping, Loss],
            ..by_hand(HistoryRules { rows_are_numbered_at_random: false, ..ON })
        },
    ),
    accepts(
        "R18a: row numbers are sequential, and a renewal does not name its row's number",
        Scope {
            renewals: Some(2),
            may: &[Reaping],
            ..by_hand(HistoryRules { rows_are_numbered_at_random: false, renewal_names_its_row: false, ..ON })
        },
    ),
    accepts(
        "R18c: rows beyond the head count, and a renewal does not name its event",
        Scope {
            others: 1,
            ..by_hand(HistoryRules { rows_beyond_the_head_do_not_count: false, renewal_names_its_event: false, ..ON })
        },
    ),
];

/// Cases that no rule covers, to show that these searches find breaches.
pub(crate) const CONTROLS: &[Mutant] = &[
    accepts("an old server continues to confirm renewals (A1)", Scope { may: &[OldReads, OldRenewals], ..without(ON) }),
    accepts("a call whose later lifting was lost", Scope { lifts: 1, lost_liftings_count: true, ..without(ON) }),
    accepts(
        "the token does not change, and the promise applies immediately",
        Scope { promise: Promise::AtOnce, ..by_hand(ON) },
    ),
];

/// Rules backed by a second one: turned off alone they break nothing here; above, both are off.
pub(crate) const GUARDED: &[Mutant] = &[
    accepts(
        "R18a: events of another history count: they follow by nonce",
        Scope { others: 2, ..without(HistoryRules { events_are_of_one_history: false, ..ON }) },
    ),
    accepts(
        "R18a: a renewal does not name its row's number: it names its event, and numbers are random",
        Scope {
            renewals: Some(2),
            may: &[Reaping, Loss],
            ..by_hand(HistoryRules { renewal_names_its_row: false, ..ON })
        },
    ),
    accepts(
        "R18a: row numbers are sequential, and no reply is lost: a renewal names its row's number",
        Scope {
            renewals: Some(2),
            may: &[Reaping],
            ..by_hand(HistoryRules { rows_are_numbered_at_random: false, ..ON })
        },
    ),
    accepts(
        "R18c: rows beyond the head count: a renewal names its event",
        Scope { others: 1, ..by_hand(HistoryRules { rows_beyond_the_head_do_not_count: false, ..ON }) },
    ),
];
