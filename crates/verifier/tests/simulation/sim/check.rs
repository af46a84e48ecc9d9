//! The judge: reads the log of one simulation, and says what it breaks. It knows no protocol, only what was promised.
//!
//! **N**: a request that arrives after a change is said to be in force is told what that change made, or what a later one
//! did; so a key is not told valid after its narrowing was answered, and never told narrowed that nobody narrowed.
//! **L**: a call is answered within the lease and the guard of its confirmed commit, on the clock of its node.

use std::{collections::BTreeMap, time::Duration};

use keyward_domain::KeyId;
use keyward_storage::{Seq, Subject};

use super::history::{History, Mark, Record, Told};

/// What timers and messages within the process may add.
const MARGIN: Duration = Duration::from_millis(25);

/// What is known of a key or an account.
#[derive(Default)]
struct Story {
    /// Each change, in order: its number, where its commit stands in the log, whether it narrows.
    changes: Vec<(Seq, Mark, bool)>,
    /// Each moment at which a change was said to be in force.
    in_force: Vec<(Mark, Seq)>,
}

impl Story {
    /// Whether it may be narrowed, and whether it may be good, for a request that arrived and was answered then.
    fn may_be(&self, arrived: Mark, answered: Mark) -> (bool, bool) {
        let last = self.in_force.iter().filter(|(at, _)| *at < arrived).map(|(_, seq)| *seq).max();
        let (mut narrowed, mut good) = (false, last.is_none());
        for (seq, committed, narrows) in &self.changes {
            if last.is_none_or(|last| *seq >= last) && *committed < answered {
                narrowed |= *narrows;
                good |= !narrows;
            }
        }
        (narrowed, good)
    }
}

/// Everything that the log breaks.
pub(crate) fn breaches(history: &History, worst_wait: Duration) -> Vec<String> {
    let mut stories: BTreeMap<Subject, Story> = BTreeMap::new();
    let mut made: BTreeMap<KeyId, (&[Subject], Mark)> = BTreeMap::new();
    for (mark, record) in history.records.iter().enumerate() {
        match record {
            Record::Committed { subject, seq, narrows } => {
                stories.entry(*subject).or_default().changes.push((*seq, mark, *narrows));
            }
            Record::InForce { subject, seq } | Record::Answered { subject, seq, .. } => {
                stories.entry(*subject).or_default().in_force.push((mark, *seq));
            }
            Record::Made { key, subjects } => {
                made.insert(*key, (subjects, mark));
            }
            Record::Verified { .. } => {}
        }
    }
    let mut breaches = Vec::new();
    for (mark, record) in history.records.iter().enumerate() {
        match record {
            Record::Answered { took, repeated, subject, seq, node, at } if *took > worst_wait + MARGIN => breaches.push(
                format!("L: node {node} answered a call about {subject:?} (event {seq}, repeated: {repeated}) at {at:?}, {took:?} after its commit"),
            ),
            Record::Verified { arrived, key, told, .. } => {
                let known = made.get(key).filter(|(_, since)| since < arrived);
                if let Some(breach) = judge(&stories, known.map(|(subjects, _)| *subjects), *arrived, mark, *told) {
                    breaches.push(format!("{breach}: {record:?}"));
                }
            }
            Record::Committed { .. } | Record::InForce { .. } | Record::Answered { .. } | Record::Made { .. } => {}
        }
    }
    breaches
}

fn judge(
    stories: &BTreeMap<Subject, Story>,
    subjects: Option<&[Subject]>,
    arrived: Mark,
    answered: Mark,
    told: Told,
) -> Option<String> {
    let Some(subjects) = subjects else {
        return matches!(told, Told::Valid | Told::Narrowed).then(|| "a key that is not there was found".to_owned());
    };
    let none = Story::default();
    let mut may = subjects.iter().map(|it| (it, stories.get(it).unwrap_or(&none).may_be(arrived, answered)));
    match told {
        Told::Valid => may
            .find(|(_, (_, good))| !good)
            .map(|(subject, _)| format!("N: told valid although {subject:?} was narrowed, and said to be everywhere")),
        Told::Narrowed => (!may.any(|(_, (narrowed, _))| narrowed))
            .then(|| "told narrowed although nothing of it is, for all that is said".to_owned()),
        Told::Unknown => Some("told unknown although it is there".to_owned()),
        Told::Unavailable => None,
    }
}
