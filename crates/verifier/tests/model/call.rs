//! The restricting change: commits, receives the confirmation, lists, polls, outlives silent nodes, answers. Each is a
//! step, taken when the core's revoker returns it.

use std::time::Duration;

use keyward_storage::{Enforcement, HistoryToken, Position, Seq};
use keyward_verifier::protocol::{Revoker, Todo};

use crate::{
    database::Database,
    names::{Change, boot},
    scope::{Happening, Scope},
};

/// A step of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallStep {
    /// Without R1: takes its number before it commits.
    Draw,
    Commit,
    /// Receives the confirmation of its commit.
    Confirm,
    List,
    Poll,
    LookAtClock,
    /// A client repeats it; the first call no longer matters.
    Repeat,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    /// Not committed yet; without R1 it may already have its number.
    Begun { revoker: Revoker, drawn: Option<Seq> },
    /// Committed, with the confirmation in flight.
    Committed { revoker: Revoker, seq: Seq },
    /// Confirmed, to this call or a repeated one, at this tick.
    Waiting { revoker: Revoker, seq: Seq, since: u8 },
    /// Answered: from now on no request may accept the key.
    Answered,
}

impl Call {
    pub(crate) fn begun(scope: &Scope) -> Self {
        Self::Begun { revoker: Revoker::begun(scope.rules, Duration::ZERO, scope.lease_time()), drawn: None }
    }

    /// The step that the revoker returns.
    fn due(&self) -> Option<Todo> {
        match self {
            Self::Begun { revoker, .. } | Self::Waiting { revoker, .. } => Some(revoker.next()),
            Self::Committed { .. } | Self::Answered => None,
        }
    }

    /// The possible steps.
    pub(crate) fn possible(&self, scope: &Scope, repeated: bool) -> impl Iterator<Item = CallStep> + use<> {
        let due = match (self, self.due()) {
            (Self::Committed { .. }, _) => Some(CallStep::Confirm),
            (_, Some(Todo::List)) => Some(CallStep::List),
            (_, Some(Todo::Poll { .. })) => Some(CallStep::Poll),
            (Self::Begun { drawn: None, .. }, Some(Todo::Commit)) if !scope.rules.numbers_in_commit_order => {
                Some(CallStep::Draw)
            }
            (_, Some(Todo::Commit)) => Some(CallStep::Commit),
            (_, Some(Todo::Answer | Todo::Unknown) | None) => None,
        };
        let clock = matches!(self, Self::Waiting { .. }).then_some(CallStep::LookAtClock);
        let committed = matches!(self, Self::Committed { .. } | Self::Waiting { .. });
        let repeat = (committed && !repeated && scope.may(Happening::Repeat)).then_some(CallStep::Repeat);
        [due, clock, repeat].into_iter().flatten()
    }

    /// Takes a step.
    pub(crate) fn take(&mut self, step: CallStep, database: &mut Database, scope: &Scope, now: u8) {
        let call = std::mem::replace(self, Self::Answered);
        *self = match (call, step) {
            (Self::Begun { revoker, .. }, CallStep::Draw) => Self::Begun { revoker, drawn: Some(database.draw()) },
            (Self::Begun { revoker, drawn }, CallStep::Commit) => {
                let seq = drawn.unwrap_or_else(|| database.draw());
                database.commit(seq, Change::Restricts);
                Self::Committed { revoker, seq }
            }
            (Self::Begun { mut revoker, drawn }, CallStep::List) => {
                revoker.listed(&database.members(scope, now), true);
                Self::Begun { revoker, drawn }
            }
            (Self::Committed { mut revoker, seq }, CallStep::Confirm) => {
                revoker.committed(Position::unnamed(seq), boot(now));
                Self::waiting(revoker, seq, now)
            }
            (Self::Waiting { mut revoker, seq, since }, CallStep::List) => {
                revoker.listed(&database.members(scope, now), true);
                Self::waiting(revoker, seq, since)
            }
            (Self::Waiting { mut revoker, seq, since }, CallStep::Poll) => {
                revoker.acknowledged(&database.members(scope, now), true);
                Self::waiting(revoker, seq, since)
            }
            (Self::Waiting { mut revoker, seq, since }, CallStep::LookAtClock) => {
                revoker.passed(boot(now));
                Self::waiting(revoker, seq, since)
            }
            (Self::Committed { seq, .. } | Self::Waiting { seq, .. }, CallStep::Repeat) => {
                let (rules, longest) = (scope.rules, scope.lease_time());
                let last = Enforcement { seq, enforced_at: None, token: HistoryToken::EMBEDDED };
                let revoker = Revoker::repeated(rules, Duration::ZERO, longest, &last, false, boot(now));
                Self::waiting(revoker, seq, now)
            }
            (call, step) => panic!("{step:?} is not possible in {call:?}"),
        };
    }

    /// Answers, if due.
    fn waiting(revoker: Revoker, seq: Seq, since: u8) -> Self {
        if revoker.next() == Todo::Answer { Self::Answered } else { Self::Waiting { revoker, seq, since } }
    }

    /// Whether the call would be answered if it listed the members now.
    pub(crate) fn is_acknowledged(&self, database: &Database, scope: &Scope, now: u8) -> bool {
        let Self::Waiting { revoker, .. } = self else { return false };
        let mut revoker = revoker.clone();
        revoker.acknowledged(&database.members(scope, now), true);
        revoker.next() == Todo::Answer
    }

    /// Whether the call is confirmed and not answered, and a lease time has passed since. The guard is zero here.
    pub(crate) fn has_outlived_every_lease(&self, scope: &Scope, now: u8) -> bool {
        matches!(self, Self::Waiting { since, .. } if now >= since + scope.ttl)
    }

    /// Whether the call would be answered if it read the clock now.
    pub(crate) fn is_over(&self, now: u8) -> bool {
        let Self::Waiting { revoker, .. } = self else { return false };
        let mut revoker = revoker.clone();
        revoker.passed(boot(now));
        revoker.next() == Todo::Answer
    }
}
