//! The rules that hold when the database goes back: R11, R13 and R18.

use super::rules;

rules! {
    /// Which of them hold: all ([`HistoryRules::ALL`]) but in proofs.
    pub struct HistoryRules {
        /// R11: what was read is kept and used only if it is of the history in which the lease stands.
        fills_are_of_one_history,
        /// R13, R18b: under a token that is new to this process no call is answered early until every lease of another
        /// history has ended.
        new_history_is_waited_out,
        /// R18b: nor is it because somebody noted before that the change is in force.
        note_is_waited_out,
        /// R18b: the first token that a process sees counts as new.
        first_token_is_new,
        /// R18b: a token counts as seen when the reply that names it is here, not when it was asked for.
        token_is_seen_on_reply,
        /// R18b: the mark that ends the wait names the token under which somebody waited.
        mark_names_its_history,
        /// R18a: a renewal counts only where the database is of the history in which the lease stands; compared in the
        /// statement.
        renewal_names_its_history,
        /// R18a: the lease stands in the history of its join; a renewal's reply does not replace its token.
        lease_keeps_its_token,
        /// R18a: a renewal counts only where the database holds the last event that the node applied, by number and nonce.
        renewal_names_its_event,
        /// R18a: events count only directly after the last one applied, by number and nonce.
        events_follow_by_nonce,
        /// R18a: events count only if they are of the history in which the lease stands.
        events_are_of_one_history,
        /// R18a: a renewal counts only where the node's row has the random number that the node gave it last.
        renewal_names_its_row,
        /// R18a: what a row is numbered with is drawn at random, not counted.
        rows_are_numbered_at_random,
        /// R18a: a node that joins knows nothing but what its join showed.
        joining_starts_over,
        /// R18d: what was read as of the number of the last event applied is kept and used only if it is that event, by
        /// nonce.
        reads_name_their_event,
        /// R18d: what was read as of a later event is not kept: that event may be of a history that is gone when its number
        /// is given a second time.
        reads_ahead_are_not_kept,
        /// R18c: a call whose own event is gone is never answered as done.
        barrier_names_its_event,
        /// R18c: the note that a change is in force is made only where its event is there, by number and nonce.
        note_names_its_event,
        /// R18c: a row that has applied more than there is acknowledges nothing.
        rows_beyond_the_head_do_not_count,
        /// R18c: the time-out knows the longest lease that this process ever saw, not only those of the rows listed.
        longest_lease_is_remembered,
    }
}
