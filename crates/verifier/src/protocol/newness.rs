//! How long a history counts as new to this process: until every lease of another history has ended (R13, R18b).
//!
//! A node that joined after a copy was made is in no member list of that copy, and still holds its lease. So a process
//! answers nothing early under a token that it has not waited out: neither because of acknowledgements, nor because a
//! change is recorded as enforced.

use std::time::Duration;

use keyward_storage::HistoryToken;

use super::{BootInstant, HistoryRules};

/// The database's history as far as this process knows, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Newness {
    rules: HistoryRules,
    guard: Duration,
    present: Option<Present>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Present {
    token: HistoryToken,
    /// When the first reply that named it arrived. None if it does not count as new.
    since: Option<BootInstant>,
    /// Whether the database records that some process has waited.
    is_marked: bool,
}

impl Newness {
    /// State of a process that has not seen the database yet.
    #[must_use]
    pub const fn new(rules: HistoryRules, guard: Duration) -> Self {
        Self { rules, guard, present: None }
    }

    /// Records that a reply named this token. Read `sent_at` before sending the request, `now` after the reply arrived.
    /// Returns whether the token changed.
    pub fn see(&mut self, token: HistoryToken, sent_at: BootInstant, now: BootInstant) -> bool {
        if self.present.is_some_and(|present| present.token == token) {
            return false;
        }
        let at = if self.rules.token_is_seen_on_reply() { now } else { sent_at };
        let is_old = self.present.is_none() && !self.rules.first_token_is_new();
        self.present = Some(Present { token, since: (!is_old).then_some(at), is_marked: false });
        true
    }

    /// Records that some process has marked this token's history in the database. Call it after [`Self::see`].
    pub fn marked(&mut self, token: HistoryToken) {
        if let Some(present) = &mut self.present
            && (present.token == token || !self.rules.mark_names_its_history())
        {
            present.is_marked = true;
        }
    }

    /// Whether every lease of another history has ended, given the longest lease time. Only then may a call be answered
    /// early under this token.
    #[must_use]
    pub fn is_over(&self, token: HistoryToken, longest: Duration, now: BootInstant) -> bool {
        let Some(present) = self.present.filter(|present| present.token == token) else { return false };
        present.is_marked || self.has_waited(present, longest, now)
    }

    /// Whether acknowledgements of all nodes suffice to answer a call under this token (R13).
    #[must_use]
    pub fn allows_early(&self, token: HistoryToken, longest: Duration, now: BootInstant) -> bool {
        !self.rules.new_history_is_waited_out() || self.is_over(token, longest, now)
    }

    /// Whether to trust a record of this history that a change is enforced.
    #[must_use]
    pub fn trusts_records(&self, token: HistoryToken, longest: Duration, now: BootInstant) -> bool {
        !self.rules.record_is_waited_out() || self.is_over(token, longest, now)
    }

    /// The token to mark in the database: this process has waited, and the history is not marked yet.
    #[must_use]
    pub fn mark_due(&self, longest: Duration, now: BootInstant) -> Option<HistoryToken> {
        let present = self.present?;
        (!present.is_marked && self.has_waited(present, longest, now)).then_some(present.token)
    }

    fn has_waited(&self, present: Present, longest: Duration, now: BootInstant) -> bool {
        present.since.is_none_or(|since| now >= since.plus(longest).plus(self.guard))
    }
}

#[cfg(test)]
mod tests {
    //! R13 and R18b at their boundary instants.
    use super::*;

    const GUARD: Duration = Duration::from_nanos(5);
    const TTL: Duration = Duration::from_nanos(10);

    fn at(nanos: u64) -> BootInstant {
        BootInstant::from_nanos(nanos)
    }

    fn token(started: i64) -> HistoryToken {
        HistoryToken { started, ..HistoryToken::EMBEDDED }
    }

    fn seen(started: i64, sent: u64, now: u64) -> Newness {
        let mut newness = Newness::new(HistoryRules::ALL, GUARD);
        newness.see(token(started), at(sent), at(now));
        newness
    }

    #[test]
    fn the_first_token_is_new_from_its_reply_until_the_longest_lease_and_the_guard_have_passed() {
        let mut newness = seen(1, 90, 100);
        newness.see(token(1), at(101), at(110));
        assert!(!newness.is_over(token(1), TTL, at(114)));
        assert!(newness.is_over(token(1), TTL, at(115)));
        assert!(!newness.is_over(token(1), TTL * 2, at(115)), "a longer lease was seen since");
    }

    #[test]
    fn another_token_is_new_and_the_previous_one_is_never_over() {
        let mut newness = seen(1, 0, 0);
        newness.see(token(2), at(90), at(100));
        assert!(!newness.is_over(token(1), TTL, at(900)) && !newness.is_over(token(2), TTL, at(114)));
        newness.see(token(1), at(200), at(200));
        assert!(!newness.is_over(token(1), TTL, at(214)), "the first token is new again when it returns");
    }

    #[test]
    fn a_mark_ends_only_the_wait_of_the_history_that_it_names() {
        let mut newness = seen(2, 90, 100);
        newness.marked(token(1));
        assert!(!newness.is_over(token(2), TTL, at(100)));
        newness.marked(token(2));
        assert!(newness.is_over(token(2), TTL, at(100)));
        newness.see(token(3), at(101), at(101));
        assert!(!newness.is_over(token(3), TTL, at(101)));
    }

    #[test]
    fn a_process_that_has_waited_marks_the_history_once() {
        let mut newness = seen(1, 90, 100);
        assert_eq!(newness.mark_due(TTL, at(114)), None);
        assert_eq!(newness.mark_due(TTL, at(115)), Some(token(1)));
        newness.marked(token(1));
        assert_eq!(newness.mark_due(TTL, at(115)), None);
    }
}
