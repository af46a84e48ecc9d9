//! The losses of a database that went back: events, and keys and accounts that may have been created meanwhile.
//!
//! Pure. A lost change among these is excused; a missing report of the service is not.

use std::collections::HashMap;
use std::time::Duration;

use super::history::{Change, Span, Thing};
use keyward_testkit::clock::Moment;

/// An event of the old history, as its database recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) number: u64,
    /// Distinguishes it from an event with the same number in another history.
    pub(super) nonce: String,
    /// The key's id, or the account's mid.
    pub(super) name: String,
    /// As the database names it.
    pub(super) change: String,
}

/// A report of the service that events are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LossReport {
    /// The number after which events are missing.
    pub(super) kept_up_to: u64,
    /// The last event that the node had.
    pub(super) had_up_to: u64,
}

/// One return of the database to an earlier state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// The copy contains everything that was answered before this.
    pub(super) copied: Moment,
    /// End of the old server: its history contains no later request.
    pub(super) ended: Moment,
    /// Start of the copy: no earlier request can have read it.
    pub(super) started: Moment,
    /// The events of the old server that the copy lacks, by number and nonce.
    pub(super) lost: Vec<Event>,
    /// Reports of the service, from rows of its table or lines of its logs.
    pub(super) reports: Vec<LossReport>,
}

impl Cut {
    /// Whether the effect of a call in this interval may be lost.
    pub(super) fn may_lack(&self, span: Span) -> bool {
        span.sent < self.ended && span.answered > self.copied
    }

    /// Whether the service reports all missing events.
    pub(super) fn is_reported(&self) -> bool {
        let first = self.lost.iter().map(|event| event.number).min();
        first.is_none_or(|first| {
            self.reports.iter().any(|report| report.kept_up_to < first && first <= report.had_up_to)
        })
    }
}

/// All cuts, indexed by the changes that they lost.
pub(super) struct Cuts<'a> {
    pub(super) all: &'a [Cut],
    /// Positions of cuts.
    lost: HashMap<(Thing, Change), Vec<usize>>,
    /// Time from the last renewal until a node stops answering from memory.
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

    /// The position of the cut that lost a change made in this interval.
    pub(super) fn of_change(&self, thing: Thing, change: Change, span: Span) -> Option<usize> {
        let mut cuts = self.lost.get(&(thing, change))?.iter().copied();
        cuts.find(|place| self.all[*place].may_lack(span))
    }

    /// Whether such a change was lost and an answer at `by` may show the loss.
    pub(super) fn excuse(&self, thing: Thing, change: Change, span: Span, by: Moment) -> bool {
        self.of_change(thing, change, span).is_some_and(|place| by >= self.all[place].started)
    }

    /// The first cut that may have lost a thing created in this interval.
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

    fn cut(numbers: &[u64], reports: &[(u64, u64)]) -> Cut {
        let event = |number: &u64| Event {
            number: *number,
            nonce: String::new(),
            name: "key".into(),
            change: Change::Revoke.event().into(),
        };
        let reports = reports.iter().map(|&(kept_up_to, had_up_to)| LossReport { kept_up_to, had_up_to }).collect();
        Cut { copied: at(10), ended: at(20), started: at(21), lost: numbers.iter().map(event).collect(), reports }
    }

    #[test]
    fn a_report_must_cover_the_first_missing_event() {
        assert!(cut(&[], &[]).is_reported(), "nothing is missing");
        assert!(!cut(&[8, 9], &[]).is_reported());
        assert!(!cut(&[8, 9], &[(8, 9)]).is_reported(), "8 is missing too");
        assert!(!cut(&[8, 9], &[(5, 7)]).is_reported(), "the report covers other events");
        assert!(cut(&[8, 9], &[(8, 9), (7, 9)]).is_reported());
        assert!(cut(&[8, 9], &[(0, 8)]).is_reported(), "a node that had applied fewer events");
    }

    #[test]
    fn a_thing_created_between_copy_and_end_may_be_lost() {
        let may_lack = |sent, answered| cut(&[], &[]).may_lack(Span { sent: at(sent), answered: at(answered) });
        assert!(may_lack(12, 13) && may_lack(9, 11) && may_lack(19, 23));
        assert!(!may_lack(8, 9) && !may_lack(20, 21));
        assert!(!cut(&[], &[]).may_lack(Span::BEFORE));
    }
}
