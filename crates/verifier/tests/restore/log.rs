//! The committed changes of one history, by number, and the identity of its events and tokens.

use keyward_storage::{Event, HistoryToken, Nonce, Position, Seq};
use uuid::Uuid;

use crate::names::{Change, KEY, OTHER};

/// Maximum number of events per history.
const MOST: usize = 5;

/// A change, and the history in which it was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Logged {
    change: Change,
    history: u8,
}

/// The events of the database, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Log([Option<Logged>; MOST]);

impl Log {
    pub(crate) const EMPTY: Self = Self([None; MOST]);

    pub(crate) fn len(&self) -> u8 {
        self.0.iter().flatten().fold(0, |len, _| len + 1)
    }

    /// Commits a change, in the history with this number.
    pub(crate) fn commit(&mut self, change: Change, history: u8) -> Position {
        let free = self.0.iter_mut().find(|place| place.is_none()).unwrap();
        *free = Some(Logged { change, history });
        self.head()
    }

    fn at(&self, seq: u8) -> Option<Logged> {
        self.0.get(usize::from(seq).checked_sub(1)?).copied().flatten()
    }

    fn position(&self, seq: u8) -> Position {
        self.at(seq).map_or(Position::START, |logged| position(seq, logged.history))
    }

    /// The last event.
    pub(crate) fn head(&self) -> Position {
        self.position(self.len())
    }

    /// Whether this event exists, by number and nonce.
    pub(crate) fn holds(&self, position: Position) -> bool {
        position == Position::START || self.position(number(position.seq)) == position
    }

    /// The first event after this number.
    pub(crate) fn after(&self, seq: Seq) -> Option<Event> {
        let next = number(seq) + 1;
        let target = if self.at(next)?.change == Change::Elsewhere { OTHER } else { KEY };
        Some(Event { position: self.position(next), target })
    }

    /// The event that last changed the key.
    pub(crate) fn last_of_the_key(&self) -> Position {
        self.position(self.key_changed().map_or(0, |(seq, _)| seq))
    }

    pub(crate) fn key_is_valid(&self) -> bool {
        self.key_changed().is_none_or(|(_, change)| change == Change::Lifts)
    }

    fn key_changed(&self) -> Option<(u8, Change)> {
        let numbers = (1..=self.len()).rev();
        numbers.filter_map(|seq| Some((seq, self.at(seq)?.change))).find(|(_, change)| *change != Change::Elsewhere)
    }

    /// Whether an event after this number lifts the restriction of the key.
    pub(crate) fn is_lifted_after(&self, seq: u8) -> bool {
        (seq + 1..=self.len()).any(|seq| self.at(seq).is_some_and(|logged| logged.change == Change::Lifts))
    }

    /// Whether this change of the key exists, and no later change followed.
    pub(crate) fn stands(&self, restricted_by: Position) -> bool {
        self.holds(restricted_by) && !self.is_lifted_after(number(restricted_by.seq))
    }
}

/// An event by number and nonce: unique across histories.
fn position(seq: u8, history: u8) -> Position {
    let nonce = u128::from(history + 1) << 8 | u128::from(seq);
    Position { seq: Seq::new(seq.into()), nonce: Nonce::from_uuid(Uuid::from_u128(nonce)) }
}

/// The number of the history in which this event was committed; none before the first.
pub(crate) fn history_of(position: Position) -> Option<u8> {
    u8::try_from(position.nonce.uuid().as_u128() >> 8).unwrap().checked_sub(1)
}

/// The token with this number.
pub(crate) fn token(number: u8) -> HistoryToken {
    HistoryToken { started: i64::from(number) + 1, ..HistoryToken::EMBEDDED }
}

/// An event's number, as a small integer.
pub(crate) fn number(seq: Seq) -> u8 {
    u8::try_from(seq.number()).unwrap()
}
