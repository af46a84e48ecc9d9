//! Checks a history against the promises of the service: a pure function over the observations of clients.
//!
//! There are three promises. A request that is sent after the answer to a restricting change never gets "valid", unless
//! the restriction was lifted. A credential that nothing restricted never gets "invalid". An acknowledged change exists
//! at the end. Concurrent calls and calls with an unknown outcome may count either way: the check reports nothing that
//! the promises allow. It reads no clock and sends nothing to the service.
//!
//! A database that goes back loses acknowledged changes. They are counted apart from those that the service lost, and
//! only if the database demonstrably lacks them. Restrictions that were made afterwards, or that the copy has, hold as
//! before. No node accepts a lost credential once the earlier leases have ended. The service must report the loss.

mod index;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

use super::cut::{Cut, Cuts};
use super::history::{Call, Change, CredentialId, History, Seen, Span, Thing, Validity};
use index::Index;
use keyward_testkit::clock::Moment;

/// A verification that got "valid" after a restriction was acknowledged: guarantee N is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Breach {
    /// The position of the verification in the history.
    pub(super) seen: usize,
    /// The position of the acknowledged call in the history.
    pub(super) call: usize,
    pub(super) thing: Thing,
}

/// A verification that got "valid" although the database lost something that the credential depends on, after every
/// earlier lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ghost {
    /// The position of the verification in the history.
    pub(super) seen: usize,
    pub(super) thing: Thing,
    /// When the database that contained it ended.
    pub(super) gone: Moment,
}

/// An acknowledged change that is absent at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    /// The entry of the ledger.
    pub(super) entry: Entry,
    pub(super) found: FinalState,
}

/// An acknowledged change that the database itself lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CutOff {
    /// The position of the cut.
    pub(super) cut: usize,
    pub(super) lost: Lost,
}

/// The state of a key or an account at the end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FinalState {
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
    /// Positions of verifications that got "invalid" although no restriction had begun.
    pub(super) untrue: Vec<usize>,
    pub(super) lost: Vec<Lost>,
    pub(super) ghosts: Vec<Ghost>,
    /// Positions of cuts that lost acknowledged changes and that no node reports.
    pub(super) unreported: Vec<usize>,
    /// Acknowledged changes that the database itself lost and that were not repeated. This breaks no promise.
    pub(super) cut: Vec<CutOff>,
    /// Positions of verifications that got "invalid" after the end of all restrictions was acknowledged. This breaks no
    /// promise.
    pub(super) late: Vec<usize>,
}

/// The final state of things, and what the database lost.
#[derive(Clone, Copy)]
pub(super) struct Outcome<'a> {
    pub(super) ledger: &'a [Entry],
    /// The final state of each thing in the ledger and of each thing that may be lost.
    pub(super) last: &'a HashMap<String, FinalState>,
    pub(super) cuts: &'a [Cut],
    /// Time from the last renewal until a node stops answering from memory.
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
        match seen.validity {
            Validity::Valid => {
                let restricted = judge.first_restriction(seen);
                findings.breaches.extend(restricted.map(|(call, thing)| Breach { seen: place, call, thing }));
                let gone = judge.first_gone(seen);
                findings.ghosts.extend(gone.map(|(thing, gone)| Ghost { seen: place, thing, gone }));
            }
            Validity::Invalid => match judge.cause(seen) {
                Cause::None => findings.untrue.push(place),
                Cause::Undone => findings.late.push(place),
                Cause::Restricted => {}
            },
            Validity::Unavailable | Validity::Nothing => {}
        }
    }
    for entry in ledger {
        match judge.fate(entry) {
            Fate::Holds => {}
            Fate::Cut(cut) => findings.cut.push(cut),
            Fate::Lost(lost) => findings.lost.push(lost),
        }
    }
    let unreported = |place: &usize| !cuts[*place].is_reported() && judge.must_be_reported(*place, ledger);
    findings.unreported = (0..cuts.len()).filter(unreported).collect();
    findings
}

/// The fate of an entry of the ledger.
enum Fate {
    Holds,
    /// Lost by the database itself.
    Cut(CutOff),
    Lost(Lost),
}

struct Judge<'a> {
    history: &'a History,
    things: HashMap<&'a str, Thing>,
    index: Index<'a>,
    cuts: Cuts<'a>,
    last: &'a HashMap<String, FinalState>,
}

impl Judge<'_> {
    fn rests_on(&self, credential: CredentialId) -> impl Iterator<Item = Thing> {
        self.history.made(credential).into_iter().flat_map(|made| &made.rests_on).copied()
    }

    /// The first call that forbids "valid": acknowledged before the request was sent, not undone, and not lost with the
    /// database before the request was answered.
    fn first_restriction(&self, seen: &Seen) -> Option<(usize, Thing)> {
        self.rests_on(seen.credential).find_map(|thing| {
            let mut before = self.index.acknowledged_before(thing, seen.sent);
            let stands = |call: &Call| {
                !self.index.may_be_undone(thing, call.change, call.sent, seen.ended)
                    && !self.cuts.excuse(thing, call.change, call.span(), seen.ended)
            };
            before.find(|(_, call)| stands(call)).map(|(place, _)| (place, thing))
        })
    }

    /// The first thing it depends on that a database lost, if no earlier lease can still be valid.
    fn first_gone(&self, seen: &Seen) -> Option<(Thing, Moment)> {
        let gone = |thing: Thing| self.gone(thing).map(|cut| (thing, cut.ended));
        self.rests_on(seen.credential).find_map(|thing| gone(thing).filter(|(_, at)| seen.sent > *at + self.cuts.lease))
    }

    /// The cut that lost a thing, if it is absent at the end.
    fn gone(&self, thing: Thing) -> Option<&Cut> {
        let absent = self.last.get(self.history.name_of(thing)) == Some(&FinalState::Absent);
        self.cuts.first_to_lack(self.history.born(thing)).filter(|_| absent)
    }

    fn cause(&self, seen: &Seen) -> Cause {
        let Some(made) = self.history.made(seen.credential) else { return Cause::Restricted };
        if made.good_until.is_some_and(|until| seen.ended >= until) {
            return Cause::Restricted;
        }
        let born = made.rests_on.iter().map(|thing| self.history.born(*thing)).chain([made.born]);
        let may_be_gone = |born: Span| self.cuts.first_to_lack(born).is_some_and(|cut| seen.ended >= cut.started);
        if born.into_iter().any(may_be_gone) {
            return Cause::Restricted;
        }
        let mut cause = Cause::None;
        let on = |thing: Thing| self.index.restrictions(thing).map(move |call| (thing, call));
        for (thing, call) in made.rests_on.iter().flat_map(|thing| on(*thing)) {
            if call.sent > seen.ended {
                continue;
            }
            if !self.index.is_undone(thing, call, seen.sent) {
                return Cause::Restricted;
            }
            cause = Cause::Undone;
        }
        cause
    }

    fn fate(&self, entry: &Entry) -> Fate {
        let found = self.last.get(&entry.name).copied().unwrap_or(FinalState::Absent);
        let lost = || Lost { entry: entry.clone(), found };
        let Some(thing) = self.things.get(entry.name.as_str()).copied() else { return Fate::Lost(lost()) };
        let holds = match found {
            FinalState::Ended => true,
            FinalState::Suspended => !entry.change.is_final(),
            FinalState::Active => self.index.may_be_undone(thing, entry.change, entry.sent, Moment::END),
            FinalState::Absent => false,
        };
        if holds {
            Fate::Holds
        } else if let Some(cut) = self.cuts.of_change(thing, entry.change, entry.span()) {
            Fate::Cut(CutOff { cut, lost: lost() })
        } else if self.gone(thing).is_some_and(|cut| entry.acknowledged > cut.started) {
            // Nothing was left to restrict.
            Fate::Holds
        } else {
            Fate::Lost(lost())
        }
    }

    /// Whether a cut lost a change that was acknowledged while its database ran. Every node with a lease had applied
    /// such a change.
    fn must_be_reported(&self, cut: usize, ledger: &[Entry]) -> bool {
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
    /// No restriction ever began.
    None,
    /// The end of every restriction was acknowledged before the request was sent.
    Undone,
    /// A restriction or a loss by the database is possible.
    Restricted,
}

/// The calls that concern a thing, to explain a finding.
pub(super) fn calls_on(history: &History, thing: Thing) -> impl Iterator<Item = &Call> {
    history.calls.iter().filter(move |call| call.things.contains(&thing))
}
