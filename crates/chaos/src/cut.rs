//! What a database that went back has lost: which events, and what may have been made in the meantime.
//!
//! Pure. A change among these is excused; a service that does not report them is not.

use std::collections::HashMap;
use std::time::Duration;

use super::history::{Change, Span, Thing};
use keyward_testkit::clock::Moment;

/// An event of the old history, as its database recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) number: u64,
    /// The random number beside it: another history assigns the same number to something else.
    pub(super) nonce: String,
    /// The key's id, or the account's mid.
    pub(super) name: String,
    /// In the words of the database.
    pub(super) change: String,
}

/// A report of missing events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// The number after which events are missing.
    pub(super) kept_up_to: u64,
    /// The last one that the node had.
    pub(super) had_up_to: u64,
}

/// One time that the database went back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// The copy has everything that was answered before this.
    pub(super) copied: Moment,
    /// When the old server had ended: its history has nothing that was asked later.
    pub(super) ended: Moment,
    /// When the copy was started: it cannot have been read before.
    pub(super) started: Moment,
    /// The events of the old server that the copy lacks, by number and nonce.
    pub(super) lost: Vec<Event>,
    /// The reports of the service: rows of its table, or lines of its logs.
    pub(super) said: Vec<Said>,
}

impl Cut {
    /// Whether the effect of a call at that time may be lost.
    pub(super) fn may_lack(&self, span: Span) -> bool {
        span.sent < self.ended && span.answered > self.copied
    }

    /// Whether the service reports everything that is missing.
    pub(super) fn is_said(&self) -> bool {
        let first = self.lost.iter().map(|event| event.number).min();
        first.is_none_or(|first| self.said.iter().any(|said| said.kept_up_to < first && first <= said.had_up_to))
    }
}

/// All times that the database went back, by what they lost.
pub(super) struct Cuts<'a> {
    pub(super) all: &'a [Cut],
    /// Positions of cuts.
    lost: HashMap<(Thing, Change), Vec<usize>>,
    /// From the last renewal until a node no longer answers from memory.
    pub(super) lease: Duration,
}

impl<'a> Cuts<'a> {
    pub(super) fn of(all: &'a [Cut], things: &HashMap<&str, Thing>, lease: Duration) -> Self {
        let mut lost: HashMap<(Thing, Change), Vec<usize>> = HashMap::new();
        let events = all.iter().enumerate().flat_map(|(place, cut)| cut.lost.iter().map(move |event| (place, event)));
        for (place, event) in events {
            let Some(thing) = things.get(event.name.as_str()) else { continue };
            for change in Change::ALL.into_iter().filter(|change| change.event() == event.change) {
                lost.entry((*thing, change)).or_default().push(place);
            }
        }
        Self { all, lost, lease }
    }

    /// The position of the cut that lost a change which was made at that time.
    pub(super) fn of_change(&self, thing: Thing, change: Change, span: Span) -> Option<usize> {
        let mut cuts = self.lost.get(&(thing, change))?.iter().copied();
        cuts.find(|place| self.all[*place].may_lack(span))
    }

    /// Whether such a change was lost, and an answer at `by` may show it.
    pub(super) fn excuse(&self, thing: Thing, change: Change, span: Span, by: Moment) -> bool {
        self.of_change(thing, change, span).is_some_and(|place| by >= self.all[place].started)
    }

    /// The first cut that may have lost something that was made at that time.
    pub(super) fn first_to_lack(&self, born: Span) -> Option<&'a Cut> {
        self.all.iter().find(|cut| cut.may_lack(born))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Moment {
        Moment::after(Duration::from_secs(second))
    }

    fn cut(numbers: &[u64], said: &[(u64, u64)]) -> Cut {
        let event = |number: &u64| Event {
            number: *number,
            nonce: String::new(),
            name: "key".into(),
            change: Change::Revoke.event().into(),
        };
        let said = said.iter().map(|&(kept_up_to, had_up_to)| Said { kept_up_to, had_up_to }).collect();
        Cut { copied: at(10), ended: at(20), started: at(21), lost: numbers.iter().map(event).collect(), said }
    }

    #[test]
    fn what_is_said_has_to_reach_back_to_the_first_that_is_missing() {
        assert!(cut(&[], &[]).is_said(), "nothing is missing");
        assert!(!cut(&[8, 9], &[]).is_said());
        assert!(!cut(&[8, 9], &[(8, 9)]).is_said(), "8 is missing too");
        assert!(!cut(&[8, 9], &[(5, 7)]).is_said(), "that is something else");
        assert!(cut(&[8, 9], &[(8, 9), (7, 9)]).is_said());
        assert!(cut(&[8, 9], &[(0, 8)]).is_said(), "a node that had seen less, and remembers less");
    }

    #[test]
    fn what_was_made_between_copy_and_end_may_be_gone() {
        let may_lack = |sent, answered| cut(&[], &[]).may_lack(Span { sent: at(sent), answered: at(answered) });
        assert!(may_lack(12, 13) && may_lack(9, 11) && may_lack(19, 23));
        assert!(!may_lack(8, 9) && !may_lack(20, 21));
        assert!(!cut(&[], &[]).may_lack(Span::BEFORE));
    }
}
