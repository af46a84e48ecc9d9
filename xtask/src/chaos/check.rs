//! Whether a history keeps what the service promises: a pure function over what clients saw.
//!
//! Three promises. A request that was sent after a narrowing call was answered is not told "valid", unless something
//! widened again. What nothing narrowed is never told "invalid". What was acknowledged is there at the end. Whatever may
//! have been at the same time, or has an unknown outcome, may count either way: the check never reports what the
//! promise allows. It never reads a clock and never asks the service.

mod index;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use super::clock::Moment;
use super::history::{Call, Change, History, Subject, Thing, Told};
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

/// An acknowledged change that is not there at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    /// The entry of the ledger.
    pub(super) entry: Entry,
    pub(super) found: Standing,
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

/// Everything that is wrong with a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) breaches: Vec<Breach>,
    /// Places of verifications that were told "invalid" though nothing had begun to narrow them.
    pub(super) untrue: Vec<usize>,
    pub(super) lost: Vec<Lost>,
    /// Told "invalid" after everything had been widened again and that was acknowledged. No promise; for information.
    pub(super) late: Vec<usize>,
}

/// Checks the history, and the ledger against what things are at the end. Entries of unknown things are lost.
pub(super) fn check(history: &History, ledger: &[Entry], last: &HashMap<String, Standing>) -> Findings {
    let index = Index::of(history);
    let mut findings = Findings::default();
    for (place, seen) in history.seen.iter().enumerate() {
        match seen.told {
            Told::Valid => {
                findings.breaches.extend(
                    first_narrowing(&index, history, seen.subject, seen.sent, seen.ended).map(|(call, thing)| Breach {
                        seen: place,
                        call,
                        thing,
                    }),
                );
            }
            Told::Invalid => match cause(&index, history, seen.subject, seen.sent, seen.ended) {
                Cause::None => findings.untrue.push(place),
                Cause::Undone => findings.late.push(place),
                Cause::Standing => {}
            },
            Told::Unavailable | Told::Nothing => {}
        }
    }
    findings.lost = ledger.iter().filter_map(|entry| lost(&index, history, entry, last)).collect();
    findings
}

/// The first call that makes a "valid" false: acknowledged before the request was sent, and not undone.
fn first_narrowing(
    index: &Index<'_>,
    history: &History,
    subject: Subject,
    sent: Moment,
    ended: Moment,
) -> Option<(usize, Thing)> {
    let things = history.made(subject).into_iter().flat_map(|made| &made.rests_on);
    things.copied().find_map(|thing| {
        let mut before = index.acknowledged_before(thing, sent);
        before.find(|(_, call)| !index.may_be_undone(thing, call.change, call.sent, ended)).map(|(at, _)| (at, thing))
    })
}

/// Why an "invalid" may be true.
enum Cause {
    /// Nothing has ever narrowed it.
    None,
    /// Everything that narrowed it was widened again, and that was acknowledged before the request was sent.
    Undone,
    /// It is narrowed, or may be.
    Standing,
}

fn cause(index: &Index<'_>, history: &History, subject: Subject, sent: Moment, ended: Moment) -> Cause {
    let Some(made) = history.made(subject) else { return Cause::Standing };
    if made.good_until.is_some_and(|until| ended >= until) {
        return Cause::Standing;
    }
    let mut cause = Cause::None;
    for (thing, call) in made.rests_on.iter().flat_map(|thing| index.narrowing(*thing).map(move |call| (thing, call))) {
        if call.sent > ended {
            continue;
        }
        if !index.is_undone(*thing, call, sent) {
            return Cause::Standing;
        }
        cause = Cause::Undone;
    }
    cause
}

fn lost(index: &Index<'_>, history: &History, entry: &Entry, last: &HashMap<String, Standing>) -> Option<Lost> {
    let found = last.get(&entry.name).copied().unwrap_or(Standing::Absent);
    let holds = match found {
        Standing::Ended => true,
        Standing::Suspended => !entry.change.is_final(),
        Standing::Active => history
            .find(&entry.name)
            .is_some_and(|thing| index.may_be_undone(thing, entry.change, entry.sent, Moment::END)),
        Standing::Absent => false,
    };
    (!holds).then(|| Lost { entry: entry.clone(), found })
}

/// The calls that concern a thing, for whoever explains a finding.
pub(super) fn calls_on(history: &History, thing: Thing) -> impl Iterator<Item = &Call> {
    history.calls.iter().filter(move |call| call.things.contains(&thing))
}
