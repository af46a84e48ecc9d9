//! The database: the log of events, the rows of the nodes, the record that the key's last change is enforced, the mark.
//!
//! It acts like the statements of the storage crates, one commit at a time, and makes the same comparisons.

use keyward_domain::Timestamp;
use keyward_storage::{Enforcement, Events, HistoryToken, Member, Members, Position, Seq, Snapshot};
use keyward_verifier::protocol::{PendingRenewal, StaleRow};

use crate::{
    log::{self, Log, number},
    names::Change,
    names::Name,
    scope::Scope,
};

const NODES: usize = 2;
const LIVES: usize = 4;

/// A renewal's information on its own row: the random numbers that it may have, and the new one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Numbers {
    pub(crate) may_have: Vec<u64>,
    pub(crate) gets: u64,
}

/// A row of `node_lease`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Row {
    applied: u8,
    counter: u64,
    /// Token of the last renewal, for the rule that checks it instead of waiting.
    token: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Database {
    pub(crate) log: Log,
    rows: [[Option<Row>; LIVES]; NODES],
    /// Whether the last change of the key is recorded as enforced.
    is_recorded: bool,
    pub(crate) token: u8,
    /// The token that was waited out. It starts empty: there is no lease of another history.
    mark: u8,
}

impl Database {
    pub(crate) const fn new() -> Self {
        Self { log: Log::EMPTY, rows: [[None; LIVES]; NODES], is_recorded: false, token: 0, mark: 0 }
    }

    fn row(&mut self, name: Name) -> &mut Option<Row> {
        &mut self.rows[usize::from(name.process)][usize::from(name.life)]
    }

    pub(crate) fn history(&self) -> HistoryToken {
        log::token(self.token)
    }

    pub(crate) fn shows(&self) -> Snapshot {
        Snapshot { position: self.log.head(), token: self.history() }
    }

    pub(crate) fn commit(&mut self, change: Change, history: u8) -> Position {
        self.is_recorded &= change == Change::Elsewhere;
        self.log.commit(change, history)
    }

    /// The next event after this one. Reading one at a time covers reading any number of them earlier.
    pub(crate) fn events_after(&self, applied: Position) -> Events {
        let events = self.log.after(applied.seq).into_iter().collect();
        Events { token: self.history(), follow: self.log.holds(applied), events }
    }

    /// Commits a join.
    pub(crate) fn join(&mut self, scope: &Scope, name: Name, previous: Option<Name>, counter: u64) -> Snapshot {
        if let Some(previous) = previous {
            *self.row(previous) = None;
        }
        let token = if scope.rows_instead_of_the_wait { self.token } else { 0 };
        let applied = self.log.len();
        *self.row(name) = Some(Row { applied, counter, token });
        self.shows()
    }

    /// Commits a renewal; none if the database does not have what the renewal names.
    pub(crate) fn renew(
        &mut self,
        scope: &Scope,
        name: Name,
        prepared: PendingRenewal,
        numbers: &Numbers,
    ) -> Option<Snapshot> {
        let rules = scope.rules.history;
        let is_elsewhere = (rules.renewal_names_its_history && prepared.token() != self.history())
            || (rules.renewal_names_its_event && !self.log.holds(prepared.applied()));
        let (token, counted) = (self.token, scope.renewals.is_some());
        let row = self.row(name).as_mut().filter(|_| !is_elsewhere)?;
        if counted {
            if rules.renewal_names_its_row && !numbers.may_have.contains(&row.counter) {
                return None;
            }
            // Where they are counted, the statement counts them.
            row.counter = if rules.rows_are_numbered_at_random { numbers.gets } else { row.counter + 1 };
        }
        row.applied = row.applied.max(number(prepared.applied().seq));
        if scope.rows_instead_of_the_wait {
            row.token = token;
        }
        Some(self.shows())
    }

    /// Removes a row if its counter is unchanged.
    pub(crate) fn reap(&mut self, stale: StaleRow) {
        for (process, rows) in (0..).zip(&mut self.rows) {
            for (life, row) in (0..).zip(rows) {
                let is_it = Name { process, life }.id() == stale.node;
                row.take_if(|row| is_it && row.counter == stale.counter);
            }
        }
    }

    /// Marks this token's history, if it is the current one.
    pub(crate) fn mark(&mut self, token: HistoryToken) -> bool {
        let is_present = token == self.history();
        if is_present {
            self.mark = self.token;
        }
        is_present
    }

    pub(crate) fn is_marked(&self, scope: &Scope) -> bool {
        self.mark == self.token || !scope.rules.history.mark_names_its_history
    }

    /// Records that the key's last change is enforced, if its number is at most this one and this event exists.
    pub(crate) fn record(&mut self, scope: &Scope, up_to: Seq, shown_by: Position) {
        let is_here = !scope.rules.history.record_names_its_event || self.log.holds(shown_by);
        let last = self.log.last_of_the_key();
        self.is_recorded |= is_here && last != Position::START && last.seq <= up_to;
    }

    /// The last change of the key, as a statement of this history shows it.
    pub(crate) fn last_change(&self) -> Enforcement {
        let seq = self.log.last_of_the_key().seq;
        Enforcement { seq, enforced_at: self.is_recorded.then_some(Timestamp::MAX), token: self.history() }
    }

    /// Whether every row was renewed under the current token.
    pub(crate) fn all_rows_are_of_this_history(&self) -> bool {
        self.rows.iter().flatten().flatten().all(|row| row.token == self.token)
    }

    /// All rows, as the port returns them, and those of these events that do not exist.
    pub(crate) fn members(&self, scope: &Scope, events: impl IntoIterator<Item = Position>) -> Members {
        let mut members = Vec::new();
        for (process, rows) in (0..).zip(&self.rows) {
            for (life, row) in (0..).zip(rows) {
                let Some(Row { applied, counter, token: _ }) = *row else { continue };
                members.push(Member {
                    node: Name { process, life }.id(),
                    counter,
                    applied: Seq::new(applied.into()),
                    ttl: scope.lease_time(),
                    started_at: Timestamp::MAX,
                    renewed_at: Timestamp::MAX,
                    version: String::new(),
                });
            }
        }
        Members {
            rows: members,
            head: self.shows(),
            is_marked: self.is_marked(scope),
            absent: events.into_iter().filter(|event| !self.log.holds(*event)).collect(),
            database_time: Timestamp::MAX,
        }
    }
}
