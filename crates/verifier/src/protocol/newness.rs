//! How long a history is new to this process: until every lease of another one has ended (R13, R18b).
//!
//! A node that joined after a copy was made stands in no list of that copy, and still holds its lease. So under a token
//! that this process has not waited out, nothing is answered early: not by acknowledgements, and not by a note.

use std::time::Duration;

use keyward_storage::HistoryToken;

use super::{BootInstant, HistoryRules};

/// Which history the database is of, as far as this process knows, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Newness {
    rules: HistoryRules,
    guard: Duration,
    present: Option<Present>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Present {
    token: HistoryToken,
    /// When the first reply that named it was here. None if it does not count as new.
    since: Option<BootInstant>,
    /// Whether the database says that some process has waited.
    is_marked: bool,
}

impl Newness {
    /// Of a process that has not seen the database yet.
    #[must_use]
    pub const fn new(rules: HistoryRules, guard: Duration) -> Self {
        Self { rules, guard, present: None }
    }

    /// A reply named this token; `now` was read after it was here, `sent_at` before it was asked for. Returns whether
    /// it is another one than the one before.
    pub fn see(&mut self, token: HistoryToken, sent_at: BootInstant, now: BootInstant) -> bool {
        if self.present.is_some_and(|present| present.token == token) {
            return false;
        }
        let at = if self.rules.token_is_seen_on_reply() { now } else { sent_at };
        let is_old = self.present.is_none() && !self.rules.first_token_is_new();
        self.present = Some(Present { token, since: (!is_old).then_some(at), is_marked: false });
        true
    }

    /// The database says that some process has marked the history of this token. To be called after [`Self::see`].
    pub fn marked(&mut self, token: HistoryToken) {
        if let Some(present) = &mut self.present
            && (present.token == token || !self.rules.mark_names_its_history())
        {
            present.is_marked = true;
        }
    }

    /// Whether every lease of another history has ended, where the longest of them lasts this long: only then is a call
    /// answered early under this token.
    #[must_use]
    pub fn is_over(&self, token: HistoryToken, longest: Duration, now: BootInstant) -> bool {
        let Some(present) = self.present.filter(|present| present.token == token) else { return false };
        present.is_marked || self.has_waited(present, longest, now)
    }

    /// Whether a call may be answered under this token because every node acknowledged (R13).
    #[must_use]
    pub fn allows_early(&self, token: HistoryToken, longest: Duration, now: BootInstant) -> bool {
        !self.rules.new_history_is_waited_out() || self.is_over(token, longest, now)
    }

    /// Whether a note of this history that a change is in force may be believed.
    #[must_use]
    pub fn trusts_notes(&self, token: HistoryToken, longest: Duration, now: BootInstant) -> bool {
        !self.rules.note_is_waited_out() || self.is_over(token, longest, now)
    }

    /// The token to mark the database with: this process has waited, and nothing says that somebody did before.
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
        assert!(!newness.is_over(token(1), TTL * 2, at(115)), "a longer lease was heard of since");
    }

    #[test]
    fn another_token_is_new_again_and_the_one_before_is_never_over() {
        let mut newness = seen(1, 0, 0);
        newness.see(token(2), at(90), at(100));
        assert!(!newness.is_over(token(1), TTL, at(900)) && !newness.is_over(token(2), TTL, at(114)));
        newness.see(token(1), at(200), at(200));
        assert!(!newness.is_over(token(1), TTL, at(214)), "back on the first one it is new a second time");
    }

    #[test]
    fn a_mark_ends_the_wait_of_the_history_that_it_names_alone() {
        let mut newness = seen(2, 90, 100);
        newness.marked(token(1));
        assert!(!newness.is_over(token(2), TTL, at(100)));
        newness.marked(token(2));
        assert!(newness.is_over(token(2), TTL, at(100)));
        newness.see(token(3), at(101), at(101));
        assert!(!newness.is_over(token(3), TTL, at(101)));
    }

    #[test]
    fn who_has_waited_marks_the_history_once() {
        let mut newness = seen(1, 90, 100);
        assert_eq!(newness.mark_due(TTL, at(114)), None);
        assert_eq!(newness.mark_due(TTL, at(115)), Some(token(1)));
        newness.marked(token(1));
        assert_eq!(newness.mark_due(TTL, at(115)), None);
    }
}
