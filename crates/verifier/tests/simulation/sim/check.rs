//! The judge: reads the log of one simulation, and reports broken promises. Knows only the promises, not the protocol.
//!
//! **N**: a request that arrives after a change is reported as enforced gets the state of that change or of a later
//! one. So a key is never reported valid after its restricting change was answered, and never reported restricted
//! without such a change. **L**: a call is answered within the lease and the guard of its confirmed commit, on the
//! clock of its node.

use std::{collections::BTreeMap, time::Duration};

use keyward_domain::KeyId;
use keyward_storage::{Seq, Target};

use super::history::{Answer, History, Mark, Record};

/// Tolerance for timers and messages within the process.
const MARGIN: Duration = Duration::from_millis(25);

/// A change, by history and number.
type Number = (u64, Seq);

struct Made {
    number: Number,
    /// Position of its commit in the log.
    committed: Mark,
    restricts: bool,
    /// Position at which the database went back to a state before it.
    lost: Option<Mark>,
    /// Until when an earlier call may be answered, and a lease of the lost history may hold. The last lifting there is
    /// excused until then (R18d).
    excused_until: Duration,
}

/// The known changes of a key or an account.
#[derive(Default)]
struct Changes {
    /// Each change, in order.
    changes: Vec<Made>,
    /// Each time at which a change was reported as enforced.
    enforced: Vec<(Mark, Number)>,
}

impl Changes {
    /// Records that the change with this number, committed before this position, was reported as enforced. A change
    /// lost meanwhile binds no node.
    fn report_enforced(&mut self, mark: Mark, seq: Seq, committed_before: Mark) {
        let named = |change: &&Made| change.number.1 == seq && change.committed < committed_before;
        let reported = self.changes.iter().rfind(named).filter(|change| change.lost.is_none());
        self.enforced.extend(reported.map(|change| (mark, change.number)));
    }

    /// Records that the database went back to its state after this event.
    fn lose(&mut self, mark: Mark, kept: Seq, excused_until: Duration) {
        for change in self.changes.iter_mut().filter(|change| change.number.1 > kept && change.lost.is_none()) {
            (change.lost, change.excused_until) = (Some(mark), excused_until);
        }
    }

    /// Whether it may be restricted, and whether it may be valid, for a request with these times of arrival and answer.
    fn may_be(&self, arrived: Mark, arrived_at: Duration, answered: Mark) -> (bool, bool) {
        let binds = |number: &Number| {
            let lost = self.changes.iter().find(|change| change.number == *number).and_then(|change| change.lost);
            lost.is_none_or(|lost| lost > answered)
        };
        let reported = self.enforced.iter().filter(|(at, number)| *at < arrived && binds(number));
        let last = reported.max_by_key(|(at, number)| (*number, *at));
        let (mut restricted, mut good) = (false, last.is_none());
        for change in &self.changes {
            // A lost state may be returned until a change after it is reported as enforced.
            let is_excused = !change.restricts && arrived_at < change.excused_until;
            let is_after = |(at, number): &(Mark, Number), lost: Mark| *at > lost && *number > change.number;
            let is_over = !is_excused && change.lost.is_some_and(|lost| last.is_some_and(|last| is_after(last, lost)));
            if last.is_none_or(|(_, last)| change.number >= *last) && change.committed < answered && !is_over {
                restricted |= change.restricts;
                good |= !change.restricts;
            }
        }
        (restricted, good)
    }
}

/// All promises that the log breaks.
pub(crate) fn breaches(history: &History, worst_wait: Duration) -> Vec<String> {
    let mut by_target: BTreeMap<Target, Changes> = BTreeMap::new();
    let mut made: BTreeMap<KeyId, (&[Target], Mark)> = BTreeMap::new();
    let mut histories = 0;
    for (mark, record) in history.records.iter().enumerate() {
        match record {
            Record::Committed { target, seq, restricts } => {
                let change = Made {
                    number: (histories, *seq),
                    committed: mark,
                    restricts: *restricts,
                    lost: None,
                    excused_until: Duration::ZERO,
                };
                by_target.entry(*target).or_default().changes.push(change);
            }
            Record::Enforced { target, seq } => {
                by_target.entry(*target).or_default().report_enforced(mark, *seq, mark);
            }
            Record::Answered { target, seq, confirmed, .. } => {
                by_target.entry(*target).or_default().report_enforced(mark, *seq, *confirmed);
            }
            Record::WentBack { at, kept } => {
                histories += 1;
                for changes in by_target.values_mut() {
                    changes.lose(mark, *kept, *at + worst_wait + MARGIN);
                }
            }
            Record::Made { key, targets } => {
                made.insert(*key, (targets, mark));
            }
            Record::Verified { .. } => {}
        }
    }
    let mut breaches = Vec::new();
    for (mark, record) in history.records.iter().enumerate() {
        match record {
            Record::Answered { took, repeated, target, seq, node, at, .. } if *took > worst_wait + MARGIN => {
                breaches.push(format!(
                    "L: node {node} answered a call about {target:?} (event {seq}, repeated: {repeated}) at {at:?}, \
                     {took:?} after its commit"
                ));
            }
            Record::Verified { arrived, arrived_at, key, answer, .. } => {
                let known = made.get(key).filter(|(_, since)| since < arrived).map(|(targets, _)| *targets);
                if let Some(breach) = judge(&by_target, known, (*arrived, *arrived_at), mark, *answer) {
                    breaches.push(format!("{breach}: {record:?}"));
                }
            }
            Record::Committed { .. }
            | Record::Enforced { .. }
            | Record::WentBack { .. }
            | Record::Answered { .. }
            | Record::Made { .. } => {}
        }
    }
    breaches
}

fn judge(
    by_target: &BTreeMap<Target, Changes>,
    targets: Option<&[Target]>,
    (arrived, arrived_at): (Mark, Duration),
    answered: Mark,
    answer: Answer,
) -> Option<String> {
    let Some(targets) = targets else {
        return matches!(answer, Answer::Valid | Answer::Restricted).then(|| "a nonexistent key was found".to_owned());
    };
    let none = Changes::default();
    let mut may =
        targets.iter().map(|it| (it, by_target.get(it).unwrap_or(&none).may_be(arrived, arrived_at, answered)));
    match answer {
        Answer::Valid => may.find(|(_, (_, good))| !good).map(|(target, _)| {
            format!("N: answered valid although the restriction of {target:?} was reported as enforced")
        }),
        Answer::Restricted => (!may.any(|(_, (restricted, _))| restricted))
            .then(|| "answered restricted although no change restricts it".to_owned()),
        Answer::Unknown => Some("answered unknown although it exists".to_owned()),
        Answer::Unavailable => None,
    }
}
