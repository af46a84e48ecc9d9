//! The rules for a database that goes back: R11, R13 and R18.

use super::switches::rules;

rules! {
    /// The rules in effect: all ([`HistoryRules::ALL`]), except in proofs.
    pub struct HistoryRules {
        /// R11: a read is kept and used only if it belongs to the lease's history.
        fills_are_of_one_history,
        /// R13, R18b: under a token that is new to this process, no call is answered early until every lease of another
        /// history has ended.
        new_history_is_waited_out,
        /// R18b: nor is it answered early because the change is recorded as enforced.
        record_is_waited_out,
        /// R18b: the first token that a process sees counts as new.
        first_token_is_new,
        /// R18b: a token counts as seen when the reply that names it arrives, not when its request is sent.
        token_is_seen_on_reply,
        /// R18b: the mark that ends the wait names the token that was waited out.
        mark_names_its_history,
        /// R18a: a renewal counts only if the database has the lease's history; the statement itself compares them.
        renewal_names_its_history,
        /// R18a: a lease keeps the history token of its join; the reply to a renewal does not replace it.
        lease_keeps_its_token,
        /// R18a: a renewal counts only if the database has the node's last applied event, by number and nonce.
        renewal_names_its_event,
        /// R18a: events count only if they directly follow the last one applied, by number and nonce.
        events_follow_by_nonce,
        /// R18a: events count only if they belong to the lease's history.
        events_are_of_one_history,
        /// R18a: a renewal counts only if the node's row has the random number that the node assigned last.
        renewal_names_its_row,
        /// R18a: row numbers are random, not sequential.
        rows_are_numbered_at_random,
        /// R18a: a node that joins knows only what its join showed.
        joining_starts_over,
        /// R18d: a read as of the last applied event's number is kept and used only if the event has the same nonce.
        reads_name_their_event,
        /// R18d: a read as of a later event is not kept: that event's history may be gone by the time its number is
        /// reused.
        reads_ahead_are_not_kept,
        /// R18c: a call whose own event is gone never reports success.
        barrier_names_its_event,
        /// R18c: a change is recorded as enforced only if its event exists, by number and nonce.
        record_names_its_event,
        /// R18c: a row that has applied more than the last event acknowledges nothing.
        rows_beyond_the_head_do_not_count,
        /// R18c: the time-out uses the longest lease that this process has ever seen, not only those of the rows
        /// listed.
        longest_lease_is_remembered,
    }
}
