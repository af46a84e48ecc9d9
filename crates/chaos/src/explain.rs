//! The events around a finding, ordered by time, to show its cause.

use std::fmt::Write as _;
use std::time::Duration;

use super::check::{Breach, Ghost, Lost, calls_on};
use super::cut::Cut;
use super::faults::Mark;
use super::history::{Call, CredentialId, History, Seen, Thing};
use keyward_testkit::clock::Moment;

/// Number of listed verifications of the credential before and after the finding.
const AROUND: usize = 6;

/// Faults that ended this long before a finding are still listed: a lease may outlive a fault.
const BEFORE: Duration = Duration::from_secs(8);

/// A verification that got "valid" after an acknowledged restriction.
pub(super) fn of_breach(history: &History, marks: &[Mark], breach: &Breach) -> String {
    let name = history.name_of(breach.thing);
    let change = history.calls.get(breach.call).map_or("changed", |call| call.change.name());
    let from = history.calls.get(breach.call).map(|call| call.sent);
    format!("answered VALID after `{change}` of {name} was acknowledged\n{}", around(history, marks, breach.seen, from))
}

/// A verification that got "valid" for a lost credential.
pub(super) fn of_ghost(history: &History, marks: &[Mark], ghost: &Ghost) -> String {
    let Ghost { seen, thing, gone } = *ghost;
    let name = history.name_of(thing);
    let around = around(history, marks, seen, Some(gone));
    format!("answered VALID though {name} was lost with the database that ended at {gone}\n{around}")
}

/// A database that went back without a report.
pub(super) fn of_unreported(cut: &Cut) -> String {
    let Cut { copied, ended, lost, reports, .. } = cut;
    let numbers: Vec<u64> = lost.iter().map(|event| event.number).collect();
    format!(
        "the database went back from {ended} to {copied}; the events {numbers:?} are lost, some of them acknowledged; \
         the service reports {reports:?}\n"
    )
}

/// A verification that got "invalid" without a cause.
pub(super) fn of_refusal(history: &History, marks: &[Mark], seen: usize) -> String {
    format!("answered INVALID before any restriction began\n{}", around(history, marks, seen, None))
}

/// An acknowledged change that is absent.
pub(super) fn of_lost(history: &History, marks: &[Mark], lost: &Lost) -> String {
    let entry = &lost.entry;
    let mut lines = Lines::default();
    if let Some(thing) = history.find(&entry.name) {
        lines.calls(history, thing);
    }
    lines.marks(marks, entry.sent, entry.acknowledged);
    let (change, name) = (entry.change.name(), &entry.name);
    format!("`{change}` of {name} was acknowledged, and it is {:?} at the end\n{lines}", lost.found)
}

fn around(history: &History, marks: &[Mark], place: usize, from: Option<Moment>) -> String {
    let Some(seen) = history.seen.get(place) else { return String::new() };
    let mut lines = Lines::default();
    let made = history.made(seen.credential);
    for thing in made.into_iter().flat_map(|made| &made.rests_on) {
        lines.calls(history, *thing);
    }
    lines.seen(history, seen.credential, place);
    lines.marks(marks, from.unwrap_or(seen.sent).min(seen.sent), seen.ended);
    format!("  {} rests on {}\n{lines}", made.map_or("?", |made| &made.name), names(history, seen.credential))
}

fn names(history: &History, credential: CredentialId) -> String {
    let things = history.made(credential).into_iter().flat_map(|made| &made.rests_on);
    things.map(|thing| history.name_of(*thing)).collect::<Vec<_>>().join(", ")
}

/// Lines with their times.
#[derive(Default)]
struct Lines(Vec<(Moment, String)>);

impl Lines {
    fn calls(&mut self, history: &History, thing: Thing) {
        for call in calls_on(history, thing) {
            let Call { change, node, sent, ended, ending, .. } = call;
            let name = history.name_of(thing);
            self.0.push((*sent, format!("{sent} … {ended}  node {node}  {} {name}: {ending:?}", change.name())));
        }
    }

    fn seen(&mut self, history: &History, credential: CredentialId, found: usize) {
        let mut all: Vec<(usize, &Seen)> =
            history.seen.iter().enumerate().filter(|(_, seen)| seen.credential == credential).collect();
        all.sort_by_key(|(_, seen)| seen.sent);
        let at = all.iter().position(|(place, _)| *place == found).unwrap_or_default();
        for (place, seen) in all.iter().take(at + AROUND + 1).skip(at.saturating_sub(AROUND)) {
            let Seen { node, sent, ended, validity, .. } = seen;
            let here = if *place == found { "  <== HERE" } else { "" };
            self.0.push((*sent, format!("{sent} … {ended}  node {node}  verified: {validity:?}{here}")));
        }
    }

    fn marks(&mut self, marks: &[Mark], from: Moment, until: Moment) {
        let near = |mark: &&Mark| mark.from <= until && mark.until + BEFORE >= from;
        for Mark { lane, fault, from, until, .. } in marks.iter().filter(near) {
            self.0.push((*from, format!("{from} … {until}  {lane}  fault: {fault:?}")));
        }
    }
}

impl std::fmt::Display for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut lines: Vec<&(Moment, String)> = self.0.iter().collect();
        lines.sort();
        lines.dedup();
        let mut text = String::new();
        for (_, line) in lines {
            writeln!(text, "  {line}")?;
        }
        f.write_str(&text)
    }
}
