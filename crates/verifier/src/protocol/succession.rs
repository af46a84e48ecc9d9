//! Checks that events read from the database follow the last one applied: in one history, by number and nonce (R18a).
//!
//! Applies nothing.

use keyward_storage::{Event, Events, HistoryToken, Position, Seq};

use super::HistoryRules;

/// What a node knew when it requested the next events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Succession {
    /// The history of its lease.
    pub token: HistoryToken,
    /// The last event that it had applied.
    pub applied: Position,
    /// The last event that it has seen in this history, and which was therefore committed.
    pub seen: Seq,
}

impl Succession {
    /// Whether these events may be applied. If not, the database does not have what the node knows of it, and the
    /// membership must end (R6). `is_all` if no further events exist.
    #[must_use]
    pub fn admits(&self, rules: &HistoryRules, read: &Events, is_all: bool) -> bool {
        let of_this_history = read.token == self.token || !rules.events_are_of_one_history();
        if !rules.events_follow_by_nonce() {
            return of_this_history;
        }
        let last = read.events.last().map_or(self.applied, |event| event.position);
        // A committed event is missing.
        let is_short = is_all && last.seq < self.seen;
        of_this_history && read.follow && !is_short && Self::is_gapless(self.applied.seq, &read.events)
    }

    /// Whether these events follow this number without a gap.
    #[must_use]
    pub fn is_gapless(applied: Seq, events: &[Event]) -> bool {
        let mut next = applied;
        events.iter().all(|event| {
            next = next.next();
            event.position.seq == next
        })
    }
}

#[cfg(test)]
mod tests {
    use keyward_domain::KeyId;
    use keyward_storage::{Nonce, Target};
    use uuid::Uuid;

    use super::*;

    fn position(seq: u64) -> Position {
        Position { seq: Seq::new(seq), nonce: Nonce::from_uuid(Uuid::from_u128(seq.into())) }
    }

    fn read(events: &[u64]) -> Events {
        let target = Target::Key(KeyId::from_uuid(Uuid::nil()));
        let events = events.iter().map(|seq| Event { position: position(*seq), target }).collect();
        Events { token: HistoryToken::EMBEDDED, follow: true, events }
    }

    fn admits(read: &Events, is_all: bool) -> bool {
        let known = Succession { token: HistoryToken::EMBEDDED, applied: position(3), seen: Seq::new(5) };
        known.admits(&HistoryRules::ALL, read, is_all)
    }

    #[test]
    fn the_next_events_of_this_history_are_applied() {
        assert!(admits(&read(&[4, 5]), true) && admits(&read(&[4]), false));
    }

    #[test]
    fn events_after_a_gap_or_fewer_than_seen_belong_to_another_history() {
        assert!(!admits(&read(&[5, 6]), true) && !admits(&read(&[4, 6]), true));
        assert!(!admits(&read(&[4]), true) && !admits(&read(&[]), true));
    }

    #[test]
    fn events_with_another_token_or_after_another_nonce_belong_to_another_history() {
        let token = HistoryToken { timeline: 2, ..HistoryToken::EMBEDDED };
        assert!(!admits(&Events { token, ..read(&[4, 5]) }, true));
        assert!(!admits(&Events { follow: false, ..read(&[4, 5]) }, true));
    }
}
