//! A restricting change, and its process's knowledge of the history: commits, receives the
//! confirmation, lists, outlives silent nodes, answers, records, marks. Each is a step.

use std::time::Duration;

use keyward_storage::{HistoryToken, Position, Seq};
use keyward_verifier::protocol::{HistoryRules, Newness, Revoker, Todo};

use crate::{
    database::Database,
    log,
    names::{Change, boot},
    scope::{Happening, Scope},
};

/// A step of the call, or of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallStep {
    /// Commits the change and receives the confirmation immediately, or finds that it already exists. A later
    /// confirmation only makes the call wait longer.
    Begin,
    /// Lists the members.
    List,
    /// Lists the members in separate steps.
    SendList,
    ReadList,
    ReceiveList,
    LookAtClock,
    /// Another reply to the process names the history, and whether it is marked.
    See,
    /// It has waited: the database is marked.
    Mark,
    HearOfMark,
    Record,
}

/// Why the call may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum By {
    Acknowledgements,
    Clock,
    Record,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    ToCome,
    /// Committed, or read as already done. `change` is the event that restricted the key.
    Waiting {
        revoker: Revoker,
        change: Position,
    },
    Answered,
    /// Answered that the outcome is unknown.
    Unknown,
}

/// A list of members in flight.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Listing {
    None,
    Sent { at: u8, for_call: bool },
    Read { at: u8, for_call: bool, shown: Box<Database> },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Call {
    newness: Newness,
    pub(crate) phase: Phase,
    listing: Listing,
    /// The record to write: up to which number, and the event that identifies the history.
    recording: Option<(Seq, Position)>,
    marking: Option<HistoryToken>,
    /// Started before a restore that lost a later lifting: no promise applies to it.
    pub(crate) is_excused: bool,
}

/// The outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    None,
    /// The call is answered: this change is enforced, with the reason why this is known.
    Answered {
        change: Position,
        by: By,
    },
    /// The call was answered by a list that does not show the change.
    Dishonest,
    /// The call reports an unknown outcome.
    Unknown,
}

impl Call {
    pub(crate) fn of_a_process(scope: &Scope, is_fresh: bool) -> Self {
        let mut newness = Newness::new(scope.rules.history, Duration::ZERO);
        if !is_fresh {
            newness.see(log::token(0), boot(0), boot(0));
            newness.marked(log::token(0));
        }
        Self {
            newness,
            phase: Phase::ToCome,
            listing: Listing::None,
            recording: None,
            marking: None,
            is_excused: false,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Answered | Phase::Unknown)
    }

    /// The change that an answer would be about.
    pub(crate) fn change(&self) -> Option<Position> {
        match self.phase {
            Phase::Waiting { change, .. } => Some(change),
            Phase::ToCome | Phase::Answered | Phase::Unknown => None,
        }
    }

    /// Adds the possible steps.
    pub(crate) fn each_possible(&self, scope: &Scope, database: &Database, now: u8, mut push: impl FnMut(CallStep)) {
        let delayed = scope.may(Happening::DelayedLists);
        match &self.phase {
            Phase::ToCome => push(CallStep::Begin),
            Phase::Waiting { .. } => {
                push(CallStep::LookAtClock);
                if !delayed {
                    push(CallStep::List);
                }
            }
            Phase::Answered | Phase::Unknown => {}
        }
        if self.recording.is_some() {
            push(CallStep::Record);
        }
        if self.is_over() {
            return;
        }
        match &self.listing {
            Listing::None if delayed => push(CallStep::SendList),
            Listing::None => push(CallStep::See),
            Listing::Sent { .. } => push(CallStep::ReadList),
            Listing::Read { .. } => push(CallStep::ReceiveList),
        }
        if scope.may(Happening::Marks) {
            let due = self.newness.mark_due(scope.lease_time(), boot(now));
            if self.marking.is_some() {
                push(CallStep::HearOfMark);
            } else if due == Some(database.history()) {
                push(CallStep::Mark);
            }
        }
    }

    /// Takes a step.
    pub(crate) fn take(
        &mut self,
        step: CallStep,
        database: &mut Database,
        history: u8,
        scope: &Scope,
        now: u8,
    ) -> Outcome {
        match step {
            CallStep::Begin => return self.begin(database, history, scope, now),
            CallStep::List => return self.hear_list(database, scope, true, now, now),
            CallStep::SendList => {
                let for_call = matches!(self.phase, Phase::Waiting { .. });
                self.listing = Listing::Sent { at: now, for_call };
            }
            CallStep::ReadList => {
                if let Listing::Sent { at, for_call } = self.listing {
                    self.listing = Listing::Read { at, for_call, shown: Box::new(database.clone()) };
                }
            }
            CallStep::ReceiveList => {
                if let Listing::Read { at, for_call, shown } = std::mem::replace(&mut self.listing, Listing::None) {
                    return self.hear_list(&shown, scope, for_call, at, now);
                }
            }
            CallStep::LookAtClock => {
                let Phase::Waiting { revoker, .. } = &mut self.phase else { unreachable!("it waits") };
                revoker.passed(boot(now));
                return self.settle(scope, By::Clock);
            }
            CallStep::See => {
                self.see(database, scope, now, now);
            }
            CallStep::Mark => {
                let token = database.history();
                self.marking = database.mark(token).then_some(token);
            }
            CallStep::HearOfMark => {
                if let Some(token) = self.marking.take() {
                    self.newness.marked(token);
                }
            }
            CallStep::Record => {
                if let Some((up_to, shown_by)) = self.recording.take() {
                    database.record(scope, up_to, shown_by);
                }
            }
        }
        Outcome::None
    }

    fn begin(&mut self, database: &mut Database, history: u8, scope: &Scope, now: u8) -> Outcome {
        let (longest, now) = (scope.lease_time(), boot(now));
        let (revoker, change) = if database.log.key_is_valid() {
            let change = database.commit(Change::Restricts, history);
            let mut revoker = Revoker::begun(scope.rules, Duration::ZERO, longest);
            revoker.committed(change, now);
            (revoker, change)
        } else {
            let (last, change) = (database.last_change(), database.log.last_of_the_key());
            if last.enforced_at.is_some() && self.newness.trusts_records(last.token, longest, now) {
                self.end(Phase::Answered);
                return Outcome::Answered { change, by: By::Record };
            }
            (Revoker::repeated(scope.rules, Duration::ZERO, longest, &last, false, now), change)
        };
        self.phase = Phase::Waiting { revoker, change };
        Outcome::None
    }

    /// Records the history that a list names. Returns whether every lease of another history has ended.
    fn see(&mut self, shown: &Database, scope: &Scope, sent_at: u8, now: u8) -> bool {
        let token = shown.history();
        self.newness.see(token, boot(sent_at), boot(now));
        if shown.is_marked(scope) {
            self.newness.marked(token);
        }
        if scope.rows_instead_of_the_wait {
            return shown.all_rows_are_of_this_history();
        }
        self.newness.allows_early(token, scope.lease_time(), boot(now))
    }

    fn hear_list(&mut self, shown: &Database, scope: &Scope, for_call: bool, sent_at: u8, now: u8) -> Outcome {
        let is_settled = self.see(shown, scope, sent_at, now);
        let Phase::Waiting { revoker, change } = &mut self.phase else { return Outcome::None };
        if !for_call {
            return Outcome::None;
        }
        let change = *change;
        let members = shown.members(scope, revoker.event());
        match revoker.next() {
            Todo::List => revoker.listed(&members, is_settled),
            Todo::Poll { .. } => revoker.acknowledged(&members, is_settled),
            Todo::Commit | Todo::Answer | Todo::Unknown => {}
        }
        let outcome = self.settle(scope, By::Acknowledgements);
        let is_dishonest = matches!(outcome, Outcome::Answered { .. }) && !shown.log.holds(change);
        if is_dishonest { Outcome::Dishonest } else { outcome }
    }

    /// Ends the wait if due.
    fn settle(&mut self, scope: &Scope, by: By) -> Outcome {
        let Phase::Waiting { revoker, change } = &self.phase else { return Outcome::None };
        let (change, event) = (*change, revoker.event());
        match revoker.next() {
            Todo::Answer => {
                self.end(Phase::Answered);
                if scope.may(Happening::Records) {
                    self.recording = event.map(|shown_by| (change.seq, shown_by));
                }
                Outcome::Answered { change, by }
            }
            Todo::Unknown => {
                self.end(Phase::Unknown);
                Outcome::Unknown
            }
            Todo::Commit | Todo::List | Todo::Poll { .. } => Outcome::None,
        }
    }

    /// Clears state that no longer matters.
    fn end(&mut self, phase: Phase) {
        let newness = Newness::new(HistoryRules::ALL, Duration::ZERO);
        *self = Self { newness, phase, listing: Listing::None, recording: None, marking: None, is_excused: false };
    }
}
