//! The log of one simulation, in true order: every commit, every answer to a change, every answer to a request. Judges
//! nothing.

use std::time::Duration;

use keyward_domain::KeyId;
use keyward_storage::{Seq, Target};

use super::database::Change;

/// A position in the log.
pub(crate) type Mark = usize;

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Valid,
    /// Revoked, suspended or closed.
    Restricted,
    Unknown,
    Unavailable,
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// The database committed it.
    Committed { target: Target, seq: Seq, restricts: bool },
    /// It is reported as enforced on every node, by the answer of a call or by a record in the database.
    Enforced { target: Target, seq: Seq },
    /// A call was answered: time since its commit was confirmed, on the node's own clock, without the time in which the
    /// process was stopped. The change was committed before `confirmed`: its number alone may name one of another
    /// history.
    Answered { at: Duration, node: u64, target: Target, seq: Seq, confirmed: Mark, took: Duration, repeated: bool },
    /// A request was answered.
    Verified { at: Duration, arrived_at: Duration, arrived: Mark, node: u64, key: KeyId, answer: Answer },
    /// The database went back: it keeps the events up to this number, and reuses later numbers.
    WentBack { at: Duration, kept: Seq },
    /// A key was issued, and the call was answered.
    Made { key: KeyId, targets: Vec<Target> },
}

/// The log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) records: Vec<Record>,
    /// A checksum of everything else that happened: equal for two runs of a seed.
    sum: u64,
}

impl History {
    /// The current position in the log.
    pub(crate) fn mark(&self) -> Mark {
        self.records.len()
    }

    pub(crate) fn push(&mut self, record: Record) {
        self.records.push(record);
    }

    pub(crate) fn committed(&mut self, change: Change, seq: Seq) {
        self.push(Record::Committed { target: change.target(), seq, restricts: change.restricts() });
    }

    pub(crate) fn enforced(&mut self, target: Target, seq: Seq) {
        self.push(Record::Enforced { target, seq });
    }

    pub(crate) fn trace(&mut self, now: Duration, what: &'static str, about: u64) {
        let mut mix = |number: u64| {
            self.sum = (self.sum ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
        };
        mix(u64::try_from(now.as_nanos()).unwrap_or_default());
        mix(about);
        what.bytes().for_each(|byte| mix(u64::from(byte)));
    }
}
