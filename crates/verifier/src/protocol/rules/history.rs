//! The rules that hold when the database goes back: R11, R13 and R18.

/// Which of them hold. In production all do ([`HistoryRules::ALL`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each rule is a switch of its own, and any set of them may be off")]
pub struct HistoryRules {
    /// R11: what was read is kept and used only if it is of the history in which the lease stands.
    pub fills_are_of_one_history: bool,
    /// R13, R18b: under a token that is new to this process no call is answered early until every lease of another
    /// history has ended.
    pub new_history_is_waited_out: bool,
    /// R18b: nor is it because somebody noted before that the change is in force.
    pub note_is_waited_out: bool,
    /// R18b: the first token that a process sees counts as new.
    pub first_token_is_new: bool,
    /// R18b: a token counts as seen when the reply that names it is here, not when it was asked for.
    pub token_is_seen_on_reply: bool,
    /// R18b: the mark that ends the wait names the token under which somebody waited.
    pub mark_names_its_history: bool,
    /// R18a: a renewal counts only where the database is of the history in which the lease stands; compared in the
    /// statement.
    pub renewal_names_its_history: bool,
    /// R18a: the lease stands in the history of its join; a renewal's reply does not replace its token.
    pub lease_keeps_its_token: bool,
    /// R18a: a renewal counts only where the database holds the last event that the node applied, by number and nonce.
    pub renewal_names_its_event: bool,
    /// R18a: events count only directly after the last one applied, by number and nonce.
    pub events_follow_by_nonce: bool,
    /// R18a: events count only if they are of the history in which the lease stands.
    pub events_are_of_one_history: bool,
    /// R18a: a renewal counts only where the node's row has the random number that the node gave it last.
    pub renewal_names_its_row: bool,
    /// R18a: what a row is numbered with is drawn at random, not counted.
    pub rows_are_numbered_at_random: bool,
    /// R18a: a node that joins knows nothing but what its join showed.
    pub joining_starts_over: bool,
    /// R18d: what was read as of the number of the last event applied is kept and used only if it is that event, by
    /// nonce.
    pub reads_name_their_event: bool,
    /// R18d: what was read as of a later event is not kept: that event may be of a history that is gone when its number
    /// is given a second time.
    pub reads_ahead_are_not_kept: bool,
    /// R18c: a call whose own event is gone is never answered as done.
    pub barrier_names_its_event: bool,
    /// R18c: the note that a change is in force is made only where its event is there, by number and nonce.
    pub note_names_its_event: bool,
    /// R18c: a row that has applied more than there is acknowledges nothing.
    pub rows_beyond_the_head_do_not_count: bool,
    /// R18c: the time-out knows the longest lease that this process ever saw, not only those of the rows listed.
    pub longest_lease_is_remembered: bool,
}

impl HistoryRules {
    /// All of them.
    pub const ALL: Self = Self {
        fills_are_of_one_history: true,
        new_history_is_waited_out: true,
        note_is_waited_out: true,
        first_token_is_new: true,
        token_is_seen_on_reply: true,
        mark_names_its_history: true,
        renewal_names_its_history: true,
        lease_keeps_its_token: true,
        renewal_names_its_event: true,
        events_follow_by_nonce: true,
        events_are_of_one_history: true,
        renewal_names_its_row: true,
        rows_are_numbered_at_random: true,
        joining_starts_over: true,
        reads_name_their_event: true,
        reads_ahead_are_not_kept: true,
        barrier_names_its_event: true,
        note_names_its_event: true,
        rows_beyond_the_head_do_not_count: true,
        longest_lease_is_remembered: true,
    };
}
