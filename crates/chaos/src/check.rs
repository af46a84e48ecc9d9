//! Whether a history keeps what the service promises: a pure function over what clients saw.
//!
//! Three promises. A request that was sent after a restricting change was answered never gets "valid", unless the
//! restriction was lifted. What nothing restricted never gets "invalid". What was acknowledged is there at the end.
//! Concurrent calls, and those of unknown outcome, may count either way: the check never reports what the promise
//! allows. It never reads a clock and never asks the service.
//!
//! A database that goes back loses acknowledged changes: those are kept apart from what the service lost, and only
//! those that it is seen to lack. What was restricted afterwards, or is in the copy, holds as before. What was made in
//! between and is gone is accepted nowhere once the earlier leases are over. And the service has to report it.

mod index;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

use super::cut::{Cut, Cuts};
use super::history::{Call, Change, History, Seen, Span, Subject, Thing, Verdict};
use index::Index;
use keyward_testkit::clock::Moment;

/// Answered "valid" after it was acknowledged that it is not: guarantee N is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Breach {
    /// The position of the verification in the history.
    pub(super) seen: usize,
    /// The position of the call that was answered before.
    pub(super) call: usize,
    pub(super) thing: Thing,
}

/// Answered "valid" though it rests on something that the database lost, and every earlier lease is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ghost {
    /// The position of the verification in the history.
    pub(super) seen: usize,
    pub(super) thing: Thing,
    /// When the database that had it ended.
    pub(super) gone: Moment,
}

/// An acknowledged change that is not there at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    /// The entry of the ledger.
    pub(super) entry: Entry,
    pub(super) found: Standing,
}

/// An acknowledged change that the database itself lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CutOff {
    /// The position of the cut.
    pub(super) cut: usize,
    pub(super) lost: Lost,
}

/// The state of a thing at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Active,
    Suspended,
    /// Revoked or closed.
    Ended,
    /// It does not exist.
    Absent,
}

/// A client's record of an acknowledged restricting change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) change: Change,
    /// The key's id, or the account's mid.
    pub(super) name: String,
    pub(super) sent: Moment,
    pub(super) acknowledged: Moment,
}

impl Entry {
    const fn span(&self) -> Span {
        Span { sent: self.sent, answered: self.acknowledged }
    }
}

/// All findings of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) breaches: Vec<Breach>,
    /// Positions of verifications that got "invalid" though nothing had begun to restrict them.
    pub(super) untrue: Vec<usize>,
    pub(super) lost: Vec<Lost>,
    pub(super) ghosts: Vec<Ghost>,
    /// Positions of cuts with lost acknowledged changes that no node reports.
    pub(super) unsaid: Vec<usize>,
    /// Acknowledged changes that the database itself lost, and that were not made again. No promise; they are listed.
    pub(super) cut: Vec<CutOff>,
    /// Answered "invalid" after everything had been lifted and that was acknowledged. No promise; for information.
    pub(super) late: Vec<usize>,
}

/// The final state of things, and what the database lost.
#[derive(Clone, Copy)]
pub(super) struct Outcome<'a> {
    pub(super) ledger: &'a [Entry],
    /// The final state of each thing in the ledger, and of each that may be gone.
    pub(super) last: &'a HashMap<String, Standing>,
    pub(super) cuts: &'a [Cut],
    /// From the last renewal until a node no longer answers from memory.
    pub(super) lease: Duration,
}

/// Checks the history, and the ledger against the final state. Entries of unknown things are lost.
pub(super) fn check(history: &History, outcome: Outcome<'_>) -> Findings {
    let Outcome { ledger, last, cuts, lease } = outcome;
    let things = history.things().collect();
    let cuts_of = Cuts::of(cuts, &things, lease);
    let judge = Judge { history, things, index: Index::of(history), cuts: cuts_of, last };
    let mut findings = Findings::default();
    for (place, seen) in history.seen.iter().enumerate() {
        match seen.verdict {
            Verdict::Valid => {
                let restricted = judge.first_restriction(seen);
                findings.breaches.extend(restricted.map(|(call, thing)| Breach { seen: place, call, thing }));
                let gone = judge.first_gone(seen);
                findings.ghosts.extend(gone.map(|(thing, gone)| Ghost { seen: place, thing, gone }));
            }
            Verdict::Invalid => match judge.cause(seen) {
                Cause::None => findings.untrue.push(place),
                Cause::Undone => findings.late.push(place),
                Cause::Standing => {}
            },
            Verdict::Unavailable | Verdict::Nothing => {}
        }
    }
    for entry in ledger {
        match judge.fate(entry) {
            Fate::Holds => {}
            Fate::Cut(cut) => findings.cut.push(cut),
            Fate::Lost(lost) => findings.lost.push(lost),
        }
    }
    let unsaid = |place: &usize| !cuts[*place].is_said() && judge.has_to_be_said(*place, ledger);
    findings.unsaid = (0..cuts.len()).filter(unsaid).collect();
    findings
}

/// The fate of an entry of the ledger.
enum Fate {
    Holds,
    /// The database itself lost it.
    Cut(CutOff),
    Lost(Lost),
}

struct Judge<'a> {
    history: &'a History,
    things: HashMap<&'a str, Thing>,
    index: Index<'a>,
    cuts: Cuts<'a>,
    last: &'a HashMap<String, Standing>,
}

impl Judge<'_> {
    fn rests_on(&self, subject: Subject) -> impl Iterator<Item = Thing> {
        self.history.made(subject).into_iter().flat_map(|made| &made.rests_on).copied()
    }

    /// The first call that makes a "valid" false: acknowledged before the request was sent, not undone, and not lost
    /// with the database before the request was answered.
    fn first_restriction(&self, seen: &Seen) -> Option<(usize, Thing)> {
        self.rests_on(seen.subject).find_map(|thing| {
            let mut before = self.index.acknowledged_before(thing, seen.sent);
            let stands = |call: &Call| {
                !self.index.may_be_undone(thing, call.change, call.sent, seen.ended)
                    && !self.cuts.excuse(thing, call.change, call.span(), seen.ended)
            };
            before.find(|(_, call)| stands(call)).map(|(place, _)| (place, thing))
        })
    }

    /// A thing below it that a database lost, where no earlier lease can be left.
    fn first_gone(&self, seen: &Seen) -> Option<(Thing, Moment)> {
        let gone = |thing: Thing| self.gone(thing).map(|cut| (thing, cut.ended));
        self.rests_on(seen.subject).find_map(|thing| gone(thing).filter(|(_, at)| seen.sent > *at + self.cuts.lease))
    }

    /// The cut that lost a thing, if it is absent at the end.
    fn gone(&self, thing: Thing) -> Option<&Cut> {
        let absent = self.last.get(self.history.name_of(thing)) == Some(&Standing::Absent);
        self.cuts.first_to_lack(self.history.born(thing)).filter(|_| absent)
    }

    fn cause(&self, seen: &Seen) -> Cause {
        let Some(made) = self.history.made(seen.subject) else { return Cause::Standing };
        if made.good_until.is_some_and(|until| seen.ended >= until) {
            return Cause::Standing;
        }
        let born = made.rests_on.iter().map(|thing| self.history.born(*thing)).chain([made.born]);
        let may_be_gone = |born: Span| self.cuts.first_to_lack(born).is_some_and(|cut| seen.ended >= cut.started);
        if born.into_iter().any(may_be_gone) {
            return Cause::Standing;
        }
        let mut cause = Cause::None;
        let on = |thing: Thing| self.index.restrictions(thing).map(move |call| (thing, call));
        for (thing, call) in made.rests_on.iter().flat_map(|thing| on(*thing)) {
            if call.sent > seen.ended {
                continue;
            }
            if !self.index.is_undone(thing, call, seen.sent) {
                return Cause::Standing;
            }
            cause = Cause::Undone;
        }
        cause
    }

    fn fate(&self, entry: &Entry) -> Fate {
        let found = self.last.get(&entry.name).copied().unwrap_or(Standing::Absent);
        let lost = || Lost { entry: entry.clone(), found };
        let Some(thing) = self.things.get(entry.name.as_str()).copied() else { return Fate::Lost(lost()) };
        let holds = match found {
            Standing::Ended => true,
            Standing::Suspended => !entry.change.is_final(),
            Standing::Active => self.index.may_be_undone(thing, entry.change, entry.sent, Moment::END),
            Standing::Absent => false,
        };
        if holds {
            Fate::Holds
        } else if let Some(cut) = self.cuts.of_change(thing, entry.change, entry.span()) {
            Fate::Cut(CutOff { cut, lost: lost() })
        } else if self.gone(thing).is_some_and(|cut| entry.acknowledged > cut.started) {
            // There was nothing left to restrict.
            Fate::Holds
        } else {
            Fate::Lost(lost())
        }
    }

    /// Whether a cut lost something that was acknowledged while its database ran: then each node with a lease had
    /// applied it.
    fn has_to_be_said(&self, cut: usize, ledger: &[Entry]) -> bool {
        let ended = self.cuts.all[cut].ended;
        let of_entry = |entry: &Entry| {
            let thing = self.things.get(entry.name.as_str())?;
            self.cuts.of_change(*thing, entry.change, entry.span())
        };
        let mut entries = ledger.iter().filter(|entry| entry.acknowledged < ended);
        entries.any(|entry| of_entry(entry) == Some(cut))
    }
}

/// The cause of an "invalid".
enum Cause {
    /// Nothing has ever restricted it.
    None,
    /// Every restriction was lifted, and that was acknowledged before the request was sent.
    Undone,
    /// It is restricted, or lost by the database, or may be.
    Standing,
}

/// The calls that concern a thing, to explain a finding.
pub(super) fn calls_on(history: &History, thing: Thing) -> impl Iterator<Item = &Call> {
    history.calls.iter().filter(move |call| call.things.contains(&thing))
}
