//! Whether a history keeps what the service promises: a pure function over what clients saw.
//!
//! Three promises. A request that was sent after a narrowing call was answered is not told "valid", unless something
//! widened again. What nothing narrowed is never told "invalid". What was acknowledged is there at the end. Whatever
//! may have been at the same time, or has an unknown outcome, may count either way: the check never reports what the
//! promise allows. It never reads a clock and never asks the service.
//!
//! A database that goes back takes acknowledged changes with it: those are kept apart from what the service lost, and
//! only those that it is seen to lack. What was narrowed afterwards, or stands in the copy, holds as ever. What was
//! made in between and is gone is accepted nowhere once the leases of before are over. And the service has to say so.

mod index;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

use super::clock::Moment;
use super::cut::{Cut, Cuts};
use super::history::{Call, Change, History, Seen, Span, Subject, Thing, Told};
use index::Index;

/// Told "valid" after it was acknowledged that it is not: guarantee N is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Breach {
    /// The place of the verification in the history.
    pub(super) seen: usize,
    /// The place of the call that was answered before.
    pub(super) call: usize,
    pub(super) thing: Thing,
}

/// Answered "valid" though it rests on something that went with the database, and every lease of before is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ghost {
    /// The place of the verification in the history.
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
    /// The place of the cut.
    pub(super) cut: usize,
    pub(super) lost: Lost,
}

/// What a thing is at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Active,
    Suspended,
    /// Revoked or closed.
    Ended,
    /// It does not exist.
    Absent,
}

/// What a client wrote down when a narrowing call was acknowledged.
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

/// Everything that is wrong with a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) breaches: Vec<Breach>,
    /// Places of verifications that were told "invalid" though nothing had begun to narrow them.
    pub(super) untrue: Vec<usize>,
    pub(super) lost: Vec<Lost>,
    pub(super) ghosts: Vec<Ghost>,
    /// Places of cuts that took acknowledged changes along, of which no node says so.
    pub(super) unsaid: Vec<usize>,
    /// Acknowledged changes that the database itself lost, and that were not made anew. No promise; they are listed.
    pub(super) cut: Vec<CutOff>,
    /// Told "invalid" after everything had been widened again and that was acknowledged. No promise; for information.
    pub(super) late: Vec<usize>,
}

/// What has become of things, and of the database that knew them.
#[derive(Clone, Copy)]
pub(super) struct Outcome<'a> {
    pub(super) ledger: &'a [Entry],
    /// What each thing of the ledger, and each that may be gone, is at the end.
    pub(super) last: &'a HashMap<String, Standing>,
    pub(super) cuts: &'a [Cut],
    /// From the last renewal until a node no longer answers from memory.
    pub(super) lease: Duration,
}

/// Checks the history, and the ledger against what things are at the end. Entries of unknown things are lost.
pub(super) fn check(history: &History, outcome: Outcome<'_>) -> Findings {
    let Outcome { ledger, last, cuts, lease } = outcome;
    let things = history.things().collect();
    let cuts_of = Cuts::of(cuts, &things, lease);
    let judge = Judge { history, things, index: Index::of(history), cuts: cuts_of, last };
    let mut findings = Findings::default();
    for (place, seen) in history.seen.iter().enumerate() {
        match seen.told {
            Told::Valid => {
                let narrowed = judge.first_narrowing(seen);
                findings.breaches.extend(narrowed.map(|(call, thing)| Breach { seen: place, call, thing }));
                let gone = judge.first_gone(seen);
                findings.ghosts.extend(gone.map(|(thing, gone)| Ghost { seen: place, thing, gone }));
            }
            Told::Invalid => match judge.cause(seen) {
                Cause::None => findings.untrue.push(place),
                Cause::Undone => findings.late.push(place),
                Cause::Standing => {}
            },
            Told::Unavailable | Told::Nothing => {}
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

/// What an entry of the ledger has become.
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
    fn first_narrowing(&self, seen: &Seen) -> Option<(usize, Thing)> {
        self.rests_on(seen.subject).find_map(|thing| {
            let mut before = self.index.acknowledged_before(thing, seen.sent);
            let stands = |call: &Call| {
                !self.index.may_be_undone(thing, call.change, call.sent, seen.ended)
                    && !self.cuts.excuse(thing, call.change, call.span(), seen.ended)
            };
            before.find(|(_, call)| stands(call)).map(|(place, _)| (place, thing))
        })
    }

    /// What it rests on that went with a database, where no lease of before can be left.
    fn first_gone(&self, seen: &Seen) -> Option<(Thing, Moment)> {
        let gone = |thing: Thing| self.gone(thing).map(|cut| (thing, cut.ended));
        self.rests_on(seen.subject).find_map(|thing| gone(thing).filter(|(_, at)| seen.sent > *at + self.cuts.lease))
    }

    /// The cut that a thing went with, if it is not there at the end.
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
        let on = |thing: Thing| self.index.narrowing(thing).map(move |call| (thing, call));
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
            // There was nothing to narrow any more.
            Fate::Holds
        } else {
            Fate::Lost(lost())
        }
    }

    /// Whether a cut took something along that had been acknowledged while its database was there: then each node that
    /// held a lease had applied it.
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

/// Why an "invalid" may be true.
enum Cause {
    /// Nothing has ever narrowed it.
    None,
    /// Everything that narrowed it was widened again, and that was acknowledged before the request was sent.
    Undone,
    /// It is narrowed, or gone with the database, or may be.
    Standing,
}

/// The calls that concern a thing, for whoever explains a finding.
pub(super) fn calls_on(history: &History, thing: Thing) -> impl Iterator<Item = &Call> {
    history.calls.iter().filter(move |call| call.things.contains(&thing))
}
