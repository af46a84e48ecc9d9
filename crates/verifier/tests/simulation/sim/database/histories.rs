//! The database's history (R18), and how it goes back: a copy replaces it, with its own token. Knows nothing of nodes.

use keyward_domain::Status;
use keyward_storage::{HistoryToken, LostHistory, Position, Result, Seq, Snapshot, Write};

use super::{super::history::Record, Account, Database, Key, State};

/// The database at one time.
pub(crate) struct Copy(State);

impl Database {
    /// Makes a copy, like a backup or a lagging standby, including the rows of nodes.
    pub(crate) fn copy(&self) -> Copy {
        Copy(self.state().clone())
    }

    /// Replaces the database by a copy: every connection and open transaction is lost. Keys and accounts created after
    /// the copy (inserts are no events) are lost, too, or else exist as created.
    pub(crate) fn go_back(&self, copy: Copy, keeps_what_is_young: bool) {
        let mut state = self.state();
        let mut back = copy.0;
        if keeps_what_is_young {
            for (id, key) in &state.keys {
                back.keys.entry(*id).or_insert_with(|| Key { revoked: false, last: None, ..key.clone() });
            }
            for (id, account) in &state.accounts {
                let made = || Account { status: Status::Active, last: None, ..account.clone() };
                back.accounts.entry(*id).or_insert_with(made);
            }
        }
        let at = self.world.now();
        self.world.history().push(Record::WentBack { at, kept: back.head });
        (back.life, back.connections, back.stepped) = (state.life, state.connections, state.stepped);
        back.down = state.down;
        (back.histories, back.token) = (state.histories, state.token);
        *state = back;
        state.begin_history();
    }

    /// Restarts the server on its data.
    pub(crate) fn restart_server(&self) {
        self.state().begin_history();
    }

    pub(crate) fn mark(&self, token: HistoryToken) -> Result<Write> {
        let mut state = self.up()?;
        if state.token != token {
            return Ok(Write::Stale);
        }
        state.mark = Some(token);
        Ok(Write::Applied)
    }

    pub(crate) fn record_lost(&self, lost: &LostHistory) -> Result<()> {
        self.up()?.lost.push(lost.clone());
        Ok(())
    }

    pub(crate) fn lost(&self) -> Result<Vec<LostHistory>> {
        Ok(self.up()?.lost.clone())
    }
}

impl State {
    /// The event with this number.
    pub(super) fn position(&self, seq: Seq) -> Position {
        self.events.get(&seq).map_or(Position::unnamed(seq), |event| event.position)
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot { position: self.position(self.head), token: self.token }
    }

    /// Whether this event exists, by number and nonce.
    pub(super) fn holds(&self, position: Position) -> bool {
        position == Position::START || self.events.get(&position.seq).is_some_and(|event| event.position == position)
    }

    fn begin_history(&mut self) {
        self.life += 1;
        self.histories += 1;
        self.token = HistoryToken { started: self.token.started + 1, ..self.token };
        self.listeners.clear();
        self.locked.clear();
    }
}
